/* Phase and readiness of clusters as marks in Omni: what is seen of them settles (settling.h), and the run of a cluster ends
 * with a look whether something has to be written by now. One timer for all clusters wakes those that are due. */
#include <string.h>

#include "agent/told.h"
#include "base/clock.h"

/* What is in the way, in one word of docs/status.md: what we have not done, else what Omni says. */
static const char *reason(const struct unit_state *state)
{
	if (state->phase != UNIT_IN_SYNC)
		return unit_phase_name(state->phase);
	if (state->omni.phase[0] == '\0')
		return "NoStatus";
	return state->omni.code[0] == '\0' ? "NotObserved" : state->omni.code; /* seen from before the last write */
}

void annotate_see(struct unit *unit)
{
	const struct unit_state *state = &unit->state;
	bool is_ready = unit_is_ready(state);
	const char *const values[SETTLING_VALUES] = {
		[SETTLING_PHASE] = state->omni.phase[0] == '\0' ? health_cluster_phase(CLUSTER_UNKNOWN) : state->omni.phase,
		[SETTLING_READY] = is_ready ? "true" : "false",
		[SETTLING_REASON] = is_ready ? "" : reason(state)};
	settling_see(&unit->settling, values, clock_monotonic_ms());
}

/* In the states in which nothing is written, nor is this. What Omni refuses is told, what it does not answer cannot be. */
static bool may_annotate(const struct unit_state *state)
{
	static const bool writes[UNIT_PHASE_COUNT] = {
		[UNIT_IN_SYNC] = true, [UNIT_PROGRESSING] = true, [UNIT_OUT_OF_SYNC] = true, [UNIT_HELD] = true};
	return !state->omni.is_locked && (writes[state->phase] || (state->phase == UNIT_FAILED && state->is_final));
}

static void arm(void *ctx)
{
	struct agent *agent = ctx;
	pthread_mutex_lock(&agent->lock);
	int64_t at_ms = agent->annotate_ms;
	pthread_mutex_unlock(&agent->lock);
	loop_timer_set(agent->annotate_timer, at_ms == 0 ? INT64_MAX : at_ms);
}

static void set_due(struct unit *unit, int64_t due_ms)
{
	struct agent *agent = unit->agent;
	pthread_mutex_lock(&agent->lock);
	unit->settling.due_ms = due_ms;
	bool is_first = due_ms > 0 && (agent->annotate_ms == 0 || due_ms < agent->annotate_ms);
	if (is_first)
		agent->annotate_ms = due_ms;
	pthread_mutex_unlock(&agent->lock);
	if (is_first)
		loop_post(agent->loop, arm, agent);
}

/* What has failed tries again in its own time. */
void annotate_on_timer(void *ctx)
{
	struct agent *agent = ctx;
	int64_t now = clock_monotonic_ms(), next_ms = 0;
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		int64_t due_ms = unit->settling.due_ms;
		if (due_ms > now && (next_ms == 0 || due_ms < next_ms))
			next_ms = due_ms;
		if (due_ms == 0 || due_ms > now)
			continue;
		unit->settling.due_ms = 0;
		if (unit->state.phase != UNIT_FAILED && !unit->waits_for_raws)
			queue_add(agent->queue, &unit->item, 0);
	}
	agent->annotate_ms = next_ms;
	pthread_mutex_unlock(&agent->lock);
	loop_timer_set(agent->annotate_timer, next_ms == 0 ? INT64_MAX : next_ms);
}

/* From the watches, which cost no call; where they may not be had, as this run read it. */
static const struct resource *find_cluster(struct run *run)
{
	struct mirror *mirror = run->unit->link->mirror;
	return mirror_is_live(mirror) ? mirror_cluster(mirror, &run->arena, span_of(run->unit->name)) : run->cluster;
}

void annotate(struct run *run)
{
	struct unit *unit = run->unit;
	const struct settings *settings = run->agent->settings;
	int64_t after_ms = settings->annotate_after_ms, now = clock_monotonic_ms();
	if (run->desired.cluster == NULL || run_owner(run->agent).len == 0)
		return;
	const struct resource *cluster = find_cluster(run);
	pthread_mutex_lock(&run->agent->lock);
	struct settling settling = unit->settling;
	bool may = may_annotate(&unit->state);
	pthread_mutex_unlock(&run->agent->lock);
	if (!may || cluster == NULL || !run_is_ours(run, cluster))
		return;
	const struct span standing[SETTLING_VALUES] = {[SETTLING_PHASE] = mark_value(cluster, ANNOTATION_PHASE),
						       [SETTLING_READY] = mark_value(cluster, ANNOTATION_READY),
						       [SETTLING_REASON] = mark_value(cluster, ANNOTATION_READY_REASON)};
	int64_t due_ms = settling_due(&settling, standing, after_ms);
	set_due(unit, due_ms == INT64_MAX || due_ms <= now ? 0 : due_ms);
	if (due_ms > now)
		return;
	struct span values[SETTLING_VALUES];
	settling_take(&settling, standing, after_ms, now, values);
	pthread_mutex_lock(&run->agent->lock);
	unit->settling.tried_ms = now;
	pthread_mutex_unlock(&run->agent->lock);
	marks_settled(run, values);
}
