/* The IDs that a template would translate to, without translating it: hashes of them, to find out whether two places want
 * the same one. Which IDs count is as in translate.c: those that follow from a machine's are unique when the machine is,
 * which other rules see to. */
#include "render/translate.h"

struct ids {
	struct build *build;
	const struct template_doc *doc;
	struct span prefix;
	size_t weight;
	bool overrides_alone;
};

static void take(struct ids *ids, const struct omni_type *type, struct span id)
{
	hash_set_take(&ids->build->ids_taken, map_hash((uint64_t)(uintptr_t)ids->build ^ (uint64_t)(uintptr_t)type, id));
}

static void take_made(struct ids *ids, const struct omni_type *type, size_t weight, struct span name)
{
	struct text *text = &ids->build->scratch;
	if (ids->overrides_alone)
		return;
	text_reset(text);
	text_addf(text, "%03zu-%.*s-%.*s", weight, SPAN_ARG(ids->prefix), SPAN_ARG(name));
	take(ids, type, text_span(text));
}

static void take_patches(struct ids *ids)
{
	const struct template_items *patches = &ids->doc->patches;
	for (size_t i = 0; i < patches->count; i++) {
		const struct template_item *item = &patches->items[i];
		if (item->id_override.len > 0)
			take(ids, OMNI_CONFIG_PATCH, item->id_override);
		else
			take_made(ids, OMNI_CONFIG_PATCH, ids->weight + i, item->name.len > 0 ? item->name : item->file);
	}
}

static void take_extensions(struct ids *ids, struct span owner)
{
	struct text *text = &ids->build->scratch;
	if (ids->overrides_alone || template_list(ids->doc->node, "systemExtensions") == NULL)
		return;
	text_reset(text);
	text_addf(text, "schematic-%.*s", SPAN_ARG(owner));
	take(ids, OMNI_EXTENSIONS, text_span(text));
}

static void take_cluster(struct ids *ids, struct span name)
{
	const struct template_items *manifests = &ids->doc->manifests, *checks = &ids->doc->healthchecks;
	struct text *text = &ids->build->scratch;
	ids->prefix = arena_spanf(&ids->build->temporary, "cluster-%.*s", SPAN_ARG(name));
	ids->weight = TRANSLATE_WEIGHT_CLUSTER;
	take_patches(ids);
	for (size_t i = 0; i < manifests->count; i++)
		take_made(ids, OMNI_MANIFEST_GROUP, ids->weight + i, manifests->items[i].name);
	for (size_t i = 0; i < checks->count; i++) {
		text_reset(text);
		text_addf(text, "%.*s-%.*s", SPAN_ARG(ids->prefix), SPAN_ARG(checks->items[i].name));
		take(ids, OMNI_HEALTH_CHECK, checks->items[i].id_override.len > 0 ? checks->items[i].id_override : text_span(text));
	}
	take_extensions(ids, name);
}

static void take_set(struct ids *ids)
{
	ids->prefix = ids->doc->set_id;
	ids->weight = TRANSLATE_WEIGHT_SET;
	take(ids, OMNI_MACHINE_SET, ids->doc->set_id);
	take_patches(ids);
	take_extensions(ids, ids->doc->set_id);
}

static void take_machine(struct ids *ids, bool is_plain)
{
	struct span id = template_text(ids->doc->node, "name");
	ids->overrides_alone = !is_plain;
	ids->prefix = is_plain ? arena_spanf(&ids->build->temporary, "cm-%.*s", SPAN_ARG(id)) : SPAN("");
	ids->weight = TRANSLATE_WEIGHT_MACHINE;
	take_patches(ids);
	if (!is_plain)
		return;
	if (node_source_text(node_get(node_get(ids->doc->node, "install"), "disk")).len > 0)
		take_made(ids, OMNI_CONFIG_PATCH, 0, SPAN("install-disk"));
	take(ids, OMNI_MACHINE_SET_NODE, id); /* in place of all others with its ID: two documents of one machine clash */
	take_extensions(ids, id);
}

void template_take_ids(struct template *template)
{
	for (size_t i = 0; i < template->count; i++) {
		struct ids ids = {.build = template->build, .doc = &template->docs[i]};
		switch (ids.doc->kind) {
		case TEMPLATE_CLUSTER:
			take_cluster(&ids, template->cluster_name);
			break;
		case TEMPLATE_CONTROL_PLANE:
		case TEMPLATE_WORKERS:
			take_set(&ids);
			break;
		default:
			take_machine(&ids, template->is_plain);
			break;
		}
	}
}
