/* Whether the objects of a release are what its manifest says. Cheap first: one list of metadata for each kind and namespace tells
 * what is gone, and what was written to since. Only then is content compared, by asking the API server what it would make of the
 * manifest (a dry run, which changes nothing). What differs is named, its values never are. */
#ifndef AGENT_HELM_DRIFT_H
#define AGENT_HELM_DRIFT_H

#include "agent/helm/manifest.h"
#include "agent/kube/client.h"
#include "base/text.h"

/* People may exempt an object with this annotation on it. */
#define DRIFT_IGNORE "omni.texashpc.com/drift-detection" /* "disabled" */

enum { DRIFT_TOLD = 5 }; /* objects that are named; the rest is counted */

struct drift_request {
	struct kube_client *client;
	struct span release, ns, manifest;
	uint64_t known;	     /* the state in which nothing was found, drift_result.state of then; 0: none */
	int64_t deadline_ms; /* of everything */
};

struct drift_result {
	uint64_t state;	   /* of the objects, as far as metadata tells */
	size_t missing, changed;
	struct text text; /* "ConfigMap \"apps/web\": data.key; Secret \"apps/key\" is gone"; empty: nothing. text_done */
};

/* False: it could not be found out. */
bool drift_find(const struct drift_request *request, struct arena *arena, struct drift_result *out, struct fail *fail)
	__attribute__((warn_unused_result));

/* An object of the manifest that names no namespace and is not where the release is, but in `elsewhere`, where it has the marks of
 * this release: its name; empty: there is none. */
bool drift_misplaced(const struct drift_request *request, struct span elsewhere, struct arena *arena, struct span *out,
		     struct fail *fail) __attribute__((warn_unused_result));

/* The first difference that counts between two objects of Kubernetes, "spec.replicas", into `out`; false: there is none. What servers
 * keep for themselves, and status, do not count. */
bool drift_compare(const json_t *live, const json_t *wanted, struct text *out);

#endif
