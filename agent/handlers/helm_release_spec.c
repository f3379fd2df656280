/* What is declared of a release, checked as far as an API server does not. */
#include "agent/handlers/helm_release_int.h"
#include "base/duration.h"

static struct span text_at(const struct release_look *look, const char *path)
{
	return arena_copy(look->arena, span_trim(spec_text(look->call->object, path)));
}

static int64_t number_at(const struct release_look *look, const char *field, int64_t fallback)
{
	const json_t *value = json_object_get(look->call->object->spec, field);
	return json_is_integer(value) ? json_integer_value(value) : fallback;
}

static enum release_drift drift_of(struct span mode)
{
	if (span_is(mode, "Correct"))
		return DRIFT_CORRECT;
	return span_is(mode, "Report") ? DRIFT_REPORT : DRIFT_OFF;
}

static struct span or_else(struct release_look *look, struct span text, struct span fallback)
{
	return text.len > 0 ? text : arena_copy(look->arena, fallback);
}

static void read_fields(struct release_look *look, struct release_spec *spec)
{
	const struct handler_object *object = look->call->object;
	*spec = (struct release_spec){
		.release = or_else(look, text_at(look, "releaseName"), object->name),
		.ns = or_else(look, text_at(look, "namespace"), SPAN("default")),
		.repository = text_at(look, "chart.repository"),
		.chart = text_at(look, "chart.chart"),
		.version = text_at(look, "chart.version"),
		.timeout_ns = spec_duration_ns(object, "timeout", 300 * DURATION_SECOND),
		.max_history = number_at(look, "maxHistory", 0),
		.retries = number_at(look, "retries", -1),
		.create_namespace = spec_flag(object, "createNamespace"),
		.wait = spec_flag(object, "wait"),
		.wait_for_jobs = spec_flag(object, "waitForJobs"),
		.atomic = spec_flag(object, "atomic"),
		.disable_hooks = spec_flag(object, "disableHooks"),
		.skip_crds = spec_flag(object, "skipCRDs"),
		.force_conflicts = spec_flag(object, "forceConflicts"),
		.take_ownership = spec_flag(object, "takeOwnership"),
		.is_orphan = span_is(text_at(look, "deletionPolicy"), "Orphan"),
		.drift = drift_of(text_at(look, "driftDetection")),
	};
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Words of a DNS name: what Helm takes as the name of a release. */
static bool is_release_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		bool is_between = i > 0 && i + 1 < name.len && is_word(name.ptr[i - 1]);
		bool is_dash = name.ptr[i] == '-' && i > 0 && i + 1 < name.len && name.ptr[i - 1] != '.' && name.ptr[i + 1] != '.';
		bool is_dot = name.ptr[i] == '.' && is_between && is_word(name.ptr[i + 1]);
		if (!is_word(name.ptr[i]) && !is_dash && !is_dot)
			return false;
	}
	return name.len > 0 && name.len <= RELEASE_NAME_MAX;
}

static const char *fault_of(const struct release_look *look)
{
	const struct release_spec *spec = &look->spec;
	const struct {
		bool is_wrong;
		const char *text;
	} rows[] = {
		{span_trim(look->call->object->cluster.object).len == 0, "clusterRef.name is required"},
		{text_at(look, "kubeconfigSecretRef.name").len == 0, "kubeconfigSecretRef.name is required"},
		{spec->repository.len == 0, "chart.repository is required"},
		{spec->chart.len == 0, "chart.chart is required"},
		{spec->version.len == 0, "chart.version is required"},
		{spec->timeout_ns <= 0, "timeout must be greater than zero"},
		{spec->max_history < 0, "maxHistory must not be negative"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].is_wrong)
			return rows[i].text;
	return NULL;
}

bool release_read_spec(struct release_look *look)
{
	read_fields(look, &look->spec);
	const char *fault = fault_of(look);
	if (fault != NULL) {
		release_tell(look, false, "ValidationFailed", "%s", fault);
		return false;
	}
	if (is_release_name(look->spec.release))
		return true;
	release_tell(look, false, "ValidationFailed",
		     "releaseName \"%.*s\" is no name that Helm takes: at most %d lower-case letters, digits, '-' and '.', a letter or "
		     "digit at both ends",
		     SPAN_ARG(look->spec.release), RELEASE_NAME_MAX);
	return false;
}

static bool is_elsewhere(const struct release_look *look, const char *field, struct span declared)
{
	struct span observed = release_observed(look, field);
	return observed.len > 0 && !span_eq(observed, declared);
}

bool release_check_target(struct release_look *look)
{
	struct span status = release_observed(look, "releaseStatus"), name = release_observed(look, "releaseName"),
		    ns = release_observed(look, "namespace"), cluster = release_observed(look, "clusterRef");
	bool exists = release_observed_number(look, "releaseRevision") > 0 && !span_is(status, "uninstalled");
	if (!exists || (!is_elsewhere(look, "releaseName", look->spec.release) && !is_elsewhere(look, "namespace", look->spec.ns) &&
			!is_elsewhere(look, "clusterRef", look->call->object->cluster.object)))
		return true;
	release_tell(look, false, "TargetChanged",
		     "the release \"%.*s\" is in the namespace \"%.*s\" of OmniCluster \"%.*s\", and would be left behind there: put "
		     "releaseName, namespace and clusterRef back, or delete this object (which uninstalls it) and make another one",
		     SPAN_ARG(name), SPAN_ARG(ns), SPAN_ARG(cluster));
	return false;
}
