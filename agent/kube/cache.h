/* What the API server holds of our kinds, kept whole and compact by one list and watch per kind (reflector.h). A kind is
 * synchronised when a complete list was taken and its watch lives, or broke off less than a minute ago: a watch that ends and
 * comes again, a list that has to come again because the server forgot the place, and a server that restarts are no loss.
 * Meanwhile the old content stays; when the list is complete, what it did not name goes. Resource versions are opaque.
 *
 * A kind that cannot be read (no definition, no right) says so, is tried again after up to 30 s, and holds up no other kind.
 *
 * The cache keeps its state on the client's thread; everybody else reads under its lock through the functions here. Texts in a
 * struct kube_object live until the next change: visitors and listeners copy what they need. */
#ifndef AGENT_KUBE_CACHE_H
#define AGENT_KUBE_CACHE_H

#include "agent/kube/client.h"
#include "crds/schema.h"

struct kube_cache;

enum { KUBE_CONTENT_ID = 16 };

#define KUBE_FINALIZER "omni.texashpc.com/finalizer"
#define KUBE_FINALIZER_LEGACY "omni.texas-hpc.org/finalizer"

struct kube_object {
	const struct kind *kind;
	struct span ns, name, uid, resource_version;
	int64_t generation;
	int64_t created_s;
	int64_t deleted_s; /* deletionTimestamp; 0: not being deleted */
	bool has_finalizer, has_legacy_finalizer, has_foreign_finalizers;
	unsigned char content_id[KUBE_CONTENT_ID]; /* of apiVersion, kind, name, labels, spec and those annotations that people
						      write; same id, same document. Not of status, nor of what the agent writes */
	unsigned char status_id[KUBE_CONTENT_ID];  /* of status */
	unsigned char annotations_id[KUBE_CONTENT_ID]; /* of all annotations */
	struct span reference; /* spec.clusterRef.name, or spec.connectionRef.name of an OmniCluster; empty: none */
	int64_t first_seen_ms; /* CLOCK_MONOTONIC, by this cache */
	const struct kube_packed *packed;
};

struct kube_cache_options {
	const char *ns;	      /* "": all namespaces */
	const char *selector; /* of labels, for every kind; NULL: none */
};

/* kinds: NULL-terminated. Begins at once. The client must outlive it. */
struct kube_cache *kube_cache_new(struct kube_client *client, const struct kind *const *kinds,
				  const struct kube_cache_options *options);
void kube_cache_free(struct kube_cache *cache);

/* Every kind has been listed and is being watched. Why not, for people: the first kind that is not, and its failure. */
bool kube_cache_is_synced(struct kube_cache *cache, struct fail *why);
bool kube_cache_kind_is_synced(struct kube_cache *cache, const struct kind *kind, struct fail *why);

/* Changes, told on the client's thread without the lock held: old NULL: new; now NULL: gone (old is the last state). Both
 * borrowed. An object that was deleted and made again went, and came. `synced` runs whenever all kinds became synchronised, or
 * ceased to be. Listeners do not block; there are at most eight. */
struct kube_listener {
	void (*changed)(void *ctx, const struct kube_object *old, const struct kube_object *now);
	void (*synced)(void *ctx, bool is_synced);
	void *ctx;
};
void kube_cache_listen(struct kube_cache *cache, const struct kube_listener *listener); /* copied; before or after the start */
/* Nothing is told to the listener with this ctx any more (on another thread than the client's it waits for what runs now). */
void kube_cache_unlisten(struct kube_cache *cache, void *ctx);

/* Under the lock, in order of namespace and name; kind NULL: all. Until visit returns false. */
void kube_cache_each(struct kube_cache *cache, const struct kind *kind,
		     bool (*visit)(void *ctx, const struct kube_object *object), void *ctx);
/* A copy with its texts and packed content in the arena, to be read as long as the cache is there; false: there is none. */
bool kube_cache_find(struct kube_cache *cache, const struct kind *kind, struct span ns, struct span name, struct arena *arena,
		     struct kube_object *out);

/* What an object says: {apiVersion, kind, metadata {name, namespace, labels, annotations}, spec} as JSON, without what the
 * agent itself writes. Reals have 17 digits, integers all of theirs. Of an object of a visitor, a listener or a copy. */
bool kube_object_document(const struct kube_object *object, struct arena *arena, struct span *out, struct fail *fail);
/* Its status, its annotations and its finalizers as they were seen; a new reference, an empty object or array when absent. */
json_t *kube_object_status(const struct kube_object *object);
json_t *kube_object_annotations(const struct kube_object *object);
json_t *kube_object_finalizers(const struct kube_object *object);

/* "/apis/omni.texashpc.com/v1alpha1/namespaces/NS/omniclusters/NAME", with subresource "" or "/status". In the arena. */
const char *kube_object_path(struct arena *arena, const struct kind *kind, struct span ns, struct span name,
			     const char *subresource);

struct kube_cache_counts {
	size_t objects, bytes; /* bytes: what is held of them */
	uint64_t lists, watches, events, relists;
};
void kube_cache_counts(struct kube_cache *cache, struct kube_cache_counts *out);

/* --- single Secrets by name: read when used, watched while somebody wants to know, never a whole namespace -------------- */

struct kube_secrets;
struct kube_secrets *kube_secrets_new(struct kube_client *client);
void kube_secrets_free(struct kube_secrets *secrets);
/* The decoded value of one key, read now: a copy that base/secret.h wipes. NOT_FOUND names the Secret or the missing key. */
struct secret;
bool kube_secret_read(struct kube_client *client, struct span ns, struct span name, struct span key, int64_t deadline_ms,
		      struct secret *out, struct fail *fail) __attribute__((warn_unused_result));
/* Whether some of them may not be watched: then their metadata are asked for once a minute, and a Role should grant list and
 * watch, too. Worth one warning. */
bool kube_secrets_are_polled(struct kube_secrets *secrets, struct fail *why);
/* changed(ctx, ns, name) on the client's thread whenever the Secret's resource version changes, or it comes or goes (not for
 * the state at the beginning). One watch per name however often it is asked for; ends with kube_secrets_free or
 * kube_secrets_unwatch. */
void kube_secrets_watch(struct kube_secrets *secrets, struct span ns, struct span name,
			void (*changed)(void *ctx, struct span ns, struct span name), void *ctx);
/* This one is not called any more once this returns; not from within it. The watch ends with the last one. */
void kube_secrets_unwatch(struct kube_secrets *secrets, struct span ns, struct span name,
			  void (*changed)(void *ctx, struct span ns, struct span name), void *ctx);
/* The resource version that the watch of it saw last, empty: there is none. False: no watch of it lives now. Any thread. */
bool kube_secrets_seen(struct kube_secrets *secrets, struct span ns, struct span name, struct arena *arena, struct span *out_version);

#endif
