/* A stream of manifests, as Helm hands it to a post-renderer: every byte of it stays. */
#include "flux/render.h"
#include "render/emit.h"

static size_t line_start(struct span text, size_t at)
{
	while (at > 0 && text.ptr[at - 1] != '\n')
		at--;
	return at;
}

/* Where the separator in front of a document begins; a document without one begins at itself. */
static size_t separator_of(struct span input, size_t begin)
{
	size_t start = line_start(input, begin);
	for (size_t at = start; at > 0;) {
		at = line_start(input, at - 1);
		struct span line = {input.ptr + at, start - at};
		if (span_starts(line, "---"))
			return at;
		if (span_trim(line).len > 0)
			break;
		start = at;
	}
	return begin;
}

static void add_without_ours(struct text *out, const struct fleet *fleet, struct span input)
{
	size_t at = 0;
	for (size_t i = 0; i < fleet->document_count; i++) {
		const struct document *document = fleet->documents[i];
		if (!configmap_is_ours(&document->root) || document->begin < at)
			continue;
		size_t cut = separator_of(input, document->begin);
		if (cut > at)
			text_add(out, (struct span){input.ptr + at, cut - at});
		at = document->end;
	}
	text_add(out, (struct span){input.ptr + at, input.len - at});
}

/* The stream without the ConfigMaps of an earlier run: they are made anew, and their bytes belong to no plain template. */
static bool drop_ours(struct run *run, struct fail *fail)
{
	struct fleet fleet;
	struct tree tree;
	struct text text;
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	if (!span_contains(run->input, ANNOTATION_RENDERER))
		return true;
	options.translate = options.render = options.offline_schema = false;
	fleet_init(&fleet, run->arena, &options);
	tree_init(&tree, run->arena);
	tree_add_input(&tree, SPAN("<stdin>"), run->input);
	if (!fleet_load(&fleet, &tree, fail))
		return false;
	text_init(&text, TEXT_NO_LIMIT);
	add_without_ours(&text, &fleet, run->input);
	run->input = arena_copy(run->arena, text_span(&text));
	text_done(&text);
	return true;
}

bool stream_answer(struct run *run, struct fail *fail)
{
	struct objects objects;
	if (!drop_ours(run, fail))
		return false;
	tree_add_input(&run->tree, SPAN("<stdin>"), run->input);
	if (!render_load(run, fail))
		return false;
	if (!render_objects(run, OBJECTS_ADDED, &objects))
		return false;
	text_add(&run->out, run->input);
	if (run->out.len > 0 && run->out.ptr[run->out.len - 1] != '\n')
		text_addc(&run->out, '\n');
	for (size_t i = 0; i < objects.count; i++) {
		text_adds(&run->out, "---\n");
		emit_document(&run->out, &objects.items[i], EMIT_RESOURCE, false);
	}
	return true;
}
