#include <stdio.h>
#include <string.h>

#include "agent/report/conditions_int.h"
#include "base/timestamp.h"
#include "base/utf8.h"

/* --- values --------------------------------------------------------------------------------------------------------- */

static void add_point(struct text *out, uint32_t c)
{
	char bytes[4];
	bool is_control = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0);
	size_t len = utf8_encode(c == UTF8_BAD || is_control ? 0xFFFD : c, bytes);
	for (size_t i = 0; i < len; i++)
		text_addc(out, bytes[i]);
}

json_t *status_string(struct span text, size_t max_points)
{
	struct text out;
	size_t points = 0, last = 0; /* where the last point that fits begins */
	text_init(&out, TEXT_NO_LIMIT);
	while (text.len > 0 && points < max_points) {
		uint32_t c;
		size_t used = utf8_decode(text, &c);
		last = out.len;
		add_point(&out, c);
		text = (struct span){text.ptr + used, text.len - used};
		points++;
	}
	if (text.len > 0 && max_points > 0) {
		out.len = last;
		text_adds(&out, "\xe2\x80\xa6");
	}
	json_t *string = json_stringn(out.ptr, out.len);
	text_done(&out);
	return string;
}

void status_copy(char *out, size_t size, struct span text)
{
	static const char more[] = "\xe2\x80\xa6";
	json_t *clean = status_string(text, size);
	struct span rest = {json_string_value(clean), json_string_length(clean)};
	size_t room = rest.len < size ? rest.len : size - sizeof more, len = 0;
	while (rest.len > 0) {
		uint32_t c;
		size_t used = utf8_decode(rest, &c);
		if (len + used > room)
			break;
		memcpy(out + len, rest.ptr, used);
		len += used;
		rest = (struct span){rest.ptr + used, rest.len - used};
	}
	memcpy(out + len, rest.len > 0 ? more : "", rest.len > 0 ? sizeof more : 1);
	json_decref(clean);
}

struct span status_first_line(struct span text)
{
	return span_before(text, '\n');
}

struct span status_text(const json_t *status, const char *name)
{
	const json_t *value = json_object_get(status, name);
	return (struct span){json_string_value(value), json_string_length(value)};
}

int64_t status_time_s(const json_t *status, const char *name)
{
	int64_t ms;
	return timestamp_parse(status_text(status, name), &ms) ? ms / 1000 : 0;
}

static json_t *time_json(int64_t time_s)
{
	char time[TIMESTAMP_SIZE];
	timestamp_format(time_s * 1000, TIMESTAMP_SECONDS, time);
	return json_string(time);
}

/* --- the status ----------------------------------------------------------------------------------------------------- */

void draft_begin(struct draft *draft, const struct status_object *object)
{
	const json_t *conditions = json_object_get(object->observed, "conditions");
	draft->object = object;
	draft->status = json_is_object(object->observed) ? json_deep_copy(object->observed) : json_object();
	draft->conditions = json_is_array(conditions) ? json_deep_copy(conditions) : json_array();
	if (object->requested.len > 0)
		draft_text(draft, "lastHandledReconcileAt", object->requested);
}

json_t *draft_finish(struct draft *draft, const char *attempt_field, int64_t attempt_s)
{
	if (json_array_size(draft->conditions) > 0)
		json_object_set_new(draft->status, "conditions", draft->conditions);
	else
		json_decref(draft->conditions);
	if (attempt_s != 0 && !json_equal(draft->status, draft->object->observed))
		draft_time(draft, attempt_field, attempt_s);
	return draft->status;
}

void draft_value(struct draft *draft, const char *name, json_t *value)
{
	if (value == NULL)
		json_object_del(draft->status, name);
	else
		json_object_set_new(draft->status, name, value);
}

void draft_text(struct draft *draft, const char *name, struct span value)
{
	draft_value(draft, name, value.len == 0 ? NULL : status_string(value, STATUS_FIELD_MAX));
}

void draft_time(struct draft *draft, const char *name, int64_t time_s)
{
	draft_value(draft, name, time_s == 0 ? NULL : time_json(time_s));
}

void draft_generation(struct draft *draft)
{
	if (draft->object->generation > 0)
		draft_value(draft, "observedGeneration", json_integer(draft->object->generation));
}

/* --- conditions ----------------------------------------------------------------------------------------------------- */

/* Where it stands; the length when it does not. */
static size_t find(const json_t *conditions, const char *type)
{
	size_t i;
	for (i = 0; i < json_array_size(conditions); i++)
		if (span_is(status_text(json_array_get(conditions, i), "type"), type))
			break;
	return i;
}

const json_t *status_condition(const json_t *status, const char *type)
{
	const json_t *conditions = json_object_get(status, "conditions");
	return json_array_get(conditions, find(conditions, type));
}

const json_t *draft_condition(const struct draft *draft, const char *type)
{
	return json_array_get(draft->conditions, find(draft->conditions, type));
}

bool draft_has(const struct draft *draft, const char *type, const char *status)
{
	const json_t *condition = draft_condition(draft, type);
	return condition != NULL && (status == NULL || span_is(status_text(condition, "status"), status));
}

bool draft_is_because(const struct draft *draft, const char *type, const char *reason)
{
	return span_is(status_text(draft_condition(draft, type), "reason"), reason);
}

void draft_set(struct draft *draft, const char *type, const char *status, const char *reason, struct span message)
{
	const json_t *old = draft_condition(draft, type);
	bool is_same = old != NULL && span_is(status_text(old, "status"), status);
	int64_t since_s = is_same ? status_time_s(old, "lastTransitionTime") : 0;
	json_t *condition = json_object();
	json_object_set_new(condition, "type", json_string(type));
	json_object_set_new(condition, "status", json_string(status));
	if (draft->object->generation > 0)
		json_object_set_new(condition, "observedGeneration", json_integer(draft->object->generation));
	json_object_set_new(condition, "lastTransitionTime", time_json(since_s != 0 ? since_s : draft->object->now_s));
	json_object_set_new(condition, "reason", json_string(reason));
	json_object_set_new(condition, "message", status_string(message, STATUS_MESSAGE_MAX));
	if (old == NULL)
		json_array_append_new(draft->conditions, condition);
	else
		json_array_set_new(draft->conditions, find(draft->conditions, type), condition);
}

void draft_drop(struct draft *draft, const char *type)
{
	json_array_remove(draft->conditions, find(draft->conditions, type));
}

static void set_line(struct draft *draft, const char *type, const char *reason, struct span message)
{
	json_t *line = status_string(status_first_line(message), STATUS_LINE_MAX);
	draft_set(draft, type, "True", reason, (struct span){json_string_value(line), json_string_length(line)});
	json_decref(line);
}

void draft_mood(struct draft *draft, enum draft_mood mood, const char *reason, struct span message)
{
	if (mood == MOOD_STALLED)
		set_line(draft, "Stalled", reason, message);
	else
		draft_drop(draft, "Stalled");
	if (mood == MOOD_WORKING || mood == MOOD_RETRYING)
		set_line(draft, "Reconciling", mood == MOOD_WORKING ? "Progressing" : "ProgressingWithRetry", message);
	else
		draft_drop(draft, "Reconciling");
}

void draft_ready(struct draft *draft, const char *status, const char *reason, struct span message, enum draft_mood mood)
{
	draft_set(draft, "Ready", status, reason, message);
	draft_mood(draft, mood, reason, message);
}
