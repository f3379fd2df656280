/* The content of one record. Charts are in it, templates and files and all, which nobody here wants: they are passed over in the
 * text, and only the rest is ever built. */
#include "agent/helm/json_cursor.h"
#include "agent/helm/records_int.h"
#include "agent/kube/json_read.h"
#include "base/cleanup.h"
#include "base/timestamp.h"

static void drop_later(void *json)
{
	json_decref(json);
}

static bool damaged(const char *what, struct fail *fail)
{
	return fail_set(fail, FAIL_INVALID, "the record is damaged: %s", what);
}

/* A new value that goes with the arena. */
static json_t *build(struct span text, struct arena *arena, struct fail *fail)
{
	json_t *value = kube_json_read(text, fail);
	if (value != NULL)
		arena_defer(arena, drop_later, value);
	return value;
}

static bool read_text(struct span value, struct arena *arena, struct span *out, struct fail *fail)
{
	CLEANUP(record_drop_json) json_t *text = kube_json_read(value, fail);
	if (text == NULL)
		return false;
	if (json_is_string(text))
		*out = arena_copy(arena, (struct span){json_string_value(text), json_string_length(text)});
	return true;
}

static bool read_number(struct span value, int64_t *out)
{
	return span_int(value, 0, INT64_MAX, out);
}

static bool read_info(struct span info, struct arena *arena, struct record *out, struct fail *fail)
{
	struct json_cursor cursor = json_members(info);
	struct span key, value, text = {0};
	int64_t ms;
	while (json_member(&cursor, &key, &value)) {
		if (!span_is(key, "status") && !span_is(key, "description") && !span_is(key, "last_deployed"))
			continue;
		if (!read_text(value, arena, &text, fail))
			return false;
		if (span_is(key, "status"))
			out->status = release_status_of(text);
		else if (span_is(key, "description"))
			out->description = text;
		else if (timestamp_parse(text, &ms))
			out->last_deployed_s = ms / 1000;
	}
	return cursor.is_broken ? damaged("\"info\" cannot be read", fail) : true;
}

static bool read_chart(struct span chart, struct arena *arena, struct record *out, struct fail *fail)
{
	struct span metadata, value;
	if (!json_find(chart, "metadata", &metadata))
		return true;
	return (!json_find(metadata, "name", &value) || read_text(value, arena, &out->chart_name, fail)) &&
	       (!json_find(metadata, "version", &value) || read_text(value, arena, &out->chart_version, fail));
}

static bool read_config(struct span value, struct arena *arena, struct record *out, struct fail *fail)
{
	json_t *config = build(value, arena, fail);
	if (json_is_object(config))
		out->config = config;
	return json_is_object(config) || json_is_null(config) ? true : damaged("\"config\" is no object", fail);
}

static bool read_hooks(struct span value, struct arena *arena, struct record *out, struct fail *fail)
{
	json_t *hooks = build(value, arena, fail);
	if (json_is_array(hooks))
		out->hooks = hooks;
	return hooks != NULL;
}

static bool read_method(struct span value, struct arena *arena, struct record *out, struct fail *fail)
{
	struct span method = {0};
	bool is_read = read_text(value, arena, &method, fail);
	out->is_server_side = span_is(method, "ssa");
	return is_read;
}

static bool read_member(struct span key, struct span value, struct arena *arena, struct record *out, struct fail *fail)
{
	if (span_is(key, "name"))
		return read_text(value, arena, &out->name, fail);
	if (span_is(key, "namespace"))
		return read_text(value, arena, &out->ns, fail);
	if (span_is(key, "version"))
		return read_number(value, &out->revision) ? true : damaged("its \"version\" is no number", fail);
	if (span_is(key, "info"))
		return read_info(value, arena, out, fail);
	if (span_is(key, "chart"))
		return read_chart(value, arena, out, fail);
	if (span_is(key, "config"))
		return read_config(value, arena, out, fail);
	if (span_is(key, "manifest"))
		return read_text(value, arena, &out->manifest, fail);
	if (span_is(key, "hooks"))
		return read_hooks(value, arena, out, fail);
	return span_is(key, "apply_method") ? read_method(value, arena, out, fail) : true;
}

static json_t *kept(json_t *value, struct arena *arena)
{
	arena_defer(arena, drop_later, value);
	return value;
}

static bool check(const json_t *secret, const struct record *record, struct fail *fail)
{
	const json_t *metadata = json_object_get(secret, "metadata");
	int64_t revision;
	if (record->name.len > 0 && record_revision_of(kube_json_text(metadata, "name"), record->name, &revision) &&
	    revision == record->revision)
		return true;
	return damaged("it is of another release or revision than the name of its Secret says", fail);
}

bool record_read(const json_t *secret, const struct record_limits *limits, struct arena *arena, struct record *out, struct fail *fail)
{
	CLEANUP(text_done) struct text json = {0};
	text_init(&json, TEXT_NO_LIMIT);
	if (!record_unpack(secret, limits, &json, fail))
		return false;
	struct record record = {.config = kept(json_object(), arena), .hooks = kept(json_array(), arena)};
	struct json_cursor cursor = json_members(text_span(&json));
	struct span key, value;
	while (json_member(&cursor, &key, &value))
		if (!read_member(key, value, arena, &record, fail))
			return false;
	if (cursor.is_broken)
		return damaged("its JSON cannot be read", fail);
	if (!check(secret, &record, fail))
		return false;
	record.hook_count = json_array_size(record.hooks);
	*out = record;
	return true;
}
