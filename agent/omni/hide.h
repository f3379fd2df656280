/* Secrets replaced by marks, so that a snapshot of an Omni can be kept and shown: "(secret 3f2a…)", a hash of the value
 * and of a key that belongs to the snapshot. The same value has the same mark everywhere in it, so what is expected can
 * be compared with what is marked: hidden with the same key, both are equal where they were equal before.
 *
 * Hidden are texts of specs and annotations that look secret or stand below a key with such a name (render/redact.h),
 * also inside of patches, manifests, jobs and provider data. A text with a secret in it is written anew, without its
 * comments, and ends in a mark of the whole, so that it equals only itself. Ids, types and labels stay as they are. */
#ifndef AGENT_OMNI_HIDE_H
#define AGENT_OMNI_HIDE_H

#include "agent/omni/store.h"
#include "render/fleet.h"

struct resource *hide_resource(struct arena *arena, struct span key, const struct resource *resource);

/* Expected resources in the form in which they compare with what this store holds: themselves, unless its secrets are
 * hidden. */
const struct cluster *hide_cluster_for(const struct omni_store *store, struct arena *arena, const struct cluster *cluster);
struct resource *hide_resource_for(const struct omni_store *store, struct arena *arena, struct resource *resource);

#endif
