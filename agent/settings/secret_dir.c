#include "agent/settings/secret_dir.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"

enum { NAME_MAX_BYTES = 253, ENDPOINT_MAX_BYTES = 4096 };
#define ENDPOINT_FILE "endpoint"

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

/* The names that Kubernetes allows, so "." and ".." are none, and nothing has a slash. */
static bool is_file_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.ptr[i]))
			return false;
	return name.len > 0 && name.len <= NAME_MAX_BYTES && !span_is(name, ".") && !span_is(name, "..");
}

const char *secret_dir_file(struct arena *arena, const char *dir, struct span name, struct span key)
{
	if (!is_file_name(name) || !is_file_name(key) || span_is(key, ENDPOINT_FILE))
		return NULL;
	return arena_spanf(arena, "%s/%.*s/%.*s", dir, SPAN_ARG(name), SPAN_ARG(key)).ptr;
}

static bool bad_name(const struct target_way *way, struct fail *fail)
{
	return fail_set(fail, FAIL_DENIED,
			"the connection \"%.*s\" names the Secret \"%.*s\" with the key \"%.*s\": with --secret-dir both are file "
			"names of letters, digits, '-', '_' and '.', and the key is not \"" ENDPOINT_FILE "\"",
			SPAN_ARG(way->connection), SPAN_ARG(way->secret_name), SPAN_ARG(way->secret_key));
}

static bool not_written_down(const struct target_way *way, const char *path, struct fail *fail)
{
	if (way->is_named)
		return true;
	return fail_set(fail, FAIL_DENIED,
			"the address %.*s of the connection \"%.*s\" comes from the declarations alone, and %s does not say that the "
			"key beside it may be used there: write the address into that file, or name it with --connection %.*s=%.*s",
			SPAN_ARG(way->url), SPAN_ARG(way->connection), path, SPAN_ARG(way->connection), SPAN_ARG(way->url));
}

bool secret_dir_allows(const struct target_way *way, struct fail *fail)
{
	if (way->key_file == NULL)
		return bad_name(way, fail);
	CLEANUP(arena_done) struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct span folder = {way->key_file, strlen(way->key_file) - way->secret_key.len};
	const char *path = arena_spanf(&arena, "%.*s" ENDPOINT_FILE, SPAN_ARG(folder)).ptr;
	struct span written = {0};
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return not_written_down(way, path, fail);
	if (!files_read(&arena, path, ENDPOINT_MAX_BYTES, &written, fail))
		return fail_wrap(fail, "where the key %s may be used", way->key_file);
	if (span_eq(target_address(&arena, span_trim(written)), way->url))
		return true;
	return fail_set(fail, FAIL_DENIED,
			"the connection \"%.*s\" leads to %.*s, but the key %s may be used at \"%.*s\" only: that is what %s says; "
			"mend the one that is wrong",
			SPAN_ARG(way->connection), SPAN_ARG(way->url), way->key_file, SPAN_ARG(span_trim(written)), path);
}
