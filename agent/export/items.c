/* Patches, manifests and health checks as items of the lists that declare them. The place in its list is part of an item's
 * ID: what has the ID that its place gives it is named, the rest has its ID written out. */
#include <stdlib.h>

#include "agent/export/internal.h"
#include "render/mask.h"
#include "render/patch_check.h"

enum { ITEM_FIELDS = 8 };
#define NO_WEIGHT UINT32_MAX

struct item {
	const struct resource *resource;
	uint32_t weight; /* in front of its ID; NO_WEIGHT: none */
	struct span name; /* behind "WEIGHT-PREFIX-" */
	bool is_named;	 /* its place in the list gives it its ID */
};

static bool cut(struct span *rest, struct span prefix)
{
	if (rest->len <= prefix.len || memcmp(rest->ptr, prefix.ptr, prefix.len) != 0 || rest->ptr[prefix.len] != '-')
		return false;
	*rest = (struct span){rest->ptr + prefix.len + 1, rest->len - prefix.len - 1};
	return true;
}

/* "WWW-PREFIX-NAME" */
static struct item take_apart(const struct resource *resource, struct span prefix)
{
	enum { DIGITS_MIN = 3 };
	struct span rest = resource->id, digits = span_before(rest, '-');
	struct item item = {resource, NO_WEIGHT, {"", 0}, false};
	int64_t weight;
	bool is_made = digits.len >= DIGITS_MIN && (digits.len == DIGITS_MIN || digits.ptr[0] != '0') &&
		       span_int(digits, 0, INT32_MAX, &weight) && cut(&rest, digits) && cut(&rest, prefix) && rest.len > 0;
	if (is_made) {
		item.weight = (uint32_t)weight;
		item.name = rest;
	}
	return item;
}

static int compare_items(const void *left, const void *right)
{
	const struct item *a = left, *b = right;
	if (a->weight != b->weight)
		return a->weight < b->weight ? -1 : 1;
	return span_cmp(a->resource->id, b->resource->id);
}

/* In the order of the list: first those that their place names, without a gap. */
static struct item *arrange(struct exporter *x, const struct resource_list *list, struct span prefix, unsigned weight,
			    bool (*may_name)(const struct item *))
{
	struct item *items = ARENA_ARRAY(x->arena, struct item, list->count + 1);
	struct item *arranged = ARENA_ARRAY(x->arena, struct item, list->count + 1);
	size_t count = 0;
	for (size_t i = 0; i < list->count; i++)
		items[i] = take_apart(list->items[i], prefix);
	if (list->count > 1)
		qsort(items, list->count, sizeof *items, compare_items);
	for (size_t i = 0; i < list->count; i++) {
		items[i].is_named = items[i].weight == weight + count && may_name(&items[i]);
		if (items[i].is_named)
			arranged[count++] = items[i];
	}
	for (size_t i = 0; i < list->count; i++)
		if (!items[i].is_named)
			arranged[count++] = items[i];
	return arranged;
}

static void note_secret(struct exporter *x, const struct resource *resource, struct span text)
{
	struct node shown = mask_node(x->arena, &resource->spec);
	if (!node_equal(&shown, &resource->spec))
		resource_push(x->arena, &x->out->secrets, (struct resource *)(uintptr_t)resource);
	if (x->options->is_hidden && span_contains(text, "(secret "))
		export_remark(x, EXPORT_LOST, resource->type, resource->id, "its secrets are only marks in this snapshot: put them back");
}

/* --- patches ---------------------------------------------------------------------------------------------------------- */

static struct span patch_name(const struct resource *patch)
{
	return export_label(&patch->annotations, "name");
}

bool export_can_say_labels(const struct owner *owner, const struct resource *resource, const char **why)
{
	for (size_t i = 0; i < resource->labels.count; i++) {
		struct span key = resource->labels.items[i].key;
		bool is_said = !span_starts(key, RESERVED_PREFIX) || span_is(key, OMNI_LABEL_CLUSTER) || span_is(key, LABEL_DISABLED) ||
			       (owner->label != NULL && span_is(key, owner->label));
		if (!is_said) {
			*why = span_is(key, OMNI_LABEL_MACHINE) ? "is for a machine whatever cluster it is in; documents cannot say that"
								: "has a label of Omni's own, which documents may not have";
			return false;
		}
	}
	for (size_t i = 0; i < resource->annotations.count; i++) {
		if (span_starts(resource->annotations.items[i].key, RESERVED_PREFIX)) {
			*why = "has an annotation of Omni's own, which documents may not have";
			return false;
		}
	}
	return true;
}

static bool is_accepted(struct exporter *x, const struct resource *patch)
{
	struct span text = node_text(node_get(&patch->spec, "data"));
	struct diag_list faults;
	diag_list_init(&faults, x->arena);
	struct diag_at at = {.list = &faults, .file = SPAN("patch")};
	struct patch_check check = {.at = &at, .rules = x->options->rules, .skip_schema = x->options->no_schema, .source = text};
	check.talos_version = arena_spanf(x->arena, "v%.*s", SPAN_ARG(node_text(node_get(&x->head->spec, "talosversion"))));
	return patch_check_file(&check, text);
}

bool export_can_say(struct exporter *x, const struct owner *owner, const struct resource *patch, const char **why)
{
	if (patch_name(patch).ptr == NULL) {
		*why = "was made outside of templates and has no annotation \"name\", which every declared patch has";
		return false;
	}
	if (!export_can_say_labels(owner, patch, why))
		return false;
	if (is_accepted(x, patch))
		return true;
	*why = "was made outside of templates, and its content would be refused in one";
	return false;
}

static bool may_name_patch(const struct item *item)
{
	return span_eq(item->name, patch_name(item->resource));
}

static struct node patch_node(struct exporter *x, const struct item *item)
{
	const struct resource *patch = item->resource;
	struct span text = node_text(node_get(&patch->spec, "data")), name = patch_name(patch);
	struct node map = node_map(x->arena, ITEM_FIELDS), descriptors;
	if (name.len > 0)
		node_put(&map, "name", node_string(name));
	if (!item->is_named)
		node_put(&map, "idOverride", node_string(patch->id));
	if (export_descriptors(x->arena, &patch->labels, NULL, &descriptors))
		node_put(&map, "labels", descriptors);
	if (export_descriptors(x->arena, &patch->annotations, "name", &descriptors))
		node_put(&map, "annotations", descriptors);
	node_put(&map, "inline", export_content(x, text));
	note_secret(x, patch, text);
	return map;
}

void export_put_patches(struct exporter *x, struct node *map, const struct owner *owner)
{
	const struct resource_list *patches = &owner->patches;
	struct item *items = arrange(x, patches, owner->prefix, owner->weight, may_name_patch);
	struct node list = node_seq(x->arena, patches->count);
	for (size_t i = 0; i < patches->count; i++)
		node_push(&list, patch_node(x, &items[i]));
	if (list.len > 0)
		node_put(map, "patches", list);
}

/* --- manifests -------------------------------------------------------------------------------------------------------- */

static bool always(const struct item *item)
{
	(void)item;
	return true;
}

static struct node manifest_node(struct exporter *x, const struct item *item)
{
	enum { MODE_ONE_TIME = 2 };
	const struct resource *manifest = item->resource;
	struct span text = node_text(node_get(&manifest->spec, "data")), name = export_label(&manifest->annotations, "name");
	bool is_once = span_is(node_text(node_get(&manifest->spec, "mode")), "2");
	struct span item_name = item->name.len > 0 ? item->name : name.len > 0 ? name : manifest->id;
	bool is_same_name = span_eq(name, item_name) || name.ptr == NULL;
	struct node map = node_map(x->arena, ITEM_FIELDS), descriptors;
	node_put(&map, "name", node_string(item_name));
	node_put(&map, "mode", node_string(is_once ? SPAN("one-time") : SPAN("full")));
	if (export_descriptors(x->arena, &manifest->labels, NULL, &descriptors))
		node_put(&map, "labels", descriptors);
	if (export_descriptors(x->arena, &manifest->annotations, is_same_name ? "name" : NULL, &descriptors))
		node_put(&map, "annotations", descriptors);
	node_put(&map, "inline", x->options->form == EXPORT_OBJECTS ? export_objects(x, manifest, text) : export_content(x, text));
	note_secret(x, manifest, text);
	return map;
}

void export_put_manifests(struct exporter *x, struct node *map)
{
	struct item *items = arrange(x, &x->manifests, x->below.prefix, x->below.weight, always);
	struct node list = node_seq(x->arena, x->manifests.count);
	for (size_t i = 0; i < x->manifests.count; i++) {
		if (!items[i].is_named)
			export_remark(x, EXPORT_NOTE, items[i].resource->type, items[i].resource->id,
				      "the number of its ID is not its place in the list, and a manifest's ID cannot be chosen");
		struct node manifest = manifest_node(x, &items[i]);
		if (node_get(&manifest, "inline")->kind != NODE_ABSENT)
			node_push(&list, manifest);
	}
	if (list.len > 0)
		node_put(map, "manifests", list);
}

/* --- health checks ---------------------------------------------------------------------------------------------------- */


static struct node check_node(struct exporter *x, const struct resource *check)
{
	struct span prefix = arena_spanf(x->arena, "cluster-%.*s", SPAN_ARG(x->cluster)), rest = check->id, interval;
	struct span text = node_text(node_get(&check->spec, "job"));
	struct node map = node_map(x->arena, ITEM_FIELDS), descriptors;
	if (cut(&rest, prefix))
		node_put(&map, "name", node_string(rest));
	else
		node_put(&map, "idOverride", node_string(check->id));
	if (export_duration(x->arena, node_get(&check->spec, "interval"), &interval))
		node_put(&map, "interval", node_string(interval));
	if (export_descriptors(x->arena, &check->labels, NULL, &descriptors))
		node_put(&map, "labels", descriptors);
	if (export_descriptors(x->arena, &check->annotations, NULL, &descriptors))
		node_put(&map, "annotations", descriptors);
	node_put(&map, "job", export_content(x, text));
	note_secret(x, check, text);
	return map;
}

void export_put_checks(struct exporter *x, struct node *map)
{
	struct node list = node_seq(x->arena, x->checks.count);
	for (size_t i = 0; i < x->checks.count; i++)
		node_push(&list, check_node(x, x->checks.items[i]));
	if (list.len > 0)
		node_put(map, "healthchecks", list);
}
