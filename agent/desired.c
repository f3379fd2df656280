/* From what the sources declare to what every unit should be. Runs in the loop after every poll; cheap when nothing is
 * new. Incomplete input never destroys: what may be missing freezes, it does not disappear. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "base/clock.h"
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

static const char *url_for(struct agent *agent, struct span connection, const struct fleet *fleet)
{
	const struct string_list *list = &agent->settings->connection;
	for (size_t i = 0; i < list->count; i++)
		if (span_eq(span_before(span_of(list->items[i]), '='), connection))
			return span_behind(span_of(list->items[i]), '=').ptr;
	if (agent->settings->omni != NULL)
		return agent->settings->omni;
	for (size_t i = 0; fleet != NULL && i < fleet->connection_count; i++)
		if (span_eq(fleet->connections[i]->name, connection))
			return arena_string(agent->arena, fleet->connections[i]->endpoint);
	return NULL;
}

static struct omni_store *store_of(const struct agent *agent, const char *url)
{
	for (size_t i = 0; i < agent->link_count; i++)
		if (strcmp(agent->links[i]->url, url) == 0)
			return agent->links[i]->store;
	return NULL;
}

struct link *link_find(struct agent *agent, struct span connection, const struct fleet *fleet, struct fail *fail)
{
	for (size_t i = 0; i < agent->link_count; i++)
		if (span_is(connection, agent->links[i]->connection))
			return agent->links[i];
	const char *url = url_for(agent, connection, fleet);
	if (url == NULL) {
		fail_set(fail, FAIL_NOT_FOUND, "no Omni is named for the connection \"%.*s\": give --omni or --connection",
			 SPAN_ARG(connection));
		return NULL;
	}
	struct omni_store *store = store_of(agent, url);
	bool is_shared = store != NULL;
	if (store == NULL && !omni_store_open(url, &store, fail))
		return NULL;
	struct link *link = calloc(1, sizeof *link);
	if (link == NULL)
		abort();
	*link = (struct link){.connection = copy(connection), .url = copy(span_of(url)), .store = store};
	pthread_mutex_lock(&agent->lock);
	ARENA_PUSH(agent->arena, agent->links, agent->link_count, agent->link_cap) = link;
	link->raws = unit_make(agent, link, span_of(""));
	pthread_mutex_unlock(&agent->lock);
	if (!is_shared && !watcher_start(agent, link, fail))
		log_warn(agent->log, "omni", "cannot be watched", log_string("url", link->url), log_fail(fail));
	return link;
}

/* --- what changed -------------------------------------------------------------------------------------------------- */

static void declare(struct declared *place, struct snapshot *snapshot, const struct cluster *cluster)
{
	struct snapshot *old = place->snapshot;
	*place = (struct declared){snapshot_ref(snapshot), cluster};
	snapshot_unref(old);
}

static void set_state(struct unit *unit, enum unit_phase phase, const char *message)
{
	if (unit->state.phase != phase || strcmp(unit->state.message, message) != 0)
		unit->state.changed_wall_ms = clock_wall_ms();
	unit->state.phase = phase;
	snprintf(unit->state.message, sizeof unit->state.message, "%s", message);
}

static void freeze(struct unit *unit, const char *message)
{
	unit->is_frozen = true;
	set_state(unit, UNIT_FROZEN, message);
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
	state->source = snapshot->source;
	snprintf(state->revision, sizeof state->revision, "%s", snapshot->revision);
	if (cluster->has_errors ||
	    (snapshot->fleet->is_incomplete && may_miss_something(snapshot->fleet, cluster, unit->good.cluster))) {
		first_fault(snapshot->fleet, cluster->has_errors ? cluster->object : (struct span){0}, fault, sizeof fault);
		freeze(unit, fault);
		return false;
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
	if (!is_certain) {
		freeze(unit, why);
		return false;
	}
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
	struct link *link = link_find(agent, cluster->connection, snapshot->fleet, &fail);
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
		freeze(unit, message);
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

static void take_absences(struct agent *agent, const struct map *seen, struct arena *scratch)
{
	char why[1000] = "";
	pthread_mutex_lock(&agent->lock);
	bool is_certain = is_complete(agent, why, sizeof why);
	agent->is_complete = is_certain;
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		if (unit->link->raws == unit || map_get(seen, arena_spanf(scratch, "%p", (void *)unit)) != NULL)
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
			link_find(agent, snapshots[i]->fleet->raws[j]->connection, snapshots[i]->fleet, &fail);
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
		link_find(agent, span_of(""), NULL, &fail);
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
		open_named_links(agent);
		take_raws(agent, snapshots);
		for (size_t i = 0; i < agent->feed_count; i++)
			for (size_t j = 0; snapshots[i] != NULL && j < snapshots[i]->fleet->cluster_count; j++)
				take_cluster(agent, &seen, &scratch, snapshots[i], snapshots[i]->fleet->clusters[j]);
		take_absences(agent, &seen, &scratch);
	}
	for (size_t i = 0; i < agent->feed_count; i++)
		snapshot_unref(snapshots[i]);
	arena_done(&scratch);
}
