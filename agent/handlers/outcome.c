/* What a handler says, and how it reads what is declared. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/handlers/handler.h"
#include "base/duration.h"

static struct handler_condition *place_of(struct handler_outcome *out, const char *type)
{
	for (size_t i = 0; i < out->condition_count; i++)
		if (strcmp(out->conditions[i].type, type) == 0)
			return &out->conditions[i];
	/* Of more than there is room for the last one gives way: no kind has so many. */
	return &out->conditions[out->condition_count < HANDLER_CONDITIONS ? out->condition_count++ : HANDLER_CONDITIONS - 1];
}

void outcome_condition(struct handler_outcome *out, const char *type, bool is_true, const char *reason, const char *format, ...)
{
	struct handler_condition *place = place_of(out, type);
	va_list args;
	place->type = type;
	place->value = is_true ? CONDITION_TRUE : CONDITION_FALSE;
	place->reason = reason;
	va_start(args, format);
	vsnprintf(place->message, sizeof place->message, format, args);
	va_end(args);
}

void outcome_event(struct handler_outcome *out, const char *type, const char *reason, const char *action, const char *format, ...)
{
	char note[2 * STATUS_EVENT_NOTE];
	va_list args;
	if (out->event_count == STATUS_EVENTS_MAX)
		return;
	struct status_event *event = &out->events[out->event_count++];
	event->type = type;
	event->reason = reason;
	event->action = action;
	va_start(args, format);
	vsnprintf(note, sizeof note, format, args);
	va_end(args);
	status_event_note(event, span_of(note));
}

void outcome_watch(struct handler_outcome *out, struct span ns, struct span name)
{
	for (size_t i = 0; i < out->watch_count; i++)
		if (span_eq(out->watches[i].ns, ns) && span_eq(out->watches[i].name, name))
			return;
	if (out->watch_count < HANDLER_WATCHES)
		out->watches[out->watch_count++] = (struct secret_name){ns, name};
}

/* --- what is declared ------------------------------------------------------------------------------------------------------- */

static const json_t *at(const struct handler_object *object, const char *path)
{
	const json_t *value = object->spec;
	struct span rest = span_of(path), piece;
	while (value != NULL && span_next(&rest, '.', &piece))
		value = json_object_getn(value, piece.ptr, piece.len);
	return value;
}

struct span spec_text(const struct handler_object *object, const char *path)
{
	const json_t *value = at(object, path);
	return (struct span){json_string_value(value), json_string_length(value)};
}

bool spec_flag(const struct handler_object *object, const char *path)
{
	return json_is_true(at(object, path));
}

int64_t spec_duration_ns(const struct handler_object *object, const char *path, int64_t fallback)
{
	struct span text = spec_text(object, path);
	int64_t ns;
	return text.len > 0 && duration_parse(text, &ns, NULL) ? ns : fallback;
}
