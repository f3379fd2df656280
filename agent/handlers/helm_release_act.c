/* One action of Helm: announced, then done, then judged by the records it left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/helm_release_int.h"
#include "agent/handlers/marks.h"
#include "agent/kube/url.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/duration.h"

enum { BUSY_MS = 5000, LEAST_LIFE_S = 60, BEGIN_MS = 60 * 60 * 1000, HOOKS_UNKNOWN = 4 };

static const char *action_name(enum release_step step)
{
	return step == STEP_UPGRADE ? "Upgrade" : step == STEP_UNINSTALL ? "Uninstall" : "Install";
}

static const char *verb_name(enum release_step step)
{
	return step == STEP_UPGRADE ? "upgrade" : step == STEP_UNINSTALL ? "uninstall" : "install";
}

/* --- announced ---------------------------------------------------------------------------------------------------------------- */

static bool is_announced(const struct release_look *look, enum release_step step)
{
	return look->memory->announced_step == (int)step && span_is(look->hash, look->memory->announced);
}

static void tell_progress(struct release_look *look, const char *text)
{
	const char *reason = look->call->object->is_deleted ? "Deleting" : "Progressing";
	look->out->is_progressing = true;
	outcome_condition(look->out, "Ready", false, reason, "%s", text);
	if (release_observed_number(look, "releaseRevision") == 0)
		outcome_condition(look->out, "Released", false, reason, "%s", text);
}

static void announce(struct release_look *look, const struct release_decision *decision)
{
	look->memory->announced_step = (int)decision->step;
	snprintf(look->memory->announced, sizeof look->memory->announced, "%.*s", SPAN_ARG(look->hash));
	release_put(look, "attemptedHash", look->hash);
	release_put_number(look, "failures", decision->failures);
	tell_progress(look, arena_spanf(look->arena, "Helm %s of release \"%.*s\" is under way: %s", verb_name(decision->step),
					SPAN_ARG(look->spec.release), decision->because).ptr);
	look->out->again_ms = 1;
}

/* --- what it takes ------------------------------------------------------------------------------------------------------------ */

static bool namespace_exists(struct release_look *look, bool *out, struct fail *fail)
{
	CLEANUP(text_done) struct text path;
	struct fail why = {0};
	text_init(&path, TEXT_NO_LIMIT);
	text_adds(&path, "/api/v1/namespaces/");
	url_add(&path, look->spec.ns);
	const struct kube_request request = {.method = "GET", .path = path.ptr, .deadline_ms = clock_monotonic_ms() + RELEASE_CALL_MS,
					     .accept = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", .max_bytes = 1 << 20};
	*out = kube_call(look->client, &request, NULL, &why);
	if (*out || why.code == FAIL_NOT_FOUND)
		return true;
	*out = why.code == FAIL_DENIED; /* who may not even look cannot make one either: it has to be there */
	if (*out)
		return true;
	*fail = why;
	return false;
}

static bool make_action(struct release_look *look, enum release_step step, struct helm_label labels[2], struct helm_action *out,
			struct fail *fail)
{
	const struct release_spec *spec = &look->spec;
	const struct record_head *latest = records_latest(&look->records);
	bool exists = true;
	if (step != STEP_UNINSTALL && step != STEP_UPGRADE && spec->create_namespace && !namespace_exists(look, &exists, fail))
		return fail_wrap(fail, "the namespace \"%.*s\" cannot be looked up", SPAN_ARG(spec->ns));
	labels[0] = (struct helm_label){RELEASE_HASH_LABEL, arena_string(look->arena, look->hash)};
	labels[1] = (struct helm_label){RELEASE_ACTION_LABEL, arena_spanf(look->arena, "%s.%lld", look->instance,
									  (long long)(latest == NULL ? 1 : latest->revision + 1)).ptr};
	*out = (struct helm_action){
		.verb = step == STEP_UPGRADE ? HELM_UPGRADE : step == STEP_UNINSTALL ? HELM_UNINSTALL : HELM_INSTALL,
		.release = spec->release.ptr,
		.ns = spec->ns.ptr,
		.timeout_ns = spec->timeout_ns,
		.create_namespace = !exists,
		.wait = spec->wait,
		.wait_for_jobs = spec->wait_for_jobs,
		.atomic = spec->atomic,
		.disable_hooks = spec->disable_hooks,
		.skip_crds = spec->skip_crds,
		.max_history = spec->max_history,
		.replace = step == STEP_INSTALL_REPLACE,
		.force_conflicts = spec->force_conflicts || (spec->drift == DRIFT_CORRECT && look->memory->drift != NULL),
		.take_ownership = spec->take_ownership,
		.labels = labels,
		.label_count = step == STEP_UNINSTALL ? 0 : 2,
	};
	return true;
}

/* A credential that ends in the middle would leave a release that is neither one nor the other. */
static bool lives_long_enough(struct release_look *look, struct fail *fail)
{
	const struct handler_env *env = look->call->env;
	int64_t ends_s = workload_expires_s(look->memory->workload), timeout_s = look->spec.timeout_ns / DURATION_SECOND;
	int64_t left_s = ends_s - env->now_s(env->ctx), needed_s = LEAST_LIFE_S + (timeout_s > 300 ? 300 : timeout_s);
	if (ends_s == 0 || left_s >= needed_s)
		return true;
	return fail_set(fail, FAIL_UNAVAILABLE, "the kubeconfig ends %s, before Helm can be done: it has to be renewed first",
			left_s <= 0 ? "now" : arena_spanf(look->arena, "in %lld s", (long long)left_s).ptr);
}

static bool run(struct release_look *look, enum release_step step, struct helm_result *out, struct fail *fail)
{
	const struct handler_env *env = look->call->env;
	const struct handler_cluster *cluster = &look->call->object->cluster;
	CLEANUP(text_done) struct text values;
	CLEANUP(close_fd) int chart_fd = -1;
	struct helm_label labels[2];
	struct span kubeconfig;
	struct helm_run run = {.chart_fd = -1, .lock = &look->lock, .cancel_fd = env->stop_fd > 0 ? env->stop_fd : -1};
	text_init(&values, TEXT_NO_LIMIT);
	if (!lives_long_enough(look, fail) || !make_action(look, step, labels, &run.action, fail) ||
	    !workload_kubeconfig(look->memory->workload, look->spec.ns, look->arena, &kubeconfig, fail))
		return false;
	if (step != STEP_UNINSTALL && !charts_open(env->charts, &look->request, &look->chart, &chart_fd, fail))
		return false;
	if (look->values != NULL)
		values_write(&values, look->values);
	run.cluster = arena_spanf(look->arena, "%.*s/%.*s", SPAN_ARG(cluster->endpoint), SPAN_ARG(cluster->name));
	run.server = span_of(workload_server(look->memory->workload));
	run.kubeconfig = kubeconfig;
	run.values = text_span(&values);
	run.chart_fd = chart_fd;
	run.limit_ms = helm_limit_ms(&run.action, look->has_latest ? look->latest.hook_count : HOOKS_UNKNOWN);
	run.begin_by_ms = clock_monotonic_ms() + BEGIN_MS;
	run.secrets = look->redacted;
	run.secret_count = look->redacted_count;
	return helm_run(env->programs, &run, look->arena, out, fail);
}

/* --- what came of it ------------------------------------------------------------------------------------------------------------ */

static bool has_succeeded(const struct release_look *look, enum release_step step, int64_t before)
{
	const struct record_head *latest = records_latest(&look->records);
	if (step == STEP_UNINSTALL)
		return latest == NULL;
	return latest != NULL && latest->status == RELEASE_DEPLOYED && latest->revision > before && span_eq(latest->hash, look->hash);
}

/* The process has ended, and the lock is ours: nobody works on what it left. */
static void unlock_rest(struct release_look *look)
{
	const struct record_head *latest = records_latest(&look->records);
	struct fail fail = {0};
	if (latest == NULL || !release_is_pending(latest->status))
		return;
	int64_t deadline_ms = clock_monotonic_ms() + RELEASE_CALL_MS;
	if (record_unlock(look->client, look->spec.ns, latest->secret, deadline_ms, look->arena, &fail) && !release_list(look, true, &fail))
		return; /* the next look sees it */
}

static struct span say_why(struct release_look *look, const struct helm_result *result)
{
	static const char *const ends[] = {
		[HELM_EXITED] = "Helm ended without saying why", [HELM_KILLED] = "Helm was killed",
		[HELM_TIMED_OUT] = "Helm took longer than it may, and was ended", [HELM_CANCELLED] = "the agent was ended meanwhile",
		[HELM_LEFT] = "the agent was ended meanwhile",
	};
	if (result->error.len > 0 && result->end != HELM_TIMED_OUT)
		return result->error;
	return arena_spanf(look->arena, "%s%s%.*s", ends[result->end], result->error.len > 0 ? ": " : "", SPAN_ARG(result->error));
}

static void take_success(struct release_look *look, enum release_step step)
{
	release_put_time(look, "lastSuccessTime");
	release_put(look, "lastError", SPAN(""));
	release_put_number(look, "failures", 0);
	free(look->memory->drift);
	look->memory->drift = NULL;
	look->memory->drift_checked_ms = 0;
	if (step != STEP_UNINSTALL) {
		release_tell_good(look);
		return;
	}
	release_put(look, "releaseStatus", SPAN("uninstalled"));
	release_put_number(look, "releaseRevision", 0);
	release_tell(look, false, "HelmUninstalled", "uninstalled Helm release \"%.*s\"", SPAN_ARG(look->spec.release));
	look->out->is_gone = look->call->object->is_deleted;
	if (look->out->is_gone) /* nobody will see the condition */
		outcome_event(look->out, "Normal", "HelmUninstalled", "Uninstall", "uninstalled Helm release \"%.*s\"", SPAN_ARG(look->spec.release));
	look->out->is_progressing = !look->out->is_gone;
	look->out->again_ms = 1;
}

static void take_failure(struct release_look *look, const struct release_decision *decision, struct span why)
{
	int64_t failures = decision->failures + 1;
	release_put_records(look);
	release_put(look, "lastError", why);
	release_put_number(look, "failures", failures);
	release_tell_failed(look, "ReconcileFailed", "");
	look->out->has_failed = true;
}

static void do_it(struct release_look *look, const struct release_decision *decision)
{
	const struct record_head *latest = records_latest(&look->records);
	int64_t before = latest == NULL ? 0 : latest->revision;
	struct helm_result result = {0};
	struct fail fail = {0};
	look->memory->announced_step = STEP_NONE;
	if (!run(look, decision->step, &result, &fail)) {
		release_tell_fault(look, "", &fail);
		return;
	}
	const struct handler_object *object = look->call->object;
	log_info(look->call->env->log, "helm", "action ended", log_span("cluster", object->cluster.name), log_span("release", look->spec.release),
		 log_span("namespace", look->spec.ns), log_string("action", action_name(decision->step)), log_string("because", decision->because),
		 log_int("status", result.status), log_int("ms", result.took_ms));
	release_put_time(look, "lastAttemptTime");
	release_put(look, "lastAction", span_of(action_name(decision->step)));
	release_put(look, "attemptedHash", look->hash);
	if (result.end == HELM_LEFT) {
		tell_progress(look, "Helm goes on while the agent is started again");
		return;
	}
	if (!release_list(look, true, &fail)) {
		take_failure(look, decision, result.error.len > 0 ? result.error : span_of(fail.text));
		return;
	}
	unlock_rest(look);
	if (has_succeeded(look, decision->step, before))
		take_success(look, decision->step);
	else
		take_failure(look, decision, say_why(look, &result));
}

static void unlock(struct release_look *look, const struct release_decision *decision)
{
	const struct record_head *latest = records_latest(&look->records);
	struct fail fail = {0};
	int64_t deadline_ms = clock_monotonic_ms() + RELEASE_CALL_MS;
	if (!record_unlock(look->client, look->spec.ns, latest->secret, deadline_ms, look->arena, &fail)) {
		if (fail.code != FAIL_CONFLICT && fail.code != FAIL_PRECONDITION)
			release_tell_fault(look, "a pending record cannot be marked as failed: ", &fail);
		else
			look->out->again_ms = 1000;
		return;
	}
	outcome_event(look->out, "Warning", "Unlocked", "Unlock", "Helm release \"%.*s\" revision %lld was left %s: %s; it is marked as failed",
		      SPAN_ARG(look->spec.release), (long long)latest->revision, release_status_name(latest->status), decision->because);
	tell_progress(look, arena_spanf(look->arena, "Helm release \"%.*s\" was left pending, and goes on from there", SPAN_ARG(look->spec.release)).ptr);
	free(look->memory->known);
	look->memory->known = NULL;
	look->out->again_ms = 1;
}

/* --- in order -------------------------------------------------------------------------------------------------------------------- */

static void tell_busy(struct release_look *look)
{
	tell_progress(look, "a Helm action is under way");
	look->out->again_ms = BUSY_MS;
}

/* With the lock, the records are looked at once more: somebody may have been here between the look and the lock. */
static bool prove(struct release_look *look, const struct release_decision *decision, struct release_decision *again)
{
	struct fail fail = {0};
	if (!release_hold(look, &fail)) {
		if (look->is_held)
			tell_busy(look);
		else
			release_tell_fault(look, "", &fail);
		return false;
	}
	if (!release_list(look, true, &fail) || !release_judge(look, again, &fail)) {
		release_tell_fault(look, "", &fail);
		return false;
	}
	if (again->step == decision->step)
		return true;
	tell_progress(look, again->because);
	look->out->again_ms = 1;
	return false;
}

static bool has_what_it_takes(struct release_look *look, enum release_step step)
{
	if (step == STEP_UNINSTALL || step == STEP_UNLOCK)
		return true;
	if (!release_need_inputs(look))
		return false;
	if (look->has_chart)
		return true;
	release_tell_fault(look, "", &look->chart_fault);
	return false;
}

void release_act(struct release_look *look, const struct release_decision *decision)
{
	const struct handler_env *env = look->call->env;
	struct release_decision again;
	if (!env->may_act(env->ctx, look->call->object))
		return;
	if (!has_what_it_takes(look, decision->step))
		return;
	if (decision->step != STEP_UNLOCK && !is_announced(look, decision->step)) {
		announce(look, decision);
		return;
	}
	if (!prove(look, decision, &again))
		return;
	if (decision->step == STEP_UPGRADE && !release_check_places(look))
		return;
	if (decision->step == STEP_UNLOCK)
		unlock(look, &again);
	else
		do_it(look, &again);
}
