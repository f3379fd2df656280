/* What is asked for: values out of the declaration and of Secrets and ConfigMaps, the chart that is meant, and one digest of all of
 * it. Worked out again only when something that it comes from has changed, or a version may have been published. */
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/helm_release_int.h"
#include "agent/handlers/marks.h"
#include "agent/helm/version.h"
#include "base/clock.h"
#include "base/digest.h"

enum { CONFIG_MAP_MS = 60 * 1000 };

/* --- have they changed? ----------------------------------------------------------------------------------------------------- */

static bool add_seen(struct release_look *look, struct text *out, struct span name)
{
	struct span version;
	outcome_watch(look->out, look->call->object->ns, name);
	if (!secret_store_seen(look->call->env->secrets, look->call->object->ns, name, look->arena, &version))
		return false;
	text_addf(out, "%zu:%.*s=%.*s;", name.len, SPAN_ARG(name), SPAN_ARG(version));
	return true;
}

/* A digest of what the inputs come from; 0: it cannot be told. */
static uint64_t digest_inputs(struct release_look *look)
{
	const json_t *spec = look->call->object->spec, *source;
	struct text text;
	size_t index;
	bool is_known = true;
	struct span access = spec_text(look->call->object, "chart.secretRef.name");
	text_init(&text, TEXT_NO_LIMIT);
	text_addf(&text, "%lld;", (long long)look->call->object->generation);
	char *dump = json_dumps(spec, JSON_SORT_KEYS | JSON_COMPACT); /* of files, which have no generation */
	text_adds(&text, dump == NULL ? "" : dump);
	free(dump);
	if (access.len > 0)
		is_known = add_seen(look, &text, access);
	json_array_foreach(json_object_get(spec, "valuesFrom"), index, source) {
		bool is_secret = span_is(mark_text(source, "kind"), "Secret");
		is_known = is_secret && add_seen(look, &text, mark_text(source, "name")) && is_known;
	}
	uint64_t digest = is_known ? digest_local(text_span(&text)) : 0;
	text_done(&text);
	return digest;
}

/* --- values ----------------------------------------------------------------------------------------------------------------- */

static void redact_leaves(struct release_look *look, const json_t *value)
{
	const char *key;
	json_t *item;
	size_t index;
	if (json_is_string(value) && json_string_length(value) > 7 && look->redacted_count < RELEASE_REDACTED_MAX)
		look->redacted[look->redacted_count++] =
			arena_copy(look->arena, (struct span){json_string_value(value), json_string_length(value)});
	json_object_foreach((json_t *)value, key, item)
		redact_leaves(look, item);
	json_array_foreach(value, index, item)
		redact_leaves(look, item);
}

static bool read_secret(struct release_look *look, struct span name, struct stored_secret *out, struct fail *fail)
{
	const struct handler_call *call = look->call;
	int64_t deadline_ms = clock_monotonic_ms() + RELEASE_CALL_MS;
	if (!secret_store_read(call->env->secrets, call->object->ns, name, deadline_ms, look->arena, out, fail))
		return false;
	stored_secret_drop(out);
	return true;
}

static bool read_secret_text(struct release_look *look, struct span name, struct span key, struct span *out, struct fail *fail)
{
	struct stored_secret secret = {0};
	if (!read_secret(look, name, &secret, fail))
		return false;
	*out = stored_secret_value(&secret, key);
	return true;
}

static bool read_map_text(struct release_look *look, struct span name, struct span key, struct span *out, struct fail *fail)
{
	const struct handler_env *env = look->call->env;
	json_t *data = NULL;
	if (env->config_map == NULL)
		return fail_set(fail, FAIL_UNSUPPORTED, "ConfigMaps are read from an API server only: use a Secret here");
	if (!env->config_map(env->ctx, look->call->object->ns, name, &data, fail))
		return false;
	mark_keep(look->arena, data);
	struct span text = mark_text(data, arena_string(look->arena, key));
	*out = text.len > 0 ? text : (struct span){0};
	return true;
}

/* Into the values; what is missing and may be missing counts as empty. */
static bool add_source(struct release_look *look, const json_t *source, struct fail *fail)
{
	struct span name = mark_text(source, "name"), key = mark_text(source, "key"), text = {0};
	bool is_secret = span_is(mark_text(source, "kind"), "Secret");
	bool is_optional = json_is_true(json_object_get(source, "optional"));
	key = key.len > 0 ? key : SPAN("values.yaml");
	json_t *values = NULL;
	struct fail why = {0};
	bool is_read = is_secret ? read_secret_text(look, name, key, &text, &why) : read_map_text(look, name, key, &text, &why);
	if (is_read && text.ptr == NULL)
		is_read = fail_set(&why, FAIL_NOT_FOUND, "it has no key \"%.*s\"", SPAN_ARG(key));
	if (!is_read && is_optional && why.code == FAIL_NOT_FOUND)
		return true;
	if (is_read && !values_parse(text, look->arena, &values, &why)) {
		is_read = false;
		/* The fault may quote what stands there. */
		if (is_secret && why.code == FAIL_INVALID)
			fail_set(&why, FAIL_INVALID, "the key \"%.*s\" does not hold an object of values in YAML or JSON", SPAN_ARG(key));
	}
	if (!is_read) {
		*fail = why;
		return fail_wrap(fail, "valuesFrom: the %s \"%.*s\"", is_secret ? "Secret" : "ConfigMap", SPAN_ARG(name));
	}
	if (is_secret)
		redact_leaves(look, values);
	values_merge(look->values, values);
	json_decref(values);
	return true;
}

static bool read_values(struct release_look *look, struct fail *fail)
{
	const json_t *spec = look->call->object->spec, *chart = json_object_get(spec, "chart"), *source;
	const json_t *own = json_object_get(chart, "values");
	size_t index;
	look->values = mark_keep(look->arena, json_object());
	json_array_foreach(json_object_get(spec, "valuesFrom"), index, source)
		if (!add_source(look, source, fail))
			return false;
	if (own == NULL || json_is_null(own))
		return true;
	if (!values_check(own, fail))
		return false;
	values_merge(look->values, own);
	return values_check(look->values, fail);
}

/* --- the chart -------------------------------------------------------------------------------------------------------------- */

static bool read_access(struct release_look *look, struct chart_access *out, struct fail *fail)
{
	struct span name = spec_text(look->call->object, "chart.secretRef.name");
	struct stored_secret secret = {0};
	*out = (struct chart_access){.plain_http = spec_flag(look->call->object, "chart.plainHTTP")};
	if (name.len == 0)
		return true;
	if (!read_secret(look, name, &secret, fail))
		return fail_wrap(fail, "chart.secretRef: the Secret \"%.*s\"", SPAN_ARG(name));
	out->user = stored_secret_value(&secret, SPAN("username"));
	out->password = stored_secret_value(&secret, SPAN("password"));
	out->ca = stored_secret_value(&secret, SPAN("ca.crt"));
	if (out->password.len > 7 && look->redacted_count < RELEASE_REDACTED_MAX)
		look->redacted[look->redacted_count++] = out->password;
	return true;
}

static bool find_chart(struct release_look *look)
{
	const struct handler_env *env = look->call->env;
	look->request = (struct chart_request){
		.repository = look->spec.repository,
		.chart = look->spec.chart,
		.version = look->spec.version,
		.again = look->is_asked_for,
		.deadline_ms = clock_monotonic_ms() + 120 * 1000,
		.cancel_fd = env->stop_fd > 0 ? env->stop_fd : -1,
	};
	if (env->charts == NULL)
		return fail_set(&look->chart_fault, FAIL_UNSUPPORTED, "this agent has no directory for charts: start it with --cache-dir");
	if (!read_access(look, &look->request.access, &look->chart_fault))
		return false;
	return charts_find(env->charts, &look->request, look->arena, &look->chart, &look->chart_fault);
}

/* --- both ------------------------------------------------------------------------------------------------------------------- */

static void remember(struct release_look *look, uint64_t inputs)
{
	struct release_memory *memory = look->memory;
	bool is_exact = version_is_exact(look->spec.version);
	values_hash(look->chart.name, look->chart.version, span_of(look->chart.digest), look->values, memory->hash);
	snprintf(memory->version, sizeof memory->version, "%.*s", SPAN_ARG(look->chart.version));
	memcpy(memory->digest, look->chart.digest, sizeof memory->digest);
	free(memory->note);
	memory->note = look->chart.note.len == 0 ? NULL : strndup(look->chart.note.ptr, look->chart.note.len);
	memory->inputs = inputs;
	memory->asked_until_ms = clock_monotonic_ms() + (is_exact ? CHART_EXACT_MS : CHART_RANGE_MS);
}

static void tell_of_inputs(struct release_look *look)
{
	look->hash = span_of(look->memory->hash);
	look->resolved = span_of(look->memory->version);
	look->digest = span_of(look->memory->digest);
	look->note = span_of(look->memory->note);
}

static void note_inexact(struct release_look *look)
{
	struct span path = values_inexact(look->values, look->arena);
	if (path.len > 0)
		look->chart.note = arena_spanf(look->arena, "%.*s%svalues: the number at %.*s has more digits than Helm keeps: write it as a text",
					       SPAN_ARG(look->chart.note), look->chart.note.len > 0 ? "; " : "", SPAN_ARG(path));
}

static void look_again(struct release_look *look)
{
	int64_t left_ms = look->memory->inputs == 0 ? CONFIG_MAP_MS : look->memory->asked_until_ms - clock_monotonic_ms();
	look->out->again_ms = left_ms < 1000 ? 1000 : left_ms;
}

bool release_read_inputs(struct release_look *look)
{
	struct release_memory *memory = look->memory;
	struct fail fail = {0};
	uint64_t inputs = digest_inputs(look);
	bool is_known = inputs != 0 && inputs == memory->inputs && clock_monotonic_ms() < memory->asked_until_ms && !look->is_asked_for;
	if (is_known) {
		look_again(look);
		tell_of_inputs(look);
		return true;
	}
	memory->inputs = 0;
	if (!read_values(look, &fail)) {
		bool is_missing = fail.code == FAIL_NOT_FOUND;
		look->out->has_failed = fail_is_retryable(fail.code) || is_missing;
		release_put(look, "lastError", span_of(fail.text));
		release_tell(look, false, is_missing ? "MissingSource" : "ValidationFailed", "%s", fail.text);
		return false;
	}
	look->has_chart = find_chart(look);
	if (!look->has_chart)
		return true;
	note_inexact(look);
	remember(look, inputs);
	look_again(look);
	tell_of_inputs(look);
	return true;
}

bool release_need_inputs(struct release_look *look)
{
	if (look->values != NULL)
		return true;
	look->memory->inputs = 0;
	return release_read_inputs(look);
}
