/* OmniHelmRelease: a release of Helm in a workload cluster that is as declared, whoever did what to it. */
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/helm_release_int.h"
#include "agent/handlers/marks.h"
#include "agent/kube/follow.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/duration.h"
#include "base/timestamp.h"
#include "crds/kinds.h"

enum { LOOK_MS = 6 * 3600 * 1000, DEPENDENCY_MS = 60 * 1000, BAD_CHART_MS = 10 * 60 * 1000 };

/* --- what to do ----------------------------------------------------------------------------------------------------------------- */

static struct span cluster_key(const struct release_look *look)
{
	const struct handler_cluster *cluster = &look->call->object->cluster;
	return arena_spanf(look->arena, "%.*s/%.*s", SPAN_ARG(cluster->endpoint), SPAN_ARG(cluster->name));
}

bool release_hold(struct release_look *look, struct fail *fail)
{
	const struct handler_env *env = look->call->env;
	if (look->lock.fd >= 0)
		return true;
	look->is_held = false;
	if (env->programs == NULL || env->cache_dir == NULL)
		return fail_set(fail, FAIL_UNSUPPORTED, "this agent has no Helm: start it with --cache-dir, and --helm where it is not in PATH");
	if (!helm_instance(env->cache_dir, look->instance, fail))
		return false;
	if (helm_lock(env->programs, cluster_key(look), look->spec.ns, look->spec.release, &look->lock, fail))
		return true;
	look->is_held = fail->code == FAIL_CONFLICT;
	return false;
}

static int64_t attempted_s(const struct release_look *look)
{
	int64_t ms;
	return timestamp_parse(mark_text(look->fields, "lastAttemptTime"), &ms) ? ms / 1000 : 0;
}

static bool learn(struct release_look *look, struct release_facts *facts, struct fail *fail)
{
	const struct record_head *latest = records_latest(&look->records);
	bool is_deleted = look->call->object->is_deleted;
	if (latest == NULL)
		return true;
	if ((release_is_pending(latest->status) || is_deleted) && look->lock.fd < 0) {
		struct fail why = {0};
		if (!release_hold(look, &why) && !look->is_held && is_deleted)
			return *fail = why, false;
	}
	facts->is_held = look->is_held;
	if (is_deleted)
		return true;
	if (!release_is_same(look, &facts->is_same, fail))
		return false;
	if (release_is_pending(latest->status) && !release_read_latest(look, fail))
		return false;
	facts->damage = look->damage;
	facts->pending_since_s = look->has_latest ? look->latest.last_deployed_s : 0;
	return true;
}

bool release_judge(struct release_look *look, struct release_decision *out, struct fail *fail)
{
	const struct handler_env *env = look->call->env;
	struct release_facts facts = {
		.records = &look->records,
		.hash = look->hash,
		.timeout_s = look->spec.timeout_ns / DURATION_SECOND,
		.retries = look->call->object->is_deleted ? -1 : look->spec.retries,
		.is_asked_for = look->is_asked_for,
		.is_deleted = look->call->object->is_deleted,
		.has_drifted = look->memory->drift != NULL && look->spec.drift == DRIFT_CORRECT,
		.ledger = {mark_text(look->fields, "attemptedHash"), json_integer_value(json_object_get(look->fields, "failures")),
			   attempted_s(look)},
		.now_s = env->now_s(env->ctx),
		.random = look->memory->random,
	};
	if (!learn(look, &facts, fail))
		return false;
	facts.instance = span_of(look->instance);
	release_decide(&facts, out);
	return true;
}

/* --- what the declaration needs ------------------------------------------------------------------------------------------------- */

static void tell_accepted(struct release_look *look)
{
	const struct handler_cluster *cluster = &look->call->object->cluster;
	if (cluster->exists || look->call->object->is_deleted)
		outcome_condition(look->out, "Accepted", true, "Accepted", "attached to OmniCluster \"%.*s\"", SPAN_ARG(cluster->object));
	else
		outcome_condition(look->out, "Accepted", false, "MissingCluster", "OmniCluster \"%.*s\" does not exist", SPAN_ARG(cluster->object));
}

static bool has_cluster(struct release_look *look)
{
	const struct handler_cluster *cluster = &look->call->object->cluster;
	if (cluster->exists)
		return true;
	look->out->is_progressing = true;
	release_tell(look, false, "MissingCluster", "OmniCluster \"%.*s\" does not exist", SPAN_ARG(cluster->object));
	return false;
}

/* Others first; asked only when something is to be done. */
static bool has_dependencies(struct release_look *look)
{
	const struct handler_env *env = look->call->env;
	const json_t *row;
	size_t index;
	json_array_foreach(json_object_get(look->call->object->spec, "dependsOn"), index, row) {
		struct span name = mark_text(row, "name");
		bool is_ready = false;
		json_t *status = env->status_of(env->ctx, look->call->object, &KIND_HELM_RELEASE, name, &is_ready);
		bool exists = status != NULL;
		json_decref(status);
		if (is_ready)
			continue;
		look->out->is_progressing = true;
		look->out->again_ms = DEPENDENCY_MS;
		release_tell(look, false, "DependencyNotReady", "waits for OmniHelmRelease \"%.*s\", which %s", SPAN_ARG(name),
			     exists ? "is not Ready" : "does not exist");
		return false;
	}
	return true;
}

/* --- the look ------------------------------------------------------------------------------------------------------------------- */

static void stay(struct release_look *look)
{
	release_check_drift(look);
	if (look->chart_fault.code != FAIL_NONE) {
		look->note = arena_spanf(look->arena, "the chart cannot be looked up now: %s", look->chart_fault.text);
		look->resolved = release_observed(look, "resolvedVersion");
		look->digest = release_observed(look, "chartDigest");
		look->out->again_ms = BAD_CHART_MS;
	}
	release_tell_good(look);
}

static void hold_back(struct release_look *look, const struct release_decision *decision)
{
	bool is_failure = span_is(span_of(decision->reason), "ReconcileFailed");
	look->out->again_ms = decision->wait_ms;
	release_put_records(look);
	if (is_failure || span_is(span_of(decision->reason), "RetriesExceeded")) {
		release_tell_failed(look, decision->reason, is_failure ? "" : "no retry is left: ");
		look->out->has_failed = is_failure;
		return;
	}
	look->out->is_progressing = decision->step == STEP_WAIT;
	release_tell(look, false, decision->reason, "Helm release \"%.*s\": %s", SPAN_ARG(look->spec.release), decision->because);
}

static void settle(struct release_look *look)
{
	struct release_decision decision;
	struct fail fail = {0};
	if (!release_list(look, false, &fail) || !release_judge(look, &decision, &fail)) {
		if (fail.code != FAIL_NONE) /* otherwise it is told already */
			release_tell_fault(look, "", &fail);
		return;
	}
	if (decision.step == STEP_NONE && look->call->object->is_deleted) {
		look->out->is_gone = true;
		return;
	}
	if (decision.step == STEP_NONE) {
		stay(look);
		if (look->memory->drift == NULL || !release_judge(look, &decision, &fail) || decision.step == STEP_NONE)
			return;
	}
	if (decision.step == STEP_WAIT || decision.step == STEP_STALLED)
		hold_back(look, &decision);
	else if (look->call->object->is_deleted || decision.step == STEP_UNLOCK || has_dependencies(look))
		release_act(look, &decision);
}

/* Only where something of it can be is there anything to do. */
static void look_at_deleted(struct release_look *look)
{
	bool was_tried = release_observed_number(look, "releaseRevision") > 0 || release_observed(look, "lastAction").len > 0 ||
			 release_observed(look, "attemptedHash").len > 0;
	struct span name = release_observed(look, "releaseName"), ns = release_observed(look, "namespace");
	tell_accepted(look);
	if (look->spec.is_orphan && was_tried)
		outcome_event(look->out, "Normal", "Orphaned", "Delete", "left Helm release \"%.*s\" in namespace \"%.*s\"", SPAN_ARG(name), SPAN_ARG(ns));
	if (look->spec.is_orphan || !was_tried) {
		look->out->is_gone = true;
		return;
	}
	look->spec.release = name.len > 0 ? arena_copy(look->arena, name) : look->spec.release;
	look->spec.ns = ns.len > 0 ? arena_copy(look->arena, ns) : look->spec.ns;
	look->hash = SPAN("uninstall");
	if (release_way_in(look))
		settle(look);
}

static void look_at(struct release_look *look)
{
	bool is_deleted = look->call->object->is_deleted;
	if (is_deleted) {
		release_read_spec(look);
		look->out->condition_count = 0;
		release_begin_fields(look);
		look_at_deleted(look);
		return;
	}
	bool is_valid = release_read_spec(look);
	release_begin_fields(look);
	tell_accepted(look);
	if (!is_valid || !has_cluster(look) || !release_check_target(look))
		return;
	if (release_way_in(look) && release_read_inputs(look))
		settle(look);
}

/* --- the handler ------------------------------------------------------------------------------------------------------------------ */

/* Of the annotations by which people ask for a look. */
static uint64_t digest_request(const struct release_look *look)
{
	const json_t *annotations = look->call->object->annotations;
	struct span ours = mark_text(annotations, "omni.texashpc.com/requested-at"), flux = mark_text(annotations, "reconcile.fluxcd.io/requestedAt");
	struct span handled = release_observed(look, "lastHandledReconcileAt");
	bool is_handled = handled.len > 0 && (span_eq(handled, ours) || span_eq(handled, flux));
	if (ours.len == 0 && flux.len == 0)
		return 1;
	/* After a start: the process before this one has done it. */
	if (look->memory->request == 0 && is_handled)
		look->memory->request = digest_local(arena_spanf(look->arena, "%.*s/%.*s", SPAN_ARG(ours), SPAN_ARG(flux)));
	return digest_local(arena_spanf(look->arena, "%.*s/%.*s", SPAN_ARG(ours), SPAN_ARG(flux)));
}

static struct release_memory *remember(const struct handler_call *call)
{
	struct release_memory *memory = *call->memory;
	if (memory != NULL)
		return memory;
	memory = calloc(1, sizeof *memory);
	if (memory == NULL)
		abort();
	memory->waker = handler_waker_use(call->waker);
	memory->random = follow_seed();
	return *call->memory = memory;
}

static void look(const struct handler_call *call, struct handler_outcome *out)
{
	struct release_look look = {.call = call, .out = out, .arena = call->arena, .memory = remember(call), .lock = HELM_LOCK_NONE};
	uint64_t request = digest_request(&look);
	look.is_asked_for = request > 1 && request != look.memory->request;
	look_at(&look);
	helm_unlock(&look.lock);
	if (look.memory->announced_step == STEP_NONE)
		look.memory->request = request;
}

static void forget(void *kept)
{
	struct release_memory *memory = kept;
	record_watch_free(memory->watch);
	workload_put(memory->workload);
	handler_waker_drop(memory->waker);
	free(memory->known);
	free(memory->note);
	free(memory->drift);
	free(memory->drift_trouble);
	free(memory);
}

const struct handler HANDLER_RELEASE = {
	.kind = &KIND_HELM_RELEASE,
	.deadline_ms = LOOK_MS,
	.look = look,
	.forget = forget,
};
