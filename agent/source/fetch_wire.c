#include <stdio.h>

#include "agent/source/fetch.h"
#include "base/cleanup.h"

/* One table for both directions, so that they cannot differ. */
struct row {
	size_t offset;
	enum { ROW_STRING, ROW_SPAN } type;
};

#define STRING_ROW(member) {offsetof(struct fetch_request, member), ROW_STRING}
#define SPAN_ROW(member) {offsetof(struct fetch_request, member), ROW_SPAN}

static const struct row rows[] = {
	STRING_ROW(url),	STRING_ROW(host),	  STRING_ROW(user),	  STRING_ROW(ref),
	STRING_ROW(path),	STRING_ROW(cache_dir),	  SPAN_ROW(token),	  SPAN_ROW(ssh_key),
	SPAN_ROW(ssh_passphrase), SPAN_ROW(known_hosts),  SPAN_ROW(verify_keys),  STRING_ROW(ca_file),
	STRING_ROW(proxy),	STRING_ROW(no_proxy),	  STRING_ROW(last_tip),	  STRING_ROW(last_path_id),
	STRING_ROW(last_root_id), STRING_ROW(root_id),
};

static const char **string_at(const struct fetch_request *request, const struct row *row)
{
	return (const char **)((uintptr_t)request + row->offset);
}

static struct span *span_at(const struct fetch_request *request, const struct row *row)
{
	return (struct span *)((uintptr_t)request + row->offset);
}

static void put_known(struct text *out, const struct source_known *known)
{
	wire_put_int(out, known->input_count);
	for (size_t i = 0; i < known->input_count; i++) {
		wire_put_span(out, known->inputs[i].id);
		wire_put_int(out, known->inputs[i].bytes);
	}
	wire_put_int(out, known->other_count);
	for (size_t i = 0; i < known->other_count; i++)
		wire_put_span(out, known->others[i].path);
}

static struct source_file *get_files(struct wire *wire, bool are_inputs, size_t *out_count)
{
	size_t count = wire_count(wire);
	struct source_file *files = wire_alloc(wire, count, sizeof *files);
	for (size_t i = 0; files != NULL && i < count && !wire->bad; i++) {
		*(are_inputs ? &files[i].id : &files[i].path) = wire_span(wire);
		if (are_inputs)
			files[i].bytes = (size_t)wire_int(wire, SIZE_MAX);
	}
	*out_count = files == NULL ? 0 : count;
	return files;
}

void request_put(struct text *out, const struct fetch_request *request)
{
	wire_put_int(out, request->task);
	wire_put_int(out, request->scheme);
	wire_put_int(out, request->ref_kind);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].type == ROW_STRING)
			wire_put_string(out, *string_at(request, &rows[i]));
		else
			wire_put_span(out, *span_at(request, &rows[i]));
	}
	wire_put_int(out, request->limits.max_file_bytes);
	wire_put_int(out, request->limits.max_total_bytes);
	wire_put_int(out, request->limits.max_files);
	wire_put_int(out, request->max_fetch_bytes);
	wire_put_int(out, (uint64_t)request->timeout_ms);
	wire_put_bool(out, request->compare_root);
	put_known(out, &request->known);
}

void request_get(struct wire *wire, struct fetch_request *request)
{
	request->task = (enum fetch_task)wire_int(wire, FETCH_SERVE);
	request->scheme = (enum source_scheme)wire_int(wire, SCHEME_FILE);
	request->ref_kind = (enum ref_kind)wire_int(wire, REF_COMMIT);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].type == ROW_STRING)
			*string_at(request, &rows[i]) = wire_string(wire);
		else
			*span_at(request, &rows[i]) = wire_span(wire);
	}
	request->limits.max_file_bytes = (size_t)wire_int(wire, SIZE_MAX);
	request->limits.max_total_bytes = (size_t)wire_int(wire, SIZE_MAX);
	request->limits.max_files = (size_t)wire_int(wire, SIZE_MAX);
	request->max_fetch_bytes = (size_t)wire_int(wire, SIZE_MAX);
	request->timeout_ms = (int64_t)wire_int(wire, INT64_MAX);
	request->compare_root = wire_bool(wire);
	request->known.inputs = get_files(wire, true, &request->known.input_count);
	request->known.others = get_files(wire, false, &request->known.other_count);
}

void answer_put(struct text *out, const struct fetch_answer *answer, const struct source_tree *tree)
{
	bool has_tree = answer->verdict == SOURCE_CHANGED;
	wire_put_int(out, answer->verdict);
	wire_put_fail(out, &answer->fail);
	wire_put_int(out, (uint64_t)answer->retry_after_ms);
	wire_put_bool(out, answer->followed_links);
	wire_put_string(out, answer->revision);
	wire_put_string(out, answer->tip);
	wire_put_string(out, answer->path_id);
	wire_put_string(out, answer->root_id);
	wire_put_bool(out, has_tree);
	if (!has_tree)
		return;
	wire_put_bool(out, tree->is_incomplete);
	wire_put_diags(out, &tree->diags);
	wire_put_int(out, tree->tree.input_count);
	for (size_t i = 0; i < tree->tree.input_count; i++) {
		wire_put_span(out, tree->tree.inputs[i].path);
		wire_put_span(out, tree->tree.inputs[i].id);
		wire_put_span(out, tree->tree.inputs[i].bytes);
	}
	wire_put_int(out, tree->other_count);
	for (size_t i = 0; i < tree->other_count; i++)
		wire_put_span(out, tree->others[i].id);
}

static void get_text(struct wire *wire, char *out, size_t size)
{
	struct span text = wire_name(wire);
	if (text.len >= size)
		wire->bad = true;
	else
		snprintf(out, size, "%.*s", (int)text.len, text.ptr == NULL ? "" : text.ptr);
}

/* The paths are those that were asked for. */
static void get_others(struct wire *wire, struct source_tree *tree)
{
	size_t count = wire_count(wire);
	if (count != tree->other_count)
		wire->bad = true;
	for (size_t i = 0; i < count && !wire->bad; i++) {
		tree->others[i].id = wire_span(wire);
		wire->bad |= tree->others[i].id.len != 0 && tree->others[i].id.len != OBJECT_ID_RAW;
	}
}

static void get_tree(struct wire *wire, struct source_tree *tree)
{
	tree->is_incomplete = wire_bool(wire);
	wire_diags(wire, &tree->diags);
	size_t count = wire_count(wire);
	if (count > tree->tree.limits.max_files)
		wire->bad = true;
	for (size_t i = 0; i < count && !wire->bad; i++) {
		struct span path = wire_name(wire), id = wire_span(wire), bytes = wire_span(wire);
		if (path.len == 0 || id.len != OBJECT_ID_RAW) {
			wire->bad = true;
			return;
		}
		tree_add_input(&tree->tree, path, bytes);
		tree->tree.inputs[tree->tree.input_count - 1].id = id;
	}
	get_others(wire, tree);
}

void answer_get(struct wire *wire, struct fetch_answer *answer, struct source_tree *tree)
{
	answer->verdict = (enum source_verdict)wire_int(wire, SOURCE_CHANGED);
	wire_fail(wire, &answer->fail);
	answer->retry_after_ms = (int64_t)wire_int(wire, INT64_MAX);
	answer->followed_links = wire_bool(wire);
	get_text(wire, answer->revision, sizeof answer->revision);
	get_text(wire, answer->tip, sizeof answer->tip);
	get_text(wire, answer->path_id, sizeof answer->path_id);
	get_text(wire, answer->root_id, sizeof answer->root_id);
	bool has_tree = wire_bool(wire);
	if (has_tree != (answer->verdict == SOURCE_CHANGED))
		wire->bad = true;
	if (has_tree && !wire->bad)
		get_tree(wire, tree);
}
