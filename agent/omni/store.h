/* The seam to Omni: operations on resources, with the rules of Omni's COSI state. Implementations: the directory
 * store (agent/omni/dir_*.c), the gRPC client (agent/omni/remote_*.c). Nothing outside agent/omni knows which one it talks to.
 *
 * Calls block at most until the deadline (CLOCK_MONOTONIC milliseconds, 0: the store's default of 30 s) and may be made
 * from any thread. Results live in the caller's arena. Failure codes:
 *   NOT_FOUND, EXISTS (create), CONFLICT (version), PRECONDITION (phase; pending finalizers), DENIED (owner, role),
 *   INVALID (the server's validation refused it; the text is complete), UNAVAILABLE, TIMEOUT, UNSUPPORTED. */
#ifndef AGENT_OMNI_STORE_H
#define AGENT_OMNI_STORE_H

#include "agent/omni/query.h"
#include "base/fail.h"
#include "base/log.h"
#include "render/resource.h"

struct omni_store;
struct omni_watch;
struct omni_counts;
struct omni_kubeconfig_request; /* agent/omni/management.h */
struct omni_talosconfig_request;

enum omni_event_kind {
	OMNI_CREATED,
	OMNI_UPDATED,
	OMNI_DESTROYED,
	OMNI_BOOTSTRAPPED,
	OMNI_ERRORED,
	OMNI_RESUMED, /* first of a watch from a bookmark: it was good, nothing is missed */
};

struct omni_event {
	enum omni_event_kind kind;
	struct resource *resource; /* CREATED, UPDATED: new content; DESTROYED: last known; else NULL */
	struct span bookmark;	   /* opaque; empty when there is none */
	struct fail fail;	   /* ERRORED: the watch is over */
};

/* The server behind a store. */
struct omni_about {
	struct span version;	   /* "v1.9.3"; as the server says it */
	struct span instance;	   /* the account's name */
	uint32_t api_version;	   /* 2: Omni 1.5 and newer */
	struct span identity;	   /* whose key it is: "ci"; empty: none is needed */
	struct span fingerprint;
	int64_t key_expires_s;	   /* 0: never */
};

/* One of several operations that go out together: what is asked, and how it ended. */
enum omni_op_kind { OMNI_GET, OMNI_LIST, OMNI_CREATE, OMNI_UPDATE, OMNI_TEARDOWN, OMNI_DESTROY };
struct omni_op {
	enum omni_op_kind kind;
	const struct omni_type *type;	 /* of CREATE and UPDATE the resource says it */
	struct span id;			 /* GET, TEARDOWN, DESTROY */
	const struct omni_query *query;	 /* LIST; NULL: all */
	const struct resource *resource; /* CREATE, UPDATE */
	enum fail_code code;		 /* NONE: it went well */
	struct span text;		 /* of the failure */
	struct resource *found;		 /* GET; NULL when it failed */
	struct resource_list list;	 /* LIST */
	bool is_ready;			 /* TEARDOWN */
};

struct omni_store_ops {
	/* query NULL: all. Sorted by id. */
	bool (*list)(struct omni_store *store, struct arena *arena, const struct omni_type *type,
		     const struct omni_query *query, int64_t deadline_ms, struct resource_list *out, struct fail *fail);
	bool (*get)(struct omni_store *store, struct arena *arena, const struct omni_type *type, struct span id,
		    int64_t deadline_ms, struct resource **out, struct fail *fail);
	/* Stores type, id, owner, labels, annotations, finalizers and spec; version becomes 1. out_new may be NULL. */
	bool (*create)(struct omni_store *store, struct arena *arena, const struct resource *resource,
		       int64_t deadline_ms, struct resource **out_new, struct fail *fail);
	/* resource->version is the expected version. What is being torn down can only be changed by a resource that is so
	 * too: that is how finalizers are taken off. */
	bool (*update)(struct omni_store *store, struct arena *arena, const struct resource *resource,
		       int64_t deadline_ms, struct resource **out_new, struct fail *fail);
	/* Phase becomes tearing down; *out_ready: no finalizers are left. Already tearing down is no error. */
	bool (*teardown)(struct omni_store *store, const struct omni_type *type, struct span id, int64_t deadline_ms,
			 bool *out_ready, struct fail *fail);
	/* Only without finalizers. */
	bool (*destroy)(struct omni_store *store, const struct omni_type *type, struct span id, int64_t deadline_ms,
			struct fail *fail);
	/* All resources of a type: from `bookmark` (RESUMED, then what happened since; empty: first CREATED for all that exist,
	 * then BOOTSTRAPPED). Never blocks. A bookmark that cannot be used fails with PRECONDITION, here or as ERRORED; so does
	 * a watch that lost the thread: begin again without one. UNAVAILABLE: the server went away, go on from the bookmark. */
	bool (*watch)(struct omni_store *store, const struct omni_type *type, struct span bookmark,
		      struct omni_watch **out, struct fail *fail);
	/* From the beginning, of the resource with this ID, or (empty) of those that the query matches. NULL where a store
	 * gains nothing by it: watch all, and pick. */
	bool (*watch_some)(struct omni_store *store, const struct omni_type *type, struct span id, const struct omni_query *query,
			   struct omni_watch **out, struct fail *fail);
	/* All of them, in any order or at once; none may need what another one does. NULL where a store gains nothing by it. */
	void (*batch)(struct omni_store *store, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms);
	/* The management calls; NULL where a store has none. */
	bool (*kubeconfig)(struct omni_store *store, struct arena *arena, const struct omni_kubeconfig_request *request,
			   int64_t deadline_ms, struct span *out_yaml, struct fail *fail);
	bool (*talosconfig)(struct omni_store *store, struct arena *arena, const struct omni_talosconfig_request *request,
			    int64_t deadline_ms, struct span *out_yaml, struct fail *fail);
	bool (*about)(struct omni_store *store, struct arena *arena, int64_t deadline_ms, struct omni_about *out,
		      struct fail *fail);
	/* Calls by method and code, for metrics; NULL: none are counted. */
	void (*count)(struct omni_store *store, struct omni_counts *out);
	/* Before the end, from any thread: calls that only read end with CANCELLED at once, those that write at
	 * finish_by_ms, and none begins or is repeated. NULL: no call of this store waits for anybody. */
	void (*wind_down)(struct omni_store *store, int64_t finish_by_ms);
	void (*close)(struct omni_store *store);
};

struct omni_watch_ops {
	/* Readable when next may have something; to be put into a poll set. */
	int (*fd)(struct omni_watch *watch);
	/* Never blocks: *out_has false when nothing is pending. The event lives in the arena. */
	bool (*next)(struct omni_watch *watch, struct arena *arena, struct omni_event *out, bool *out_has,
		     struct fail *fail);
	void (*close)(struct omni_watch *watch);
};

/* First members of every implementation. */
struct omni_store {
	const struct omni_store_ops *ops;
	const char *name; /* for people: "dir:/var/lib/omni" */
	/* Calls made so far, reads and writes apart (metrics, and proof that an unchanged fleet makes none). */
	_Atomic uint64_t read_calls, write_calls;
	/* Not empty: texts that look secret are replaced by marks made with this key (a snapshot; agent/omni/hide.h has what
	 * makes expected resources comparable). */
	struct span hidden_key;
};

struct omni_watch {
	const struct omni_watch_ops *ops;
};

/* What a URL alone does not say. */
struct omni_store_options {
	struct span key;	/* text of the service-account key; copied into protected pages */
	const char *key_source; /* for people: "OMNI_SERVICE_ACCOUNT_KEY", "the file /run/key" */
	const char *ca_file;	/* NULL: the system's */
	bool skip_verify;	/* insecureSkipTLSVerify */
	int64_t call_timeout_ms; /* 0: 30 s */
	int64_t dead_after_ms;	 /* a server that does not answer for so long gets a new connection; 0: 90 s */
	struct log *log;	/* may be NULL */
};

/* `url` is dir:PATH or https://HOST[:PORT] (http:// for tests and tunnels). Connects to nothing and never blocks: what is
 * wrong with the URL, the key or the files is said here, what is wrong with the server at the first call. options may be
 * NULL for directories. */
bool omni_store_open(const char *url, const struct omni_store_options *options, struct omni_store **out,
		     struct fail *fail);
void omni_store_close(struct omni_store *store); /* NULL is fine */

/* As ops->batch, by any store; one of them alone, by the store's other operations. */
void omni_batch(struct omni_store *store, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms);
void omni_op_run(struct omni_store *store, struct arena *arena, struct omni_op *op, int64_t deadline_ms);
void omni_op_fail(struct omni_op *op, struct arena *arena, const struct fail *fail); /* it ended so */
bool omni_op_failure(const struct omni_op *op, struct fail *fail);		     /* always false */

/* One method of a remote Omni, by how its calls ended; code names are gRPC's. */
struct omni_method_count {
	const char *method; /* "Get" */
	const char *code;   /* "OK" */
	uint64_t calls, sent_bytes, received_bytes, total_ms;
};
struct omni_counts {
	struct omni_method_count items[128];
	size_t count;
	uint64_t connections, retries;
};

/* The directory store, made when missing. */
bool dir_store_open(const char *path, struct omni_store **out, struct fail *fail);

#endif
