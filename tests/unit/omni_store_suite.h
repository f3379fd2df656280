/* What every store has to do, written only against struct omni_store: the directory store and the others run the same. */
#ifndef TESTS_UNIT_OMNI_STORE_SUITE_H
#define TESTS_UNIT_OMNI_STORE_SUITE_H

#include "agent/omni/store.h"

/* The state of every test. */
struct store_maker {
	/* A handle of a new, empty store; and a second handle of the one made last. */
	struct omni_store *(*make)(void *ctx);
	struct omni_store *(*again)(void *ctx);
	void *ctx;
};

#define OMNI_STORE_SUITE(X)                                                                                            \
	X(suite_create_and_get)                                                                                        \
	X(suite_versions)                                                                                              \
	X(suite_owner)                                                                                                 \
	X(suite_finalizers)                                                                                            \
	X(suite_destroy)                                                                                               \
	X(suite_torn_down_goes)                                                                                        \
	X(suite_list)                                                                                                  \
	X(suite_odd_ids)                                                                                               \
	X(suite_batch)                                                                                                 \
	X(suite_watch)                                                                                                 \
	X(suite_watch_resumes)

/* What Omni's server does behind the state, and the directory store as well; a plain COSI server does none of it. */
#define OMNI_SERVER_SUITE(X)                                                                                           \
	X(suite_free_goes_by_itself)                                                                                   \
	X(suite_cascade)                                                                                               \
	X(suite_relations)                                                                                             \
	X(suite_locks)                                                                                                 \
	X(suite_machine_class_in_use)

#define OMNI_STORE_DECLARE(name) void name(void **state);
OMNI_STORE_SUITE(OMNI_STORE_DECLARE)
OMNI_SERVER_SUITE(OMNI_STORE_DECLARE)

#endif
