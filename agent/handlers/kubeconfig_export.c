/* OmniKubeconfigExport: a kubeconfig of a cluster in a Secret, renewed before it ends and as soon as the cluster refuses it. What
 * works is never given up for something that may not: the status names the Secret that there is until another one is complete. */
#include <stdlib.h>

#include "agent/handlers/kubeconfig_export_int.h"
#include "base/clock.h"
#include "crds/kinds.h"

enum {
	SECOND_MS = 1000,
	LOOK_MS = 90000,
	PROBE_EVERY_MS = 300000, /* checked by use so often, and when something changed */
	PROBE_SOON_MS = 15000,	 /* while a cluster has not answered yet */
};

static struct span status_text(const struct export *export, const char *key)
{
	const json_t *value = json_object_get(export->call->object->status, key);
	return (struct span){json_string_value(value), json_string_length(value)};
}

static bool was_ready(const struct handler_object *object)
{
	const json_t *condition;
	size_t i;
	json_array_foreach(json_object_get(object->status, "conditions"), i, condition) {
		const char *type = json_string_value(json_object_get(condition, "type"));
		const char *value = json_string_value(json_object_get(condition, "status"));
		if (type != NULL && value != NULL && strcmp(type, "Ready") == 0)
			return strcmp(value, "True") == 0 && json_object_get(object->status, "kubeconfigHash") != NULL;
	}
	return false;
}

static void begin(struct export *export)
{
	const struct handler_object *object = export->call->object;
	const struct handler_cluster *cluster = &object->cluster;
	struct span ns = status_text(export, "targetSecretNamespace"), key = status_text(export, "targetSecretKey");
	export->owner = (struct export_owner){object->uid, object->ns, object->name, cluster->name};
	export->held = (struct export_place){ns.len > 0 ? ns : object->ns, status_text(export, "targetSecretRef"), key};
	export->was_ready = was_ready(object);
	export->facts = (struct export_facts){
		.now_s = export->call->env->now_s(export->call->env->ctx),
		.endpoint = cluster->endpoint,
		.cluster_uid = cluster->uid,
		.made_endpoint = status_text(export, "endpoint"),
		.made_cluster_uid = status_text(export, "clusterUID"),
	};
}

/* --- what has to be there first ---------------------------------------------------------------------------------------------- */

static void tell_accepted(struct export *export)
{
	struct span name = export->call->object->cluster.object;
	if (export->call->object->cluster.exists)
		outcome_condition(export->out, "Accepted", true, "Accepted", "attached to OmniCluster \"%.*s\"", SPAN_ARG(name));
	else
		outcome_condition(export->out, "Accepted", false, "MissingCluster", "OmniCluster \"%.*s\" does not exist", SPAN_ARG(name));
}

static bool may_begin(struct export *export)
{
	const struct handler_cluster *cluster = &export->call->object->cluster;
	tell_accepted(export);
	if (cluster->exists && cluster->has_connection)
		return true;
	if (!cluster->exists)
		export_tell_trouble(export, "MissingCluster", "OmniCluster \"%.*s\" does not exist", SPAN_ARG(cluster->object));
	else
		export_tell_trouble(export, "MissingConnection", "OmniConnection \"%.*s\" of OmniCluster \"%.*s\" does not exist",
				    SPAN_ARG(cluster->connection), SPAN_ARG(cluster->object));
	return false;
}

/* --- what is there ------------------------------------------------------------------------------------------------------------ */

static bool read_place(struct export *export, struct export_place place, struct stored_secret *secret, struct export_state *state,
		       struct fail *fail)
{
	bool exists = export_read(export, place, secret, fail);
	if (!exists && fail->code != FAIL_NOT_FOUND)
		return false;
	export_state_read(export->arena, &export->owner, exists ? secret : NULL, place.key, state);
	return true;
}

static bool read_secrets(struct export *export, struct fail *fail)
{
	struct export_place held = export->held, target = export->spec.target;
	if (!read_place(export, target, &export->stored, &export->state, fail))
		return false;
	bool is_elsewhere = held.name.len > 0 && (!span_eq(held.name, target.name) || !span_eq(held.ns, target.ns));
	if (is_elsewhere && !read_place(export, held, &export->former, &export->former_state, fail))
		return false;
	export->is_moving = is_elsewhere && export->former_state.exists && export->former_state.is_ours && !export->spec.keeps;
	export->is_read = true;
	return true;
}

static bool is_free(struct export *export)
{
	struct span shown = export_shown(export->arena, export->spec.target);
	if (export->state.exists && !export->state.is_ours) {
		export_tell_trouble(export, "SecretConflict",
				    "%.*s is somebody else's and is left alone: delete that Secret, or hand it over with the annotations "
				    EXPORT_NAME "=%.*s and " EXPORT_NAMESPACE "=%.*s",
				    SPAN_ARG(shown), SPAN_ARG(export->owner.name), SPAN_ARG(export->owner.ns));
		return false;
	}
	if (!export->state.is_deleted)
		return true;
	export->out->is_progressing = true;
	export->wait_ms = PROBE_SOON_MS;
	export_tell_trouble(export, "Progressing", "%.*s is being deleted and waits for its finalizers", SPAN_ARG(shown));
	return false;
}

/* --- checked by use ----------------------------------------------------------------------------------------------------------- */

/* What is asked about, and what may have changed the answer. */
static uint64_t circumstances(const struct export *export)
{
	const struct handler_cluster *cluster = &export->call->object->cluster;
	return digest_local(arena_spanf(export->arena, "%s %zu %.*s %.*s %d", export->state.hash, cluster->endpoint.len,
					SPAN_ARG(cluster->endpoint), SPAN_ARG(cluster->uid), cluster->is_ready));
}

static int64_t probe_period_ms(const struct export *export)
{
	bool is_known = export->memory->seen == SEEN_ACCEPTED || export->was_ready || export->call->object->cluster.is_ready;
	return is_known ? PROBE_EVERY_MS : PROBE_SOON_MS;
}

static void probe(struct export *export)
{
	struct export_memory *memory = export->memory;
	struct fail fail = {0};
	uint64_t now = circumstances(export);
	bool is_known = memory->seen != SEEN_NOT_YET && memory->seen_of == now;
	if (is_known && clock_monotonic_ms() < memory->seen_ms + probe_period_ms(export))
		return;
	memory->seen = export_probe(export->call, export->state.kubeconfig, export->spec.user, &fail);
	memory->seen_of = now;
	memory->seen_ms = clock_monotonic_ms();
	if (memory->seen != SEEN_ACCEPTED)
		log_debug(export->call->env->log, "kubeconfig-export", "the cluster does not accept a kubeconfig",
			  log_span("namespace", export->owner.ns), log_span("name", export->owner.name), log_fail(&fail));
}

static enum export_why refusal(const struct export *export)
{
	return export->memory->seen == SEEN_REFUSED ? EXPORT_REFUSED : export->memory->seen == SEEN_UNUSABLE ? EXPORT_UNUSABLE : EXPORT_FRESH;
}

/* --- what is done --------------------------------------------------------------------------------------------------------------- */

static enum export_why decide(struct export *export)
{
	const struct export_state *former = &export->former_state;
	enum export_why why = export_decide(&export->spec, &export->state, &export->owner, &export->facts);
	struct fail fail;
	if (why == EXPORT_NO_SECRET && former->exists && former->is_ours &&
	    export_decide(&export->spec, former, &export->owner, &export->facts) == EXPORT_FRESH && export_copy(export, &fail))
		why = EXPORT_FRESH;
	/* What is made for a cluster that is still on its way would be refused, and asked for again. */
	if (why == EXPORT_CLUSTER && !export->call->object->cluster.is_ready) {
		probe(export);
		why = refusal(export) == EXPORT_FRESH ? EXPORT_CLUSTER : refusal(export);
	}
	if (why == EXPORT_FRESH) {
		probe(export);
		why = refusal(export);
		if (export->memory->seen == SEEN_ACCEPTED)
			export->memory->pace.in_vain = 0;
	}
	return why;
}

/* The credentials are what is declared and will work for a while: nobody has to know that renewing takes more than one try. */
static bool is_bearable(const struct export *export)
{
	struct export_times times;
	export_times(&export->spec, &export->owner, export->state.rotated_s, export->state.expires_s, &times);
	return export->why == EXPORT_DUE && export->was_ready && export->facts.now_s < times.alarm_s;
}

static bool is_ending(const struct export *export)
{
	struct export_times times;
	export_times(&export->spec, &export->owner, export->state.rotated_s, export->state.expires_s, &times);
	return export->state.has_times && export->facts.now_s >= times.alarm_s;
}

/* A cluster that has just been declared is not in Omni yet. */
static bool is_on_its_way(const struct export *export, const struct fail *fail)
{
	return export->is_unanswered && export->why == EXPORT_NO_SECRET && !export->call->object->cluster.is_ready &&
	       (fail->code == FAIL_NOT_FOUND || fail->code == FAIL_UNAVAILABLE);
}

static void tell_failed(struct export *export, const struct fail *fail)
{
	if (export->is_barred)
		return;
	export->out->has_failed = true;
	export->out->is_progressing = is_on_its_way(export, fail);
	if (is_bearable(export)) {
		export_tell_ready(export);
		outcome_condition(export->out, "Ready", true, "Exported", "exported kubeconfig to %.*s; renewing it failed and is tried again: %s",
				  SPAN_ARG(export_shown(export->arena, export->spec.target)), fail->text);
		return;
	}
	export_tell_trouble(export, export->out->is_progressing ? "Progressing" : "ExportFailed", "%s", fail->text);
	if (is_ending(export))
		export_tell_ending(export, fail->text);
}

static void tell_waiting(struct export *export, int64_t wait_ms)
{
	struct span shown = export_shown(export->arena, export->spec.target);
	const char *reason = export->why == EXPORT_REFUSED ? "Refused" : "ExportFailed";
	export->out->is_progressing = true;
	export->wait_ms = wait_ms;
	if (is_bearable(export))
		export_tell_ready(export);
	else if (export->memory->pace.in_vain > 0 && export->why != EXPORT_DUE)
		export_tell_trouble(export, reason, "the cluster refuses the credentials of %.*s, new ones as well: %s", SPAN_ARG(shown),
				    "is the cluster the one that Omni means, and the agent's clock right?");
	else
		export_tell_trouble(export, reason, "new credentials for %.*s are needed (%s); they are asked for at most once a minute",
				    SPAN_ARG(shown), export_why_text(export->why));
}

/* Its predecessor's refusal is the reason for it: so it is looked at in turn. */
static void look_at_new(struct export *export, enum export_why why)
{
	struct export_times times;
	bool was_hard = why != EXPORT_DUE && why != EXPORT_NO_SECRET && why != EXPORT_NO_KEY && why != EXPORT_DECLARED && why != EXPORT_DAMAGED;
	struct export_memory *memory = export->memory;
	if (was_hard || !export->was_ready) {
		memory->seen = SEEN_NOT_YET;
		probe(export);
	} else {
		memory->seen_of = circumstances(export);
		memory->seen_ms = clock_monotonic_ms();
	}
	export_times(&export->spec, &export->owner, export->state.rotated_s, export->state.expires_s, &times);
	bool was_in_vain = refusal(export) != EXPORT_FRESH || times.next_s <= export->facts.now_s;
	memory->pace.in_vain = was_in_vain ? memory->pace.in_vain + 1 : 0;
}

static bool renew(struct export *export)
{
	struct fail fail = {0};
	enum export_why why = export->why;
	int64_t wait_ms = export->memory->pending.len > 0 ? 0 : export_pace_wait_ms(&export->memory->pace, why, clock_monotonic_ms());
	if (why == EXPORT_CLUSTER && !export->call->object->cluster.is_ready) {
		export->out->is_progressing = true;
		export->wait_ms = PROBE_SOON_MS;
		export_tell_trouble(export, "Progressing", "OmniCluster \"%.*s\" was made anew: new credentials are made when it is ready",
				    SPAN_ARG(export->call->object->cluster.object));
		return false;
	}
	if (wait_ms > 0) {
		tell_waiting(export, wait_ms);
		return false;
	}
	if (!export_renew(export, &fail)) {
		tell_failed(export, &fail);
		return false;
	}
	export->why = EXPORT_FRESH;
	export_tell_rotated(export, why);
	look_at_new(export, why);
	export->why = refusal(export);
	if (export->why == EXPORT_FRESH)
		return true;
	tell_waiting(export, export_pace_wait_ms(&export->memory->pace, export->why, clock_monotonic_ms()));
	return false;
}

/* The Secret is as it should be; what remains is around it. */
static bool settle(struct export *export, struct fail *fail)
{
	if (!export->state.has_labels && !export_relabel(export, fail))
		return false;
	if (!export_outputs(export, fail))
		return false;
	if (export->is_moving && !export_remove(export, export->held, true, fail))
		return false;
	export->is_moving = false;
	return true;
}

static void finish(struct export *export)
{
	struct fail fail = {0};
	export->is_current = true;
	if (settle(export, &fail)) {
		export_tell_ready(export);
		return;
	}
	if (export->is_barred)
		return;
	if (fail.code == FAIL_EXISTS) {
		export_tell_trouble(export, "SecretConflict",
				    "%s and is left alone: delete it, or hand it over with the annotations " EXPORT_NAME "=%.*s and "
				    EXPORT_NAMESPACE "=%.*s", fail.text, SPAN_ARG(export->owner.name), SPAN_ARG(export->owner.ns));
		return;
	}
	export->out->has_failed = true;
	export_tell_trouble(export, "ExportFailed", "%s", fail.text);
}

/* --- a look --------------------------------------------------------------------------------------------------------------------- */

/* After a restart nobody remembers when Omni was asked last; the Secret does. */
static void recall_pace(struct export *export)
{
	struct export_pace *pace = &export->memory->pace;
	int64_t age_s = export->facts.now_s - export->state.rotated_s;
	if (pace->last_ms == 0 && export->state.exists && export->state.rotated_s > 0 && age_s >= 0 && age_s < PROBE_EVERY_MS / SECOND_MS)
		pace->last_ms = clock_monotonic_ms() - age_s * SECOND_MS;
}

static void set_again(struct export *export)
{
	struct export_times times;
	int64_t again_ms = export->wait_ms > 0 ? export->wait_ms : probe_period_ms(export);
	if (export->out->has_failed) /* by back-off */
		return;
	if (export->wait_ms == 0 && export->state.has_times) {
		export_times(&export->spec, &export->owner, export->state.rotated_s, export->state.expires_s, &times);
		int64_t left_ms = (times.next_s - export->facts.now_s) * SECOND_MS;
		again_ms = left_ms < again_ms ? left_ms : again_ms;
	}
	export->out->again_ms = again_ms > SECOND_MS ? again_ms : SECOND_MS;
}

/* Those for others are kept as they should be with what there is, while new ones are waited for. */
static void keep_outputs(struct export *export)
{
	struct fail fail;
	const struct export_state *state = &export->state;
	if (!export->is_barred && state->is_ours && state->is_whole && state->has_times && state->expires_s > export->facts.now_s)
		(void)export_outputs(export, &fail);
}

static void look_after(struct export *export)
{
	struct fail fail = {0};
	if (!may_begin(export))
		return;
	if (!read_secrets(export, &fail)) {
		tell_failed(export, &fail);
		return;
	}
	if (!is_free(export))
		return;
	recall_pace(export);
	export->why = decide(export);
	if (export->why == EXPORT_FRESH || renew(export))
		finish(export);
	else
		keep_outputs(export);
	set_again(export);
}

static struct export_memory *memory_of(const struct handler_call *call)
{
	if (*call->memory == NULL && (*call->memory = calloc(1, sizeof(struct export_memory))) == NULL)
		abort();
	return *call->memory;
}

/* Whoever must not act says nothing: the one that may does. */
static void forget_outcome(struct handler_outcome *out)
{
	json_decref(out->fields);
	*out = (struct handler_outcome){.again_ms = SECOND_MS};
}

static void look(const struct handler_call *call, struct handler_outcome *out)
{
	struct export export = {.call = call, .out = out, .memory = memory_of(call), .arena = call->arena};
	struct fail fail = {0};
	begin(&export);
	bool is_valid = export_spec_read(call->arena, call->object, &export.spec, &fail);
	if (call->object->is_deleted) {
		export_delete(&export);
	} else if (is_valid) {
		look_after(&export);
	} else {
		tell_accepted(&export);
		export_tell_trouble(&export, "ValidationFailed", "%s", fail.text);
	}
	if (export.is_barred)
		forget_outcome(out);
	else
		export_tell_fields(&export);
}

static void forget(void *memory)
{
	struct export_memory *export = memory;
	if (export != NULL)
		secret_done(&export->pending);
	free(export);
}

const struct handler HANDLER_EXPORT = {&KIND_KUBECONFIG_EXPORT, LOOK_MS, look, forget};
