/* A Secret store in memory: versions and uids as an API server gives them, faults on demand, and a record of what was asked. */
#ifndef TESTS_UNIT_MEMORY_SECRETS_H
#define TESTS_UNIT_MEMORY_SECRETS_H

#include "agent/workload/store_int.h"

enum { MEMORY_SECRETS = 16, MEMORY_SECRETS_LOG = 4096 };

struct memory_secret {
	struct stored_secret secret; /* name empty: the place is free */
};

struct memory_secrets {
	struct secret_store base;
	struct arena arena;
	struct memory_secret items[MEMORY_SECRETS];
	unsigned versions;
	struct {
		const char *call; /* "read", "try", "write", "remove"; NULL: none */
		enum fail_code code;
		unsigned times;
	} fault;
	char log[MEMORY_SECRETS_LOG]; /* "read ns/name, write ns/name" */
};

void memory_secrets_init(struct memory_secrets *store);
void memory_secrets_done(struct memory_secrets *store);
/* As it is; NULL: there is none. To be changed by the test. */
struct stored_secret *memory_secret(struct memory_secrets *store, const char *ns, const char *name);
/* Puts one there: one entry, labels and annotations as JSON objects (NULL: none). */
struct stored_secret *memory_secret_put(struct memory_secrets *store, const char *ns, const char *name, const char *key, const char *value,
					const char *labels, const char *annotations);
void memory_secret_drop(struct memory_secrets *store, const char *ns, const char *name);

#endif
