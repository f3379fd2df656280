/* Between the stores and what is common to them. */
#ifndef AGENT_WORKLOAD_STORE_INT_H
#define AGENT_WORKLOAD_STORE_INT_H

#include "agent/workload/secret_store.h"

typedef void secret_changed(void *ctx, struct span ns, struct span name);

/* Names have been checked. */
struct secret_store_ops {
	bool (*read)(struct secret_store *store, struct span ns, struct span name, int64_t deadline_ms, struct arena *arena,
		     struct stored_secret *out, struct fail *fail);
	bool (*write)(struct secret_store *store, struct stored_secret *secret, int64_t deadline_ms, struct arena *arena, struct fail *fail);
	bool (*try)(struct secret_store *store, const struct stored_secret *secret, int64_t deadline_ms, struct fail *fail);
	bool (*remove)(struct secret_store *store, struct span ns, struct span name, struct span uid, int64_t deadline_ms, struct fail *fail);
	void (*watch)(struct secret_store *store, struct span ns, struct span name, secret_changed *changed, void *ctx);
	void (*unwatch)(struct secret_store *store, struct span ns, struct span name, secret_changed *changed, void *ctx);
	bool (*seen)(struct secret_store *store, struct span ns, struct span name, struct arena *arena, struct span *out_version);
	void (*free)(struct secret_store *store);
	bool has_no_namespaces; /* an empty one is one, too */
};

/* The first member of every store. */
struct secret_store {
	const struct secret_store_ops *ops;
};

/* --- as the API has it (secret_json.c) --- */
/* Values live in the arena, labels and annotations are references; texts of the object may go. */
bool secret_from_json(const json_t *object, struct arena *arena, struct stored_secret *out, struct fail *fail);
/* A new object without resourceVersion. */
json_t *secret_to_json(const struct stored_secret *secret);
/* What the secret says takes the place of what the object says; everything else of the object stays. */
void secret_into_json(const struct stored_secret *secret, json_t *object);
/* Drops the reference; values that go back to the heap are wiped before. */
void secret_json_drop(json_t **object);

#endif
