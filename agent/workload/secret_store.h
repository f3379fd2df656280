/* Secrets by name, wherever they are kept: an API server (the one of our custom resources, or a workload cluster's), or a
 * directory DIR/NAMESPACE/NAME/KEY where there is none. Every call blocks, at most until its deadline. Values live in the
 * arena that is given, which should be one that wipes; they never show in failures. */
#ifndef AGENT_WORKLOAD_SECRET_STORE_H
#define AGENT_WORKLOAD_SECRET_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

struct kube_client;

struct secret_entry {
	struct span key, value; /* decoded */
};

struct stored_secret {
	struct span ns, name;
	struct span uid, resource_version; /* as the store has it; empty: it is to be made */
	struct span type;		   /* empty: Opaque */
	json_t *labels, *annotations;	   /* of strings; NULL: none. Borrowed by writes; of a read: stored_secret_drop */
	json_t *own_labels, *own_annotations; /* keys of those that this program set, as far as the store knows; NULL: none */
	struct secret_entry *entries;	   /* sorted by key, bytewise */
	size_t entry_count;
	bool is_immutable, is_deleted; /* deleted: it waits for a finalizer */
};

struct secret_store;

/* client must outlive it; field manager KUBE_FIELD_MANAGER. */
struct secret_store *secret_store_kube(struct kube_client *client);
/* dir is copied; files 0600, directories 0700, every change complete or not at all. Labels, annotations and type are kept in a
 * file of the Secret beside its keys, one that people make needs none. An empty namespace is DIR/NAME/KEY. */
struct secret_store *secret_store_directory(const char *dir);
void secret_store_free(struct secret_store *store);

/* NOT_FOUND: there is none. deadline_ms: CLOCK_MONOTONIC. */
bool secret_store_read(struct secret_store *store, struct span ns, struct span name, int64_t deadline_ms, struct arena *arena,
		       struct stored_secret *out, struct fail *fail) __attribute__((warn_unused_result));
/* Made (EXISTS when it is there), or replaced as a whole when resource_version is set (CONFLICT when it is another one by now,
 * NOT_FOUND when it is gone; what the caller does not know, owner references and finalizers for example, stays). Then its uid
 * and resource_version are what the store gave it, in the arena. INVALID: the store does not take it so, an immutable one or
 * another type for example. */
bool secret_store_write(struct secret_store *store, struct stored_secret *secret, int64_t deadline_ms, struct arena *arena,
			struct fail *fail) __attribute__((warn_unused_result));
/* Would it be written so? Nothing changes. */
bool secret_store_try(struct secret_store *store, const struct stored_secret *secret, int64_t deadline_ms, struct fail *fail)
	__attribute__((warn_unused_result));
/* Only the one with this uid (CONFLICT otherwise); that there is none is fine. */
bool secret_store_remove(struct secret_store *store, struct span ns, struct span name, struct span uid, int64_t deadline_ms,
			 struct fail *fail) __attribute__((warn_unused_result));
void stored_secret_drop(struct stored_secret *secret); /* its references; texts are the arena's */
/* The value of a key; NULL pointer: there is none. */
struct span stored_secret_value(const struct stored_secret *secret, struct span key);

/* changed(ctx, ns, name), on any thread, without a lock of the store, whenever it comes, changes or goes; not for the state at
 * the beginning. Until secret_store_unwatch or secret_store_free. Repeating it costs nothing. */
void secret_store_watch(struct secret_store *store, struct span ns, struct span name,
			void (*changed)(void *ctx, struct span ns, struct span name), void *ctx);
/* It is not called any more once this returns; not from within it. */
void secret_store_unwatch(struct secret_store *store, struct span ns, struct span name,
			  void (*changed)(void *ctx, struct span ns, struct span name), void *ctx);
/* What its watch saw last: the resource version, empty: there is none. False: it is not watched, or the watch is broken off, or
 * has not begun yet; then only a read tells. */
bool secret_store_seen(struct secret_store *store, struct span ns, struct span name, struct arena *arena, struct span *out_version);

#endif
