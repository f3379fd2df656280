/* New credentials, in this order: may they be written, then Omni is asked, then they are written. Nobody can take a token back, so
 * none is asked for that has nowhere to go, and one that could not be written is kept for the next try. */
#include "agent/handlers/kubeconfig_export_int.h"
#include "agent/kube/client_config.h"
#include "base/clock.h"

enum { SECOND_MS = 1000, PENDING_MAX_S = 900 };

bool export_may_act(struct export *export, struct fail *fail)
{
	const struct handler_env *env = export->call->env;
	if (!env->is_stopping && env->may_act(env->ctx, export->call->object))
		return true;
	export->is_barred = true;
	return fail_set(fail, FAIL_CANCELLED, "another replica acts");
}

/* --- what could not be written ------------------------------------------------------------------------------------------------ */

/* What credentials depend on beside the declaration. */
static uint64_t circumstances(const struct export *export)
{
	struct span text = arena_spanf(export->arena, "%zu %.*s %.*s", export->facts.endpoint.len, SPAN_ARG(export->facts.endpoint),
				       SPAN_ARG(export->facts.cluster_uid));
	return digest_local(text);
}

static bool take_pending(struct export *export, struct span *out_yaml)
{
	struct export_memory *memory = export->memory;
	int64_t age_s = export->facts.now_s - memory->pending_s;
	if (memory->pending.len == 0)
		return false;
	if (strcmp(memory->pending_hash, export->spec.hash) != 0 || memory->pending_for != circumstances(export) || age_s < 0 ||
	    age_s > PENDING_MAX_S) {
		secret_done(&memory->pending);
		return false;
	}
	*out_yaml = arena_copy(export->arena, secret_span(&memory->pending));
	return true;
}

static void keep_pending(struct export *export, struct span yaml)
{
	struct export_memory *memory = export->memory;
	secret_set(&memory->pending, yaml);
	memcpy(memory->pending_hash, export->spec.hash, sizeof memory->pending_hash);
	memory->pending_for = circumstances(export);
	memory->pending_s = export->facts.now_s;
}

/* --- asking --------------------------------------------------------------------------------------------------------------------- */

static bool ask(struct export *export, struct span *out_yaml, struct fail *fail)
{
	const struct handler_env *env = export->call->env;
	const struct export_spec *spec = &export->spec;
	const struct omni_kubeconfig_request request = {
		.form = OMNI_KUBECONFIG_TOKEN,
		.cluster = export->owner.cluster,
		.user = spec->user,
		.groups = spec->groups,
		.group_count = spec->group_count,
		.ttl_s = spec->ttl_ns / INT64_C(1000000000),
	};
	if (take_pending(export, out_yaml))
		return true;
	if (!export_may_act(export, fail))
		return false;
	export->is_unanswered = !env->kubeconfig(env->ctx, export->call->object, &request, export->arena, out_yaml, fail);
	if (export->is_unanswered)
		return fail_wrap(fail, "failed to export kubeconfig: get kubeconfig for Omni cluster \"%.*s\"", SPAN_ARG(export->owner.cluster));
	export_pace_count(&export->memory->pace, clock_monotonic_ms());
	keep_pending(export, *out_yaml);
	return true;
}

/* What Omni gave, as it is to be written. */
static bool make(struct export *export, struct export_content *out, struct fail *fail)
{
	struct kubeconfig config;
	struct span yaml;
	if (!ask(export, &yaml, fail))
		return false;
	if (!kubeconfig_read(export->arena, yaml, &config, fail))
		return fail_wrap(fail, "generated kubeconfig is invalid");
	if (export->spec.context_ns.len > 0 &&
	    !kubeconfig_in_namespace(export->arena, yaml, export->spec.context_ns, &yaml, fail))
		return fail_wrap(fail, "write kubeconfig with context namespace");
	out->kubeconfig = yaml;
	out->rotated_s = export->facts.now_s;
	out->expires_s = export->facts.now_s + export->spec.ttl_ns / INT64_C(1000000000);
	if (config.expires_s > 0 && config.expires_s < out->expires_s)
		out->expires_s = config.expires_s;
	return true;
}

/* --- writing -------------------------------------------------------------------------------------------------------------------- */

static bool wrap(struct export *export, struct fail *fail)
{
	struct export_place place = export->spec.target;
	if (fail->code == FAIL_DENIED)
		return fail_wrap(fail, "a Role in the namespace \"%.*s\" has to let the agent get, create, update and delete Secrets",
				 SPAN_ARG(place.ns));
	return fail_wrap(fail, "failed to write Secret \"%.*s/%.*s\"", SPAN_ARG(place.ns), SPAN_ARG(place.name));
}

/* It stays when the Secret does, but for the key that it was under before. */
static struct span former_key(const struct export *export)
{
	struct export_place held = export->held, target = export->spec.target;
	bool is_here = span_eq(held.ns, target.ns) && span_eq(held.name, target.name);
	return is_here && !span_eq(held.key, target.key) ? held.key : (struct span){0};
}

static void shape(struct export *export, const struct export_content *content, struct stored_secret *out)
{
	const struct stored_secret *before = export->state.exists ? &export->stored : NULL;
	export_shape(export->arena, &export->owner, &export->spec, content, before, former_key(export), out);
}

static bool try(struct export *export, struct fail *fail)
{
	const struct export_content stand_in = {SPAN("{}"), export->facts.now_s, export->facts.now_s};
	struct stored_secret secret;
	shape(export, &stand_in, &secret);
	if (export->state.is_immutable) /* it is replaced */
		return true;
	return secret_store_try(export->call->env->secrets, &secret, export->call->deadline_ms, fail) || wrap(export, fail);
}

static bool put(struct export *export, struct stored_secret *secret, struct fail *fail)
{
	struct secret_store *store = export->call->env->secrets;
	int64_t deadline_ms = export->call->deadline_ms;
	if (!export_may_act(export, fail))
		return false;
	if (export->state.is_immutable) {
		if (!secret_store_remove(store, secret->ns, secret->name, secret->uid, deadline_ms, fail))
			return wrap(export, fail);
		secret->uid = secret->resource_version = (struct span){0};
		secret->is_immutable = false;
	}
	if (!secret_store_write(store, secret, deadline_ms, export->arena, fail))
		return wrap(export, fail);
	export->stored.labels = export->stored.annotations = NULL; /* the arena has them */
	export->stored = *secret;
	export_state_read(export->arena, &export->owner, &export->stored, export->spec.target.key, &export->state);
	return true;
}

static bool put_content(struct export *export, const struct export_content *content, struct fail *fail)
{
	struct stored_secret secret;
	shape(export, content, &secret);
	return put(export, &secret, fail);
}

bool export_renew(struct export *export, struct fail *fail)
{
	struct export_content content;
	if (!export_may_act(export, fail) || !try(export, fail) || !make(export, &content, fail) || !put_content(export, &content, fail))
		return false;
	secret_done(&export->memory->pending);
	return true;
}

bool export_copy(struct export *export, struct fail *fail)
{
	const struct export_state *former = &export->former_state;
	const struct export_content content = {former->kubeconfig, former->expires_s, former->rotated_s};
	return put_content(export, &content, fail);
}

bool export_relabel(struct export *export, struct fail *fail)
{
	struct stored_secret secret;
	export_shape_labels(export->arena, &export->owner, &export->stored, &secret);
	return put(export, &secret, fail);
}
