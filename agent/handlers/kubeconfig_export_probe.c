/* Checked by use. One request that everybody may make whom the cluster knows, and nobody else: a token that lies, has ended or is of
 * another cluster is turned away there, by Omni's proxy or by the API server. (/version is open to all.) */
#include "agent/handlers/kubeconfig_export_int.h"
#include "base/clock.h"

enum { PROBE_MS = 10000, ANSWER_MAX = 1 << 20 };

/* The API server names whom it turns away; who is named is known to it. */
static bool names_user(const char *text, struct span user)
{
	char wanted[512];
	return user.len < sizeof wanted - 16 && snprintf(wanted, sizeof wanted, "User \"%.*s\"", SPAN_ARG(user)) > 0 &&
	       span_contains(span_of(text), wanted);
}

enum export_seen export_probe(const struct handler_call *call, struct span kubeconfig, struct span user, struct fail *fail)
{
	struct workload *workload;
	int64_t deadline_ms = clock_monotonic_ms() + PROBE_MS;
	if (!workload_get(call->env->workloads, kubeconfig, &workload, fail))
		return fail->code == FAIL_INVALID ? SEEN_UNUSABLE : SEEN_SILENT;
	const struct kube_request request = {
		.method = "GET",
		.path = "/api",
		.deadline_ms = deadline_ms < call->deadline_ms ? deadline_ms : call->deadline_ms,
		.max_bytes = ANSWER_MAX,
	};
	bool is_good = kube_call(workload_client(workload), &request, NULL, fail);
	workload_put(workload);
	if (is_good || (fail->code == FAIL_DENIED && names_user(fail->text, user)))
		return SEEN_ACCEPTED;
	return fail->code == FAIL_DENIED || fail->code == FAIL_UNAUTHENTICATED ? SEEN_REFUSED : SEEN_SILENT;
}
