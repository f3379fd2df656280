/* What is told of a release, in the words that the Go operator uses where it has them. */
#include <stdarg.h>
#include <stdio.h>

#include "agent/handlers/helm_release_int.h"
#include "agent/handlers/marks.h"
#include "base/timestamp.h"

struct span release_observed(const struct release_look *look, const char *field)
{
	return mark_text(look->call->object->status, field);
}

int64_t release_observed_number(const struct release_look *look, const char *field)
{
	return json_integer_value(json_object_get(look->call->object->status, field));
}

void release_put(struct release_look *look, const char *field, struct span value)
{
	if (value.len == 0)
		json_object_del(look->fields, field);
	else
		json_object_set_new(look->fields, field, json_stringn(value.ptr, value.len));
}

void release_put_number(struct release_look *look, const char *field, int64_t value)
{
	if (value == 0)
		json_object_del(look->fields, field);
	else
		json_object_set_new(look->fields, field, json_integer(value));
}

void release_put_time(struct release_look *look, const char *field)
{
	const struct handler_env *env = look->call->env;
	char text[TIMESTAMP_SIZE];
	timestamp_format(env->now_s(env->ctx) * 1000, TIMESTAMP_SECONDS, text);
	release_put(look, field, span_of(text));
}

void release_put_records(struct release_look *look)
{
	const struct record_head *latest = records_latest(&look->records);
	if (latest == NULL)
		return;
	release_put_number(look, "releaseRevision", latest->revision);
	release_put(look, "releaseStatus", span_of(release_status_name(latest->status)));
	release_put(look, "releaseName", look->spec.release);
	release_put(look, "namespace", look->spec.ns);
}

/* Where the release is stays as observed until it is somewhere else. */
void release_begin_fields(struct release_look *look)
{
	const struct handler_object *object = look->call->object;
	struct span key = spec_text(object, "kubeconfigSecretRef.key");
	look->fields = json_is_object(object->status) ? json_deep_copy(object->status) : json_object();
	json_object_del(look->fields, "conditions");
	json_object_del(look->fields, "observedGeneration");
	look->out->fields = look->fields;
	bool exists = release_observed_number(look, "releaseRevision") > 0;
	if (!exists || release_observed(look, "clusterRef").len == 0)
		release_put(look, "clusterRef", object->cluster.object);
	if (!exists || release_observed(look, "releaseName").len == 0) {
		release_put(look, "releaseName", look->spec.release);
		release_put(look, "namespace", look->spec.ns);
	}
	release_put(look, "kubeconfigSecretRef", spec_text(object, "kubeconfigSecretRef.name"));
	release_put(look, "kubeconfigSecretKey", key.len > 0 ? key : SPAN("kubeconfig"));
	release_put(look, "chart", look->spec.chart);
	release_put(look, "chartVersion", look->spec.version);
}

void release_tell(struct release_look *look, bool is_good, const char *reason, const char *format, ...)
{
	char message[HANDLER_MESSAGE];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof message, format, args);
	va_end(args);
	outcome_condition(look->out, "Released", is_good, reason, "%s", message);
	outcome_condition(look->out, "Ready", is_good, reason, "%s", message);
}

void release_tell_fault(struct release_look *look, const char *prefix, const struct fail *fail)
{
	struct span text = arena_spanf(look->arena, "%s%s", prefix, fail->text);
	look->out->has_failed = true;
	release_put(look, "lastError", text);
	release_tell(look, false, "ReconcileFailed", "%.*s", SPAN_ARG(text));
}

void release_tell_good(struct release_look *look)
{
	const struct record_head *latest = records_latest(&look->records);
	bool is_first = latest->revision == 1;
	const struct release_memory *memory = look->memory;
	const char *note = memory->drift != NULL ? memory->drift : memory->drift_trouble != NULL ? memory->drift_trouble : look->note.ptr;
	release_put_records(look);
	release_put(look, "resolvedVersion", look->resolved);
	release_put(look, "chartDigest", look->digest);
	release_put(look, "lastError", SPAN(""));
	release_put_number(look, "failures", 0);
	release_put(look, "drift", span_of(look->memory->drift));
	release_tell(look, true, is_first ? "HelmInstalled" : "HelmUpgraded", is_first ? "installed Helm release \"%.*s\" revision %lld%s%s" :
		     "upgraded Helm release \"%.*s\" to revision %lld%s%s",
		     SPAN_ARG(look->spec.release), (long long)latest->revision, note != NULL && *note != '\0' ? "; " : "",
		     note != NULL ? note : "");
}

void release_tell_failed(struct release_look *look, const char *reason, const char *prefix)
{
	struct span action = mark_text(look->fields, "lastAction"), why = mark_text(look->fields, "lastError");
	const char *verb = span_is(action, "Install") ? "install" : span_is(action, "Uninstall") ? "uninstall" : "upgrade";
	if (action.len == 0)
		release_tell(look, false, reason, "%s%.*s", prefix, SPAN_ARG(why));
	else
		release_tell(look, false, reason, "%sHelm %s failed for release \"%.*s\": %.*s", prefix, verb, SPAN_ARG(look->spec.release),
			     SPAN_ARG(why));
}
