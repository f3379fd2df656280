/* A Secret store in memory that writes down what is done to it, and fails when it is told to. */
#ifndef TESTS_UNIT_FAKE_SECRETS_H
#define TESTS_UNIT_FAKE_SECRETS_H

#include "agent/workload/store_int.h"

enum { FAKE_SECRETS = 8, FAKE_LOG = 4096 };

struct fake_secret {
	bool is_there, has_finalizer;
	struct stored_secret secret; /* its texts live in the store's arena */
};

struct fake_secrets {
	struct secret_store base; /* first */
	struct arena arena;
	struct fake_secret secrets[FAKE_SECRETS];
	unsigned versions, uids;
	char log[FAKE_LOG]; /* "get a/b;create a/b;…" */
	/* Before it is done: may change what is there, or fail it. op: "get", "create", "update", "try", "delete". NULL: nothing. */
	bool (*before)(struct fake_secrets *store, const char *op, struct span name, struct fail *fail);
	const char *missing_namespace; /* NULL: all are there */
	bool is_watched;	       /* `seen` tells */
};

void fake_secrets_init(struct fake_secrets *store);
void fake_secrets_done(struct fake_secrets *store);
/* A Secret with one entry k=value; as somebody would make it. */
struct stored_secret *fake_secrets_put(struct fake_secrets *store, const char *ns, const char *name, const char *value);
struct fake_secret *fake_secrets_find(struct fake_secrets *store, struct span ns, struct span name);
void fake_secrets_note(struct fake_secrets *store, const char *op, struct span ns, struct span name);

#endif
