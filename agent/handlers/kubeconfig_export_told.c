/* What is told of an export: conditions, fields of the status, Events. `Exported` says whether there are credentials that still
 * work, `Ready` whether they are the ones that are declared. */
#include <stdarg.h>
#include <stdio.h>

#include "agent/handlers/kubeconfig_export_int.h"

enum { SECOND_MS = 1000 };

struct span export_shown(struct arena *arena, struct export_place place)
{
	return arena_spanf(arena, "Secret \"%.*s%s%.*s\" key \"%.*s\"", SPAN_ARG(place.ns), place.ns.len > 0 ? "/" : "",
			   SPAN_ARG(place.name), SPAN_ARG(place.key));
}

static const char *time_text(int64_t time_s, char buffer[TIMESTAMP_SIZE])
{
	timestamp_format(time_s * SECOND_MS, TIMESTAMP_SECONDS, buffer);
	return buffer;
}

/* The one that holds something of ours: the place that is declared, or the former one. */
static const struct export_state *holding(const struct export *export, struct export_place *out_place)
{
	const struct export_state *state = &export->state, *former = &export->former_state;
	bool is_here = state->exists && state->is_ours && state->kubeconfig.len > 0;
	bool is_there = export->held.name.len > 0 && former->exists && former->is_ours && former->kubeconfig.len > 0;
	if (is_there && (export->is_moving || !is_here)) {
		*out_place = export->held;
		return former;
	}
	*out_place = export->spec.target;
	return is_here ? state : NULL;
}

/* --- fields ----------------------------------------------------------------------------------------------------------------- */

static void set_text(json_t *fields, const char *key, struct span value)
{
	if (value.len > 0)
		json_object_set_new(fields, key, json_stringn(value.ptr, value.len));
	else
		json_object_del(fields, key);
}

static void set_time(json_t *fields, const char *key, int64_t time_s)
{
	char text[TIMESTAMP_SIZE];
	if (time_s > 0)
		set_text(fields, key, span_of(time_text(time_s, text)));
	else
		json_object_del(fields, key);
}

static void set_place(json_t *fields, struct export_place place)
{
	set_text(fields, "targetSecretRef", place.name);
	set_text(fields, "targetSecretNamespace", place.ns);
	set_text(fields, "targetSecretKey", place.key);
}

static void set_held(struct export *export, json_t *fields)
{
	struct export_place place;
	struct export_times times;
	const struct export_state *state = holding(export, &place);
	if (state == NULL) {
		static const char *const gone[] = {"kubeconfigHash", "expirationTime", "nextRotationTime", "lastRotationTime"};
		for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
			json_object_del(fields, gone[i]);
		return;
	}
	set_place(fields, place);
	set_text(fields, "kubeconfigHash", span_of(state->hash));
	if (!state->has_times)
		return;
	export_times(&export->spec, &export->owner, state->rotated_s, state->expires_s, &times);
	set_time(fields, "expirationTime", state->expires_s);
	set_time(fields, "nextRotationTime", times.next_s);
	set_time(fields, "lastRotationTime", state->rotated_s);
}

/* What the credentials were made with: known when they are as declared. */
static void set_made(struct export *export, json_t *fields)
{
	const struct handler_cluster *cluster = &export->call->object->cluster;
	json_t *groups = json_array();
	for (size_t i = 0; i < export->spec.group_count; i++)
		json_array_append_new(groups, json_stringn(export->spec.groups[i].ptr, export->spec.groups[i].len));
	json_object_set_new(fields, "serviceAccountGroups", groups);
	set_text(fields, "serviceAccountUser", export->spec.user);
	set_text(fields, "connectionRef", cluster->connection);
	set_text(fields, "endpoint", cluster->endpoint);
	set_text(fields, "clusterUID", cluster->uid);
}

void export_tell_fields(struct export *export)
{
	const struct handler_object *object = export->call->object;
	json_t *fields = json_is_object(object->status) ? json_copy((json_t *)(uintptr_t)object->status) : json_object();
	json_object_del(fields, "conditions");
	json_object_del(fields, "observedGeneration");
	set_text(fields, "clusterRef", object->cluster.object);
	if (object->cluster.name.len > 0)
		set_text(fields, "clusterName", object->cluster.name);
	if (export->is_read)
		set_held(export, fields);
	if (export->is_current)
		set_made(export, fields);
	if (export->outputs != NULL && json_array_size(export->outputs) > 0)
		json_object_set(fields, "outputs", export->outputs);
	else if (export->outputs != NULL)
		json_object_del(fields, "outputs");
	json_decref(export->out->fields);
	export->out->fields = fields;
}

/* --- conditions --------------------------------------------------------------------------------------------------------------- */

static bool works_still(struct export *export, struct export_place *out_place, int64_t *out_end_s)
{
	const json_t *status = export->call->object->status;
	int64_t end_ms;
	struct span end = {json_string_value(json_object_get(status, "expirationTime")),
			   json_string_length(json_object_get(status, "expirationTime"))};
	if (export->is_read) {
		const struct export_state *state = holding(export, out_place);
		*out_end_s = state == NULL ? 0 : state->expires_s;
		return state != NULL && state->is_whole && state->has_times && state->expires_s > export->facts.now_s &&
		       export->memory->seen != SEEN_REFUSED && export->memory->seen != SEEN_UNUSABLE;
	}
	*out_place = export->held;
	if (json_object_get(status, "kubeconfigHash") == NULL || !timestamp_parse(end, &end_ms))
		return false;
	*out_end_s = end_ms / SECOND_MS;
	return *out_end_s > export->facts.now_s;
}

static void tell_exported(struct export *export, const char *reason, const char *trouble)
{
	struct export_place place;
	int64_t end_s;
	if (works_still(export, &place, &end_s))
		outcome_condition(export->out, "Exported", true, "Exported", "exported kubeconfig to %.*s",
				  SPAN_ARG(export_shown(export->arena, place)));
	else
		outcome_condition(export->out, "Exported", false, reason, "%s", trouble);
}

void export_tell_ready(struct export *export)
{
	struct span shown = export_shown(export->arena, export->spec.target);
	bool is_used = export->memory->seen == SEEN_ACCEPTED || export->was_ready || export->call->object->cluster.is_ready;
	outcome_condition(export->out, "Exported", true, "Exported", "exported kubeconfig to %.*s", SPAN_ARG(shown));
	if (is_used) {
		outcome_condition(export->out, "Ready", true, "Exported", "exported kubeconfig to %.*s", SPAN_ARG(shown));
		return;
	}
	outcome_condition(export->out, "Ready", false, "Progressing", "exported kubeconfig to %.*s; the cluster does not answer yet",
			  SPAN_ARG(shown));
	export->out->is_progressing = true;
}

void export_tell_trouble(struct export *export, const char *reason, const char *format, ...)
{
	char text[HANDLER_MESSAGE];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	outcome_condition(export->out, "Ready", false, reason, "%s", text);
	tell_exported(export, reason, text);
}

/* --- Events ------------------------------------------------------------------------------------------------------------------- */

void export_tell_rotated(struct export *export, enum export_why why)
{
	char end[TIMESTAMP_SIZE];
	outcome_event(export->out, "Normal", "Rotated", "Rotate", "wrote new credentials into %.*s, valid until %s: %s",
		      SPAN_ARG(export_shown(export->arena, export->spec.target)), time_text(export->state.expires_s, end), export_why_text(why));
}

/* Once for the same credentials. */
void export_tell_ending(struct export *export, const char *trouble)
{
	char end[TIMESTAMP_SIZE];
	struct export_place place;
	const struct export_state *state = holding(export, &place);
	if (state == NULL || strcmp(export->memory->warned, state->hash) == 0)
		return;
	snprintf(export->memory->warned, sizeof export->memory->warned, "%s", state->hash);
	outcome_event(export->out, "Warning", "Expiring", "Rotate", "the credentials in %.*s end at %s and could not be renewed: %s",
		      SPAN_ARG(export_shown(export->arena, place)), time_text(state->expires_s, end), trouble);
}
