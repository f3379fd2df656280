/* The Omnis that the agent works with, and the units of each. One that cannot be opened now is tried again, later and
 * later; until then its clusters say why nothing happens to them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/link.h"
#include "agent/link_key.h"
#include "agent/status_files.h"
#include "agent/told.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { FIRST_DELAY_MS = 1000, LAST_DELAY_MS = 60000, SETTLE_MS = 10000 };

static char *copy(struct span s)
{
	char *string = strndup(s.ptr == NULL ? "" : s.ptr, s.len);
	if (string == NULL)
		abort();
	return string;
}

/* --- units ---------------------------------------------------------------------------------------------------------- */

struct unit *unit_find(const struct link *link, struct span name)
{
	return map_get(&link->units, name);
}

static struct unit *new_unit(struct link *link, struct span name)
{
	struct agent *agent = link->agent;
	struct unit *unit = calloc(1, sizeof *unit);
	if (unit == NULL)
		abort();
	unit->agent = agent;
	unit->link = link;
	unit->name = copy(name);
	unit->state.source = SOURCE_NONE;
	for (size_t i = 0; i < agent->link_count; i++)
		if (agent->links[i] == link)
			unit->item.group = (unsigned)i;
	if (agent->unit_count == agent->unit_cap) {
		agent->unit_cap = agent->unit_cap == 0 ? 64 : agent->unit_cap * 2;
		agent->units = realloc(agent->units, agent->unit_cap * sizeof *agent->units);
		if (agent->units == NULL)
			abort();
	}
	agent->units[agent->unit_count++] = unit;
	return unit;
}

struct unit *unit_make(struct link *link, struct span name)
{
	struct unit *unit = unit_find(link, name);
	if (unit != NULL)
		return unit;
	unit = new_unit(link, name);
	*map_at(&link->units, span_of(unit->name)) = unit;
	return unit;
}

/* --- opening -------------------------------------------------------------------------------------------------------- */

struct connection_name link_name(const struct snapshot *snapshot, struct span ns, struct span connection)
{
	return (struct connection_name){snapshot->fleet, ns, connection, snapshot->is_certain};
}

static bool leads_to(const struct link *link, const struct connection_name *name, bool with_its_key)
{
	struct target_way way;
	CLEANUP(arena_done) struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	return target_way(link->agent->settings, name, &arena, &way) && span_is(way.url, link->url) &&
	       (!with_its_key || target_same_key(&way, &link->state->way));
}

bool link_leads_to(const struct link *link, const struct connection_name *name)
{
	return leads_to(link, name, false);
}

bool link_serves(const struct link *link, const struct connection_name *name)
{
	return leads_to(link, name, true);
}

bool link_is_beside(const struct link *link, const struct link *other)
{
	return link == other || (link->url[0] != '\0' && strcmp(link->url, other->url) == 0);
}

struct unit *unit_find_beside(const struct link *link, struct span name)
{
	const struct agent *agent = link->agent;
	struct unit *unit = unit_find(link, name);
	for (size_t i = 0; i < agent->link_count && unit == NULL; i++)
		if (link_is_beside(link, agent->links[i]))
			unit = unit_find(agent->links[i], name);
	return unit;
}

/* The default connection takes the first name that leads to the same Omni. */
static void name_link(struct link *link, struct span connection)
{
	if (connection.len == 0 || link->connection[0] != '\0')
		return;
	struct agent *agent = link->agent;
	pthread_mutex_lock(&agent->lock);
	char *before = link->connection;
	link->connection = copy(connection);
	size_t count = agent->unit_count;
	pthread_mutex_unlock(&agent->lock);
	for (size_t i = 0; i < count; i++) {
		pthread_mutex_lock(&agent->lock);
		struct unit *unit = agent->units[i];
		pthread_mutex_unlock(&agent->lock);
		if (unit->link == link)
			status_file_move(unit, before);
	}
	free(before);
}

/* One Omni has one link, with the first key that leads there; a way without a key spoils none that has one. The key of a
 * Secret is for its own namespace. */
static struct link *find(struct agent *agent, const struct target_way *way)
{
	for (size_t i = 0; i < agent->link_count; i++) {
		struct link *link = agent->links[i];
		bool same_kind = (link->state->way.key_from == KEY_NOWHERE) == (way->key_from == KEY_NOWHERE);
		if (span_is(way->url, link->url) && same_kind && target_same_key(way, &link->state->way) &&
		    (way->url.len > 0 || (span_eq(way->connection, link->state->way.connection) && span_eq(way->ns, link->state->way.ns))))
			return link;
	}
	return NULL;
}

/* Told to every unit that waits. */
static void tell_units(struct link *link)
{
	struct agent *agent = link->agent;
	pthread_mutex_lock(&agent->lock);
	size_t count = link->units.count;
	struct unit **units = calloc(count + 1, sizeof *units);
	if (units == NULL)
		abort();
	for (size_t i = 0; i < count; i++)
		units[i] = link->units.entries[i].value;
	pthread_mutex_unlock(&agent->lock);
	for (size_t i = 0; i < count; i++)
		if (!units[i]->is_retired)
			told(units[i], UNIT_FAILED, NULL, "%s", link->error);
	free(units);
}

/* While nothing is wrong yet, nothing is: the key is being read. */
void links_tell(struct agent *agent)
{
	for (size_t i = 0; i < agent->link_count; i++)
		if (agent->links[i]->store == NULL && agent->links[i]->error[0] != '\0')
			tell_units(agent->links[i]);
}

static void fail_link(struct link *link, const char *error)
{
	struct agent *agent = link->agent;
	pthread_mutex_lock(&agent->lock);
	bool is_news = strcmp(link->error, error) != 0;
	snprintf(link->error, sizeof link->error, "%s", error);
	pthread_mutex_unlock(&agent->lock);
	cluster_api_tell_ways(agent);
	if (is_news)
		log_error(agent->log, "omni", "this Omni cannot be opened; tried again", log_string("omni", link->url),
			  log_string("connection", link->connection), log_string("error", error));
	tell_units(link);
}

static void retry_later(struct link *link)
{
	link->delay_ms = link->delay_ms == 0 ? FIRST_DELAY_MS : link->delay_ms * 2;
	if (link->delay_ms > LAST_DELAY_MS)
		link->delay_ms = LAST_DELAY_MS;
	loop_timer_set(link->timer, clock_monotonic_ms() + link->delay_ms);
}

void link_fail(struct link *link, const char *error)
{
	fail_link(link, error);
	retry_later(link);
}

static void try_open(struct link *link)
{
	struct omni_store *store;
	struct fail fail;
	if (!link_state_open(link->state, &store, &fail)) {
		link_fail(link, fail.text);
		return;
	}
	pthread_mutex_lock(&link->agent->lock);
	link->store = store;
	link->error[0] = '\0';
	pthread_mutex_unlock(&link->agent->lock);
	loop_timer_set(link->timer, clock_monotonic_ms() + SETTLE_MS);
	watcher_start(link);
	cluster_api_tell_ways(link->agent);
}

void link_open_now(struct link *link)
{
	const struct link_key *key = link->state->key;
	bool has_key = key == NULL || link_key_value(key) != NULL; /* what is being read opens it by itself */
	if (link->store == NULL && has_key)
		try_open(link);
}

/* What is there has to be known before the units run, or each would ask for it twice; but not for ever. */
static void on_timer(void *ctx)
{
	struct link *link = ctx;
	if (link->store != NULL)
		link_ready(link);
	else if (link->state->key != NULL)
		link_key_read(link->state->key); /* it may be another one by now */
	else
		try_open(link);
}

/* The raw resources first, they wake the clusters. */
void link_ready(struct link *link)
{
	if (link->is_ready || link->store == NULL)
		return;
	link->is_ready = true;
	loop_timer_set(link->timer, INT64_MAX);
	queue_add(link->agent->queue, &link->raws->item, 0);
}

static void fail_unknown(struct link *link, const struct connection_name *name)
{
	char why[600];
	if (name->is_object)
		snprintf(why, sizeof why, "there is no OmniConnection \"%.*s\" in the namespace \"%.*s\"", SPAN_ARG(name->name),
			 SPAN_ARG(name->ns));
	else
		snprintf(why, sizeof why, "nothing says which Omni the connection \"%.*s\" is: give --connection %.*s=URL or --omni, "
			 "or declare an OmniConnection of this name with spec.endpoint", SPAN_ARG(name->name), SPAN_ARG(name->name));
	fail_link(link, why);
}

struct link *link_get(struct agent *agent, const struct connection_name *name)
{
	struct target_way way = {.connection = name->name, .ns = name->ns, .url = SPAN("")};
	CLEANUP(arena_done) struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool is_known = target_way(agent->settings, name, &arena, &way);
	struct link *link = find(agent, &way);
	struct span connection = name->is_object ? arena_spanf(&arena, "%.*s/%.*s", SPAN_ARG(name->ns), SPAN_ARG(name->name)) : name->name;
	if (link != NULL) {
		name_link(link, connection);
		return link;
	}
	link = calloc(1, sizeof *link);
	if (link == NULL)
		abort();
	*link = (struct link){.agent = agent, .connection = copy(connection), .url = copy(way.url),
			      .mirror = mirror_new(content_mean)};
	arena_init(&link->arena, ARENA_NO_LIMIT);
	map_init(&link->units, &link->arena);
	link->timer = loop_timer_new(agent->loop, on_timer, link);
	link->state = link_state_new(link, &way);
	link->state->key = link_key_new(link);
	pthread_mutex_lock(&agent->lock);
	ARENA_PUSH(agent->arena, agent->links, agent->link_count, agent->link_cap) = link;
	link->raws = new_unit(link, SPAN(""));
	link->raws->waits_for_raws = true; /* all wait for them */
	pthread_mutex_unlock(&agent->lock);
	if (link->state->key != NULL) {
		link_key_read(link->state->key);
		return link;
	}
	if (is_known) {
		try_open(link);
		return link;
	}
	fail_unknown(link, name);
	return link;
}

void link_free(struct link *link)
{
	link_state_free(link->state);
	watcher_free(link->watcher);
	omni_store_close(link->store);
	mirror_free(link->mirror);
	arena_done(&link->arena);
	free(link->connection);
	free(link->url);
	free(link);
}
