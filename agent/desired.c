/* From what the sources declare to what every unit should be. Runs in the loop after every poll; cheap when nothing is
 * new. Incomplete input never destroys: what may be missing freezes, it does not disappear. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/map.h"

static char *copy(struct span s)
{
	char *string = strndup(s.ptr == NULL ? "" : s.ptr, s.len);
	if (string == NULL)
		abort();
	return string;
}

struct unit *unit_find(struct agent *agent, const struct link *link, struct span name)
{
	for (size_t i = 0; i < agent->unit_count; i++)
		if (agent->units[i]->link == link && span_is(name, agent->units[i]->name))
			return agent->units[i];
	return NULL;
}

struct unit *unit_make(struct agent *agent, struct link *link, struct span name)
{
	struct unit *unit = unit_find(agent, link, name);
	if (unit != NULL)
		return unit;
	unit = calloc(1, sizeof *unit);
	if (unit == NULL)
		abort();
	unit->agent = agent;
	unit->link = link;
	unit->name = copy(name);
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

bool link_url(const struct agent *agent, struct span connection, const struct fleet *fleet, struct span *out_url)
{
	const struct string_list *list = &agent->settings->connection;
	for (size_t i = 0; i < list->count; i++)
		if (span_eq(span_before(span_of(list->items[i]), '='), connection)) {
			*out_url = span_behind(span_of(list->items[i]), '=');
			return true;
		}
	if (agent->settings->omni != NULL) {
		*out_url = span_of(agent->settings->omni);
		return true;
	}
	for (size_t i = 0; fleet != NULL && i < fleet->connection_count; i++)
		if (span_eq(fleet->connections[i]->name, connection)) {
			*out_url = fleet->connections[i]->endpoint;
			return true;
		}
	return false;
}

/* The default connection takes the first name that leads to the same Omni. */
static void name_link(struct agent *agent, struct link *link, struct span connection)
{
	if (connection.len == 0 || link->connection[0] != '\0')
		return;
	pthread_mutex_lock(&agent->lock);
	free(link->connection);
	link->connection = copy(connection);
	pthread_mutex_unlock(&agent->lock);
}

struct link *link_open(struct agent *agent, struct span connection, const struct fleet *fleet, struct fail *fail)
{
	struct span url;
	if (!link_url(agent, connection, fleet, &url)) {
		fail_set(fail, FAIL_NOT_FOUND, "no Omni is named for the connection \"%.*s\": give --omni or --connection",
			 SPAN_ARG(connection));
		return NULL;
	}
	for (size_t i = 0; i < agent->link_count; i++)
		if (span_is(url, agent->links[i]->url)) {
			name_link(agent, agent->links[i], connection);
			return agent->links[i];
		}
	char *name = copy(url);
	struct omni_store *store;
	if (!omni_store_open(name, &store, fail)) {
		free(name);
		return NULL;
	}
	struct link *link = calloc(1, sizeof *link);
	if (link == NULL)
		abort();
	*link = (struct link){.connection = copy(connection), .url = name, .store = store};
	pthread_mutex_lock(&agent->lock);
	ARENA_PUSH(agent->arena, agent->links, agent->link_count, agent->link_cap) = link;
	link->raws = unit_make(agent, link, span_of(""));
	pthread_mutex_unlock(&agent->lock);
	watcher_start(agent, link);
	return link;
}

/* --- what changed -------------------------------------------------------------------------------------------------- */

static void declare(struct declared *place, struct snapshot *snapshot, const struct cluster *cluster)
{
	struct snapshot *old = place->snapshot;
	*place = (struct declared){snapshot_ref(snapshot), cluster};
	snapshot_unref(old);
}

/* Returns whether it is news. */
static bool freeze(struct unit *unit, const char *why)
{
	bool is_news = !unit->is_frozen || strcmp(unit->frozen_why, why) != 0;
	unit->is_frozen = true;
	snprintf(unit->frozen_why, sizeof unit->frozen_why, "%s", why);
	return is_news;
}

static bool has_document(const struct cluster *cluster, const struct document *wanted)
{
	for (size_t i = 0; i < cluster->document_count; i++) {
		const struct document *document = cluster->documents[i];
		if (document->kind == wanted->kind && span_eq(document->name, wanted->name) &&
		    span_eq(document->ns, wanted->ns))
			return true;
	}
	return false;
}

/* Of a fleet that is incomplete: did the cluster lose a document, or does one of its files stand among the broken? */
static bool may_miss_something(const struct fleet *fleet, const struct cluster *cluster, const struct cluster *good)
{
	if (cluster->is_template)
		return false;
	for (size_t i = 0; i < cluster->document_count; i++)
		for (size_t j = 0; j < fleet->broken_count; j++)
			if (span_eq(cluster->documents[i]->file, fleet->broken_files[j]))
				return true;
	if (good == NULL)
		return true;
	for (size_t i = 0; i < good->document_count; i++)
		if (!has_document(cluster, good->documents[i]))
			return true;
	return false;
}

static void first_fault(const struct fleet *fleet, struct span object, char *out, size_t size)
{
	const struct diag *found = NULL;
	for (size_t i = 0; i < fleet->diags.count && found == NULL; i++)
		if (fleet->diags.items[i].severity == DIAG_ERROR &&
		    (object.len == 0 || span_eq(fleet->diags.items[i].object, object)))
			found = &fleet->diags.items[i];
	if (found == NULL && object.len > 0) {
		first_fault(fleet, (struct span){0}, out, size);
		return;
	}
	if (found == NULL)
		snprintf(out, size, "the declaration is incomplete");
	else
		snprintf(out, size, "%.*s:%u:%u: %.*s", SPAN_ARG(found->file), found->line, found->column,
			 SPAN_ARG(found->message));
}

/* Returns whether the unit has to be looked at. */
static bool take_declaration(struct unit *unit, struct snapshot *snapshot, const struct cluster *cluster)
{
	char fault[900];
	struct unit_state *state = &unit->state;
	bool was_frozen = unit->is_frozen, was_declared = state->is_declared;
	bool is_same = unit->desired.cluster != NULL && cluster != NULL && unit->desired.snapshot == snapshot;
	state->is_declared = true;
	unit->is_retired = false;
	state->source = snapshot->source;
	snprintf(state->revision, sizeof state->revision, "%s", snapshot->revision);
	if (cluster->has_errors ||
	    (snapshot->fleet->is_incomplete && may_miss_something(snapshot->fleet, cluster, unit->good.cluster))) {
		first_fault(snapshot->fleet, cluster->has_errors ? cluster->object : (struct span){0}, fault, sizeof fault);
		return freeze(unit, fault);
	}
	unit->is_frozen = false;
	bool is_other = unit->desired.cluster == NULL ||
			strcmp(unit->desired.cluster->template_hash, cluster->template_hash) != 0 ||
			!span_eq(unit->desired.cluster->approve, cluster->approve) ||
			!span_eq(unit->desired.cluster->allow_destroy, cluster->allow_destroy) ||
			unit->desired.cluster->suspend != cluster->suspend;
	/* A changed patch file changes the resources, not the template: any new content is looked at again. */
	if (!is_same) {
		declare(&unit->desired, snapshot, cluster);
		declare(&unit->good, snapshot, cluster);
	}
	memcpy(state->template_hash, cluster->template_hash, sizeof state->template_hash);
	return is_other || !is_same || was_frozen || !was_declared;
}

static bool take_absence(struct unit *unit, bool is_certain, const char *why)
{
	bool was_declared = unit->state.is_declared, was_frozen = unit->is_frozen;
	if (!is_certain)
		return freeze(unit, why);
	unit->is_frozen = false;
	unit->state.is_declared = false;
	declare(&unit->desired, NULL, NULL);
	return was_declared || was_frozen;
}

/* --- all units ----------------------------------------------------------------------------------------------------- */

static void wake(struct agent *agent, struct unit *unit)
{
	if (unit->link->raws != unit && unit->link->raws->waits_for_raws)
		unit->waits_for_raws = true; /* reconcile.c wakes it behind the raw resources */
	else
		queue_add(agent->queue, &unit->item, 0);
}

static void take_cluster(struct agent *agent, struct map *seen, struct arena *scratch, struct snapshot *snapshot,
			 const struct cluster *cluster)
{
	struct fail fail;
	struct link *link = link_open(agent, cluster->connection, snapshot->fleet, &fail);
	if (link == NULL) {
		log_error(agent->log, "omni", "cluster cannot be served", log_span("cluster", cluster->name), log_fail(&fail));
		return;
	}
	pthread_mutex_lock(&agent->lock);
	struct unit *unit = unit_make(agent, link, cluster->name);
	void **place = map_at(seen, arena_spanf(scratch, "%p", (void *)unit));
	if (*place != NULL) {
		char message[600];
		snprintf(message, sizeof message, "declared by two sources: %s and %s; remove it from one of them",
			 agent->feeds[unit->state.source].state.name, agent->feeds[snapshot->source].state.name);
		if (freeze(unit, message))
			wake(agent, unit);
	} else {
		*place = unit;
		if (take_declaration(unit, snapshot, cluster))
			wake(agent, unit);
	}
	pthread_mutex_unlock(&agent->lock);
}

/* Every source delivered, and none of them lacks a part. */
static bool is_complete(struct agent *agent, char *why, size_t size)
{
	for (size_t i = 0; i < agent->feed_count; i++) {
		const struct snapshot *snapshot = agent->feeds[i].current;
		if (snapshot == NULL) {
			snprintf(why, size, "not declared so far, but %s could not be read yet", agent->feeds[i].state.name);
			return false;
		}
		if (snapshot->fleet->is_incomplete || snapshot->fleet->diags.error_count > 0) {
			char fault[600];
			first_fault(snapshot->fleet, (struct span){0}, fault, sizeof fault);
			snprintf(why, size, "no longer declared, but %s is at fault (%s)", agent->feeds[i].state.name, fault);
			return false;
		}
	}
	return true;
}

static void take_absences(struct agent *agent, const struct map *seen, struct arena *scratch, const char *why)
{
	pthread_mutex_lock(&agent->lock);
	bool is_certain = agent->is_complete;
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		if (unit->link->raws == unit || unit->is_retired || map_get(seen, arena_spanf(scratch, "%p", (void *)unit)) != NULL)
			continue;
		if (take_absence(unit, is_certain, why))
			wake(agent, unit);
	}
	pthread_mutex_unlock(&agent->lock);
}

/* Raw resources come first: a cluster may use a machine class of the same revision. */
static void take_raws(struct agent *agent, struct snapshot *const *snapshots)
{
	struct fail fail;
	for (size_t i = 0; i < agent->feed_count; i++)
		for (size_t j = 0; snapshots[i] != NULL && j < snapshots[i]->fleet->raw_count; j++)
			link_open(agent, snapshots[i]->fleet->raws[j]->connection, snapshots[i]->fleet, &fail);
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->link_count; i++) {
		agent->links[i]->raws->waits_for_raws = true;
		queue_add(agent->queue, &agent->links[i]->raws->item, 0);
	}
	pthread_mutex_unlock(&agent->lock);
}

/* Connections without a cluster in the input are found through --omni and --connection. */
static void open_named_links(struct agent *agent)
{
	struct fail fail;
	if (agent->settings->omni != NULL && agent->link_count == 0)
		link_open(agent, span_of(""), NULL, &fail);
}

void desired_update(struct agent *agent)
{
	struct arena scratch;
	struct map seen;
	arena_init(&scratch, ARENA_NO_LIMIT);
	map_init(&seen, &scratch);
	struct snapshot **snapshots = ARENA_ARRAY(&scratch, struct snapshot *, agent->feed_count);
	bool any_new = false;
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->feed_count; i++) {
		snapshots[i] = snapshot_ref(agent->feeds[i].current);
		any_new = any_new || agent->feeds[i].taken != agent->feeds[i].published;
		agent->feeds[i].taken = agent->feeds[i].published;
	}
	pthread_mutex_unlock(&agent->lock);
	if (any_new) {
		char why[1000] = "";
		pthread_mutex_lock(&agent->lock);
		agent->is_complete = is_complete(agent, why, sizeof why);
		pthread_mutex_unlock(&agent->lock);
		open_named_links(agent);
		take_raws(agent, snapshots);
		for (size_t i = 0; i < agent->feed_count; i++)
			for (size_t j = 0; snapshots[i] != NULL && j < snapshots[i]->fleet->cluster_count; j++)
				take_cluster(agent, &seen, &scratch, snapshots[i], snapshots[i]->fleet->clusters[j]);
		take_absences(agent, &seen, &scratch, why);
	}
	for (size_t i = 0; i < agent->feed_count; i++)
		snapshot_unref(snapshots[i]);
	arena_done(&scratch);
}
