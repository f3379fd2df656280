#include "render/field_path.h"

#include <stdbool.h>
#include <stdio.h>

enum { LEVELS_MAX = 64 };

static bool is_plain_key(struct span key)
{
	for (size_t i = 0; i < key.len; i++) {
		char c = key.ptr[i];
		bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
			  c == '-' || c == '$';
		if (!ok)
			return false;
	}
	return key.len > 0;
}

static int write_step(const struct field_path *step, bool is_first, char *out, size_t room)
{
	if (step->key.ptr == NULL)
		return snprintf(out, room, "[%zu]", step->index);
	if (!is_plain_key(step->key))
		return snprintf(out, room, "[\"%.*s\"]", SPAN_ARG(step->key));
	return snprintf(out, room, "%s%.*s", is_first ? "" : ".", SPAN_ARG(step->key));
}

const char *path_text(const struct field_path *path, char buffer[FIELD_PATH_MAX])
{
	const struct field_path *steps[LEVELS_MAX];
	size_t count = 0;
	for (; path != NULL && count < LEVELS_MAX; path = path->up)
		steps[count++] = path;
	size_t at = 0;
	buffer[0] = '\0';
	while (count > 0 && at < FIELD_PATH_MAX - 1) {
		int wrote = write_step(steps[--count], at == 0, buffer + at, FIELD_PATH_MAX - at);
		at += wrote < 0 ? 0 : (size_t)wrote;
	}
	return buffer;
}
