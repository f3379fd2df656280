#include "render/load.h"

#include <stdlib.h>
#include <string.h>

#include "render/load_int.h"

static struct place mark_place(struct loader *loader, const yaml_mark_t *mark)
{
	return input_place(&loader->input, mark);
}

/* The text of a document starts behind the line of its "---", unless something stands on that line. */
static size_t content_begin(struct span file, size_t behind_marker)
{
	size_t at = behind_marker;
	while (at < file.len && (file.ptr[at] == ' ' || file.ptr[at] == '\t'))
		at++;
	if (at < file.len && file.ptr[at] == '\r')
		at++;
	return at < file.len && file.ptr[at] == '\n' ? at + 1 : behind_marker;
}

static bool begin_document(struct loader *loader, const struct event *event)
{
	if (loader->document_count >= loader->limits.max_documents) {
		struct node here = {0};
		fault_at(&here, mark_place(loader, &event->start));
		return fault_limit(loader, "TooManyDocuments", &here, "more documents than one file may hold");
	}
	size_t begin = loader->document_count == 0 ? 0 : loader->documents[loader->document_count - 1].end;
	struct place end = mark_place(loader, &event->end);
	if (!event->is_implicit)
		begin = content_begin(loader->input.file, end.offset);
	struct load_document *document = &ARENA_PUSH(&loader->scratch, loader->documents, loader->document_count,
						     loader->document_cap);
	*document = (struct load_document){.begin = begin};
	build_reset(loader);
	loader->last_quoted = event->start;
	return true;
}

/* Kubernetes or Omni, by the keys of the document; what was read under the other assumption is read anew. */
static void settle_dialect(struct loader *loader)
{
	if (loader->asked != LOAD_AUTO || loader->dialect == LOAD_KUBERNETES)
		return;
	if (node_get(&loader->root, "apiVersion") == NULL)
		return;
	loader->dialect = LOAD_KUBERNETES;
	build_convert(loader, &loader->root);
}

/* Faults that were found while reading learn the name of their object. */
static void name_faults(struct loader *loader)
{
	struct diag_list *list = loader->at.list;
	struct span kind = node_text_at(&loader->root, "kind"), name = node_text_at(&loader->root, "metadata.name");
	if (name.len == 0)
		name = node_text_at(&loader->root, "name");
	if (kind.len == 0)
		return;
	struct span object;
	if (name.len > 0)
		object = arena_spanf(list->arena, "%.*s/%.*s", SPAN_ARG(kind), SPAN_ARG(name));
	else
		object = arena_copy(list->arena, kind);
	for (size_t i = loader->first_diag; i < list->count; i++)
		if (list->items[i].object.len == 0)
			list->items[i].object = object;
}

static bool end_document(struct loader *loader, const struct event *event)
{
	struct load_document *document = &loader->documents[loader->document_count - 1];
	document->end = mark_place(loader, &event->start).offset;
	if (document->end < document->begin)
		document->end = document->begin;
	settle_dialect(loader);
	document->root = loader->root;
	document->dialect = loader->dialect;
	if (loader->at.list->count > loader->first_diag)
		name_faults(loader);
	return !loader->is_failed;
}

static bool handle_event(struct loader *loader, const struct event *event)
{
	switch (event->kind) {
	case EVENT_DOCUMENT_START: return begin_document(loader, event);
	case EVENT_DOCUMENT_END: return end_document(loader, event);
	case EVENT_STREAM_END: return true;
	default: return build_event(loader, event);
	}
}

enum outcome {
	READ_ALL,
	READ_FAULT, /* of syntax: not reported yet */
	READ_STOPPED,
};

static enum outcome read_segment(struct loader *loader)
{
	bool is_open = false;
	struct event event;
	do {
		if (!events_next(&loader->events, &event)) {
			loader->document_count -= is_open;
			return READ_FAULT;
		}
		if (!handle_event(loader, &event)) {
			loader->document_count -= is_open;
			return READ_STOPPED;
		}
		if (event.kind <= EVENT_DOCUMENT_END)
			is_open = event.kind == EVENT_DOCUMENT_START;
	} while (event.kind != EVENT_STREAM_END);
	return READ_ALL;
}

/* From the beginning, or from where a fault let it go on. */
static enum outcome read_rest(struct loader *loader)
{
	size_t chars;
	struct span rest = input_rest(&loader->input, &chars);
	events_open(&loader->events, &loader->scratch, rest, chars);
	loader->events.is_json = loader->input.is_json;
	enum outcome outcome = read_segment(loader);
	events_close(&loader->events);
	return outcome;
}

/* Report what is wrong and find the next document; false when there is none. What is wrong where the readable bytes end
 * may be their end alone: that is reported already. */
static bool get_over(struct loader *loader)
{
	struct segment broken = loader->input.segment;
	bool goes_on = input_resume(&loader->input, &loader->events.fault.problem_mark);
	struct segment next = loader->input.segment;
	loader->input.segment = broken;
	if (goes_on || !loader->input.is_cut)
		fault_syntax(loader);
	loader->input.segment = next;
	return goes_on && !loader->at.list->is_full;
}

/* True: to the end of the stream, without a fault. */
static bool read_stream(struct loader *loader)
{
	bool is_whole = !loader->input.is_cut;
	enum outcome outcome;
	while ((outcome = read_rest(loader)) == READ_FAULT) {
		is_whole = false;
		if (!get_over(loader))
			return false;
	}
	/* The unreadable bytes belong to the last document. */
	if (outcome == READ_ALL && loader->input.is_cut && loader->document_count > 0)
		loader->document_count--;
	return is_whole && outcome == READ_ALL;
}

static struct load_limits effective_limits(const struct load_limits *limits)
{
	struct load_limits out = limits == NULL ? LOAD_LIMITS_DEFAULT : *limits;
	if (out.max_bytes == 0)
		out.max_bytes = (size_t)64 << 20;
	if (out.max_depth == 0 || out.max_depth > 1000)
		out.max_depth = 64;
	return out;
}

static void give_documents(struct loader *loader, struct load_document **out_documents, size_t *out_count)
{
	for (size_t i = 0; i < loader->document_count; i++) {
		loader->documents[i].begin += loader->input.bom;
		loader->documents[i].end += loader->input.bom;
	}
	*out_documents = loader->documents;
	*out_count = loader->document_count;
}

bool load_yaml_shared(struct load_shared *shared, struct arena *arena, struct span bytes, enum load_dialect dialect,
		      const struct load_limits *limits, const struct diag_at *at, struct load_document **out_documents,
		      size_t *out_count)
{
	struct loader loader = {.arena = arena, .at = *at, .asked = dialect, .limits = effective_limits(limits)};
	shared->scratch.limit_bytes = ARENA_NO_LIMIT;
	arena_rewind(&shared->scratch);
	loader.scratch = shared->scratch;
	loader.texts = shared->is_brief ? NULL : shared->texts;
	map_init(&loader.anchors, &loader.scratch);
	input_open(&loader.input, &loader.scratch, bytes);
	loader.levels = ARENA_ARRAY(&loader.scratch, struct level, loader.limits.max_depth + 1);
	bool is_whole = read_stream(&loader);
	if (loader.input.is_cut)
		is_whole = fault_input(&loader);
	give_documents(&loader, out_documents, out_count);
	free(loader.stack);
	shared->scratch = loader.scratch;
	return is_whole;
}

void load_shared_done(struct load_shared *shared)
{
	arena_done(&shared->scratch);
}

bool load_yaml(struct arena *arena, struct span bytes, enum load_dialect dialect, const struct load_limits *limits,
	       const struct diag_at *at, struct load_document **out_documents, size_t *out_count)
{
	struct load_shared shared = {0};
	struct load_document *read;
	size_t before = *out_count, count;
	bool is_whole = load_yaml_shared(&shared, arena, bytes, dialect, limits, at, &read, &count);
	if (count > 0) {
		struct load_document *all = ARENA_ARRAY(arena, struct load_document, before + count);
		if (before > 0)
			memcpy(all, *out_documents, before * sizeof *all);
		memcpy(all + before, read, count * sizeof *all);
		*out_documents = all;
		*out_count = before + count;
	}
	load_shared_done(&shared);
	return is_whole;
}

bool load_one(struct arena *arena, struct span bytes, enum load_dialect dialect, struct node *out_root,
	      struct fail *fail)
{
	struct diag_list diags;
	diag_list_init(&diags, arena);
	struct diag_at at = {.list = &diags};
	struct load_document *documents = NULL;
	size_t count = 0;
	load_yaml(arena, bytes, dialect, NULL, &at, &documents, &count);
	for (size_t i = 0; i < diags.count; i++) {
		const struct diag *diag = &diags.items[i];
		if (diag->severity == DIAG_ERROR)
			return fail_set(fail, FAIL_INVALID, "line %u, column %u: %.*s", diag->line, diag->column,
					SPAN_ARG(diag->message));
	}
	if (count > 1)
		return fail_set(fail, FAIL_INVALID, "%zu documents where one is wanted", count);
	*out_root = count == 0 ? node_null() : documents[0].root;
	return true;
}
