/* What people are told about an Omni that goes its own way: what was changed there, and what is not let go. */
#include <stdio.h>
#include <string.h>

#include "agent/plan/lost.h"
#include "agent/told.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/timestamp.h"

/* --- waiting -------------------------------------------------------------------------------------------------------- */

struct wait {
	const struct omni_type *type; /* of the first that everything else waits for; NULL: none is known yet */
	struct span id, holders, since;
	size_t done, waiting;
};

static struct wait wait_of_result(const struct run *run, const struct apply_result *result)
{
	struct wait wait = {.done = result->done, .waiting = result->waiting};
	for (size_t i = 0; i < run->plan.count && wait.type == NULL; i++) {
		const struct plan_op *op = &run->plan.ops[i];
		const struct apply_op_result *outcome = &result->ops[i];
		if (outcome->state == APPLY_OP_WAITING && outcome->holders.len > 0)
			wait = (struct wait){op->type, op->id, outcome->holders, outcome->since, wait.done, wait.waiting};
	}
	return wait;
}

/* Nothing was begun: what is expected is just being torn down. */
static struct wait wait_of_plan(struct run *run)
{
	struct wait wait = {0};
	for (size_t i = 0; i < run->actual.resources.count; i++) {
		const struct resource *held = run->actual.resources.items[i];
		if (held->phase == RESOURCE_RUNNING || held->finalizer_count == 0)
			continue;
		if (wait.type == NULL)
			wait = (struct wait){held->type, held->id, apply_holders(&run->arena, held), held->updated, 0, 0};
		wait.waiting++;
	}
	return wait;
}

static void print_left(struct text *out, struct arena *arena, const struct plan_left *left)
{
	text_addf(out, left->is_lost ? "%.*s cannot be reached, and has to be reset first" : "Omni resets %.*s first",
		  SPAN_ARG(plan_left_names(arena, left)));
	text_addf(out, "; a machine that will never answer again goes with: omnictl delete link %.*s",
		  SPAN_ARG(left->machines.items[0]->id));
}

static void print_way_out(struct text *out, struct run *run, const struct wait *wait)
{
	struct span cluster = span_of(run->unit->name);
	struct plan_left left = {0};
	CLEANUP(arena_done) struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (plan_waits_for_machines(wait->type))
		left = plan_left_machines(run->unit->link->store, &arena, cluster, run_deadline(run));
	run->has_lost_more = plan_has_lost_more(&run->plan, &left);
	run->awaits_machines = left.all > 0 && !left.is_lost;
	if (left.machines.count > 0)
		print_left(out, &arena, &left);
	else
		plan_print_way_out(out, wait->type, wait->id, cluster);
}

static void note_wait(struct unit *unit, const struct wait *wait)
{
	struct unit_state *state = &unit->state;
	char what[UNIT_WAIT_MAX], holders[UNIT_WAIT_MAX];
	int64_t since_ms = 0;
	snprintf(what, sizeof what, "%s(%.*s)", wait->type == NULL ? "" : wait->type->name, SPAN_ARG(wait->id));
	snprintf(holders, sizeof holders, "%.*s", SPAN_ARG(wait->holders));
	pthread_mutex_lock(&unit->agent->lock);
	bool is_same = !unit_say(&unit->words.waits_for, sizeof what, what) && state->waiting > 0;
	if (wait->since.len > 0 && timestamp_parse(wait->since, &since_ms) && since_ms > 0)
		state->waiting_since_wall_ms = since_ms;
	else if (!is_same)
		state->waiting_since_wall_ms = clock_wall_ms();
	unit_say(&unit->words.holders, sizeof holders, holders);
	state->waiting = wait->waiting;
	pthread_mutex_unlock(&unit->agent->lock);
}

enum queue_result told_waiting(struct run *run, const struct apply_result *result)
{
	struct wait wait = result == NULL ? wait_of_plan(run) : wait_of_result(run, result);
	struct text message;
	text_init(&message, TEXT_NO_LIMIT);
	text_addf(&message, "%zu operations done, %zu wait for Omni", wait.done, wait.waiting);
	if (wait.type != NULL) {
		char since[TIMESTAMP_SIZE];
		note_wait(run->unit, &wait);
		timestamp_format(run->unit->state.waiting_since_wall_ms, TIMESTAMP_SECONDS, since);
		text_addf(&message, ": %s(%.*s) is being torn down, and held by %.*s since %s; ", wait.type->name, SPAN_ARG(wait.id),
			  SPAN_ARG(wait.holders), since);
		print_way_out(&message, run, &wait);
	}
	told(run->unit, UNIT_PROGRESSING, &run->plan, "%s", message.ptr);
	text_done(&message);
	return QUEUE_AGAIN;
}

/* --- drift ---------------------------------------------------------------------------------------------------------- */

static void print_change(struct text *out, const struct plan_op *op)
{
	enum { FIELDS = 4 };
	static const char *const words[] = {[PLAN_CREATE] = "is gone", [PLAN_UPDATE] = "differs", [PLAN_DESTROY] = "is not declared"};
	if (op->diff_count == 0)
		text_adds(out, words[op->kind]);
	for (size_t i = 0; i < op->diff_count && i < FIELDS; i++) {
		const struct plan_diff *diff = &op->diffs[i];
		text_addf(out, "%s%.*s is %.*s, declared %.*s", i > 0 ? "; " : "", SPAN_ARG(diff->path),
			  SPAN_ARG(diff->had_old ? diff->old_text : SPAN("not there")),
			  SPAN_ARG(diff->has_new ? diff->new_text : SPAN("absent")));
	}
	if (op->diff_count > FIELDS)
		text_addf(out, "; and %zu more", op->diff_count - FIELDS);
}

/* One line per resource; once, however often it is tried to undo it. */
void told_drift(const struct run *run)
{
	struct unit *unit = run->unit;
	bool is_known = strcmp(unit->drift_hash, run->plan.hash) == 0 && unit->state.phase != UNIT_IN_SYNC;
	memcpy(unit->drift_hash, run->plan.hash, sizeof unit->drift_hash);
	if (is_known)
		return;
	for (size_t i = 0; i < run->plan.count; i++) {
		const struct plan_op *op = &run->plan.ops[i];
		struct text change;
		text_init(&change, TEXT_NO_LIMIT);
		print_change(&change, op);
		log_info(run->agent->log, "drift", "changed in Omni", log_string("cluster", run->unit->name),
			 log_string("type", op->type->name), log_span("id", op->id), log_string("change", change.ptr));
		text_done(&change);
	}
}

void told_drift_brief(const struct plan *plan, struct text *out)
{
	enum { RESOURCES = 3 };
	for (size_t i = 0; i < plan->count && i < RESOURCES; i++) {
		text_addf(out, "%s%s(%.*s): ", i > 0 ? "; " : "", plan->ops[i].type->name, SPAN_ARG(plan->ops[i].id));
		print_change(out, &plan->ops[i]);
	}
	if (plan->count > RESOURCES)
		text_addf(out, "; and %zu more resources", plan->count - RESOURCES);
}
