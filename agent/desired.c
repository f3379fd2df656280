/* From what the sources declare to what every unit should be. Runs in the loop after every poll; cheap when nothing is
 * new. Everything is judged by the same snapshots, the ones in feed->taken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/settings/target.h"
#include "base/clock.h"

enum { TIDY_MS = 5000 }; /* what an update needed only for a while is given back to the system then */

/* A cluster of an update, with its Omni. */
struct found {
	struct link *link;
	struct snapshot *snapshot;
	size_t cluster; /* its number in the fleet */
};

struct update {
	struct agent *agent;
	struct arena arena;
	struct found *found;
	size_t count, cap;
	char why[1000]; /* it is not complete */
};

void unit_wake(struct unit *unit)
{
	if (unit->link->raws->waits_for_raws)
		unit->waits_for_raws = true; /* the raw resources wake it */
	else
		queue_add(unit->agent->queue, &unit->item, 0);
}

/* --- what there is -------------------------------------------------------------------------------------------------- */

/* Takes the newest snapshots; false: nothing has to be done. */
static bool take_snapshots(struct agent *agent)
{
	bool any_new = false;
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->feed_count; i++) {
		struct feed *feed = &agent->feeds[i];
		if (feed->taken == feed->current)
			continue;
		snapshot_unref(feed->taken);
		feed->taken = snapshot_ref(feed->current);
		any_new = true;
	}
	bool is_needed = any_new || agent->has_doubtful_absence;
	pthread_mutex_unlock(&agent->lock);
	return is_needed;
}

/* Of an API server also the Omnis that no cluster is declared for: whether they answer is told. */
static void find_in_snapshot(struct update *update, struct snapshot *snapshot)
{
	struct agent *agent = update->agent;
	const struct fleet *fleet = snapshot->fleet;
	for (size_t i = 0; snapshot->is_certain && i < fleet->connection_count; i++) {
		struct connection_name name = link_name(snapshot, fleet->connections[i]->ns, fleet->connections[i]->name);
		link_get(agent, &name);
	}
	for (size_t i = 0; i < fleet->raw_count; i++) {
		struct connection_name name = link_name(snapshot, fleet->raws[i]->ns, fleet->raws[i]->connection);
		link_get(agent, &name);
	}
	for (size_t i = 0; i < fleet->cluster_count; i++) {
		struct connection_name name = link_name(snapshot, fleet->clusters[i]->ns, fleet->clusters[i]->connection);
		ARENA_PUSH(&update->arena, update->found, update->count, update->cap) =
			(struct found){link_get(agent, &name), snapshot, i};
	}
}

/* Opens what has to be opened: without the lock. */
static void find_clusters(struct update *update)
{
	struct agent *agent = update->agent;
	const struct connection_name unnamed = {.name = SPAN("")};
	if (agent->settings->omni != NULL && agent->link_count == 0)
		link_get(agent, &unnamed);
	for (size_t i = 0; i < agent->feed_count; i++)
		if (agent->feeds[i].taken != NULL)
			find_in_snapshot(update, agent->feeds[i].taken);
}

/* Every source delivered, and none of them lacks a part. */
static bool is_complete(struct update *update)
{
	struct agent *agent = update->agent;
	for (size_t i = 0; i < agent->feed_count; i++) {
		const struct snapshot *snapshot = agent->feeds[i].taken;
		const char *name = agent->feeds[i].state.name;
		if (snapshot == NULL) {
			snprintf(update->why, sizeof update->why, "not declared so far, but %s could not be read yet", name);
			return false;
		}
		bool is_faulty = snapshot->fleet->diags.error_count > 0 && !snapshot->is_certain;
		if (snapshot->fleet->is_incomplete || is_faulty) {
			char fault[600];
			fleet_first_fault(snapshot->fleet, SPAN(""), fault, sizeof fault);
			snprintf(update->why, sizeof update->why, "no longer declared, but %s is at fault (%s)", name, fault);
			return false;
		}
	}
	return true;
}

/* --- units, under the lock ------------------------------------------------------------------------------------------ */

/* What all sources declare for one Omni, as one content. */
static void digest_raws(struct update *update, struct link *link, char out[DIGEST_HEX_SIZE])
{
	struct agent *agent = update->agent;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_addf(&text, "%d", agent->is_complete);
	for (size_t i = 0; i < agent->feed_count; i++) {
		const struct snapshot *snapshot = agent->feeds[i].taken;
		for (size_t j = 0; snapshot != NULL && j < snapshot->fleet->raw_count; j++) {
			const struct raw_resource *raw = snapshot->fleet->raws[j];
			struct connection_name name = link_name(snapshot, raw->ns, raw->connection);
			if (!link_serves(link, &name))
				continue;
			text_addc(&text, raw->has_errors ? 'e' : 'r');
			if (!raw->has_errors)
				content_add_resource(&text, raw->resource);
		}
	}
	digest_hex(text_span(&text), out);
	text_done(&text);
}

/* Raw resources come first: a cluster may use a machine class of the same revision. */
static void take_raws(struct update *update)
{
	struct agent *agent = update->agent;
	for (size_t i = 0; i < agent->link_count; i++) {
		struct link *link = agent->links[i];
		struct unit *raws = link->raws;
		char content[DIGEST_HEX_SIZE];
		digest_raws(update, link, content);
		bool is_other = strcmp(content, raws->content) != 0;
		memcpy(raws->content, content, sizeof content);
		raws->is_frozen = !agent->is_complete;
		unit_say(&raws->frozen_why, UNIT_WHY_MAX, update->why);
		raws->waits_for_raws |= is_other;
		if (is_other && link->is_ready)
			queue_add(agent->queue, &raws->item, 0);
	}
}

static void take_cluster(struct update *update, const struct found *found)
{
	struct agent *agent = update->agent;
	struct unit *unit = unit_make(found->link, found->snapshot->fleet->clusters[found->cluster]->name);
	unit->seen = agent->update;
	unit_take_object(unit, 1, NULL);
	if (unit_take_declaration(unit, found->snapshot, found->cluster))
		unit_wake(unit);
}

static struct span origin(struct update *update, const struct found *found)
{
	const struct cluster *cluster = found->snapshot->fleet->clusters[found->cluster];
	const char *source = update->agent->feeds[found->snapshot->source].state.name;
	return found->snapshot->is_certain ? arena_spanf(&update->arena, "%.*s in the namespace %.*s", SPAN_ARG(cluster->object),
							 SPAN_ARG(cluster->ns))
					   : span_of(source);
}

/* Who of two is right nobody can tell: the last good state stays. */
static void take_twins(struct update *update, const struct found *first, const struct found *second)
{
	const struct agent *agent = update->agent;
	const struct found *both[] = {first, second};
	struct unit *unit = unit_make(first->link, first->snapshot->fleet->clusters[first->cluster]->name);
	char message[700];
	snprintf(message, sizeof message, "declared by two sources: %.*s and %.*s; remove it from one of them",
		 SPAN_ARG(origin(update, first)), SPAN_ARG(origin(update, second)));
	for (size_t i = 0; i < 2; i++)
		unit_take_object(unit, i, both[i]->snapshot->is_certain ? both[i]->snapshot->fleet->clusters[both[i]->cluster] : NULL);
	unit->seen = agent->update;
	unit->state.is_declared = true;
	unit->is_retired = false;
	unit->absent_since_ms = 0;
	if (unit_freeze(unit, message))
		unit_wake(unit);
}

static void take_clusters(struct update *update)
{
	struct map by_key;
	map_init(&by_key, &update->arena);
	for (size_t i = 0; i < update->count; i++) {
		struct found *found = &update->found[i];
		struct span name = found->snapshot->fleet->clusters[found->cluster]->name;
		struct link *link = found->link;
		struct span key = link->url[0] != '\0' ? arena_spanf(&update->arena, "%s/%.*s", link->url, SPAN_ARG(name))
							: arena_spanf(&update->arena, "%p/%.*s", (void *)link, SPAN_ARG(name));
		struct found **twins = map_get(&by_key, key);
		if (twins == NULL) {
			twins = ARENA_ARRAY(&update->arena, struct found *, 2);
			*map_at(&by_key, key) = twins;
		}
		twins[twins[0] != NULL] = found;
	}
	for (size_t i = 0; i < by_key.count; i++) {
		struct found *const *twins = by_key.entries[i].value;
		if (twins[1] == NULL)
			take_cluster(update, twins[0]);
		else
			take_twins(update, twins[0], twins[1]);
	}
}

static void take_absences(struct update *update)
{
	struct agent *agent = update->agent;
	agent->has_doubtful_absence = false;
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		bool concerns = unit->link->raws != unit && !unit->is_retired && unit->seen != agent->update;
		if (concerns && unit_take_absence(unit, agent->is_complete, update->why))
			unit_wake(unit);
	}
}

/* --- entry ---------------------------------------------------------------------------------------------------------- */

static void poll_doubted(struct agent *agent)
{
	pthread_mutex_lock(&agent->lock);
	bool is_needed = agent->has_doubtful_absence && !agent->is_asking;
	agent->is_asking = agent->has_doubtful_absence;
	pthread_mutex_unlock(&agent->lock);
	for (size_t i = 0; i < agent->feed_count && is_needed; i++)
		feed_poll_now(&agent->feeds[i], false);
}

void desired_update(struct agent *agent)
{
	struct update update = {.agent = agent};
	if (!take_snapshots(agent))
		return;
	arena_init(&update.arena, ARENA_NO_LIMIT);
	find_clusters(&update);
	pthread_mutex_lock(&agent->lock);
	agent->update++;
	agent->is_complete = is_complete(&update);
	take_raws(&update);
	take_clusters(&update);
	take_absences(&update);
	pthread_mutex_unlock(&agent->lock);
	links_tell(agent);
	cluster_api_update(agent);
	poll_doubted(agent);
	loop_timer_set(agent->tidy_timer, clock_monotonic_ms() + TIDY_MS);
	arena_done(&update.arena);
}

void desired_update_in_loop(void *agent)
{
	desired_update(agent);
}

void desired_look_in_turn(struct agent *agent)
{
	int64_t now_ms = clock_monotonic_ms();
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		const struct declared *desired = &unit->desired;
		int64_t interval_s = desired->cluster != NULL && desired->snapshot->is_certain ? desired->cluster->sync_interval_s : 0;
		if (unit->link->is_ready && !unit->is_retired && interval_s > 0 && now_ms - unit->looked_ms >= interval_s * 1000)
			unit_wake(unit);
	}
	pthread_mutex_unlock(&agent->lock);
}

void desired_look(struct agent *agent, const struct link *link, bool really)
{
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		if (!unit->link->is_ready || unit->is_retired || (link != NULL && unit->link != link))
			continue;
		unit->looks_again |= really;
		if (unit->link->raws == unit)
			queue_add(agent->queue, &unit->item, 0);
		else
			unit_wake(unit);
	}
	pthread_mutex_unlock(&agent->lock);
}
