/* Between the files of the Secret sync. What is declared, what a copy has to be and what has to be done about the one that is there
 * are pure functions (_rules); doing it, in an order in which nothing is ever lost, is _work; asking for everything and telling what
 * came of it is secret_sync.c. */
#ifndef AGENT_HANDLERS_SECRET_SYNC_INT_H
#define AGENT_HANDLERS_SECRET_SYNC_INT_H

#include "agent/handlers/handler.h"
#include "agent/handlers/marks.h"
#include "base/digest.h"

#define SYNC_UID "omni.texashpc.com/secret-sync-uid"
#define SYNC_NAME "omni.texashpc.com/secret-sync-name"
#define SYNC_SOURCE "omni.texashpc.com/secret-sync-source"
#define SYNC_HASH "omni.texashpc.com/secret-sync-hash"
#define SYNC_CONTENT "omni.texashpc.com/secret-sync-content"

/* --- pure (secret_sync_rules.c) ------------------------------------------------------------------------------------------------ */

struct sync_spec {
	struct secret_name target;
	struct span source, kubeconfig, kubeconfig_key;
	struct span type;		     /* empty: that of the source */
	const json_t *labels, *annotations; /* NULL: none */
	bool makes_namespace, keeps;	     /* keeps: deletionPolicy Orphan */
};
/* NULL, or what is wrong: the first fault. */
const char *sync_spec_read(const struct handler_object *object, struct sync_spec *out);

/* Whose copies. */
struct sync_owner {
	struct span uid, ns, name, cluster; /* cluster: in Omni; empty: not known */
};
/* Does it bear the marks of this object? Where only the uid has been taken off, the others count. */
bool sync_is_ours(const struct sync_owner *owner, const struct stored_secret *secret);

void sync_hash(struct span type, const struct secret_entry *entries, size_t count, char out_hash[DIGEST_HEX_SIZE]);
/* The copy as it has to be; entries are borrowed from the source, references are the arena's. */
void sync_shape(struct arena *arena, const struct sync_owner *owner, const struct sync_spec *spec, const struct stored_secret *source,
		struct stored_secret *out);
/* The same, with what others added to the one that is there. */
void sync_merge(struct arena *arena, const struct stored_secret *wanted, const struct stored_secret *there, struct stored_secret *out);

enum sync_step {
	SYNC_NOTHING,
	SYNC_CREATE,
	SYNC_UPDATE,
	SYNC_REPLACE, /* its type is another one, or it is immutable: only another Secret can take its place */
	SYNC_WAIT,    /* the one that is there is going */
	SYNC_REFUSE,  /* it is somebody else's */
};
/* there NULL: there is none. */
enum sync_step sync_decide(const struct stored_secret *wanted, const struct stored_secret *there, bool is_ours);

/* --- what is done (secret_sync_work.c) ------------------------------------------------------------------------------------------ */

/* A workload cluster. */
struct sync_world {
	struct secret_store *secrets;
	bool (*make_namespace)(void *ctx, struct span ns, int64_t deadline_ms, struct fail *fail); /* that it is there is fine */
	bool (*may_act)(void *ctx);
	void *ctx;
};

struct sync_job {
	const struct sync_world *world;
	const struct sync_spec *spec;
	struct sync_owner owner;
	struct arena *arena;
	int64_t deadline_ms;
	const struct stored_secret *wanted;
	struct span held_uid;	   /* of the Secret there that this object wrote before; empty: not known */
	struct secret_name former; /* where the copy was; name empty: nowhere, or at the same place */
};

enum sync_end {
	SYNC_DONE,	/* it is as it has to be */
	SYNC_WAITING,	/* until the one that is there has gone */
	SYNC_CONFLICT,	/* it is somebody else's */
	SYNC_FAILED,
	SYNC_LEFT_OVER, /* done, but the former copy could not be removed */
	SYNC_BARRED,	/* another replica acts from now on */
};

struct sync_result {
	enum sync_end end;
	enum sync_step done;	/* the last that was done: SYNC_NOTHING, CREATE, UPDATE or REPLACE */
	bool was_tried;		/* to make or change it; it may be there even though no answer came */
	bool is_removed;	/* the one that was there; the new one may be missing */
	bool is_former_removed;
	struct fail why;
	struct span uid, version; /* of the copy, in the arena */
	struct span other;	  /* CONFLICT: the name of the object whose it seems to be */
};
void sync_carry_out(const struct sync_job *job, struct sync_result *out);
/* Every copy of this object at these places is removed; that there is none is fine. SYNC_DONE, FAILED, BARRED. */
void sync_remove(const struct sync_job *job, const struct secret_name *places, size_t count, struct sync_result *out);

#endif
