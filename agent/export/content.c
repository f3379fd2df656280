/* The content of a patch, a manifest or a health check as a value in a document. As a mapping where that has the same
 * meaning when it is read again; as text where something would be lost: comments, dates, keys that are no text. */
#include "agent/export/internal.h"
#include "render/emit.h"
#include "render/load.h"

void export_emit(struct text *out, const struct node *document)
{
	emit_document(out, document, EMIT_RESOURCE, false);
}

bool export_read_back(struct arena *arena, const struct node *document, enum export_form form, struct node *out)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	export_emit(&text, document);
	bool ok = load_one(arena, arena_copy(arena, text_span(&text)), form == EXPORT_TEMPLATE ? LOAD_OMNI : LOAD_KUBERNETES, out, NULL);
	text_done(&text);
	return ok;
}

static size_t count_hashes(struct span text)
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += text.ptr[i] == '#';
	return count;
}

/* The depth is bounded by the reader. */
static size_t count_in_values(const struct node *node)
{
	size_t count = 0;
	if (node->kind == NODE_SEQ)
		for (uint32_t i = 0; i < node->len; i++)
			count += count_in_values(&node->items[i]);
	else if (node->kind == NODE_MAP)
		for (uint32_t i = 0; i < node->len; i++)
			count += count_hashes(node_text(&node->pairs[i].key)) + count_in_values(&node->pairs[i].value);
	else
		count = count_hashes(node_text(node));
	return count;
}

/* A '#' that is in no value begins a comment. */
static bool has_comments(struct span text, const struct node *content)
{
	return count_hashes(text) != count_in_values(content);
}

/* One mapping, or a list of them; ABSENT when the text is something else. */
static struct node parse(struct arena *arena, struct span text, enum load_dialect dialect, bool is_list)
{
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	struct load_document *documents = NULL;
	struct diag_list faults;
	size_t count = 0;
	diag_list_init(&faults, arena);
	struct diag_at at = {.list = &faults};
	if (!load_yaml(arena, text, dialect, &limits, &at, &documents, &count) || faults.error_count > 0 || count == 0)
		return (struct node){0};
	struct node list = node_seq(arena, count);
	for (size_t i = 0; i < count; i++) {
		if (documents[i].root.kind != NODE_MAP)
			return (struct node){0};
		node_push(&list, documents[i].root);
	}
	return count == 1 && !is_list ? list.items[0] : list;
}

/* omnictl compares bytes: in its templates a mapping stands only for the text that it would write for it. */
static bool is_written_so(struct exporter *x, const struct node *content, struct span text)
{
	enum emit_layout layout = x->options->rules >= OMNI_RULES_1_10 ? EMIT_CONTENT : EMIT_CONTENT_1_9;
	bool is_list = content->kind == NODE_SEQ;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	for (uint32_t i = 0; i < (is_list ? content->len : 1); i++) {
		text_adds(&out, i > 0 ? "---\n" : "");
		emit_document(&out, is_list ? &content->items[i] : content, layout, true);
	}
	bool same = span_eq(text_span(&out), text);
	text_done(&out);
	return same;
}

/* What the document reads as must mean what Omni holds, or be written as Omni holds it: that is what a plan looks at. */
static bool survives(struct exporter *x, const struct node *content, const struct node *meaning, struct span text)
{
	struct node wrapped = node_map(x->arena, 1), read;
	node_put(&wrapped, "content", *content);
	if (!export_read_back(x->arena, &wrapped, x->options->form, &read))
		return false;
	const struct node *back = node_get(&read, "content");
	return back != NULL && (node_equal(meaning, back) || is_written_so(x, back, text));
}

/* ABSENT: as no mapping or list. Omni's own reading comes first. */
static struct node as_structure(struct exporter *x, struct span text, bool is_list)
{
	struct node meaning = parse(x->arena, text, LOAD_OMNI, is_list);
	if (meaning.kind == NODE_ABSENT || survives(x, &meaning, &meaning, text))
		return meaning;
	struct node content = parse(x->arena, text, LOAD_KUBERNETES, is_list);
	bool is_good = x->options->form == EXPORT_OBJECTS && content.kind != NODE_ABSENT && survives(x, &content, &meaning, text);
	return is_good ? content : (struct node){0};
}

struct node export_content(struct exporter *x, struct span text)
{
	struct node content = as_structure(x, text, false);
	bool is_usable = content.kind != NODE_ABSENT &&
			 (x->options->form == EXPORT_TEMPLATE ? is_written_so(x, &content, text) : !has_comments(text, &content));
	return is_usable ? content : node_string(text);
}

struct node export_objects(struct exporter *x, const struct resource *resource, struct span text)
{
	struct node content = as_structure(x, text, true);
	if (content.kind == NODE_ABSENT)
		content = parse(x->arena, text, LOAD_KUBERNETES, true);
	if (content.kind == NODE_ABSENT)
		export_remark(x, EXPORT_NOTE, resource->type, resource->id,
			      "is no list of objects, which it has to be in an OmniCluster; a template may hold its text");
	else if (has_comments(text, &content))
		export_remark(x, EXPORT_NOTE, resource->type, resource->id,
			      "its comments are not in the documents: there it is a list of objects");
	return content;
}
