/* What Helm remembers of a release: one Secret for each revision, in the namespace of the release. Read here without Helm: the
 * labels of all with one request, the content of one with another. That the list succeeded and is empty means that there is no
 * release; a list that failed means nothing at all.
 *
 * Content comes from a cluster of others: sizes, nesting and counts are bounded, and damage is told, never guessed over. Values,
 * manifests and descriptions may hold secrets: they are for comparing, never for logs. */
#ifndef AGENT_HELM_RECORDS_H
#define AGENT_HELM_RECORDS_H

#include <jansson.h>

#include "agent/kube/client.h"
#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

/* Labels of ours on records. Helm hands labels on from revision to revision, also when somebody else acts: so what they say holds
 * only of the revision that the second one names. */
#define RELEASE_HASH_LABEL "omni.texashpc.com/desired-hash" /* of what was asked for: values.h */
#define RELEASE_ACTION_LABEL "omni.texashpc.com/action"	    /* INSTANCE.REVISION: who made it */

enum release_status {
	RELEASE_UNKNOWN,
	RELEASE_DEPLOYED,
	RELEASE_SUPERSEDED,
	RELEASE_FAILED,
	RELEASE_UNINSTALLING,
	RELEASE_UNINSTALLED,
	RELEASE_PENDING_INSTALL,
	RELEASE_PENDING_UPGRADE,
	RELEASE_PENDING_ROLLBACK,
};
const char *release_status_name(enum release_status status); /* "deployed", "pending-install" … */
bool release_is_pending(enum release_status status);

/* A record by its labels. */
struct record_head {
	struct span secret; /* name of the Secret */
	int64_t revision;
	enum release_status status;
	struct span hash, instance; /* of our labels, when they are of this revision; empty otherwise */
};

enum { RECORDS_MAX = 2048 };
struct record_list {
	struct record_head *heads; /* by revision, the latest last */
	size_t count;
	struct span resource_version; /* where a watch may begin */
};
/* In one piece of memory, for free. */
struct record_list *records_copy(const struct record_list *list);
const struct record_head *records_latest(const struct record_list *list); /* NULL: there is none */
const struct record_head *records_deployed(const struct record_list *list); /* the latest deployed one; NULL */

/* One request. Texts live in the arena. */
bool records_list(struct kube_client *client, struct span ns, struct span release, int64_t deadline_ms, struct arena *arena,
		  struct record_list *out, struct fail *fail) __attribute__((warn_unused_result));
/* The same of an answer: a list of Secrets, or of their metadata alone. INVALID: it is no such list, or too long. */
bool records_parse(const json_t *answer, struct span release, struct arena *arena, struct record_list *out, struct fail *fail)
	__attribute__((warn_unused_result));
/* "/api/v1/namespaces/NS/secrets?labelSelector=owner%3Dhelm%2Cname%3DRELEASE", in the arena; and how to ask for metadata alone. */
const char *records_path(struct arena *arena, struct span ns, struct span release);
#define RECORDS_ACCEPT "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#define RECORDS_WATCH_ACCEPT "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

/* --- the content of one -------------------------------------------------------------------------------------------- */

struct record_limits {
	size_t max_text, max_packed, max_json; /* base64, unpacked from it, JSON */
};
#define RECORD_LIMITS ((struct record_limits){3 << 19, 1 << 20, 64 << 20})

struct record {
	struct span name, ns;
	int64_t revision;
	enum release_status status;
	struct span description, chart_name, chart_version;
	int64_t last_deployed_s; /* when its action began; 0: it does not say */
	bool is_server_side;	 /* objects were applied by the server */
	json_t *config;		 /* values as given; never NULL; goes with the arena */
	struct span manifest;
	json_t *hooks;		 /* an array, the same */
	size_t hook_count;
};

/* The record in a Secret as the API server gives it. INVALID: damaged, or not the one that its name says; TOO_BIG. */
bool record_read(const json_t *secret, const struct record_limits *limits, struct arena *arena, struct record *out, struct fail *fail)
	__attribute__((warn_unused_result));
bool record_get(struct kube_client *client, struct span ns, struct span secret, int64_t deadline_ms, struct arena *arena,
		struct record *out, struct fail *fail) __attribute__((warn_unused_result));

/* A pending record whose action nobody works on any more, marked as failed: its status in label and content, a description that
 * says so, nothing else. Our labels go, so that it does not count as an attempt. CONFLICT: somebody changed it meanwhile. */
bool record_unlock(struct kube_client *client, struct span ns, struct span secret, int64_t deadline_ms, struct arena *arena,
		   struct fail *fail) __attribute__((warn_unused_result));
/* The same in memory. PRECONDITION: it is not pending. */
bool record_unlock_edit(json_t *secret, const struct record_limits *limits, struct arena *arena, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
