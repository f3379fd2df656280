/* Trees from the file system. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "render/diag.h"
#include "render/tree.h"
#include "render/tree_open.h"

#define STDIN_NAME SPAN("<stdin>")

enum { MAX_WALK_DEPTH = 64, CHUNK = 64 << 10 };

struct files {
	struct tree *tree;
	struct arena *arena;
	struct diag_list *diags;
	int root;
	struct map cache;	/* path to struct span: what `read` has read */
	size_t total_bytes;	/* of inputs and cached files */
	char *buffer;		/* of the input that is loaded */
	const struct tree_file *loaded;
	struct tree_limits limits;
};

static void files_done(void *ptr)
{
	struct files *files = ptr;
	if (files->root >= 0)
		close(files->root);
	free(files->buffer);
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

static bool explain_open(struct fail *fail, int errnum, struct span path)
{
	if (errnum == EXDEV || errnum == ELOOP)
		return fail_set(fail, FAIL_INVALID, "%.*s leads out of the root of the tree through a link", SPAN_ARG(path));
	return fail_errno(fail, errnum, "cannot read %.*s", SPAN_ARG(path));
}

/* A regular file of bearable size, or -1. */
static int open_file(const struct files *files, struct span path, size_t *out_size, struct fail *fail)
{
	char name[4096];
	if (path.len >= sizeof name || memchr(path.ptr, '\0', path.len) != NULL) {
		fail_set(fail, FAIL_INVALID, "the path is too long or holds a NUL byte");
		return -1;
	}
	memcpy(name, path.ptr, path.len);
	name[path.len] = '\0';
	int fd = tree_open_beneath(files->root, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0) {
		explain_open(fail, errno, path);
	} else if (!S_ISREG(status.st_mode)) {
		fail_set(fail, FAIL_INVALID, "%.*s is not a regular file", SPAN_ARG(path));
	} else if ((uintmax_t)status.st_size > files->limits.max_file_bytes) {
		fail_set(fail, FAIL_TOO_BIG, "%.*s is bigger than %zu bytes", SPAN_ARG(path), files->limits.max_file_bytes);
	} else {
		*out_size = (size_t)status.st_size;
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

/* Everything up to the end of the file, whatever its size was; the caller frees *out. */
static bool read_all(int fd, size_t expected, size_t max, char **out, size_t *out_len, struct fail *fail)
{
	size_t cap = expected + 1, len = 0;
	CLEANUP(free_ptr) char *bytes = malloc(cap);
	for (;;) {
		if (bytes == NULL)
			abort();
		ssize_t got = read(fd, bytes + len, cap - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_errno(fail, errno, "cannot read");
		if (got == 0)
			break;
		len += (size_t)got;
		if (len > max)
			return fail_set(fail, FAIL_TOO_BIG, "bigger than %zu bytes", max);
		if (len == cap) {
			cap = cap * 2 + CHUNK;
			bytes = realloc(bytes, cap);
		}
	}
	*out_len = len;
	*out = TAKE(bytes);
	return true;
}

static bool read_path(const struct files *files, struct span path, char **out, size_t *out_len, struct fail *fail)
{
	size_t size = 0;
	CLEANUP(close_fd) int fd = open_file(files, path, &size, fail);
	if (fd < 0)
		return false;
	if (!read_all(fd, size, files->limits.max_file_bytes, out, out_len, fail))
		return fail_wrap(fail, "%.*s", SPAN_ARG(path));
	return true;
}

static bool add_total(struct files *files, size_t bytes, struct fail *fail)
{
	if (bytes > files->limits.max_total_bytes - files->total_bytes)
		return fail_set(fail, FAIL_TOO_BIG, "the files of the tree are bigger than %zu bytes together",
				files->limits.max_total_bytes);
	files->total_bytes += bytes;
	return true;
}

static bool read_cached(void *ctx, struct span path, struct span *out_bytes, struct fail *fail)
{
	struct files *files = ctx;
	struct span *known = map_get(&files->cache, path), clean;
	if (known != NULL) {
		*out_bytes = *known;
		return true;
	}
	if (!tree_resolve(files->arena, SPAN(""), path, &clean) || !span_eq(clean, path))
		return fail_set(fail, FAIL_INVALID, "%.*s is not a clean path inside of the tree", SPAN_ARG(path));
	CLEANUP(free_ptr) char *bytes = NULL;
	size_t len = 0;
	if (!read_path(files, path, &bytes, &len, fail) || !add_total(files, len, fail))
		return false;
	struct span *kept = ARENA_NEW(files->arena, struct span);
	*kept = arena_copy(files->arena, (struct span){bytes, len});
	*map_at(&files->cache, clean) = kept;
	*out_bytes = *kept;
	return true;
}

static void drop_input(void *ctx, struct tree_file *file)
{
	struct files *files = ctx;
	if (files->buffer == NULL || file->bytes.ptr != files->buffer)
		return;
	free(files->buffer);
	files->buffer = NULL;
	files->loaded = NULL;
	file->bytes = (struct span){0};
}

/* One input lives in the buffer; a second one that is loaded before the first is dropped goes to the cache. */
static bool load_input(void *ctx, struct tree_file *file, struct fail *fail)
{
	struct files *files = ctx;
	if (files->buffer != NULL)
		return read_cached(ctx, file->path, &file->bytes, fail);
	size_t len = 0;
	if (!read_path(files, file->path, &files->buffer, &len, fail))
		return false;
	files->loaded = file;
	file->bytes = (struct span){files->buffer, len};
	return true;
}

/* --- finding ------------------------------------------------------------------------------------------------------ */

static void report(struct files *files, struct span path, const char *code, const struct fail *fail)
{
	struct diag_at at = {.list = files->diags, .file = arena_copy(files->arena, path)};
	diag_error(&at, code, NULL, NULL, "%s", fail->text);
	files->tree->is_incomplete = true;
}

/* Looks at the file now, so that all unreadable ones are reported together; the bytes come when they are wanted. */
static void add_file(struct files *files, struct span path)
{
	struct fail fail = {0};
	size_t size = 0;
	int fd = open_file(files, path, &size, &fail);
	if (fd < 0) {
		report(files, path, fail.code == FAIL_TOO_BIG ? "TooBig" : "Unreadable", &fail);
		return;
	}
	close(fd);
	if (files->tree->input_count >= files->limits.max_files) {
		if (files->tree->input_count == files->limits.max_files && !files->tree->is_incomplete) {
			fail_set(&fail, FAIL_TOO_BIG, "more than %zu files", files->limits.max_files);
			report(files, path, "TooManyFiles", &fail);
		}
		files->tree->is_incomplete = true;
		return;
	}
	if (!add_total(files, size, &fail)) {
		report(files, path, "TooBig", &fail);
		return;
	}
	tree_add_input(files->tree, arena_copy(files->arena, path), (struct span){0});
}

struct names {
	struct span *items;
	size_t count, cap;
};

static int compare_names(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static bool list_names(struct files *files, struct span path, struct names *names, struct fail *fail)
{
	char *name = arena_string(files->arena, path.len == 0 ? SPAN(".") : path);
	int fd = tree_open_beneath(files->root, name, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return explain_open(fail, errno, path.len == 0 ? SPAN(".") : path);
	DIR *dir = fdopendir(fd);
	if (dir == NULL) {
		close(fd);
		return fail_errno(fail, errno, "cannot read the directory %s", name);
	}
	errno = 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL; errno = 0)
		if (entry->d_name[0] != '.')
			ARENA_PUSH(files->arena, names->items, names->count, names->cap) =
				arena_copy(files->arena, span_of(entry->d_name));
	int errnum = errno;
	closedir(dir);
	if (errnum != 0)
		return fail_errno(fail, errnum, "cannot read the directory %s", name);
	if (names->count > 0)
		qsort(names->items, names->count, sizeof *names->items, compare_names);
	return true;
}

static void warn_link(struct files *files, struct span path)
{
	struct diag_at at = {.list = files->diags, .file = path};
	struct diag *diag = diag_warn(&at, "LinkedDirectory", NULL, NULL, "a link to a directory is not followed");
	diag_hint(&at, diag, "name the directory itself if its files are meant");
}

static void add_directory(struct files *files, struct span path, unsigned depth);

static void add_entry(struct files *files, struct span path, unsigned depth)
{
	struct stat status;
	struct fail fail = {0};
	if (fstatat(files->root, path.ptr, &status, AT_SYMLINK_NOFOLLOW) != 0) {
		fail_errno(&fail, errno, "cannot read %.*s", SPAN_ARG(path));
		report(files, path, "Unreadable", &fail);
		return;
	}
	if (S_ISDIR(status.st_mode)) {
		add_directory(files, path, depth + 1);
		return;
	}
	if (S_ISLNK(status.st_mode)) {
		int fd = tree_open_beneath(files->root, path.ptr, O_PATH | O_DIRECTORY);
		if (fd >= 0) {
			close(fd);
			warn_link(files, path);
			return;
		}
	}
	if (tree_is_document_name(path))
		add_file(files, path);
}

static void add_directory(struct files *files, struct span path, unsigned depth)
{
	struct names names = {0};
	struct fail fail = {0};
	if (depth > MAX_WALK_DEPTH)
		fail_set(&fail, FAIL_TOO_BIG, "directories are nested deeper than %d", (int)MAX_WALK_DEPTH);
	if (depth > MAX_WALK_DEPTH || !list_names(files, path, &names, &fail)) {
		report(files, path, "Unreadable", &fail);
		return;
	}
	for (size_t i = 0; i < names.count; i++)
		add_entry(files,
			  path.len == 0 ? names.items[i]
					: arena_spanf(files->arena, "%.*s/%.*s", SPAN_ARG(path), SPAN_ARG(names.items[i])),
			  depth);
}

static void add_stdin(struct files *files)
{
	CLEANUP(free_ptr) char *bytes = NULL;
	size_t len = 0;
	struct fail fail = {0};
	if (!read_all(STDIN_FILENO, CHUNK, files->limits.max_total_bytes, &bytes, &len, &fail) ||
	    !add_total(files, len, &fail)) {
		report(files, STDIN_NAME, fail.code == FAIL_TOO_BIG ? "TooBig" : "Unreadable", &fail);
		return;
	}
	struct span *kept = ARENA_NEW(files->arena, struct span);
	*kept = arena_copy(files->arena, (struct span){bytes, len});
	*map_at(&files->cache, STDIN_NAME) = kept; /* for whoever reads it again, to show a line */
	tree_add_input(files->tree, STDIN_NAME, *kept);
}

/* `path` is clean and relative to the root; "" is the root itself. */
static void add_path(struct files *files, struct span path)
{
	int fd = path.len == 0 ? 0 : tree_open_beneath(files->root, path.ptr, O_PATH | O_DIRECTORY);
	if (fd > 0)
		close(fd);
	if (fd < 0)
		add_file(files, path);
	else
		add_directory(files, path, 0);
}

/* --- the root ----------------------------------------------------------------------------------------------------- */

/* Absolute, without ".", ".." and doubled slashes; by text, links are not looked at. "" is "/". */
static struct span clean_absolute(struct arena *arena, const char *directory, const char *path)
{
	struct span all = path[0] == '/' ? span_of(path) : arena_spanf(arena, "%s/%s", directory, path), step;
	char *clean = arena_alloc(arena, all.len + 2);
	size_t len = 0;
	while (span_next(&all, '/', &step)) {
		if (step.len == 0 || span_is(step, "."))
			continue;
		if (span_is(step, "..")) {
			while (len > 0 && clean[--len] != '/')
				continue;
			continue;
		}
		clean[len++] = '/';
		memcpy(clean + len, step.ptr, step.len);
		len += step.len;
	}
	clean[len] = '\0';
	return (struct span){clean, len};
}

static bool is_below(struct span root, struct span path)
{
	return path.len >= root.len && memcmp(path.ptr, root.ptr, root.len) == 0 &&
	       (path.len == root.len || path.ptr[root.len] == '/');
}

static struct span directory_of(struct arena *arena, struct span path)
{
	struct stat status;
	if (stat(arena_string(arena, path), &status) == 0 && S_ISDIR(status.st_mode))
		return path;
	size_t len = path.len;
	while (len > 0 && path.ptr[len - 1] != '/')
		len--;
	return arena_copy(arena, (struct span){path.ptr, len > 0 ? len - 1 : 0});
}

static struct span choose_root(struct files *files, const char *cwd, const char *root_dir, const char *const *paths,
			       size_t count)
{
	struct span root = clean_absolute(files->arena, cwd, root_dir == NULL ? "." : root_dir);
	const char *first = NULL;
	bool all_below = true;
	for (size_t i = 0; i < count && root_dir == NULL; i++) {
		if (strcmp(paths[i], "-") == 0)
			continue;
		first = first == NULL ? paths[i] : first;
		all_below = all_below && is_below(root, clean_absolute(files->arena, cwd, paths[i]));
	}
	return all_below ? root : directory_of(files->arena, clean_absolute(files->arena, cwd, first));
}

static bool add_paths(struct files *files, struct span base, struct span root, const char *const *paths, size_t count,
		      struct fail *fail)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(paths[i], "-") == 0) {
			add_stdin(files);
			continue;
		}
		struct span path = clean_absolute(files->arena, base.ptr, paths[i]);
		if (!is_below(root, path))
			return fail_set(fail, FAIL_INVALID, "%s lies outside of the root directory %.*s", paths[i],
					SPAN_ARG(root.len == 0 ? SPAN("/") : root));
		size_t skip = path.len == root.len ? root.len : root.len + 1;
		add_path(files, (struct span){path.ptr + skip, path.len - skip});
	}
	return true;
}

bool tree_from_paths(struct tree *tree, const char *root_dir, const char *const *paths, size_t count,
		     struct diag_list *diags, struct fail *fail)
{
	struct files *files = ARENA_NEW(tree->arena, struct files);
	*files = (struct files){
		.tree = tree, .arena = tree->arena, .diags = diags, .root = -1, .limits = tree->limits};
	arena_defer(tree->arena, files_done, files);
	map_init(&files->cache, tree->arena);
	CLEANUP(free_ptr) char *cwd = getcwd(NULL, 0);
	if (cwd == NULL)
		return fail_errno(fail, errno, "cannot find the working directory");
	struct span root = choose_root(files, cwd, root_dir, paths, count);
	files->root = open(root.len == 0 ? "/" : root.ptr, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (files->root < 0)
		return fail_errno(fail, errno, "cannot open the directory %s", root.len == 0 ? "/" : root.ptr);
	struct span base = root_dir == NULL ? span_of(cwd) : root;
	static const char *const everything[] = {"."};
	bool is_all = count == 0;
	if (!add_paths(files, base, root, is_all ? everything : paths, is_all ? 1 : count, fail))
		return false;
	tree->read = read_cached;
	tree->load = load_input;
	tree->drop = drop_input;
	tree->ctx = files;
	tree_sort(tree);
	return true;
}
