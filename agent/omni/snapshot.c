#include "agent/omni/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/omni/dir_int.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/timestamp.h"
#include "render/hide.h"
#include "render/load.h"

struct snapshot {
	struct arena arena, scratch;
	const char *path;
	struct span of, key;
	bool hides; /* what is added, with `key` */
	int root_fd, type_fd;
	const struct omni_type *type; /* whose directory type_fd is */
};

/* --- the marker ---------------------------------------------------------------------------------------------------------- */

static bool write_marker(const struct snapshot *snapshot, bool is_complete, struct fail *fail)
{
	enum { MODE = 0600 };
	char made[TIMESTAMP_SIZE];
	struct text text;
	timestamp_format(clock_wall_ms(), TIMESTAMP_SECONDS, made);
	text_init(&text, TEXT_NO_LIMIT);
	text_addf(&text, "# Made by omniops snapshot. Without this file the directory is a store that can be written.\n"
			 "complete: %s\nmade: \"%s\"\nof: ", is_complete ? "true" : "false", made);
	text_add_json(&text, snapshot->of);
	text_addc(&text, '\n');
	if (snapshot->key.len > 0)
		text_addf(&text, "# Secrets are hidden with this key. Who has it can test guesses, but read nothing.\n"
				 "key: \"%.*s\"\n", SPAN_ARG(snapshot->key));
	bool ok = files_write_at(snapshot->root_fd, SNAPSHOT_FILE, text_span(&text), MODE, fail);
	text_done(&text);
	return ok || fail_wrap(fail, "%s", snapshot->path);
}

bool snapshot_look(struct arena *arena, int dir_fd, const char *path, struct snapshot_info *out, struct fail *fail)
{
	enum { MARKER_MAX = 1 << 16 };
	struct span bytes;
	struct node root;
	struct fail why = {0};
	*out = (struct snapshot_info){0};
	if (!files_read_at(arena, dir_fd, SNAPSHOT_FILE, MARKER_MAX, &bytes, &why))
		return why.code == FAIL_NOT_FOUND || fail_set(fail, why.code, "%s: %s", path, why.text);
	if (!load_one(arena, bytes, LOAD_OMNI, &root, &why))
		return fail_set(fail, FAIL_INVALID, "%s/" SNAPSHOT_FILE ": %s", path, why.text);
	if (!span_is(node_text_at(&root, "complete"), "true"))
		return fail_set(fail, FAIL_INVALID, "the snapshot in %s was not finished, so resources are missing: delete it and "
				"take it again", path);
	*out = (struct snapshot_info){true, node_text_at(&root, "key")};
	return true;
}

/* --- making one ------------------------------------------------------------------------------------------------------------ */

static bool check_empty(int dir_fd, const char *path, struct fail *fail)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	bool is_empty = true;
	if (dir == NULL) {
		fail_errno(fail, errno, "cannot read %s", path);
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (const struct dirent *item; is_empty && (item = readdir(dir)) != NULL;)
		is_empty = strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0;
	closedir(dir);
	return is_empty || fail_set(fail, FAIL_EXISTS, "%s is not empty: name a new directory", path);
}

static bool make_key(struct snapshot *snapshot, struct fail *fail)
{
	unsigned char bytes[32];
	struct text hex;
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return fail_errno(fail, errno, "no random numbers");
	text_init(&hex, TEXT_NO_LIMIT);
	text_add_hex(&hex, bytes, sizeof bytes);
	snapshot->key = arena_copy(&snapshot->arena, text_span(&hex));
	text_done(&hex);
	return true;
}

bool snapshot_begin(const char *path, struct span of, bool hides, struct span hidden_key, struct snapshot **out,
		    struct fail *fail)
{
	enum { MODE = 0700 };
	struct snapshot *snapshot = calloc(1, sizeof *snapshot);
	if (snapshot == NULL)
		abort();
	arena_init(&snapshot->arena, ARENA_NO_LIMIT);
	arena_init(&snapshot->scratch, ARENA_NO_LIMIT);
	snapshot->root_fd = snapshot->type_fd = -1;
	snapshot->path = arena_string(&snapshot->arena, span_of(path));
	snapshot->of = arena_copy(&snapshot->arena, of);
	snapshot->key = arena_copy(&snapshot->arena, hidden_key);
	snapshot->hides = hides && hidden_key.len == 0;
	if (files_make_dirs(path, MODE, fail) && files_open_dir(AT_FDCWD, path, &snapshot->root_fd, fail) &&
	    check_empty(snapshot->root_fd, path, fail) && (!snapshot->hides || make_key(snapshot, fail)) &&
	    write_marker(snapshot, false, fail)) {
		*out = snapshot;
		return true;
	}
	snapshot_close(snapshot);
	return false;
}

static bool open_type(struct snapshot *snapshot, const struct omni_type *type, struct fail *fail)
{
	enum { MODE = 0700 };
	if (snapshot->type == type)
		return true;
	if (snapshot->type_fd >= 0)
		close(snapshot->type_fd);
	snapshot->type_fd = -1;
	snapshot->type = NULL;
	if (mkdirat(snapshot->root_fd, type->name, MODE) != 0 && errno != EEXIST)
		return fail_errno(fail, errno, "cannot make the directory %s/%s", snapshot->path, type->name);
	if (!files_open_dir(snapshot->root_fd, type->name, &snapshot->type_fd, fail))
		return false;
	snapshot->type = type;
	return true;
}

/* Not durable by itself: a snapshot counts only when it is complete. */
bool snapshot_add(struct snapshot *snapshot, const struct resource *resource, struct fail *fail)
{
	enum { MODE = 0600 };
	char name[DIR_NAME_SIZE];
	struct text text;
	if (!open_type(snapshot, resource->type, fail))
		return false;
	dir_name_of(resource->id, name);
	arena_reset(&snapshot->scratch);
	if (snapshot->hides)
		resource = hide_resource(&snapshot->scratch, snapshot->key, resource, NULL);
	text_init(&text, DIR_FILE_MAX);
	resource_print(&text, resource, true);
	CLEANUP(close_fd) int fd = openat(snapshot->type_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, MODE);
	bool ok = text_ok(&text) || fail_set(fail, FAIL_TOO_BIG, "the resource is too big");
	if (ok && fd < 0)
		ok = fail_errno(fail, errno, "cannot write %s", name);
	ok = ok && files_write_all(fd, text_span(&text), name, fail);
	text_done(&text);
	return ok || fail_wrap(fail, "%s/%s", snapshot->path, resource->type->name);
}

bool snapshot_finish(struct snapshot *snapshot, struct fail *fail)
{
	if (syncfs(snapshot->root_fd) != 0)
		return fail_errno(fail, errno, "cannot make %s durable", snapshot->path);
	return write_marker(snapshot, true, fail);
}

void snapshot_close(struct snapshot *snapshot)
{
	if (snapshot == NULL)
		return;
	if (snapshot->root_fd >= 0)
		close(snapshot->root_fd);
	if (snapshot->type_fd >= 0)
		close(snapshot->type_fd);
	arena_done(&snapshot->arena);
	arena_done(&snapshot->scratch);
	free(snapshot);
}
