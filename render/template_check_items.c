/* The rules for the lists of a template: patches, manifests, health checks. */
#include "render/template.h"

#include "render/patch_check.h"

/* --- what all three have in common -------------------------------------------------------------------------------- */

/* Is there more or less than one source of content? Custom resources have been asked before. */
static bool check_source(const struct template *template, const struct template_doc *doc,
			 const struct template_item *item, const struct field_path *path, const char *key,
			 const char *code)
{
	bool has_inline = node_is_set(node_get(item->node, key)), has_file = item->file.len > 0;
	if (has_inline != has_file || !template->is_plain)
		return has_inline != has_file;
	if (has_inline) {
		struct diag *diag = diag_error(&doc->at, code, item->node, PATH_TEXT(path),
					       "has both file and %s", key);
		diag_hint(&doc->at, diag, "remove one of them");
	} else {
		struct diag *diag = diag_error(&doc->at, code, item->node, PATH_TEXT(path),
					       "has neither file nor %s", key);
		diag_hint(&doc->at, diag, "put the content below %s, or name a file of the repository", key);
	}
	return false;
}

/* Two items of one list with the same name; those that had faults do not count. */
static void check_repeated(struct template *template, const struct template_doc *doc, struct map *seen,
			   const struct template_item *item, struct span key, const struct field_path *path,
			   const char *what)
{
	(void)template;
	if (key.len == 0)
		return;
	void **place = map_at(seen, key);
	if (*place == NULL) {
		*place = (void *)(uintptr_t)item;
		return;
	}
	const struct template_item *first = *place;
	diag_error(&doc->at, "DuplicateName", item->node, PATH_TEXT(path), "the %s \"%.*s\" is there twice, first in line %u",
		   what, SPAN_ARG(key), first->node->line);
}

/* --- patches ------------------------------------------------------------------------------------------------------ */

static struct patch_check patch_options(const struct template *template, const struct template_doc *doc,
					const struct diag_at *at)
{
	const struct template_doc *head = template->head;
	return (struct patch_check){
		.at = at,
		.talos_version = head == NULL ? SPAN("") : template_text(node_get(head->node, "talos"), "version"),
		.rules = template->rules,
		.skip_schema = !template->build->fleet->options.offline_schema,
		.source = doc->document->source,
	};
}

/* Text in a block shows faults at its own lines only with the file at hand, which is not kept of custom resources. */
static struct span source_of(struct template *template, const struct template_doc *doc, const struct node *content)
{
	bool is_block = node_is(content, NODE_STRING) && (content->style == NODE_LITERAL || content->style == NODE_FOLDED);
	if (!is_block || doc->document->source.len > 0)
		return doc->document->source;
	return template_source(template, doc->document->file);
}

static void check_patch_file(struct template *template, const struct template_doc *doc,
			     const struct template_item *item, const struct field_path *path)
{
	static char good, bad;
	struct build *build = template->build;
	struct diag_at at = doc->at;
	at.file = item->file_path;
	struct patch_check check = patch_options(template, doc, &at);
	check.source = item->text;
	struct span key = arena_spanf(build->arena, "%.*s\n%.*s", SPAN_ARG(item->file_path), SPAN_ARG(check.talos_version));
	void **done = map_at(&build->patches_done, key);
	bool is_new = *done == NULL;
	if (is_new)
		*done = patch_check_file(&check, item->text) ? &good : &bad;
	if (is_new || *done == &good)
		return;
	struct field_path of = path_key(path, "file");
	struct diag *diag = diag_error(&doc->at, "InvalidPatchFile", node_get(item->node, "file"), PATH_TEXT(&of),
				       "the patch file %.*s has faults", SPAN_ARG(item->file_path));
	diag_hint(&doc->at, diag, "they are listed with the file itself");
}

static void check_patch_content(struct template *template, const struct template_doc *doc, struct template_item *item,
				const struct field_path *path)
{
	struct field_path at = path_key(path, "inline");
	struct patch_check check = patch_options(template, doc, &doc->at);
	if (!template_read_content(template, doc, item, path, "inline"))
		return;
	check.source = source_of(template, doc, node_get(item->node, "inline"));
	if (item->file.len > 0)
		check_patch_file(template, doc, item, path);
	else
		patch_check_inline(&check, node_get(item->node, "inline"), &at);
}

static void check_patch(struct template *template, const struct template_doc *doc, struct template_item *item,
			const struct field_path *path)
{
	template_check_descriptors(doc, item->node, path);
	bool has_one = check_source(template, doc, item, path, "inline", "PatchSource");
	if (!has_one && item->file.len == 0)
		return;
	if (item->file.len == 0 && item->name.len == 0 && item->id_override.len == 0) {
		struct diag *diag = diag_error(&doc->at, "MissingField", item->node, PATH_TEXT(path),
					       "a patch that is written inline needs a name or an idOverride");
		diag_hint(&doc->at, diag, "give it a name: it becomes part of the ID of the patch in Omni");
	}
	check_patch_content(template, doc, item, path);
}

void template_check_patches(struct template *template, struct template_doc *doc)
{
	struct field_path up = path_key(doc->root, "patches");
	for (size_t i = 0; i < doc->patches.count; i++) {
		struct field_path path = path_index(&up, doc->patches.items[i].index);
		check_patch(template, doc, &doc->patches.items[i], &path);
	}
}

/* --- manifests ---------------------------------------------------------------------------------------------------- */

static void check_manifest(struct template *template, const struct template_doc *doc, struct template_item *item,
			   const struct field_path *path)
{
	if (template->is_plain && item->name.len == 0 && item->file.len > 0)
		item->name = item->file;
	if (template->is_plain && item->name.len == 0)
		diag_error(&doc->at, "MissingField", item->node, PATH_TEXT(path), "the manifest needs a name");
	if (template->is_plain && template_text(item->node, "mode").len == 0) {
		struct diag *diag = diag_error(&doc->at, "MissingField", item->node, PATH_TEXT(path),
					       "the manifest needs a mode");
		diag_hint(&doc->at, diag, "mode: full keeps the objects as written here, mode: one-time creates them once");
	}
	bool has_one = check_source(template, doc, item, path, "inline", "ManifestSource");
	template_check_descriptors(doc, item->node, path);
	if (has_one)
		template_read_content(template, doc, item, path, "inline");
}

void template_check_manifests(struct template *template, struct template_doc *doc)
{
	struct field_path kubernetes = path_key(doc->root, "kubernetes"), up = path_key(&kubernetes, "manifests");
	struct map seen;
	map_init(&seen, &template->build->temporary);
	for (size_t i = 0; i < doc->manifests.count; i++) {
		struct template_item *item = &doc->manifests.items[i];
		struct field_path path = path_index(&up, item->index);
		size_t before = doc->at.list->error_count;
		check_manifest(template, doc, item, &path);
		if (doc->at.list->error_count == before)
			check_repeated(template, doc, &seen, item, item->name, &path, "manifest");
	}
}

/* --- health checks ------------------------------------------------------------------------------------------------ */

static void check_healthcheck(struct template *template, const struct template_doc *doc, struct template_item *item,
			      const struct field_path *path)
{
	if (item->name.len == 0 && item->id_override.len == 0)
		diag_error(&doc->at, "MissingField", item->node, PATH_TEXT(path),
			   "the health check needs a name or an idOverride");
	if (check_source(template, doc, item, path, "job", "HealthCheckSource"))
		template_read_content(template, doc, item, path, "job");
	template_check_descriptors(doc, item->node, path);
}

void template_check_healthchecks(struct template *template, struct template_doc *doc)
{
	struct field_path kubernetes = path_key(doc->root, "kubernetes"), up = path_key(&kubernetes, "healthchecks");
	struct map seen;
	map_init(&seen, &template->build->temporary);
	for (size_t i = 0; i < doc->healthchecks.count; i++) {
		struct template_item *item = &doc->healthchecks.items[i];
		struct field_path path = path_index(&up, item->index);
		size_t before = doc->at.list->error_count;
		check_healthcheck(template, doc, item, &path);
		if (doc->at.list->error_count == before)
			check_repeated(template, doc, &seen, item,
				       item->id_override.len > 0 ? item->id_override : item->name, &path, "health check");
	}
}
