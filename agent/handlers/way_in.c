/* The kubeconfig that an object names. It is read at every look, so that a rotated one counts at once, and kept nowhere. */
#include "agent/handlers/handler.h"

static void refuse(struct handler_outcome *outcome, const char *own, const char *reason, const char *message)
{
	outcome_condition(outcome, own, false, reason, "%s", message);
	outcome_condition(outcome, "Ready", false, reason, "%s", message);
}

static void refuse_read(struct handler_outcome *outcome, const char *own, const char *shown, const struct fail *why, struct arena *arena)
{
	if (why->code == FAIL_NOT_FOUND) {
		refuse(outcome, own, "MissingSecret", arena_spanf(arena, "kubeconfig Secret %s does not exist", shown).ptr);
		return;
	}
	refuse(outcome, own, why->code == FAIL_INVALID ? "ValidationFailed" : "SecretUnreadable",
	       arena_spanf(arena, "get kubeconfig Secret %s: %s", shown, why->text).ptr);
	outcome->has_failed = why->code != FAIL_INVALID;
}

bool handler_way_in(const struct handler_call *call, const char *own, struct workload **out, struct handler_outcome *outcome)
{
	const struct handler_object *object = call->object;
	struct span name = spec_text(object, "kubeconfigSecretRef.name"), key = spec_text(object, "kubeconfigSecretRef.key");
	struct stored_secret secret = {0};
	struct fail why = {0};
	key = key.len > 0 ? key : SPAN("kubeconfig");
	outcome_watch(outcome, object->ns, name);
	const char *shown = arena_spanf(call->arena, "\"%.*s/%.*s\"", SPAN_ARG(object->ns), SPAN_ARG(name)).ptr;
	if (!secret_store_read(call->env->secrets, object->ns, name, call->deadline_ms, call->arena, &secret, &why)) {
		refuse_read(outcome, own, shown, &why, call->arena);
		return false;
	}
	stored_secret_drop(&secret);
	struct span kubeconfig = stored_secret_value(&secret, key);
	if (kubeconfig.len == 0) {
		refuse(outcome, own, "MissingSecret",
		       arena_spanf(call->arena, "kubeconfig Secret %s does not contain key \"%.*s\"", shown, SPAN_ARG(key)).ptr);
		return false;
	}
	if (workload_get(call->env->workloads, kubeconfig, out, &why))
		return true;
	refuse(outcome, own, "ValidationFailed",
	       arena_spanf(call->arena, "kubeconfig Secret %s key \"%.*s\" is invalid: %s", shown, SPAN_ARG(key), why.text).ptr);
	return false;
}
