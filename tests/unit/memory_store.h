/* An Omni in memory, with the server's rules for versions, phases, finalizers and owners, its cascade of teardowns, and
 * faults on demand. The server's controllers run only in memory_store_tick, so a test decides when things move.
 *
 * Cluster and MachineSet carry a finalizer of the server from birth: torn down, they first take their children along. */
#ifndef TESTS_UNIT_MEMORY_STORE_H
#define TESTS_UNIT_MEMORY_STORE_H

#include "agent/omni/store.h"

struct memory_faults {
	size_t at;	     /* the number of the call that fails, from 1; 0: none */
	bool is_dead;	     /* and every call after it */
	bool is_late;	     /* a write happens all the same, only its answer is lost */
	const char *call;    /* only calls of this name count ("list", "update"); NULL: all */
	enum fail_code code; /* NONE: UNAVAILABLE */
};

struct memory_log {
	const char *call;
	const struct omni_type *type;
	struct span id;
	enum fail_code code; /* how it ended */
};

struct memory_store {
	struct omni_store base;
	struct arena arena;
	struct resource_list resources;
	struct memory_faults faults;
	size_t calls;			     /* that count for faults.at */
	const struct omni_type *denied;	     /* writes of this type are refused */
	const struct omni_type *hidden;	     /* reads of this type are refused */
	bool keeps_torn; /* like a plain COSI server: what is torn down stays until it is destroyed */
	unsigned slow_ticks; /* machine set nodes need so many ticks to leave */
	uint64_t random; /* the order of a batch */
	size_t batches;
	struct memory_log *log;
	size_t log_count, log_cap;
};

/* Not 0: new stores have a batch, which runs the operations in an order that this number decides. */
extern uint64_t memory_store_shuffle;
int memory_store_begin_shuffle(void **state);
int memory_store_end_shuffle(void **state);

/* A test twice: operation by operation, and with those that go together in any order. */
#define MEMORY_STORE_BOTH(test)                                                                                        \
	cmocka_unit_test(test), {"at once: " #test, test, memory_store_begin_shuffle, memory_store_end_shuffle, NULL}

struct memory_store *memory_store_new(void);
void memory_store_free(struct memory_store *store);

/* Behind the back of the program under test: made or replaced as it is, version 1 or one more. */
struct resource *memory_store_put(struct memory_store *store, const struct resource *resource);
struct resource *memory_store_find(struct memory_store *store, const struct omni_type *type, struct span id);
void memory_store_drop(struct memory_store *store, const struct omni_type *type, struct span id);

/* The server's controllers run once. */
void memory_store_tick(struct memory_store *store);

/* Faults from now on; counts calls from zero. */
void memory_store_fail(struct memory_store *store, struct memory_faults faults);

/* Successful calls of that name since the log was cleared ("create", "update", "teardown", "destroy"). */
size_t memory_store_count(const struct memory_store *store, const char *call);
void memory_store_clear_log(struct memory_store *store);

/* Everything as text, without versions and dates: for comparing states. */
void memory_store_print(const struct memory_store *store, struct text *out);

#endif
