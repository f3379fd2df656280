/* What is known of the way to the Omni of every OmniConnection, told when it changes. */
#include <stdio.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/controller/controller.h"
#include "agent/grpc/endpoint.h"
#include "agent/link.h"

/* One OmniConnection, and what was told of it last. */
struct cluster_api_way {
	struct span ns, name;
	struct link *link;
	uint64_t told; /* digest; 0: nothing */
};

/* As it is used, with its port. */
static struct span full_url(struct arena *arena, const struct link *link)
{
	struct endpoint endpoint;
	bool is_remote = !span_starts(span_of(link->url), "dir:") && link->url[0] != '\0';
	return is_remote && endpoint_read(arena, span_of(link->url), &endpoint, NULL) ? arena_copy(arena, span_of(endpoint.url))
										       : span_of(link->url);
}

/* Under the lock. */
static struct controller_way look_at(const struct link *link, struct arena *arena)
{
	const struct link_state *state = link->state;
	bool is_directory = span_starts(span_of(link->url), "dir:");
	bool is_open = link->store != NULL, is_up = is_open && (is_directory || state->reach == LINK_UP);
	const char *trouble = link->error[0] != '\0' ? link->error : state->key_trouble[0] != '\0' ? state->key_trouble : state->trouble;
	return (struct controller_way){
		.is_tried = is_up || trouble[0] != '\0',
		.is_up = is_up && trouble[0] == '\0',
		.url = full_url(arena, link),
		.trouble = arena_copy(arena, span_of(trouble)),
		.version = arena_copy(arena, span_of(state->version)),
		.identity = arena_copy(arena, span_of(state->identity)),
		.key_expires_s = state->key_expires_s,
	};
}

static uint64_t digest_of(struct text *scratch, const struct controller_way *way)
{
	text_reset(scratch);
	text_addf(scratch, "%d %d %lld", way->is_tried, way->is_up, (long long)way->key_expires_s);
	const struct span parts[] = {way->url, way->trouble, way->version, way->identity};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		text_addf(scratch, " %zu %.*s", parts[i].len, SPAN_ARG(parts[i]));
	return digest_local(text_span(scratch));
}

static void tell(struct cluster_api *api, struct cluster_api_way *way, struct arena *arena, struct text *scratch)
{
	pthread_mutex_lock(&api->agent->lock);
	struct controller_way now = look_at(way->link, arena);
	pthread_mutex_unlock(&api->agent->lock);
	uint64_t digest = digest_of(scratch, &now);
	if (digest == way->told)
		return;
	way->told = digest;
	controller_told_way(api->controller, way->ns, way->name, &now);
}

static uint64_t told_before(const struct cluster_api_way *ways, size_t count, const struct cluster_api_way *way)
{
	for (size_t i = 0; i < count; i++)
		if (span_eq(ways[i].ns, way->ns) && span_eq(ways[i].name, way->name))
			return ways[i].told;
	return 0;
}

/* The connections of the newest tree. */
static void take_connections(struct cluster_api *api, struct snapshot *snapshot)
{
	const struct fleet *fleet = snapshot->fleet;
	struct arena arena, old = api->ways_arena;
	snapshot_unref(api->ways_of);
	api->ways_of = snapshot_ref(snapshot);
	arena_init(&arena, ARENA_NO_LIMIT);
	struct cluster_api_way *ways = ARENA_ARRAY(&arena, struct cluster_api_way, fleet->connection_count + 1);
	for (size_t i = 0; i < fleet->connection_count; i++) {
		const struct connection *connection = fleet->connections[i];
		struct connection_name name = link_name(snapshot, connection->ns, connection->name);
		ways[i] = (struct cluster_api_way){arena_copy(&arena, connection->ns), arena_copy(&arena, connection->name),
						   link_get(api->agent, &name), 0};
		ways[i].told = told_before(api->ways, api->way_count, &ways[i]);
	}
	api->ways = ways;
	api->way_count = fleet->connection_count;
	api->ways_arena = arena;
	arena_done(&old);
}

void cluster_ways_tell(struct cluster_api *api)
{
	struct snapshot *snapshot = api->agent->feeds[api->feed].taken;
	struct arena arena;
	struct text scratch;
	if (snapshot == NULL || api->controller == NULL)
		return;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&scratch, TEXT_NO_LIMIT);
	if (snapshot != api->ways_of)
		take_connections(api, snapshot);
	for (size_t i = 0; i < api->way_count; i++)
		tell(api, &api->ways[i], &arena, &scratch);
	text_done(&scratch);
	arena_done(&arena);
}
