/* One file to one resource. */
#include <errno.h>

#include "agent/omni/compress.h"
#include "agent/omni/dir_int.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "render/load.h"

static bool expand(void *ctx, struct arena *arena, struct span compressed, struct span *out_text, struct fail *fail)
{
	const struct dir_store *store = ctx;
	return content_expand(arena, compressed, store->dictionary, out_text, fail);
}

static struct span first_fault(struct arena *arena, const struct dir_store *store, const struct dir_table *table,
			       const char *name, struct diag_list *diags)
{
	diag_sort(diags);
	for (size_t i = 0; i < diags->count; i++) {
		const struct diag *diag = &diags->items[i];
		if (diag->severity == DIAG_ERROR)
			return arena_spanf(arena, "%s/%s/%s:%u:%u: %.*s", store->path, table->type->name, name, diag->line,
					   diag->column, SPAN_ARG(diag->message));
	}
	return arena_spanf(arena, "%s/%s/%s: cannot be read", store->path, table->type->name, name);
}

/* The ID and the type stand in the file; both have to lead to the file. */
static void check_place(const struct dir_table *table, const struct resource *resource, const char *name,
			const struct diag_at *at, const struct node *root)
{
	char wanted[DIR_NAME_SIZE];
	dir_name_of(resource->id, wanted);
	if (resource->type != table->type)
		diag_error(at, "WrongPlace", root, "metadata.type", "a resource of the type %.*s belongs into the directory %.*s",
			   SPAN_ARG(resource->type_name), SPAN_ARG(resource->type_name));
	else if (resource->id.len == 0)
		diag_error(at, "Required", root, "metadata.id", "the ID of the resource is missing");
	else if (strcmp(wanted, name) != 0)
		diag_error(at, "WrongPlace", root, "metadata.id", "the resource \"%.*s\" belongs into the file %s",
			   SPAN_ARG(resource->id), wanted);
}

/* Binary content is base64 for us, not the text that the reader of YAML would insist on. The bytes are our own copy. */
static void untag(const struct dir_table *table, struct span bytes)
{
	static const char *const marks[] = {"\n  compresseddata: !!binary", "\n    compresseddata: !!binary"};
	enum { TAG = 8 };
	for (size_t i = 0; (table->type->flags & OMNI_CONTENT) != 0 && i < COUNT_OF(marks); i++) {
		size_t len = strlen(marks[i]);
		char *at = memmem(bytes.ptr, bytes.len, marks[i], len); /* a key of spec, not a line of a text below */
		if (at != NULL)
			memset(at + len - TAG, ' ', TAG);
	}
}

static struct resource *parse(const struct dir_store *store, const struct dir_table *table, const char *name,
			      struct arena *arena, struct span bytes, struct diag_list *diags)
{
	struct diag_at at = {diags, span_of(name), span_of(table->type->name)};
	struct resource_expander expander = {expand, (void *)(uintptr_t)store};
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	struct load_document *documents = NULL;
	size_t count = 0;
	if (!load_yaml(arena, bytes, LOAD_OMNI, &limits, &at, &documents, &count) || diags->error_count > 0)
		return NULL;
	if (count != 1) {
		diag_error(&at, "WrongPlace", NULL, "", "a file holds one resource, not %zu", count);
		return NULL;
	}
	struct resource *resource = resource_read_with(arena, &documents[0].root, &at, &expander);
	if (resource != NULL)
		check_place(table, resource, name, &at, &documents[0].root);
	return diags->error_count > 0 ? NULL : resource;
}

struct dir_stamp dir_stamp_of(const struct stat *info)
{
	return (struct dir_stamp){(uint64_t)info->st_ino, (uint64_t)info->st_size, info->st_mtim, info->st_ctim};
}

bool dir_load(const struct dir_store *store, const struct dir_table *table, const char *name, struct arena *arena,
	      struct resource **out, struct span *out_fault, struct dir_stamp *out_stamp)
{
	struct diag_list diags;
	struct span bytes;
	struct fail fail;
	struct stat info;
	CLEANUP(close_fd) int fd = table->dir_fd < 0 ? -1 : openat(table->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && (table->dir_fd < 0 || errno == ENOENT))
		return false;
	*out = NULL;
	*out_fault = (struct span){0};
	*out_stamp = (struct dir_stamp){0};
	if (fd < 0 || fstat(fd, &info) != 0) {
		*out_fault = arena_spanf(arena, "%s/%s/%s: %s", store->path, table->type->name, name, strerror(errno));
		return true;
	}
	*out_stamp = dir_stamp_of(&info);
	diag_list_init(&diags, arena);
	if (!files_read_fd(arena, fd, name, DIR_FILE_MAX, &bytes, &fail)) {
		*out_fault = arena_spanf(arena, "%s/%s: %s", store->path, table->type->name, fail.text);
		return true;
	}
	untag(table, bytes);
	*out = parse(store, table, name, arena, bytes, &diags);
	if (*out == NULL)
		*out_fault = first_fault(arena, store, table, name, &diags);
	else if ((*out)->version == 0)
		(*out)->version = 1; /* written by a person */
	return true;
}
