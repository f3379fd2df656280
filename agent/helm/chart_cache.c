/* The cache on disk. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "agent/helm/chart_int.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"

enum { FOUND_MAX = 64 << 10, STALE_S = 30 * 24 * 3600, LEFT_S = 3600 };

static const char *const parts[] = {"archives", "found", "indexes"};

void chart_cache_path(const struct charts *charts, const char *part, const char *name, const char *ending, char out[4096])
{
	if (snprintf(out, 4096, "%s/%s/%s%s", charts->dir, part, name, ending) >= 4096)
		out[0] = '\0';
}

/* --- what is in it -------------------------------------------------------------------------------------------------- */

struct file {
	char name[80];
	int64_t used_ms;
	uint64_t bytes;
};

struct files {
	struct file *items;
	size_t count, cap;
	uint64_t bytes;
};

static void list(struct charts *charts, const char *part, struct arena *arena, struct files *out)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", charts->dir, part);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		struct stat seen;
		size_t len = strlen(entry->d_name);
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || len >= sizeof out->items->name ||
		    fstatat(dirfd(dir), entry->d_name, &seen, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(seen.st_mode))
			continue;
		struct file *file = &ARENA_PUSH(arena, out->items, out->count, out->cap);
		snprintf(file->name, sizeof file->name, "%.*s", (int)sizeof file->name - 1, entry->d_name);
		file->used_ms = (int64_t)seen.st_mtim.tv_sec * 1000 + seen.st_mtim.tv_nsec / 1000000;
		file->bytes = (uint64_t)seen.st_size;
		out->bytes += file->bytes;
	}
	if (dir != NULL)
		closedir(dir);
}

static void drop(struct charts *charts, const char *part, const struct file *file)
{
	char path[4096];
	chart_cache_path(charts, part, file->name, "", path);
	unlink(path);
}

static int by_use(const void *a, const void *b)
{
	const struct file *x = a, *y = b;
	return x->used_ms < y->used_ms ? -1 : x->used_ms > y->used_ms;
}

/* Who has one open keeps it. */
void chart_cache_evict(struct charts *charts, const char *keep_digest)
{
	struct arena arena;
	struct files files = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	list(charts, "archives", &arena, &files);
	if (files.count > 0)
		qsort(files.items, files.count, sizeof *files.items, by_use);
	size_t left = files.count;
	for (size_t i = 0; i < files.count && files.bytes > charts->max_bytes; i++) {
		if (files.items[i].name[0] == '.' || span_starts(span_of(files.items[i].name), keep_digest))
			continue;
		drop(charts, "archives", &files.items[i]);
		files.bytes -= files.items[i].bytes;
		left--;
	}
	pthread_mutex_lock(&charts->lock);
	charts->counts.archives = left;
	charts->counts.bytes = files.bytes;
	pthread_mutex_unlock(&charts->lock);
	arena_done(&arena);
}

/* What nobody asked for in a month, and what was left by a process that was killed in the middle. */
static void expire(struct charts *charts)
{
	struct arena arena;
	int64_t now_ms = clock_wall_ms();
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t part = 0; part < COUNT_OF(parts); part++) {
		struct files files = {0};
		list(charts, parts[part], &arena, &files);
		for (size_t i = 0; i < files.count; i++) {
			const struct file *file = &files.items[i];
			int64_t limit_s = file->name[0] == '.' ? LEFT_S : part > 0 ? STALE_S : INT64_MAX / 1000;
			if (now_ms - file->used_ms > limit_s * 1000)
				drop(charts, parts[part], file);
		}
	}
	arena_done(&arena);
}

bool chart_cache_init(struct charts *charts, struct fail *fail)
{
	char path[4096];
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (snprintf(path, sizeof path, "%s/%s", charts->dir, parts[i]) >= (int)sizeof path - 100)
			return fail_set(fail, FAIL_TOO_BIG, "the path of the cache of charts is too long: %s", charts->dir);
		if (!files_make_dirs(path, 0700, fail))
			return fail_wrap(fail, "the cache of charts");
	}
	expire(charts);
	chart_cache_evict(charts, "none");
	return true;
}

/* --- archives ------------------------------------------------------------------------------------------------------- */

static bool has_digest(int fd, const char *digest)
{
	unsigned char raw[DIGEST_RAW_SIZE], bytes[32 << 10];
	char hex[DIGEST_HEX_SIZE];
	EVP_MD_CTX *state = EVP_MD_CTX_new();
	off_t at = 0;
	ssize_t got;
	if (state == NULL || EVP_DigestInit_ex(state, EVP_sha256(), NULL) != 1)
		abort();
	while ((got = pread(fd, bytes, sizeof bytes, at)) > 0) {
		EVP_DigestUpdate(state, bytes, (size_t)got);
		at += got;
	}
	EVP_DigestFinal_ex(state, raw, NULL);
	EVP_MD_CTX_free(state);
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(hex + 2 * i, 3, "%02x", raw[i]);
	return got == 0 && strcmp(hex, digest) == 0;
}

bool chart_cache_open(struct charts *charts, const char *digest, int *out_fd, struct fail *fail)
{
	char path[4096];
	chart_cache_path(charts, "archives", digest, ".tgz", path);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(fail, errno, "the archive of a chart (%s)", path);
	if (!has_digest(fd, digest)) {
		close(fd);
		unlink(path);
		return fail_set(fail, FAIL_NOT_FOUND, "the archive of a chart (%s) was broken", path);
	}
	utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW);
	*out_fd = fd;
	return true;
}

bool chart_cache_begin(struct charts *charts, char path[4096], int *out_fd, struct fail *fail)
{
	chart_cache_path(charts, "archives", ".new.XXXXXX", ".tmp", path);
	int fd = mkostemps(path, 4, O_CLOEXEC);
	if (fd < 0)
		return fail_errno(fail, errno, "the cache of charts (%s)", path);
	*out_fd = fd;
	return true;
}

void chart_cache_drop(const char *path)
{
	unlink(path);
}

bool chart_cache_keep(struct charts *charts, const char *path, int fd, const char *digest, struct fail *fail)
{
	char final[4096], folder[4096];
	chart_cache_path(charts, "archives", digest, ".tgz", final);
	snprintf(folder, sizeof folder, "%.4000s/archives", charts->dir);
	if (fchmod(fd, 0400) != 0 || fsync(fd) != 0 || rename(path, final) != 0)
		return fail_errno(fail, errno, "the cache of charts (%s)", final);
	CLEANUP(close_fd) int dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd >= 0)
		fsync(dir_fd);
	chart_cache_evict(charts, digest);
	return true;
}

/* --- what was found ------------------------------------------------------------------------------------------------- */

static struct span member_text(const json_t *root, const char *name, struct arena *arena)
{
	const json_t *value = json_object_get(root, name);
	return arena_copy(arena, json_is_string(value) ? (struct span){json_string_value(value), json_string_length(value)} : SPAN(""));
}

static bool take_digest(struct span text, char out[DIGEST_HEX_SIZE])
{
	for (size_t i = 0; i < text.len; i++)
		if (strchr("0123456789abcdef", text.ptr[i]) == NULL)
			return false;
	snprintf(out, DIGEST_HEX_SIZE, "%.*s", text.len < DIGEST_HEX_SIZE ? (int)text.len : 0, text.ptr == NULL ? "" : text.ptr);
	return text.len == DIGEST_HEX_SIZE - 1 || text.len == 0;
}

bool chart_cache_load(struct charts *charts, const char *key, struct arena *arena, struct found *out)
{
	char path[4096];
	struct span bytes;
	struct found found = {0};
	chart_cache_path(charts, "found", key, ".json", path);
	if (!files_read(arena, path, FOUND_MAX, &bytes, NULL))
		return false;
	json_t *root = json_loadb(bytes.ptr, bytes.len, JSON_REJECT_DUPLICATES, NULL);
	found.name = member_text(root, "name", arena);
	found.version = member_text(root, "version", arena);
	found.app_version = member_text(root, "appVersion", arena);
	found.manifest = member_text(root, "manifest", arena);
	found.from = member_text(root, "from", arena);
	found.found_s = json_integer_value(json_object_get(root, "found"));
	bool ok = take_digest(member_text(root, "digest", arena), found.digest) && take_digest(member_text(root, "offered", arena), found.offered) &&
		  found.digest[0] != '\0' && found.name.len > 0 && found.version.len > 0;
	json_decref(root);
	if (ok)
		*out = found;
	return ok;
}

/* That it cannot be kept costs a request after the next start. */
void chart_cache_save(struct charts *charts, const char *key, const struct found *found)
{
	char path[4096];
	struct fail fail;
	json_t *root = json_pack("{s:s%, s:s%, s:s%, s:s%, s:s%, s:s, s:s, s:I}", "name", found->name.ptr, found->name.len, "version",
				 found->version.ptr, found->version.len, "appVersion", found->app_version.ptr, found->app_version.len, "manifest",
				 found->manifest.ptr, found->manifest.len, "from", found->from.ptr, found->from.len, "digest", found->digest,
				 "offered", found->offered, "found", (json_int_t)found->found_s);
	char *text = root == NULL ? NULL : json_dumps(root, JSON_INDENT(1));
	json_decref(root);
	chart_cache_path(charts, "found", key, ".json", path);
	if (text != NULL && !files_write(path, span_of(text), 0600, &fail))
		log_warn(charts->log, "helm", "what was found of a chart is not kept", log_fail(&fail));
	free(text);
}
