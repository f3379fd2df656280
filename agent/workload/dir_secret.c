#include "agent/workload/dir_secret.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "agent/kube/json_read.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/files.h"

#define ABOUT "..secret.json"

enum { KEYS_MAX = 1000, VALUE_MAX = 1 << 20, SECRET_MAX = 4 << 20, ABOUT_MAX = 1 << 20, TRIES_MAX = 10, VERSION_LEN = 32, NAME_SIZE = 300 };

/* --- reading -------------------------------------------------------------------------------------------------------------------- */

static bool is_key(const char *name)
{
	size_t len = strlen(name);
	if (len == 0 || len > 253 || strcmp(name, ".") == 0 || strncmp(name, "..", 2) == 0 || files_is_temporary(name))
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == len;
}

static void close_dir(DIR **dir)
{
	if (*dir != NULL)
		closedir(*dir);
}

/* Of its own descriptor: the given one stays open. */
static DIR *list(int fd)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = again < 0 ? NULL : fdopendir(again);
	if (dir == NULL && again >= 0)
		close(again);
	return dir;
}

static bool is_file(int fd, const char *name)
{
	struct stat info;
	return fstatat(fd, name, &info, 0) == 0 && S_ISREG(info.st_mode);
}

static int by_key(const void *a, const void *b)
{
	return span_cmp(((const struct secret_entry *)a)->key, ((const struct secret_entry *)b)->key);
}

static bool read_entries(int fd, struct arena *arena, struct stored_secret *out, struct fail *fail)
{
	CLEANUP(close_dir) DIR *dir = list(fd);
	size_t cap = 0, total = 0;
	if (dir == NULL)
		return fail_errno(fail, errno, "cannot list its directory");
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		struct secret_entry read = {0};
		if (!is_key(entry->d_name) || !is_file(fd, entry->d_name))
			continue;
		if (out->entry_count == KEYS_MAX)
			return fail_set(fail, FAIL_TOO_BIG, "it has more than %d keys", KEYS_MAX);
		if (!files_read_at(arena, fd, entry->d_name, VALUE_MAX, &read.value, fail))
			return false;
		total += read.value.len;
		if (total > SECRET_MAX)
			return fail_set(fail, FAIL_TOO_BIG, "it has more than %d MiB", SECRET_MAX >> 20);
		read.key = arena_copy(arena, span_of(entry->d_name));
		ARENA_PUSH(arena, out->entries, out->entry_count, cap) = read;
	}
	if (out->entry_count > 0)
		qsort(out->entries, out->entry_count, sizeof *out->entries, by_key);
	return true;
}

static json_t *map_of(const json_t *about, const char *key)
{
	json_t *map = json_object_get(about, key);
	return json_is_object(map) ? json_incref(map) : NULL;
}

/* That somebody made it by hand is fine: then it says nothing more. */
static bool read_about(int fd, struct arena *arena, struct stored_secret *out, struct fail *fail)
{
	struct span text;
	struct stat info;
	if (fstatat(fd, ABOUT, &info, 0) != 0 && errno == ENOENT) {
		if (fstat(fd, &info) != 0)
			return fail_errno(fail, errno, "cannot look at its directory");
		out->uid = arena_spanf(arena, "made-by-hand-%llu", (unsigned long long)info.st_ino);
		return true;
	}
	if (!files_read_at(arena, fd, ABOUT, ABOUT_MAX, &text, fail))
		return false;
	json_t *about = kube_json_read(text, fail);
	if (about == NULL)
		return fail_wrap(fail, ABOUT);
	out->uid = arena_copy(arena, kube_json_text(about, "uid"));
	out->type = arena_copy(arena, kube_json_text(about, "type"));
	out->is_immutable = json_is_true(json_object_get(about, "immutable"));
	out->labels = map_of(about, "labels");
	out->annotations = map_of(about, "annotations");
	json_decref(about);
	return true;
}

static void add_json(struct digest *digest, json_t *map)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	if (map != NULL)
		kube_json_write(&text, map);
	digest_add(digest, text_span(&text));
	text_done(&text);
}

/* The same content is the same version. */
static struct span version_of(struct arena *arena, const struct stored_secret *secret)
{
	char hex[DIGEST_HEX_SIZE];
	struct digest *digest = digest_new();
	digest_add(digest, secret->uid);
	digest_add(digest, secret->type);
	add_json(digest, secret->labels);
	add_json(digest, secret->annotations);
	for (size_t i = 0; i < secret->entry_count; i++) {
		digest_add(digest, secret->entries[i].key);
		digest_add(digest, secret->entries[i].value);
	}
	digest_finish(digest, hex);
	return arena_copy(arena, (struct span){hex, VERSION_LEN});
}

static bool is_still(int parent, const char *name, int fd)
{
	struct stat then, now;
	return fstat(fd, &then) == 0 && fstatat(parent, name, &now, 0) == 0 && then.st_dev == now.st_dev && then.st_ino == now.st_ino;
}

static bool read_once(int parent, const char *name, struct arena *arena, struct stored_secret *out, bool *is_whole, struct fail *fail)
{
	CLEANUP(close_fd) int fd = -1;
	struct stored_secret read = {.name = arena_copy(arena, span_of(name))};
	*is_whole = true;
	if (!files_open_dir(parent, name, &fd, fail))
		return false;
	bool is_fine = read_entries(fd, arena, &read, fail) && read_about(fd, arena, &read, fail);
	*is_whole = is_still(parent, name, fd);
	if (!is_fine || !*is_whole) {
		stored_secret_drop(&read);
		return false;
	}
	read.resource_version = version_of(arena, &read);
	*out = read;
	return true;
}

bool dir_secret_read(int parent, struct span name, struct arena *arena, struct stored_secret *out, struct fail *fail)
{
	const char *path = arena_string(arena, name);
	bool is_whole = false;
	struct fail why = {0};
	for (int tries = 0; !is_whole && tries < TRIES_MAX; tries++)
		if (read_once(parent, path, arena, out, &is_whole, &why))
			return true;
	if (!is_whole)
		fail_set(&why, FAIL_CONFLICT, "it is changed all the time");
	if (fail != NULL)
		*fail = why;
	return false;
}

/* --- writing -------------------------------------------------------------------------------------------------------------------- */

/* Files in it only. */
static bool remove_tree(int parent, const char *name, struct fail *fail)
{
	CLEANUP(close_fd) int fd = -1;
	if (!files_open_dir(parent, name, &fd, fail))
		return false;
	CLEANUP(close_dir) DIR *dir = list(fd);
	for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(fd, entry->d_name, 0);
	return unlinkat(parent, name, AT_REMOVEDIR) == 0 || fail_errno(fail, errno, "cannot remove the directory %s", name);
}

/* A folder with more than files in it may be something else: a volume, or a whole namespace. */
static bool check_folder(int parent, const char *name, struct fail *fail)
{
	CLEANUP(close_fd) int fd = -1;
	struct stat info;
	if (!files_open_dir(parent, name, &fd, fail))
		return false;
	CLEANUP(close_dir) DIR *dir = list(fd);
	for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		bool is_other = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
		if (is_other && fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode))
			return fail_set(fail, FAIL_INVALID, "there is a directory \"%s\" in it: only one with nothing but files is changed", entry->d_name);
	}
	return true;
}

/* What a process that was killed left: the lock is held, so nobody else writes this one. */
static void remove_left_over(int parent, struct span name)
{
	CLEANUP(close_dir) DIR *dir = list(parent);
	for (const struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
		struct span rest = span_of(entry->d_name + 1);
		bool is_its = files_is_temporary(entry->d_name) && rest.len > name.len && memcmp(rest.ptr, name.ptr, name.len) == 0 &&
			      rest.ptr[name.len] == '.' && memchr(rest.ptr + name.len + 1, '.', rest.len - name.len - 1) == rest.ptr + rest.len - 4;
		if (is_its)
			(void)remove_tree(parent, entry->d_name, NULL);
	}
}

static void temporary_name(struct span name, char out[NAME_SIZE])
{
	uint64_t random = 0;
	if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
		abort();
	snprintf(out, NAME_SIZE, ".%.*s.%016llx.tmp", SPAN_ARG(name), (unsigned long long)random);
}

static bool write_about(int fd, const struct stored_secret *secret, struct fail *fail)
{
	struct text text;
	json_t *about = json_object();
	text_init(&text, TEXT_NO_LIMIT);
	json_object_set_new(about, "uid", json_stringn(secret->uid.ptr, secret->uid.len));
	json_object_set_new(about, "type", secret->type.len == 0 ? json_string("Opaque") : json_stringn(secret->type.ptr, secret->type.len));
	if (secret->is_immutable)
		json_object_set_new(about, "immutable", json_true());
	if (secret->labels != NULL)
		json_object_set(about, "labels", secret->labels);
	if (secret->annotations != NULL)
		json_object_set(about, "annotations", secret->annotations);
	kube_json_write(&text, about);
	text_addc(&text, '\n');
	bool is_fine = files_write_at(fd, ABOUT, text_span(&text), 0600, fail);
	text_done(&text);
	json_decref(about);
	return is_fine;
}

static bool fill(int parent, const char *temporary, const struct stored_secret *secret, struct fail *fail)
{
	CLEANUP(close_fd) int fd = -1;
	char key[NAME_SIZE];
	if (!files_open_dir(parent, temporary, &fd, fail))
		return false;
	for (size_t i = 0; i < secret->entry_count; i++) {
		snprintf(key, sizeof key, "%.*s", SPAN_ARG(secret->entries[i].key));
		if (secret->entries[i].key.len != strlen(key) || !is_key(key))
			return fail_set(fail, FAIL_INVALID, "\"%.80s\" cannot be a key: it has letters, digits, '-', '_' and '.'", key);
		if (!files_write_at(fd, key, secret->entries[i].value, 0600, fail))
			return false;
	}
	return write_about(fd, secret, fail);
}

/* In the place of the old one, which gets the temporary name; or where there is none. */
static bool publish(int parent, const char *temporary, const char *name, bool replaces, struct fail *fail)
{
	if (renameat2(parent, temporary, parent, name, replaces ? RENAME_EXCHANGE : RENAME_NOREPLACE) == 0)
		return fsync(parent) == 0 || fail_errno(fail, errno, "cannot make %s durable", name);
	if (errno == EEXIST)
		return fail_set(fail, FAIL_EXISTS, "the directory %s is there already", name);
	return fail_errno(fail, errno, "cannot put the directory %s in its place", name);
}

bool dir_secret_write(int parent, const struct stored_secret *secret, bool replaces, bool really, struct fail *fail)
{
	char temporary[NAME_SIZE], name[NAME_SIZE];
	snprintf(name, sizeof name, "%.*s", SPAN_ARG(secret->name));
	if (replaces && !check_folder(parent, name, fail))
		return false;
	remove_left_over(parent, secret->name);
	temporary_name(secret->name, temporary);
	if (mkdirat(parent, temporary, 0700) != 0)
		return fail_errno(fail, errno, "cannot make a directory for %s", name);
	bool is_fine = fill(parent, temporary, secret, fail) && (!really || publish(parent, temporary, name, replaces, fail));
	bool is_left = !is_fine || !really || replaces;
	return (!is_left || remove_tree(parent, temporary, is_fine ? fail : NULL)) && is_fine;
}

bool dir_secret_remove(int parent, struct span name, struct fail *fail)
{
	char temporary[NAME_SIZE], path[NAME_SIZE];
	snprintf(path, sizeof path, "%.*s", SPAN_ARG(name));
	temporary_name(name, temporary);
	if (!check_folder(parent, path, fail))
		return false;
	if (renameat(parent, path, parent, temporary) != 0)
		return errno == ENOENT || fail_errno(fail, errno, "cannot remove the directory %s", path);
	return remove_tree(parent, temporary, fail) && (fsync(parent) == 0 || fail_errno(fail, errno, "cannot make the removal durable"));
}

/* --- watching ------------------------------------------------------------------------------------------------------------------- */

static void add_info(struct text *text, const char *name, const struct stat *info)
{
	text_addf(text, "%s %llu %llu %lld %lld.%09ld %lld.%09ld\n", name, (unsigned long long)info->st_dev, (unsigned long long)info->st_ino,
		  (long long)info->st_size, (long long)info->st_mtim.tv_sec, info->st_mtim.tv_nsec, (long long)info->st_ctim.tv_sec,
		  info->st_ctim.tv_nsec);
}

/* The order in which a directory lists its files is not always the same: sums of each are added up. */
uint64_t dir_secret_print(const char *path)
{
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_dir) DIR *dir = fd < 0 ? NULL : list(fd);
	struct stat info;
	struct text text;
	uint64_t sum = 1;
	if (dir == NULL || fstat(fd, &info) != 0)
		return 0;
	text_init(&text, TEXT_NO_LIMIT);
	add_info(&text, ".", &info);
	sum += digest_local(text_span(&text));
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		text_reset(&text);
		if (entry->d_name[0] != '.' && fstatat(fd, entry->d_name, &info, 0) == 0)
			add_info(&text, entry->d_name, &info);
		sum += digest_local(text_span(&text));
	}
	text_done(&text);
	return sum == 0 ? 1 : sum;
}
