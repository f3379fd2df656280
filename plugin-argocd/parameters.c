#include "plugin-argocd/parameters.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "render/load.h"
#include "render/mask.h"

enum { ITEMS_MAX = 1000 };

static bool set_mode(struct parameters *parameters, struct span value)
{
	parameters->is_job = span_is(value, "job");
	if (parameters->is_job)
		parameters->mode = OBJECTS_RENDER_ONLY;
	return parameters->is_job || objects_mode_parse(value, &parameters->mode);
}

static bool set_job_image(struct parameters *parameters, struct span value)
{
	parameters->job_image = value;
	return true;
}

static bool set_job_endpoint(struct parameters *parameters, struct span value)
{
	parameters->job_endpoint = value;
	return true;
}

static bool set_job_secret(struct parameters *parameters, struct span value)
{
	parameters->job_secret = value;
	return true;
}

static bool set_job_gate(struct parameters *parameters, struct span value)
{
	parameters->job_gate = value;
	return span_is(value, "safe") || span_is(value, "disruptive") || span_is(value, "destructive") || span_is(value, "critical");
}

static bool parse_bool(struct span value, bool *out)
{
	*out = span_is(value, "true");
	return *out || span_is(value, "false");
}

static bool set_confirm(struct parameters *parameters, struct span value)
{
	return parse_bool(value, &parameters->ask_before_delete);
}

static bool set_empty(struct parameters *parameters, struct span value)
{
	return parse_bool(value, &parameters->allow_empty);
}

static bool set_rules(struct parameters *parameters, struct span value)
{
	bool is_old = span_is(value, "1.9");
	parameters->rules = is_old ? OMNI_RULES_1_9 : OMNI_RULES_1_10;
	return is_old || span_is(value, "1.10");
}

static const struct parameter {
	const char *name, *title, *tooltip, *choices, *value;
	bool (*set)(struct parameters *parameters, struct span value); /* NULL: the list of paths */
} table[] = {
	{"mode", "Output",
	 "pass-through prints the custom resources and a ConfigMap per cluster; render-only prints ConfigMaps; job also a Job that applies",
	 "pass-through, render-only, job", "pass-through", set_mode},
	{"paths", "Paths", "Files and directories to read, relative to the path of the Application; none: all of it", NULL, NULL,
	 NULL},
	{"confirm-delete", "Confirm deletion", "Argo CD asks before it prunes or deletes an OmniCluster or OmniConnection",
	 "true, false", "true", set_confirm},
	{"allow-empty", "Allow nothing", "Success also when nothing is declared; Argo CD then prunes everything", "true, false",
	 "false", set_empty},
	{"rules", "Omni release", "The Omni release whose rules templates are checked by", "1.9, 1.10", "1.10", set_rules},
	{"job-image", "Job: image", "Mode job: the image of omniops", NULL, "", set_job_image},
	{"job-endpoint", "Job: address of Omni", "Mode job: where Omni is; else as the OmniConnection says", NULL, "",
	 set_job_endpoint},
	{"job-secret", "Job: Secret of the key", "Mode job: the Secret with serviceAccountKey; else as the OmniConnection says", NULL,
	 "", set_job_secret},
	{"job-gate", "Job: gate", "Mode job: highest risk that is applied; what is above fails the sync",
	 "safe, disruptive, destructive, critical", "disruptive", set_job_gate},
};

/* --- values ----------------------------------------------------------------------------------------------------------- */

static bool add_path(struct arena *arena, struct parameters *parameters, struct span path, struct fail *fail)
{
	if (path.len == 0 || memchr(path.ptr, '\0', path.len) != NULL)
		return fail_set(fail, FAIL_INVALID, "parameter paths: an empty path");
	if (parameters->path_count >= ITEMS_MAX)
		return fail_set(fail, FAIL_TOO_BIG, "parameter paths: more than %d paths", (int)ITEMS_MAX);
	ARENA_PUSH(arena, parameters->paths, parameters->path_count, parameters->path_cap) =
		span_of(arena_string(arena, path));
	return true;
}

static bool set(const struct parameter *parameter, struct parameters *parameters, struct span value, struct fail *fail)
{
	if (value.len == 0 || parameter->set(parameters, value)) /* an emptied field of the form is one not filled in */
		return true;
	return fail_set(fail, FAIL_INVALID, "parameter %s: \"%.*s\" is none of %s", parameter->name,
			(int)(value.len < 80 ? value.len : 80), value.ptr, parameter->choices);
}

static bool unknown(struct span name, struct fail *fail)
{
	struct text known;
	text_init(&known, 1024);
	for (size_t i = 0; i < COUNT_OF(table); i++)
		text_addf(&known, "%s%s", i > 0 ? ", " : "", table[i].name);
	fail_set(fail, FAIL_INVALID, "unknown parameter \"%.*s\"; the known ones are %s",
		 (int)(name.len < 80 ? name.len : 80), name.ptr, known.ptr);
	text_done(&known);
	return false;
}

/* --- as JSON ---------------------------------------------------------------------------------------------------------- */

static bool read_array(struct arena *arena, struct parameters *parameters, const struct node *array, struct fail *fail)
{
	parameters->path_count = array->len > 0 ? 0 : parameters->path_count;
	for (uint32_t i = 0; i < array->len; i++)
		if (!node_is(&array->items[i], NODE_STRING) ||
		    !add_path(arena, parameters, node_text(&array->items[i]), fail))
			return fail_set(fail, FAIL_INVALID, "parameter paths: item %u is not a path", (unsigned)i);
	return true;
}

/* {"name": …} and one of "string", "array", "map"; with the name alone the parameter is not filled in. */
static bool read_parameter(struct arena *arena, struct parameters *parameters, const struct node *object, struct fail *fail)
{
	const struct node *string = node_get(object, "string"), *array = node_get(object, "array");
	struct span name = node_text(node_get(object, "name"));
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		if (!span_is(name, table[i].name))
			continue;
		bool is_list = table[i].set == NULL;
		if (node_is_set(node_get(object, "map")) || node_is_set(is_list ? string : array))
			return fail_set(fail, FAIL_INVALID, "parameter %s: give %s", table[i].name,
					is_list ? "an array" : "a string");
		if (is_list && node_is(array, NODE_SEQ))
			return read_array(arena, parameters, array, fail);
		return is_list || set(&table[i], parameters, node_text(string), fail);
	}
	return unknown(name, fail);
}

static bool read_json(struct arena *arena, struct parameters *parameters, const char *json, struct fail *fail)
{
	struct node list;
	if (!load_one(arena, span_of(json), LOAD_KUBERNETES, &list, fail))
		return fail_wrap(fail, "ARGOCD_APP_PARAMETERS");
	if (!node_is_set(&list))
		return true;
	if (list.kind != NODE_SEQ)
		return fail_set(fail, FAIL_INVALID, "ARGOCD_APP_PARAMETERS is not a list of parameters");
	for (uint32_t i = 0; i < list.len; i++)
		if (!read_parameter(arena, parameters, &list.items[i], fail))
			return false;
	return true;
}

/* --- as variables ----------------------------------------------------------------------------------------------------- */

/* PARAM_ALLOW_EMPTY, or ARGOCD_ENV_ALLOW_EMPTY, which an Application's plugin.env sets */
static const char *variable(const char *prefix, const char *name, int index)
{
	char buffer[64];
	size_t len = (size_t)snprintf(buffer, sizeof buffer, index < 0 ? "%s_%s" : "%s_%s_%d", prefix, name, index);
	for (size_t i = 0; i < len; i++)
		buffer[i] = (char)(buffer[i] == '-' ? '_' : toupper((unsigned char)buffer[i]));
	return getenv(buffer);
}

static bool read_variables(struct arena *arena, struct parameters *parameters, const char *prefix, struct fail *fail)
{
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		bool is_list = table[i].set == NULL;
		const char *value = variable(prefix, table[i].name, is_list ? 0 : -1);
		if (is_list && value != NULL)
			parameters->path_count = 0;
		for (int item = 1; is_list && value != NULL; item++) {
			if (!add_path(arena, parameters, span_of(value), fail))
				return fail_wrap(fail, "%s", prefix);
			value = variable(prefix, table[i].name, item);
		}
		if (!is_list && value != NULL && !set(&table[i], parameters, span_of(value), fail))
			return fail_wrap(fail, "%s", prefix);
	}
	return true;
}

bool parameters_read(struct arena *arena, struct parameters *out, struct fail *fail)
{
	const char *json = getenv("ARGOCD_APP_PARAMETERS"), *mask_key = getenv(MASK_KEY_VARIABLE);
	*out = (struct parameters){.mode = OBJECTS_PASS_THROUGH, .ask_before_delete = true, .rules = OMNI_RULES_1_10,
				   .job_gate = SPAN("disruptive")};
	out->mask_key = mask_key == NULL ? SPAN("") : span_of(mask_key);
	if (!read_variables(arena, out, "ARGOCD_ENV", fail))
		return false;
	return json != NULL ? read_json(arena, out, json, fail) : read_variables(arena, out, "PARAM", fail);
}

void parameters_announce(struct text *out)
{
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		text_addf(out, "%s{\"name\":\"%s\",\"title\":\"%s\",\"tooltip\":\"%s", i == 0 ? "[" : ",\n ", table[i].name,
			  table[i].title, table[i].tooltip);
		if (table[i].set == NULL)
			text_adds(out, "\",\"collectionType\":\"array\",\"array\":[]}");
		else
			text_addf(out, "%s%s%s\",\"string\":\"%s\"}", table[i].choices != NULL ? " (" : "",
				  table[i].choices != NULL ? table[i].choices : "", table[i].choices != NULL ? ")" : "",
				  table[i].value);
	}
	text_adds(out, "]\n");
}
