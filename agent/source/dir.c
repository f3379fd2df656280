/* A directory as a source: plain, behind git-sync's link, or a kubelet volume. What a poll returns was one state of the
 * directory: behind a link everything is read from the directory that the link named at the start, of a plain directory
 * the files must look the same before and after reading. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/source/dir_later.h"
#include "agent/source/dir_scan.h"
#include "agent/source/dir_watch.h"
#include "agent/source/internal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"

enum { LINK_TRIES = 50, PLAIN_TRIES = 10, PLAIN_PAUSE_MS = 100 };
static const int64_t RACY_NS = INT64_C(2000000000); /* younger changes may hide behind the clock's grain */
static const int64_t FRESH_NS = INT64_C(10000000000);

enum dir_mode { DIR_PLAIN, DIR_LINK, DIR_KUBELET };

struct dir_source {
	struct source base;
	struct dir_watch watch;
	struct outside *outside;
	bool has_last;
	char last_signature[65], last_base[65], last_id[65], last_revision[SOURCE_REVISION_MAX];
};

/* One attempt. */
struct attempt {
	enum dir_mode mode;
	char link[PATH_MAX], target[PATH_MAX];
	int root_fd;
	struct source_tree *tree;
	struct scan scan;
	char signature[65];
};

/* --- finding the directory ------------------------------------------------------------------------------------------ */

static bool read_link(const char *link, char out_target[PATH_MAX])
{
	ssize_t length = readlink(link, out_target, PATH_MAX - 1);
	if (length <= 0)
		return false;
	out_target[length] = '\0';
	return true;
}

static void split_path(const char *path, char out_directory[PATH_MAX], char out_name[PATH_MAX])
{
	char copy[PATH_MAX];
	snprintf(copy, sizeof copy, "%s", path);
	snprintf(out_directory, PATH_MAX, "%s", dirname(copy));
	snprintf(copy, sizeof copy, "%s", path);
	snprintf(out_name, PATH_MAX, "%s", basename(copy));
}

/* Set the watch first, then look: what happens in between is seen. */
static bool find_root(struct dir_source *source, struct attempt *attempt, struct fail *fail)
{
	char directory[PATH_MAX], name[PATH_MAX], data[PATH_MAX];
	const char *place = source->base.config.place;
	int written = snprintf(data, sizeof data, "%s/..data", place);
	if (written < 0 || (size_t)written >= sizeof data)
		return fail_set(fail, FAIL_INVALID, "%s: the path is too long", place);
	split_path(place, directory, name);
	attempt->mode = DIR_PLAIN;
	if (read_link(place, attempt->target))
		attempt->mode = DIR_LINK;
	else if (read_link(data, attempt->target))
		attempt->mode = DIR_KUBELET;
	if (attempt->mode == DIR_PLAIN && access(place, F_OK) == 0)
		dir_watch_plain(&source->watch, place);
	else if (attempt->mode == DIR_KUBELET)
		dir_watch_link(&source->watch, place, "..data");
	else
		dir_watch_link(&source->watch, directory, name);
	snprintf(attempt->link, sizeof attempt->link, "%s", attempt->mode == DIR_KUBELET ? data : place);
	if (attempt->mode != DIR_PLAIN && !read_link(attempt->link, attempt->target))
		return fail_set(fail, FAIL_CONFLICT, "%s vanished", attempt->link);
	attempt->root_fd = open(attempt->link, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (attempt->root_fd < 0 && errno == ENOENT)
		return fail_set(fail, FAIL_NOT_FOUND,
				"%s does not exist (yet): what was applied before stays as it is", place);
	return attempt->root_fd >= 0 ? true : fail_errno(fail, errno, "%s", place);
}

/* The link still says the same, so root_fd is what it named. */
static bool link_is_same(const struct attempt *attempt)
{
	char now[PATH_MAX];
	return attempt->mode == DIR_PLAIN || (read_link(attempt->link, now) && strcmp(now, attempt->target) == 0);
}

static void watch_directory(void *ctx, int fd)
{
	dir_watch_add(ctx, fd);
}

static void attempt_done(struct attempt *attempt)
{
	source_tree_unref(attempt->tree);
	if (attempt->root_fd >= 0)
		close(attempt->root_fd);
	attempt->tree = NULL;
	attempt->root_fd = -1;
}

static bool list_once(struct dir_source *source, struct attempt *attempt, struct fail *fail)
{
	*attempt = (struct attempt){.root_fd = -1, .tree = source_tree_new(&source->base.config.limits)};
	if (!find_root(source, attempt, fail))
		return false;
	attempt->scan = (struct scan){.tree = attempt->tree, .root_fd = attempt->root_fd};
	if (attempt->mode == DIR_PLAIN) {
		attempt->scan.on_directory = watch_directory;
		attempt->scan.ctx = &source->watch;
	}
	if (!scan_list(&attempt->scan, source->base.config.path, fail))
		return link_is_same(attempt) || fail == NULL ? false : fail_set(fail, FAIL_CONFLICT, "moved on");
	scan_signature(&attempt->scan, attempt->signature);
	return link_is_same(attempt) ? true : fail_set(fail, FAIL_CONFLICT, "moved on");
}

static int64_t wall_ns(void)
{
	return clock_wall_ms() * INT64_C(1000000);
}

/* Whoever writes a file in place empties it first: an empty document that is so new is most likely one half written. */
static bool has_fresh_empty_document(const struct scan *scan)
{
	for (size_t i = 0; i < scan->count; i++)
		if (scan->entries[i].is_document && scan->entries[i].size == 0 &&
		    scan->entries[i].changed_ns > wall_ns() - FRESH_NS)
			return true;
	return false;
}

/* A `git pull` is under way, or the files changed while they were read. */
static bool is_stable(struct dir_source *source, struct attempt *attempt)
{
	if (attempt->mode != DIR_PLAIN)
		return link_is_same(attempt);
	if (source->has_last && has_fresh_empty_document(&attempt->scan))
		return false;
	if (faccessat(attempt->root_fd, ".git/index.lock", F_OK, 0) == 0)
		return false;
	struct attempt again;
	bool same = list_once(source, &again, NULL) && strcmp(again.signature, attempt->signature) == 0;
	attempt_done(&again);
	return same;
}

/* Nothing was touched since the last poll, as far as times can tell. */
static bool looks_untouched(struct dir_source *source, struct attempt *attempt)
{
	return source->has_last && !source->base.again && strcmp(attempt->signature, source->last_signature) == 0 &&
	       attempt->scan.newest_ns < wall_ns() - RACY_NS && outside_is_same(source->outside, attempt->root_fd,
				    source->base.config.limits.max_file_bytes);
}

static bool pause_until(struct patience patience, int64_t ms, struct fail *fail)
{
	if (clock_monotonic_ms() + ms >= patience.deadline_ms)
		return fail_set(fail, FAIL_TIMEOUT, "the directory did not come to rest in time");
	clock_sleep_ms(ms);
	return true;
}

/* Lists and loads until it is sure to be one state. *out_untouched: nothing was loaded, because nothing changed. */
static bool read_state(struct dir_source *source, struct patience patience, struct attempt *attempt,
		       bool *out_untouched, struct fail *fail)
{
	for (unsigned i = 0;; i++) {
		bool listed = list_once(source, attempt, fail);
		if (!listed && fail->code != FAIL_CONFLICT)
			return false;
		*out_untouched = listed && looks_untouched(source, attempt);
		if (*out_untouched)
			return true;
		bool loaded = listed && scan_load(&attempt->scan, fail);
		if (listed && !loaded && fail->code != FAIL_CONFLICT)
			return false;
		if (loaded && is_stable(source, attempt))
			return true;
		bool is_plain = attempt->mode == DIR_PLAIN;
		if (i >= (is_plain ? PLAIN_TRIES : LINK_TRIES))
			return fail_set(fail, FAIL_UNAVAILABLE,
					"%s keeps changing while it is read%s", source->base.config.place,
					is_plain ? " (or .git/index.lock was left behind, or a file was just emptied): publish through a link that is "
						   "replaced, as git-sync does"
						 : "");
		attempt_done(attempt);
		if (!pause_until(patience, is_plain ? PLAIN_PAUSE_MS : 1, fail))
			return false;
	}
}

/* --- the result ----------------------------------------------------------------------------------------------------- */

static bool is_commit(const char *name)
{
	size_t length = strspn(name, "0123456789abcdef");
	return name[length] == '\0' && (length == 40 || length == 64);
}

static void write_revision(const struct attempt *attempt, const char *content_id, char *out, size_t size)
{
	char directory[PATH_MAX], name[PATH_MAX];
	split_path(attempt->target, directory, name);
	if (attempt->mode == DIR_LINK && is_commit(name))
		snprintf(out, size, "%s:%.64s", strlen(name) == 40 ? "sha1" : "sha256", name);
	else
		snprintf(out, size, "sha256:%s", content_id);
}

static void add_input(struct source_tree *tree, const struct scan_entry *entry)
{
	tree_add_input(&tree->tree, entry->path, entry->bytes);
	tree->tree.inputs[tree->tree.input_count - 1].id = (struct span){(const char *)entry->id, sizeof entry->id};
}

/* They count as read, so that a change of them is a change of the source, whether or not they are looked for again. */
static void identify_others(struct source_tree *tree, const struct source_known *known)
{
	if (known == NULL)
		return;
	tree->others = ARENA_ARRAY(&tree->arena, struct source_file, known->other_count + 1);
	for (size_t i = 0; i < known->other_count; i++) {
		struct source_file *other = &tree->others[tree->other_count++];
		struct span bytes;
		other->path = arena_copy(&tree->arena, known->others[i].path);
		if (tree->tree.read(tree->tree.ctx, other->path, &bytes, NULL))
			tree->tree.identify(tree->tree.ctx, other->path, &other->id);
	}
}

static void fill_tree(struct dir_source *source, struct attempt *attempt)
{
	struct source_tree *tree = attempt->tree;
	struct dir_tree *later = ARENA_NEW(&tree->arena, struct dir_tree);
	for (size_t i = 0; i < attempt->scan.count; i++) {
		const struct scan_entry *entry = &attempt->scan.entries[i];
		if (!entry->is_document || entry->bytes.ptr == NULL)
			continue;
		if (is_lfs_pointer(entry->bytes))
			source_note(tree, DIAG_ERROR, "LfsPointer", entry->path, "fetch the files with git lfs pull",
				    "is a Git LFS pointer, not the file itself");
		else
			add_input(tree, entry);
	}
	tree_sort(&tree->tree);
	*later = (struct dir_tree){.tree = tree, .outside = outside_ref(source->outside), .root_fd = attempt->root_fd,
				   .entries = attempt->scan.entries, .count = attempt->scan.count};
	map_init(&later->ids, &tree->arena);
	if (attempt->mode != DIR_PLAIN) {
		later->link = arena_string(&tree->arena, span_of(attempt->link));
		later->target = arena_string(&tree->arena, span_of(attempt->target));
	}
	attempt->root_fd = -1;
	tree->tree.ctx = later;
	tree->tree.read = dir_tree_read;
	tree->tree.identify = dir_tree_identify;
	arena_defer(&tree->arena, dir_tree_done, later);
}

static void finish(struct dir_source *source, struct attempt *attempt, struct source_result *out)
{
	char base[65];
	scan_content_id(&attempt->scan, base);
	bool same = source->has_last && !source->base.again && strcmp(base, source->last_base) == 0 &&
		    outside_is_same(source->outside, attempt->root_fd,
				    source->base.config.limits.max_file_bytes);
	if (!same)
		outside_content_id(source->outside, attempt->root_fd, source->base.config.limits.max_file_bytes, base,
				   source->last_id);
	memcpy(source->last_signature, attempt->signature, sizeof base);
	memcpy(source->last_base, base, sizeof base);
	write_revision(attempt, source->last_id, source->last_revision, sizeof source->last_revision);
	source->has_last = true;
	out->verdict = same ? SOURCE_UNCHANGED : SOURCE_CHANGED;
	if (same)
		return;
	outside_clear(source->outside);
	struct source_tree *tree = attempt->tree;
	memcpy(tree->content_id, source->last_id, sizeof base);
	tree->tree.revision = arena_copy(&tree->arena, span_of(source->last_revision));
	fill_tree(source, attempt);
	identify_others(tree, source->base.known);
	out->tree = source_tree_ref(tree);
}

static void dir_poll(struct source *base, struct patience patience, struct source_result *out)
{
	struct dir_source *source = (struct dir_source *)base;
	struct attempt attempt = {.root_fd = -1};
	bool untouched = false;
	out->verdict = SOURCE_FAILED;
	bool ok = read_state(source, patience, &attempt, &untouched, &out->fail);
	if (ok && !untouched && attempt.scan.document_count == 0)
		ok = fail_set(&out->fail, FAIL_NOT_FOUND,
			      "%s%s%s holds no .yaml, .yml or .json file: taken for a mistake, nothing is deleted",
			      base->config.place, *base->config.path == '\0' ? "" : "/", base->config.path);
	if (ok && untouched) {
		out->verdict = SOURCE_UNCHANGED;
		write_revision(&attempt, source->last_id, source->last_revision, sizeof source->last_revision);
	} else if (ok) {
		finish(source, &attempt, out);
	}
	if (ok) {
		memcpy(out->content_id, source->last_id, sizeof out->content_id);
		memcpy(out->revision, source->last_revision, sizeof out->revision);
	}
	attempt_done(&attempt);
}

static void dir_forget(struct source *base)
{
	((struct dir_source *)base)->has_last = false;
}

static int dir_fd(const struct source *base)
{
	return ((const struct dir_source *)base)->watch.fd;
}

static bool dir_drain(struct source *base)
{
	return dir_watch_drain(&((struct dir_source *)base)->watch);
}

static void dir_free(struct source *base)
{
	struct dir_source *source = (struct dir_source *)base;
	dir_watch_done(&source->watch);
	outside_unref(source->outside);
	free(source);
}

bool dir_source_new(const struct source_config *config, struct source **out, struct fail *fail)
{
	static const struct source_ops ops = {dir_poll, dir_forget, dir_fd, dir_drain, dir_free};
	if (config->ref_kind != REF_HEAD)
		return fail_set(fail, FAIL_INVALID, "source %s: a directory has no ref=, tag= or commit=", config->name);
	struct dir_source *source = calloc(1, sizeof *source);
	if (source == NULL)
		abort();
	source->base = (struct source){.ops = &ops, .config = *config};
	dir_watch_init(&source->watch);
	source->outside = outside_new();
	*out = &source->base;
	return true;
}
