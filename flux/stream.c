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

/* The stream without the ConfigMaps of an earlier run. */
static void add_given(struct run *run)
{
	const struct fleet *fleet = &run->fleet;
	size_t at = 0;
	for (size_t i = 0; i < fleet->document_count; i++) {
		const struct document *document = fleet->documents[i];
		if (!configmap_is_ours(&document->root) || document->begin < at)
			continue;
		size_t cut = separator_of(run->input, document->begin);
		if (cut > at)
			text_add(&run->out, (struct span){run->input.ptr + at, cut - at});
		at = document->end;
	}
	text_add(&run->out, (struct span){run->input.ptr + at, run->input.len - at});
}

bool stream_answer(struct run *run, struct fail *fail)
{
	struct objects objects;
	tree_add_input(&run->tree, SPAN("<stdin>"), run->input);
	if (!render_load(run, fail))
		return false;
	if (!render_objects(run, OBJECTS_ADDED, &objects))
		return false;
	add_given(run);
	if (run->out.len > 0 && run->out.ptr[run->out.len - 1] != '\n')
		text_addc(&run->out, '\n');
	for (size_t i = 0; i < objects.count; i++) {
		text_adds(&run->out, "---\n");
		emit_document(&run->out, &objects.items[i], EMIT_RESOURCE, false);
	}
	return true;
}
