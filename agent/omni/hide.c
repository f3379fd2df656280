#include "agent/omni/hide.h"

struct resource *hide_resource_for(const struct omni_store *store, struct arena *arena, struct resource *resource,
				   struct hide_book *book)
{
	return store->hidden_key.len == 0 ? resource : hide_resource(arena, store->hidden_key, resource, book);
}

const struct cluster *hide_cluster_for(const struct omni_store *store, struct arena *arena, const struct cluster *cluster,
				       struct hide_book *book)
{
	if (cluster == NULL || store->hidden_key.len == 0)
		return cluster;
	struct cluster *hidden = ARENA_NEW(arena, struct cluster);
	*hidden = *cluster;
	hidden->resources = (struct resource_list){0};
	for (size_t i = 0; i < cluster->resources.count; i++)
		resource_push(arena, &hidden->resources,
			      hide_resource(arena, store->hidden_key, cluster->resources.items[i], book));
	return hidden;
}
