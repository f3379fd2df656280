/* What has to be done about an OmniCluster. */
#include "agent/controller/step.h"

#include <stdio.h>

#include "agent/report/conditions.h"
#include "base/text.h"

enum { SECRET_ASKS = 3 }; /* within the time of grace */

static void base_facts(const struct cluster_view *view, struct status_cluster *out)
{
	const struct view *object = &view->object;
	*out = (struct status_cluster){
		.object = {.ns = object->ns, .name = object->name, .generation = object->seen->generation,
			   .observed = object->seen->status, .now_s = object->now_s, .requested = view->requested},
		.unit = view->told, .cluster = object->facts->name, .connection = object->facts->connection,
		.endpoint = view->endpoint, .control_planes = view->control_planes, .suspends = object->facts->suspends};
}

/* --- while it is declared --------------------------------------------------------------------------------------------------- */

static enum status_cluster_stage stage_of(const struct cluster_view *view)
{
	if (!view->has_connection)
		return STATUS_NO_CONNECTION;
	if (view->declared == NULL)
		return STATUS_NEW;
	if (view->declared->has_errors)
		return STATUS_AT_FAULT;
	return view->told == NULL ? STATUS_NEW : STATUS_UNIT;
}

static void add_declared(const struct controller_cluster *declared, struct status_cluster *out)
{
	if (declared->generation < out->object.generation)
		out->object.generation = declared->generation;
	out->template_hash = span_of(declared->template_hash);
	out->control_plane = declared->control_plane;
	out->workers = declared->workers;
	out->worker_count = declared->worker_count;
	out->machines = declared->machines;
	out->machine_count = declared->machine_count;
	out->diags = declared->diags;
	out->diag_count = declared->diag_count;
}

/* What was told is about a template of before: what is in sync with that is not with this one. */
static bool is_behind(const struct cluster_view *view)
{
	return view->told != NULL && view->declared != NULL && view->told->state.phase == UNIT_IN_SYNC &&
	       strcmp(view->told->state.template_hash, view->declared->template_hash) != 0;
}

static void decide_declared(const struct cluster_view *view, struct step *out)
{
	struct status_cluster facts;
	struct unit_report behind;
	base_facts(view, &facts);
	facts.stage = stage_of(view);
	if (view->declared != NULL)
		add_declared(view->declared, &facts);
	if (facts.stage == STATUS_UNIT && is_behind(view)) {
		behind = *view->told;
		memcpy(behind.state.template_hash, view->declared->template_hash, sizeof behind.state.template_hash);
		facts.unit = &behind;
	}
	step_towards(&view->object, status_of_cluster(&facts), out);
	if (out->kind != STEP_NONE)
		return;
	json_t *changes = status_annotations(&facts, view->object.seen->annotations);
	out->patch = patch_annotations(view->object.seen, changes);
	out->kind = out->patch.body == NULL ? STEP_NONE : STEP_ANNOTATE;
	json_decref(changes);
}

/* --- while it is being deleted ------------------------------------------------------------------------------------------------ */

static bool has_failed(const struct cluster_view *view)
{
	return view->why.len > 0 && !view->is_waiting;
}

/* Without its connection, or with one that leaves and whose key has left already, nobody can ever destroy the cluster; and
 * nobody has to for one that stays. */
bool cluster_misses_something(const struct cluster_view *view)
{
	if (!view->object.seen->is_deleted || !view->object.seen->has_finalizer || view->is_done)
		return false;
	return !view->has_connection || (view->connection_leaves && view->is_secret_gone) ||
	       (view->object.facts->orphan && has_failed(view));
}

static void explain_missing(const struct cluster_view *view, struct text *out)
{
	struct span connection = view->object.facts->connection;
	if (!view->has_connection)
		text_addf(out, "OmniConnection \"%.*s\", which does not exist", SPAN_ARG(connection));
	else if (view->is_secret_gone)
		text_addf(out, "the Secret of OmniConnection \"%.*s\", which is being deleted", SPAN_ARG(connection));
	else
		text_addf(out, "an answer of its Omni (%.*s)", SPAN_ARG(view->why));
}

static void add_orphaned(const struct cluster_view *view, struct step *out)
{
	struct text note;
	text_init(&note, TEXT_NO_LIMIT);
	text_addf(&note, "cluster \"%.*s\" and its machines may be left in Omni", SPAN_ARG(view->object.facts->name));
	if (view->endpoint.len > 0)
		text_addf(&note, " at %.*s", SPAN_ARG(view->endpoint));
	text_adds(&note, ": the object went without ");
	explain_missing(view, &note);
	struct status_event *event = &out->events[out->event_count++];
	*event = (struct status_event){.type = "Warning", .reason = "Orphaned", .action = "Delete"};
	snprintf(event->note, sizeof event->note, "%s", note.ptr);
	text_done(&note);
}

static void release(const struct cluster_view *view, bool is_lost, struct step *out)
{
	step_release(&view->object, out);
	if (is_lost)
		add_orphaned(view, out);
	else
		status_event_gone(view->object.facts->name, view->object.facts->orphan, &out->events[out->event_count++]);
}

/* What is waited for, or why it fails. */
static void describe(const struct cluster_view *view, struct status_cluster *facts, struct text *out)
{
	const struct unit_state *state = view->told == NULL ? NULL : &view->told->state;
	bool is_missing = cluster_misses_something(view);
	facts->is_stuck = is_missing || has_failed(view);
	if (is_missing) {
		text_adds(out, "cannot delete remote Omni cluster without ");
		explain_missing(view, out);
		text_addf(out, "; unless that changes, this object goes in %lld s, and leaves the cluster in Omni as it is",
			  (long long)(view->grace_ms / 1000));
	} else if (view->why.len > 0) {
		text_add(out, view->why);
	} else if (state != NULL && (state->phase == UNIT_PROGRESSING || state->phase == UNIT_FAILED)) {
		text_adds(out, view->told->texts.message);
		facts->is_stuck = state->phase == UNIT_FAILED;
	} else if (view->object.facts->orphan) {
		text_adds(out, "the cluster is being let go in Omni");
	}
}

static int64_t min_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void decide_deleted(const struct cluster_view *view, struct step *out)
{
	const struct view *object = &view->object;
	bool asks_secret = view->connection_leaves && view->names_secret && has_failed(view), is_missing = cluster_misses_something(view);
	int64_t ask_ms = view->grace_ms / SECRET_ASKS + 1, now_ms = object->now_ms;
	int64_t missing_ms = is_missing && view->missing_since_ms > 0 ? now_ms - view->missing_since_ms : 0;
	if (view->is_done || (object->facts->orphan && !view->has_connection)) {
		release(view, false, out);
		return;
	}
	if (asks_secret && (view->secret_asked_ms == 0 || now_ms - view->secret_asked_ms >= ask_ms)) {
		out->kind = STEP_SECRET;
		return;
	}
	if (is_missing && missing_ms >= view->grace_ms) {
		release(view, !object->facts->orphan, out);
		return;
	}
	struct status_cluster facts;
	struct text detail;
	text_init(&detail, TEXT_NO_LIMIT);
	base_facts(view, &facts);
	facts.stage = STATUS_DELETING;
	describe(view, &facts, &detail);
	facts.detail = text_span(&detail);
	step_towards(object, status_of_cluster(&facts), out);
	text_done(&detail);
	if (is_missing)
		out->again_ms = view->grace_ms - missing_ms;
	if (asks_secret)
		out->again_ms = min_of(out->again_ms == 0 ? ask_ms : out->again_ms, view->secret_asked_ms + ask_ms - now_ms);
}

void decide_cluster(const struct cluster_view *view, struct step *out)
{
	const struct seen *seen = view->object.seen;
	*out = (struct step){0};
	if (seen->is_deleted && seen->has_finalizer)
		decide_deleted(view, out);
	else if (seen->is_deleted)
		return;
	else if (!seen->has_finalizer)
		step_finalize(&view->object, out);
	else
		decide_declared(view, out);
}
