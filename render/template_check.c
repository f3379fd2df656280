/* The rules of cluster templates, as Omni's own client has them: document by document, then across documents. What the
 * tables of our kinds have already found in custom resources is not said again. */
#include "render/template.h"

static struct template_items read_items(struct arena *arena, const struct node *list)
{
	struct template_items items = {0};
	if (!node_is(list, NODE_SEQ) || list->len == 0)
		return items;
	items.items = ARENA_ARRAY(arena, struct template_item, list->len);
	for (uint32_t i = 0; i < list->len; i++) {
		const struct node *node = &list->items[i];
		if (node->kind != NODE_MAP)
			continue; /* nulls are dropped; anything else has been reported */
		items.items[items.count++] = (struct template_item){
			.node = node,
			.index = i,
			.name = template_text(node, "name"),
			.id_override = template_text(node, "idOverride"),
			.file = template_text(node, "file"),
		};
	}
	return items;
}

struct span template_text(const struct node *map, const char *key)
{
	return node_source_text(node_get(map, key));
}

const struct node *template_list(const struct node *map, const char *key)
{
	const struct node *list = node_get(map, key);
	return node_is(list, NODE_SEQ) ? list : NULL;
}

static void name_set(struct template *template, struct template_doc *doc)
{
	struct arena *arena = &template->build->temporary;
	struct span name = template_text(doc->node, "name");
	if (doc->kind == TEMPLATE_CONTROL_PLANE)
		name = SPAN("control-planes");
	else if (name.len == 0)
		name = SPAN("workers");
	doc->set_name = name;
	doc->set_id = arena_spanf(arena, "%.*s-%.*s", SPAN_ARG(template->cluster_name), SPAN_ARG(name));
}

static void open_doc(struct template *template, struct template_doc *doc, const struct document *document,
		     const struct node *node)
{
	struct arena *arena = &template->build->temporary;
	const struct node *kubernetes = node_get(node, "kubernetes");
	*doc = (struct template_doc){
		.kind = template_kind_find(node_text_at(node, "kind")),
		.document = document,
		.node = node,
		.at = build_at(template->build, document),
		.patches = read_items(arena, node_get(node, "patches")),
		.manifests = read_items(arena, node_get(kubernetes, "manifests")),
		.healthchecks = read_items(arena, node_get(kubernetes, "healthchecks")),
	};
	doc->spec = path_key(NULL, "spec");
	doc->root = template->is_plain ? NULL : &doc->spec;
}

void template_open(struct build *build, struct unit *unit, struct template *out)
{
	struct cluster *cluster = unit->cluster;
	*out = (struct template){
		.build = build,
		.cluster = cluster,
		.is_plain = cluster->is_template,
		.rules = build->fleet->options.rules,
		.docs = ARENA_ARRAY(&build->temporary, struct template_doc, unit->part_count),
		.count = unit->part_count,
		.cluster_name = cluster->name,
		.omni = unit->omni,
	};
	for (size_t i = 0; i < out->count; i++) {
		struct template_doc *doc = &out->docs[i];
		open_doc(out, doc, unit->parts[i].document, &cluster->template_docs[i]);
		if (doc->kind == TEMPLATE_CLUSTER && out->head == NULL)
			out->head = doc;
		if (doc->kind == TEMPLATE_CONTROL_PLANE || doc->kind == TEMPLATE_WORKERS)
			name_set(out, doc);
	}
	struct span talos = out->head == NULL ? SPAN("") : template_text(node_get(out->head->node, "talos"), "version");
	out->has_talos = talos.len > 0 && semver_parse(talos, &out->talos, NULL);
}

/* Labels and annotations that Omni keeps for itself. */
static void check_reserved(const struct template_doc *doc, const struct node *map, const struct field_path *path,
			   const char *what)
{
	for (uint32_t i = 0; node_is(map, NODE_MAP) && i < map->len; i++) {
		const struct node *key = &map->pairs[i].key;
		if (!span_starts(node_text(key), "omni.sidero.dev/"))
			continue;
		struct field_path at = path_span(path, node_text(key));
		struct diag *diag = diag_error(&doc->at, "ReservedPrefix", key, PATH_TEXT(&at),
					       "the %s \"%.*s\" uses a prefix that Omni keeps for itself", what,
					       SPAN_ARG(node_text(key)));
		diag_hint(&doc->at, diag, "choose a name that does not start with omni.sidero.dev/");
	}
}

void template_check_descriptors(const struct template_doc *doc, const struct node *owner,
				const struct field_path *path)
{
	struct field_path labels = path_key(path, "labels"), annotations = path_key(path, "annotations");
	check_reserved(doc, node_get(owner, "labels"), &labels, "label");
	check_reserved(doc, node_get(owner, "annotations"), &annotations, "annotation");
}

void template_check(struct template *template)
{
	static void (*const checks[TEMPLATE_KINDS])(struct template *, struct template_doc *) = {
		[TEMPLATE_CLUSTER] = template_check_cluster,
		[TEMPLATE_CONTROL_PLANE] = template_check_set,
		[TEMPLATE_WORKERS] = template_check_set,
		[TEMPLATE_MACHINE] = template_check_machine,
	};
	for (size_t i = 0; i < template->count; i++) {
		struct template_doc *doc = &template->docs[i];
		if (template->is_plain)
			template_schema_check(&doc->at, doc->node, doc->kind, template->rules);
		checks[doc->kind](template, doc);
		template_check_patches(template, doc);
	}
	template_check_across(template);
}
