#include "agent/handler_status.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/files.h"

enum { NAME_SIZE = 400, STATUS_MAX = 1 << 20 };

/* Names come from outside: nothing in them may lead elsewhere. */
static void file_name(const struct kind *kind, struct span ns, struct span name, char out[NAME_SIZE])
{
	snprintf(out, NAME_SIZE, "%s.%.*s.%.*s.json", kind->name, SPAN_ARG(ns), SPAN_ARG(name));
	for (char *c = out; *c != '\0'; c++)
		if (*c == '/')
			*c = '_';
}

json_t *handler_status_read(const char *dir, const struct handler_object *object)
{
	CLEANUP(close_fd) int dir_fd = -1;
	CLEANUP(arena_done) struct arena arena;
	char file[NAME_SIZE];
	struct span text;
	arena_init(&arena, ARENA_NO_LIMIT);
	file_name(object->kind, object->ns, object->name, file);
	if (dir == NULL || !files_open_dir(AT_FDCWD, dir, &dir_fd, NULL) || !files_read_at(&arena, dir_fd, file, STATUS_MAX, &text, NULL))
		return NULL;
	json_t *whole = json_loadb(text.ptr, text.len, 0, NULL), *status = json_incref(json_object_get(whole, "status"));
	json_decref(whole);
	return status;
}

void handler_status_write(const char *dir, struct log *log, const struct handler_object *object, const json_t *status)
{
	CLEANUP(close_fd) int dir_fd = -1;
	char file[NAME_SIZE];
	struct fail fail;
	json_t *whole = json_pack("{s:s,s:s%,s:s%,s:O}", "kind", object->kind->name, "namespace", object->ns.ptr == NULL ? "" : object->ns.ptr,
				  object->ns.len, "name", object->name.ptr, object->name.len, "status", status);
	char *text = json_dumps(whole, JSON_INDENT(2));
	file_name(object->kind, object->ns, object->name, file);
	if (text != NULL && (!files_open_dir(AT_FDCWD, dir, &dir_fd, &fail) || !files_write_at(dir_fd, file, span_of(text), 0644, &fail)))
		log_warn(log, "handlers", "a status cannot be written", log_string("dir", dir), log_string("file", file), log_fail(&fail));
	free(text);
	json_decref(whole);
}

void handler_status_remove(const char *dir, const struct kind *kind, struct span ns, struct span name)
{
	CLEANUP(close_fd) int dir_fd = -1;
	char file[NAME_SIZE];
	file_name(kind, ns, name, file);
	if (dir != NULL && files_open_dir(AT_FDCWD, dir, &dir_fd, NULL))
		(void)!files_remove_at(dir_fd, file, NULL);
}

/* --- the log -------------------------------------------------------------------------------------------------------------------- */

static void log_events(struct log *log, const struct handler_object *object, const struct status_event *events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		log_at(log, strcmp(events[i].type, "Warning") == 0 ? LEVEL_WARN : LEVEL_INFO, "handlers", events[i].reason,
		       log_string("kind", object->kind->name), log_span("namespace", object->ns), log_span("name", object->name),
		       log_string("message", events[i].note));
}

void handler_status_log(struct log *log, const struct handler_object *object, const json_t *status, const struct status_event *events,
			size_t event_count)
{
	struct status_event *changes = calloc(STATUS_EVENTS_MAX, sizeof *changes);
	if (changes == NULL)
		abort();
	log_events(log, object, events, event_count);
	log_events(log, object, changes, status_events(object->kind->name, object->status, status, changes));
	free(changes);
}
