/* What an OmniKubeconfigExport declares. The API server checks most of it; files and old definitions do not. */
#include "agent/handlers/kubeconfig_export_int.h"
#include "agent/handlers/marks.h"
#include "base/duration.h"

#define ADMIN_GROUP "system:masters"

const char *export_form_name(enum export_form form)
{
	return form == EXPORT_ARGOCD ? "argoCD" : "flux";
}

/* --- the sum ---------------------------------------------------------------------------------------------------------------- */

static void add_member(struct text *out, const char *key, struct span value)
{
	text_addf(out, ",\"%s\":", key);
	mark_add_json(out, value);
}

static void sum_up(const struct export_spec *spec, struct span cluster, char out_hash[DIGEST_HEX_SIZE])
{
	char ttl[DURATION_SIZE];
	struct text json;
	text_init(&json, TEXT_NO_LIMIT);
	text_adds(&json, "{\"version\":\"v1\"");
	add_member(&json, "clusterName", cluster);
	add_member(&json, "targetSecretKey", spec->target.key);
	if (spec->context_ns.len > 0)
		add_member(&json, "contextNamespace", spec->context_ns);
	add_member(&json, "serviceAccountUser", spec->user);
	text_adds(&json, ",\"serviceAccountGroups\":[");
	for (size_t i = 0; i < spec->group_count; i++) {
		text_adds(&json, i > 0 ? "," : "");
		mark_add_json(&json, spec->groups[i]);
	}
	text_addc(&json, ']');
	duration_format(spec->ttl_ns, ttl);
	add_member(&json, "ttl", span_of(ttl));
	text_addc(&json, '}');
	digest_hex(text_span(&json), out_hash);
	text_done(&json);
}

/* --- reading ---------------------------------------------------------------------------------------------------------------- */

static void read_groups(struct arena *arena, const struct handler_object *object, struct export_spec *out)
{
	const json_t *list = json_object_get(json_object_get(object->spec, "serviceAccount"), "groups"), *item;
	size_t i, cap = 0;
	struct span *groups = NULL;
	json_array_foreach(list, i, item)
		ARENA_PUSH(arena, groups, out->group_count, cap) = (struct span){json_string_value(item), json_string_length(item)};
	out->groups = groups;
}

static struct span text_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return (struct span){json_string_value(value), json_string_length(value)};
}

static struct span text_or(const json_t *object, const char *key, struct span fallback)
{
	struct span text = text_of(object, key);
	return text.len > 0 ? text : fallback;
}

static void read_outputs(const struct handler_object *object, struct export_spec *out)
{
	const json_t *outputs = json_object_get(object->spec, "outputs");
	for (enum export_form form = 0; form < EXPORT_FORMS; form++) {
		const json_t *one = json_object_get(outputs, export_form_name(form));
		if (!json_is_object(one))
			continue;
		out->outputs[out->output_count++] = (struct export_output){
			.form = form,
			.place = {text_or(one, "namespace", object->ns), text_of(one, "secretName"), text_or(one, "key", SPAN("value"))},
			.cluster_name = text_or(one, "clusterName", object->cluster.name),
			.server = text_of(one, "server"),
			.project = text_of(one, "project"),
			.labels = json_object_get(one, "labels"),
		};
	}
}

static void read_fields(struct arena *arena, const struct handler_object *object, struct export_spec *out)
{
	const json_t *target = json_object_get(object->spec, "targetSecretRef");
	*out = (struct export_spec){
		.target = {text_or(target, "namespace", object->ns), text_of(target, "name"), text_or(target, "key", SPAN("kubeconfig"))},
		.user = spec_text(object, "serviceAccount.user"),
		.context_ns = spec_text(object, "contextNamespace"),
		.ttl_ns = spec_duration_ns(object, "ttl", 0),
		.renew_ns = spec_duration_ns(object, "renewBefore", 0),
		.keeps = !span_is(spec_text(object, "deletionPolicy"), "Delete"),
	};
	read_groups(arena, object, out);
	read_outputs(object, out);
	sum_up(out, object->cluster.name, out->hash);
}

/* --- faults ------------------------------------------------------------------------------------------------------------------- */

static bool is_blank(struct span text)
{
	return span_trim(text).len == 0;
}

static bool check_groups(const struct handler_object *object, const struct export_spec *spec, struct fail *fail)
{
	bool is_admin = false;
	if (spec->group_count == 0)
		return fail_set(fail, FAIL_INVALID, "serviceAccount.groups requires at least one group");
	for (size_t i = 0; i < spec->group_count; i++) {
		if (is_blank(spec->groups[i]))
			return fail_set(fail, FAIL_INVALID, "serviceAccount.groups must not contain blank values");
		is_admin |= span_is(span_trim(spec->groups[i]), ADMIN_GROUP);
	}
	return !is_admin || spec_flag(object, "serviceAccount.allowClusterAdmin") ||
	       fail_set(fail, FAIL_INVALID, ADMIN_GROUP " requires serviceAccount.allowClusterAdmin: true");
}

static bool check_times(const struct handler_object *object, const struct export_spec *spec, struct fail *fail)
{
	const int64_t longest_ns = KUBECONFIG_TTL_MAX_S * DURATION_SECOND;
	if (spec->ttl_ns <= 0)
		return fail_set(fail, FAIL_INVALID, "ttl must be greater than zero");
	if (spec->ttl_ns < DURATION_SECOND || spec->ttl_ns > longest_ns)
		return fail_set(fail, FAIL_INVALID, "ttl must be at least 1s and at most 87600h, which is the longest that Omni gives");
	if (spec_text(object, "renewBefore").len == 0)
		return true;
	if (spec->renew_ns <= 0)
		return fail_set(fail, FAIL_INVALID, "renewBefore must be greater than zero");
	return spec->renew_ns < spec->ttl_ns || fail_set(fail, FAIL_INVALID, "renewBefore must be less than ttl");
}

static bool is_same(struct export_place a, struct export_place b)
{
	return span_eq(a.ns, b.ns) && span_eq(a.name, b.name);
}

static bool check_outputs(const struct export_spec *spec, struct fail *fail)
{
	for (size_t i = 0; i < spec->output_count; i++) {
		const struct export_output *output = &spec->outputs[i];
		const char *name = export_form_name(output->form);
		if (is_blank(output->place.name))
			return fail_set(fail, FAIL_INVALID, "outputs.%s.secretName is required", name);
		if (is_same(output->place, spec->target))
			return fail_set(fail, FAIL_INVALID, "outputs.%s needs a Secret of its own, not that of targetSecretRef", name);
		if (i > 0 && is_same(output->place, spec->outputs[0].place))
			return fail_set(fail, FAIL_INVALID, "outputs.%s and outputs.%s need a Secret each", name,
					export_form_name(spec->outputs[0].form));
		if (output->server.len > 0 && !span_starts(output->server, "https://"))
			return fail_set(fail, FAIL_INVALID, "outputs.%s.server must begin with https://", name);
	}
	return true;
}

bool export_spec_read(struct arena *arena, const struct handler_object *object, struct export_spec *out, struct fail *fail)
{
	read_fields(arena, object, out);
	const struct {
		bool is_wrong;
		const char *fault;
	} rows[] = {
		{object->cluster.object.len == 0, "clusterRef.name is required"},
		{is_blank(out->target.name), "targetSecretRef.name is required"},
		{out->target.ns.len > 0 && is_blank(out->target.ns), "targetSecretRef.namespace is required when set"},
		{is_blank(out->target.key), "targetSecretRef.key is required"},
		{is_blank(out->user), "serviceAccount.user is required"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].is_wrong)
			return fail_set(fail, FAIL_INVALID, "%s", rows[i].fault);
	if (!check_groups(object, out, fail) || !check_times(object, out, fail) || !check_outputs(out, fail))
		return false;
	struct span policy = spec_text(object, "deletionPolicy");
	return span_is(policy, "Delete") || span_is(policy, "Orphan") ||
	       fail_set(fail, FAIL_INVALID, "deletionPolicy must be Delete or Orphan");
}
