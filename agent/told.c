#include "agent/told.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/link.h"
#include "agent/plan/refusal.h"
#include "agent/status_files.h"
#include "base/cleanup.h"
#include "base/clock.h"

void told_copy(struct unit *unit, struct unit_report *out)
{
	struct agent *agent = unit->agent;
	snprintf(out->connection, sizeof out->connection, "%s", unit->link->connection);
	snprintf(out->name, sizeof out->name, "%s", unit->name);
	snprintf(out->url, sizeof out->url, "%s", unit->link->url);
	out->is_raws = unit->link->raws == unit;
	out->state = unit->state;
	unit_copy_texts(unit, &out->texts);
	out->errors = unit->errors == NULL ? NULL : strdup(unit->errors);
	out->source_name[0] = out->source_error[0] = '\0';
	if (!unit->state.is_declared || unit->state.source >= agent->feed_count)
		return;
	const struct source_state *source = &agent->feeds[unit->state.source].state;
	snprintf(out->source_name, sizeof out->source_name, "%s", source->name);
	snprintf(out->source_error, sizeof out->source_error, "%s", source->error);
}

void told_copy_done(struct unit_report *report)
{
	free(report->errors);
}

/* It may have been declared again while the last of it went: then it is only beginning. */
void told_gone(struct unit *unit)
{
	pthread_mutex_lock(&unit->agent->lock);
	bool is_gone = !unit->state.is_declared;
	unit->is_retired |= is_gone;
	pthread_mutex_unlock(&unit->agent->lock);
	if (is_gone) {
		status_file_write(unit);
		cluster_api_tell_gone(unit);
	}
}

static void take_plan(struct unit_state *state, const struct plan *plan)
{
	state->creates = plan->creates;
	state->updates = plan->updates;
	state->destroys = plan->destroys;
	memcpy(state->plan_hash, plan->hash, sizeof state->plan_hash);
	snprintf(state->risk, sizeof state->risk, "%s", plan->count > 0 ? plan_risk_name(plan->risk) : "");
}

/* Under the lock; returns whether it is news. */
static bool change(struct unit *unit, enum unit_phase phase, const struct plan *plan, const char *message)
{
	struct unit_state *state = &unit->state;
	bool is_news = unit_say(&unit->words.message, UNIT_MESSAGE_MAX, message) || state->phase != phase;
	if (is_news)
		state->changed_wall_ms = clock_wall_ms();
	state->phase = phase;
	state->is_confirmed &= phase == UNIT_IN_SYNC;
	if (phase != UNIT_PROGRESSING)
		state->waiting = 0;
	if (plan != NULL)
		take_plan(state, plan);
	free(unit->errors);
	unit->errors = unit->new_errors;
	unit->new_errors = NULL;
	return is_news;
}

static void look(struct unit *unit, struct unit_health *out)
{
	struct health_facts facts;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	mirror_facts(unit->link->mirror, &arena, span_of(unit->name), &facts);
	unit_health_take(&facts, &arena, out);
	arena_done(&arena);
}

/* Under the lock; returns whether it is news. */
static bool take_health(struct unit *unit, const struct unit_health *health)
{
	struct unit_state *state = &unit->state;
	if (unit->link->raws == unit)
		return false;
	bool is_news = memcmp(&state->omni, health, sizeof *health) != 0;
	memcpy(&state->omni, health, sizeof *health);
	bool is_ready = unit_is_ready(state);
	is_news |= is_ready != unit->is_told_ready;
	unit->is_told_ready = is_ready;
	annotate_see(unit);
	return is_news;
}

static void log_state(const struct unit *unit, enum unit_phase phase, const char *message)
{
	enum log_level level = phase == UNIT_FAILED ? LEVEL_ERROR
			     : phase == UNIT_HELD || phase == UNIT_FROZEN || phase == UNIT_OUT_OF_SYNC ? LEVEL_WARN
												       : LEVEL_INFO;
	bool is_raws = unit->link->raws == unit;
	log_at(unit->agent->log, level, "cluster", unit_phase_name(phase),
	       log_string("cluster", is_raws ? "(raw resources)" : unit->name), log_string("omni", unit->link->url),
	       log_string("message", message));
}

void told(struct unit *unit, enum unit_phase phase, const struct plan *plan, const char *format, ...)
{
	char message[UNIT_MESSAGE_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	struct unit_health health;
	look(unit, &health);
	pthread_mutex_lock(&unit->agent->lock);
	enum unit_phase before = unit->state.phase;
	bool is_news = change(unit, phase, plan, message);
	is_news |= take_health(unit, &health);
	pthread_mutex_unlock(&unit->agent->lock);
	if (!is_news)
		return;
	/* That something stays in sync, or that there are no raw resources, nobody has to hear. */
	bool is_dull = phase == UNIT_IN_SYNC && (plan == NULL || plan->count == 0) &&
		       (before == UNIT_IN_SYNC || unit->link->raws == unit);
	if (!is_dull)
		log_state(unit, phase, message);
	status_file_write(unit);
	cluster_api_tell(unit);
}

void told_standby(struct unit *unit, const char *message)
{
	pthread_mutex_lock(&unit->agent->lock);
	change(unit, UNIT_PENDING, NULL, message);
	pthread_mutex_unlock(&unit->agent->lock);
}

bool told_is_ending(const struct unit *unit, const struct fail *fail)
{
	return unit->agent->is_stopping && fail->code == FAIL_CANCELLED;
}

enum queue_result told_failure(struct unit *unit, const struct fail *fail)
{
	if (told_is_ending(unit, fail))
		return QUEUE_RETRY;
	pthread_mutex_lock(&unit->agent->lock);
	unit->state.failures++;
	unit->state.is_final = !fail_is_retryable(fail->code);
	pthread_mutex_unlock(&unit->agent->lock);
	link_state_tell(unit->link, fail);
	told(unit, UNIT_FAILED, NULL, "%s: %s", fail_name(fail->code), fail->text);
	return QUEUE_RETRY;
}

/* One line: strings have no raw line breaks in JSON. */
static char *errors_json(const struct diag_list *faults)
{
	struct text json;
	text_init(&json, TEXT_NO_LIMIT);
	diag_print(&json, faults, DIAG_JSON, NULL, false);
	while (json.len > 0 && json.ptr[json.len - 1] == '\n')
		json.ptr[--json.len] = '\0';
	for (size_t i = 0; i < json.len; i++)
		if (json.ptr[i] == '\n')
			json.ptr[i] = ' ';
	return text_take(&json);
}

static void log_faults(const struct unit *unit, const struct diag_list *faults)
{
	for (size_t i = 0; i < faults->count; i++) {
		const struct diag *fault = &faults->items[i];
		log_at(unit->agent->log, fault->severity == DIAG_ERROR ? LEVEL_ERROR : LEVEL_WARN, "apply", "refused",
		       log_string("cluster", unit->name), log_span("file", fault->file), log_int("line", fault->line),
		       log_int("column", fault->column), log_span("object", fault->object), log_span("path", fault->path),
		       log_string("code", fault->code), log_span("message", fault->message), log_span("hint", fault->hint));
	}
}

enum queue_result told_refused(struct run *run, const struct fail *fail, const struct diag_list *faults)
{
	struct unit *unit = run->unit;
	struct text brief;
	text_init(&brief, TEXT_NO_LIMIT);
	refusal_brief(&brief, faults);
	char *errors = errors_json(faults);
	pthread_mutex_lock(&unit->agent->lock);
	free(unit->new_errors);
	unit->new_errors = errors;
	unit->state.failures++;
	unit->state.is_final = !fail_is_retryable(fail->code);
	bool is_news = unit->errors == NULL || strcmp(unit->errors, errors) != 0;
	pthread_mutex_unlock(&unit->agent->lock);
	link_state_tell(unit->link, fail);
	if (is_news)
		log_faults(unit, faults);
	told(unit, UNIT_FAILED, run->verdict == GATE_BLOCKED ? &run->plan : NULL, "%s: %s",
	     run->verdict == GATE_BLOCKED ? "cannot be applied" : fail_name(fail->code), brief.ptr);
	text_done(&brief);
	return QUEUE_RETRY;
}

enum queue_result told_blocked(struct unit *unit, const struct plan *plan, struct span reason)
{
	pthread_mutex_lock(&unit->agent->lock);
	unit->state.failures++;
	unit->state.is_final = true;
	pthread_mutex_unlock(&unit->agent->lock);
	told(unit, UNIT_FAILED, plan, "cannot be applied: %.*s", SPAN_ARG(reason));
	return QUEUE_RETRY;
}

void told_held(struct unit *unit, const struct plan *plan, struct span reason, char *out_message, size_t size)
{
	bool is_new_plan = strcmp(unit->told_hash, plan->hash) != 0;
	memcpy(unit->told_hash, plan->hash, sizeof unit->told_hash);
	if (is_new_plan)
		unit->agent->counters.held++;
	snprintf(out_message, size, "plan %.*s is held: %.*s; approve it with: omniops approve %s %.*s", PLAN_HASH_SHORT,
		 plan->hash, SPAN_ARG(reason), unit->link->raws == unit ? "raw" : unit->name, PLAN_HASH_SHORT, plan->hash);
	told(unit, UNIT_HELD, plan, "%s", out_message);
}

static void set(char *place, size_t size, struct span value)
{
	snprintf(place, size, "%.*s", SPAN_ARG(value));
}

static void note_revision(struct unit *unit, struct span revision)
{
	char text[UNIT_REVISION_MAX];
	set(text, sizeof text, revision);
	unit_say(&unit->words.applied_revision, sizeof text, text);
}

/* Whole lines, as many as there is room for. */
static void print_output(const struct plan *plan, char out[UNIT_OUTPUT_MAX])
{
	enum { ROOM = UNIT_OUTPUT_MAX - 32 }; /* the rest is for how many are left out */
	static const char *const words[] = {[PLAN_CREATE] = "creating", [PLAN_UPDATE] = "updating", [PLAN_DESTROY] = "destroyed"};
	size_t len = 0;
	out[0] = '\0';
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = &plan->ops[i];
		int more = snprintf(out + len, ROOM - len, "%s* %s %s(%.*s)", i > 0 ? "\n" : "", words[op->kind], op->type->name,
				    SPAN_ARG(op->id));
		if ((size_t)more >= ROOM - len) {
			snprintf(out + len, UNIT_OUTPUT_MAX - len, "%s* and %zu more", i > 0 ? "\n" : "", plan->count - i);
			return;
		}
		len += (size_t)more;
	}
}

/* What was applied when: known from now on, or from what the Cluster recorded before this process began. */
static void note_applied(struct unit *unit, const struct run *run)
{
	const struct cluster *cluster = run->desired.cluster;
	struct unit_state *state = &unit->state;
	struct span recorded = mark_value(run->cluster, ANNOTATION_APPLIED_HASH);
	if (cluster == NULL)
		return;
	if (run->plan.count > 0 || !span_is(recorded, cluster->template_hash)) {
		memcpy(state->applied_hash, cluster->template_hash, sizeof state->applied_hash);
		state->applied_wall_ms = clock_wall_ms();
		char output[UNIT_OUTPUT_MAX];
		print_output(&run->plan, output);
		unit_say(&unit->words.applied_output, sizeof output, output);
		note_revision(unit, span_of(run->desired.snapshot->revision));
	} else if (!span_is(recorded, state->applied_hash)) { /* by somebody else, or before we started */
		set(state->applied_hash, sizeof state->applied_hash, recorded);
		note_revision(unit, mark_value(run->cluster, ANNOTATION_APPLIED_REVISION));
	}
}

void told_applied(struct unit *unit, const struct run *run)
{
	const struct plan *plan = &run->plan;
	pthread_mutex_lock(&unit->agent->lock);
	note_applied(unit, run);
	unit->state.is_confirmed = plan->count == 0;
	pthread_mutex_unlock(&unit->agent->lock);
	if (run->desired.cluster == NULL && unit->link->raws != unit) {
		told(unit, UNIT_IN_SYNC, plan, run_has_order(run) ? "destroyed, as its deletion orders" : "destroyed, as approved");
		told_gone(unit);
	} else if (plan->count > 0) {
		told(unit, UNIT_IN_SYNC, plan, "applied: %zu created, %zu updated, %zu destroyed", plan->creates, plan->updates,
		     plan->destroys);
	} else {
		told(unit, UNIT_IN_SYNC, plan, "in sync");
	}
}

static bool look_anew(struct unit *unit)
{
	struct unit_health health;
	look(unit, &health);
	pthread_mutex_lock(&unit->agent->lock);
	bool is_news = take_health(unit, &health);
	pthread_mutex_unlock(&unit->agent->lock);
	return is_news;
}

void told_omni_look(struct unit *unit)
{
	if (look_anew(unit))
		cluster_api_tell(unit);
}

void told_omni_status(struct unit *unit)
{
	if (!look_anew(unit))
		return;
	status_file_write(unit);
	cluster_api_tell(unit);
}
