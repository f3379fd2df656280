/* The content of patches, manifests and health checks: text as it stands, or mappings and lists written out the way the
 * reference client writes them. */
#include "render/template.h"

#include "render/emit.h"

static void write_documents(struct text *out, const struct node *list, enum emit_layout layout)
{
	static const struct node empty = {.kind = NODE_MAP};
	for (uint32_t i = 0; i < list->len; i++) {
		const struct node *item = &list->items[i];
		if (i > 0)
			text_adds(out, "---\n");
		emit_document(out, node_is_set(item) ? item : &empty, layout, true);
	}
}

struct span template_written(struct build *build, const struct node *node)
{
	enum emit_layout layout = build->fleet->options.rules >= OMNI_RULES_1_10 ? EMIT_CONTENT : EMIT_CONTENT_1_9;
	struct text *out = &build->scratch;
	text_reset(out);
	if (node->kind == NODE_MAP)
		emit_document(out, node, layout, true);
	else
		write_documents(out, node, layout);
	return arena_copy(build->results, text_span(out));
}

static bool check_list(const struct template_doc *doc, const struct node *list, const struct field_path *path)
{
	bool ok = true;
	for (uint32_t i = 0; i < list->len; i++) {
		const struct node *item = &list->items[i];
		struct field_path at = path_index(path, i);
		if (!node_is_set(item) || item->kind == NODE_MAP)
			continue;
		struct diag *diag = diag_error(&doc->at, "InvalidContent", item, PATH_TEXT(&at),
					       "every item of the list must be a document, that is a mapping");
		diag_hint(&doc->at, diag, "JSON patches (RFC 6902) are not taken here: write the part of the document that changes");
		ok = false;
	}
	return ok;
}

static bool read_inline(struct template *template, const struct template_doc *doc, struct template_item *item,
			const struct node *node, const struct field_path *path)
{
	switch (node->kind) {
	case NODE_STRING:
		item->text = node_text(node);
		return true;
	case NODE_SEQ:
		if (!check_list(doc, node, path))
			return false;
		break;
	case NODE_MAP:
		break;
	default: {
		struct diag *diag = diag_error(&doc->at, "InvalidContent", node, PATH_TEXT(path),
					       "must be text, a mapping or a list of mappings, but is \"%.*s\"",
					       SPAN_ARG(node_source_text(node)));
		diag_hint(&doc->at, diag, "put the document below, indented, or as text behind \"|\"");
		return false;
	}
	}
	if (!template->build->fleet->options.translate)
		return true;
	struct node *meaning = ARENA_NEW(template->build->results, struct node);
	*meaning = *node;
	if (node->kind == NODE_SEQ && node->len > 0) /* made by assemble_template.c, perhaps in the temporary arena */
		meaning->items = arena_dup(template->build->results, node->items, node->len * sizeof *node->items);
	item->meaning = meaning;
	item->text = template_written(template->build, node);
	return true;
}

bool template_read_content(struct template *template, const struct template_doc *doc, struct template_item *item,
			   const struct field_path *path, const char *key)
{
	const struct node *node = node_get(item->node, key);
	if (item->file.len > 0) {
		struct field_path at = path_key(path, "file");
		item->has_content = template_read_file(template, doc, node_get(item->node, "file"), &at, item->file,
						       &item->file_path, &item->text);
	} else if (node_is_set(node)) {
		struct field_path at = path_key(path, key);
		item->has_content = read_inline(template, doc, item, node, &at);
	}
	return item->has_content;
}
