/* What handlers write onto Secrets, and into sums, as the Go operator does. Pure functions. */
#ifndef AGENT_HANDLERS_MARKS_H
#define AGENT_HANDLERS_MARKS_H

#include <jansson.h>

#include "base/arena.h"
#include "base/text.h"

#define MARK_MANAGED_BY "app.kubernetes.io/managed-by"
#define MARK_MANAGER "omni-cluster-operator"
#define MARK_CLUSTER "omni.texashpc.com/cluster"

/* A legal value of a label that stands for the cluster: its name, or what can be kept of it and a sum. */
struct span mark_cluster(struct arena *arena, struct span cluster);

/* A JSON string as Go writes it: what HTML and JavaScript would take for something else is escaped. */
void mark_add_json(struct text *out, struct span text);

/* A member that is a text; empty: there is none. */
struct span mark_text(const json_t *object, const char *key);
void mark_put(json_t *object, const char *key, struct span value);
/* The arena lets go of it in the end. */
json_t *mark_keep(struct arena *arena, json_t *json);

#endif
