/* The same credentials in Secrets for others. Where they were written stands in the status, so that they are found again when the
 * declaration no longer names them. */
#include "agent/handlers/kubeconfig_export_int.h"

static bool wrap(const char *what, struct export_place place, struct fail *fail)
{
	if (fail->code == FAIL_DENIED)
		fail_wrap(fail, "a Role in the namespace \"%.*s\" has to let the agent get, create, update and delete Secrets", SPAN_ARG(place.ns));
	return fail_wrap(fail, "failed to %s Secret \"%.*s/%.*s\"", what, SPAN_ARG(place.ns), SPAN_ARG(place.name));
}

static void drop_json(void *json)
{
	json_decref(json);
}

/* False with NOT_FOUND: there is none. */
bool export_read(struct export *export, struct export_place place, struct stored_secret *out, struct fail *fail)
{
	const struct handler_call *call = export->call;
	outcome_watch(export->out, place.ns, place.name);
	if (!secret_store_read(call->env->secrets, place.ns, place.name, call->deadline_ms, export->arena, out, fail))
		return fail->code == FAIL_NOT_FOUND ? false : wrap("read", place, fail);
	arena_defer(export->arena, drop_json, out->labels);
	arena_defer(export->arena, drop_json, out->annotations);
	return true;
}

bool export_remove(struct export *export, struct export_place place, bool is_known, struct fail *fail)
{
	const struct handler_call *call = export->call;
	struct stored_secret secret = {0};
	if (!export_read(export, place, &secret, fail))
		return fail->code == FAIL_NOT_FOUND || (!is_known && fail->code == FAIL_DENIED);
	if (!export_is_ours(&export->owner, &secret) || secret.is_deleted)
		return true;
	return export_may_act(export, fail) &&
	       (secret_store_remove(call->env->secrets, place.ns, place.name, secret.uid, call->deadline_ms, fail) ||
		wrap("remove", place, fail));
}

/* --- writing ---------------------------------------------------------------------------------------------------------------- */

static bool write_output(struct export *export, const struct export_output *output, struct fail *fail)
{
	const struct handler_call *call = export->call;
	const struct export_content content = {export->state.kubeconfig, export->state.expires_s, export->state.rotated_s};
	struct stored_secret before = {0}, wanted;
	bool exists = export_read(export, output->place, &before, fail);
	if (!exists && fail->code != FAIL_NOT_FOUND)
		return false;
	if (exists && !export_is_ours(&export->owner, &before))
		return fail_set(fail, FAIL_EXISTS, "the Secret \"%.*s/%.*s\" of outputs.%s is somebody else's", SPAN_ARG(output->place.ns),
				SPAN_ARG(output->place.name), export_form_name(output->form));
	if (!export_shape_output(export->arena, &export->owner, output, &content, exists ? &before : NULL, &wanted, fail))
		return false;
	if (exists && export_shape_holds(&before, &wanted))
		return true;
	return export_may_act(export, fail) &&
	       (secret_store_write(call->env->secrets, &wanted, call->deadline_ms, export->arena, fail) || wrap("write", output->place, fail));
}

static void note(struct export *export, enum export_form form, struct export_place place)
{
	json_array_append_new(export->outputs, json_pack("{s:s, s:s%, s:s%}", "type", export_form_name(form), "name", place.name.ptr,
							 place.name.len, "namespace", place.ns.ptr, place.ns.len));
}

/* --- where they were -------------------------------------------------------------------------------------------------------- */

static struct export_place place_of(const struct export *export, const json_t *noted)
{
	const json_t *name = json_object_get(noted, "name"), *ns = json_object_get(noted, "namespace");
	struct export_place place = {.ns = export->owner.ns, .name = {json_string_value(name), json_string_length(name)}};
	if (json_string_length(ns) > 0)
		place.ns = (struct span){json_string_value(ns), json_string_length(ns)};
	return place;
}

static bool is_place(struct export_place a, struct export_place b)
{
	return span_eq(a.ns, b.ns) && span_eq(a.name, b.name);
}

static bool is_declared(const struct export *export, struct export_place place)
{
	for (size_t i = 0; i < export->spec.output_count; i++)
		if (is_place(export->spec.outputs[i].place, place))
			return true;
	return is_place(export->spec.target, place);
}

static const json_t *noted_outputs(const struct export *export)
{
	return json_object_get(export->call->object->status, "outputs");
}

/* Those that are not declared any more; what could not be removed stays noted. */
static bool remove_former(struct export *export, struct fail *fail)
{
	const json_t *noted;
	size_t i;
	bool ok = true;
	json_array_foreach(noted_outputs(export), i, noted) {
		struct export_place place = place_of(export, noted);
		if (place.name.len == 0 || is_declared(export, place) || export->spec.keeps || export_remove(export, place, true, fail))
			continue;
		json_array_append(export->outputs, (json_t *)(uintptr_t)noted);
		ok = false;
	}
	return ok;
}

static bool is_noted(const struct export *export, struct export_place place)
{
	const json_t *noted;
	size_t i;
	json_array_foreach(noted_outputs(export), i, noted)
		if (is_place(place_of(export, noted), place))
			return true;
	return false;
}

bool export_outputs(struct export *export, struct fail *fail)
{
	struct fail other = {0};
	bool ok = true;
	export->outputs = json_array();
	arena_defer(export->arena, drop_json, export->outputs);
	for (size_t i = 0; i < export->spec.output_count; i++) {
		const struct export_output *output = &export->spec.outputs[i];
		bool is_written = write_output(export, output, &other);
		if (is_written || is_noted(export, output->place))
			note(export, output->form, output->place);
		if (!is_written && ok)
			*fail = other;
		ok = ok && is_written;
	}
	if (remove_former(export, &other) || !ok)
		return ok;
	*fail = other;
	return false;
}

bool export_outputs_remove(struct export *export, struct fail *fail)
{
	const json_t *noted;
	size_t i;
	json_array_foreach(noted_outputs(export), i, noted) {
		struct export_place place = place_of(export, noted);
		if (place.name.len > 0 && !export_remove(export, place, true, fail))
			return false;
	}
	for (i = 0; i < export->spec.output_count; i++)
		if (export->spec.outputs[i].place.name.len > 0 && !export_remove(export, export->spec.outputs[i].place, false, fail))
			return false;
	return true;
}
