/* The finalizers of an object, of which those of others are nobody's business. The one that the Go operator used under its old
 * name counts as ours. */
#ifndef AGENT_CONTROLLER_FINALIZERS_H
#define AGENT_CONTROLLER_FINALIZERS_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/kube/cache.h"

bool finalizers_have_ours(const json_t *list);
/* The whole list as it has to be: ours added, unless one of its names is there; both names removed. New references. */
json_t *finalizers_with(const json_t *list);
json_t *finalizers_without(const json_t *list);

#endif
