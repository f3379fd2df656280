/* From what a refusal is about to where it is written: the names of Omni's fields become those of the user's documents,
 * and the place is that of the value in the spec, which it has from its document. */
#include "agent/plan/internal.h"
#include "agent/plan/refusal_int.h"

#include "base/cleanup.h"
#include "render/selector.h"

/* Behind "spec." of a custom resource, or at the top of a template's document. */
static const struct {
	const struct omni_type *const *type;
	const char *omni, *user;
} names[] = {
	{&OMNI_CLUSTER, "talosversion", "talos.version"},
	{&OMNI_CLUSTER, "kubernetesversion", "kubernetes.version"},
	{&OMNI_CLUSTER, "features.diskencryption", "features.diskEncryption"},
	{&OMNI_CLUSTER, "features.useembeddeddiscoveryservice", "features.useEmbeddedDiscoveryService"},
	{&OMNI_CLUSTER, "features.disablepublicdiscoveryservice", "features.disablePublicDiscoveryService"},
	{&OMNI_CLUSTER, "backupconfiguration.interval", "features.backupConfiguration.interval"},
	{&OMNI_MACHINE_SET, "machineallocation", "machineClass"},
	{&OMNI_MACHINE_SET, "machineallocation.name", "machineClass.name"},
	{&OMNI_MACHINE_SET, "machineallocation.machinecount", "machineClass.size"},
	{&OMNI_MACHINE_SET, "machineallocation.allocationtype", "machineClass.size"},
	{&OMNI_MACHINE_SET, "bootstrapspec", "bootstrapSpec"},
	{&OMNI_MACHINE_SET, "bootstrapspec.clusteruuid", "bootstrapSpec.clusterUUID"},
	{&OMNI_MACHINE_SET, "bootstrapspec.snapshot", "bootstrapSpec.snapshot"},
	{&OMNI_EXTENSIONS, "extensions", ""}, /* its own path is that of the list */
	{&OMNI_KERNEL_ARGS, "args", ""},
	{&OMNI_HEALTH_CHECK, "interval", "interval"},
	{&OMNI_MACHINE_CLASS, "matchlabels", "matchLabels"},
	{&OMNI_MACHINE_CLASS, "autoprovision", "autoProvision"},
	{&OMNI_MACHINE_CLASS, "autoprovision.providerid", "autoProvision.providerID"},
	{&OMNI_MACHINE_CLASS, "autoprovision.providerdata", "autoProvision.providerData"},
	{&OMNI_MACHINE_CLASS, "autoprovision.kernelargs", "autoProvision.kernelArgs"},
};

static bool is_custom(const struct resource *resource)
{
	return span_starts(resource->object, "Omni");
}

/* A resource in Omni's own form has no path of its own, and its object is its type. */
static bool is_raw(const struct refusal *refusal)
{
	return refusal->desired->path.len == 0 && (refusal->type->flags & OMNI_TEMPLATE) == 0 && !is_custom(refusal->desired);
}

void refusal_place_object(struct arena *arena, const struct refusal *refusal, struct refusal_place *out)
{
	const struct resource *resource = refusal->desired;
	const struct cluster *cluster = refusal->cluster;
	*out = (struct refusal_place){0};
	if (resource != NULL && resource->file.len > 0) {
		*out = (struct refusal_place){resource->file, resource->object, resource->path, resource->line, resource->column};
		return;
	}
	if (cluster != NULL && cluster->head != NULL) {
		out->file = cluster->head->file;
		out->line = cluster->head->root.line;
		out->column = cluster->head->root.column;
		out->object = cluster->object;
		return;
	}
	out->object = arena_spanf(arena, "%s(%.*s)", refusal->type->name, SPAN_ARG(refusal->id));
}

/* "spec.patches[2]" and "inline" */
static struct span join(struct arena *arena, struct span path, struct span name)
{
	return path.len == 0 ? arena_copy(arena, name) : arena_spanf(arena, "%.*s%s%.*s", SPAN_ARG(path), name.len > 0 ? "." : "", SPAN_ARG(name));
}

/* The path in the user's document of a dotted path in the spec. */
static struct span user_path(struct arena *arena, const struct refusal *refusal, struct span omni)
{
	const struct resource *resource = refusal->desired;
	if (is_raw(refusal))
		return arena_spanf(arena, "spec.%.*s", SPAN_ARG(omni));
	struct span base = resource->path.len > 0 ? resource->path : is_custom(resource) ? SPAN("spec") : SPAN("");
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (*names[i].type == refusal->type && span_is(omni, names[i].omni))
			return join(arena, base, span_of(names[i].user));
	return resource->path;
}

/* The last value on the path that has a place. */
static void take_place(const struct node *node, struct refusal_place *out)
{
	if (node == NULL || node->line == 0)
		return;
	out->line = node->line;
	out->column = node->column;
}

static const struct node *walk(const struct node *spec, struct span dotted, struct refusal_place *out)
{
	struct span step;
	const struct node *node = spec;
	while (node != NULL && dotted.len > 0 && span_next(&dotted, '.', &step)) {
		node = node_get_span(node, step);
		take_place(node, out);
	}
	return node;
}

static void place_item(struct arena *arena, const struct node *list, size_t index, struct refusal_place *out)
{
	out->path = arena_spanf(arena, "%.*s[%zu]", SPAN_ARG(out->path), index);
	if (node_is(list, NODE_SEQ) && index < list->len)
		take_place(&list->items[index], out);
}

/* The last: the message about a repetition names the second. */
static size_t find_item(const struct node *list, struct span text)
{
	for (size_t i = node_is(list, NODE_SEQ) ? list->len : 0; i > 0; i--)
		if (span_eq(node_text(&list->items[i - 1]), text))
			return i - 1;
	return SIZE_MAX;
}

static void place_spec(struct arena *arena, const struct refusal *refusal, const struct refusal_match *match,
		       struct refusal_place *out)
{
	struct span field = span_of(match->row->field), by_text = span_before(field, '='), dotted = span_before(by_text, '#');
	int64_t index = -1;
	const struct node *node = walk(&refusal->desired->spec, dotted, out);
	out->path = user_path(arena, refusal, dotted);
	if (by_text.len < field.len) {
		size_t found = find_item(node, match->captures[0]);
		if (found != SIZE_MAX)
			place_item(arena, node, found, out);
	} else if (dotted.len < field.len && span_int(match->captures[0], 0, UINT32_MAX, &index)) {
		place_item(arena, node, (size_t)index, out);
	}
}

/* The selector that the text repeats, or that we cannot read either. */
static void place_selector(struct arena *arena, const struct refusal *refusal, const struct refusal_match *match,
			   struct span text, struct refusal_place *out)
{
	const struct node *list = walk(&refusal->desired->spec, SPAN("matchlabels"), out);
	out->path = user_path(arena, refusal, SPAN("matchlabels"));
	if (!node_is(list, NODE_SEQ))
		return;
	for (size_t i = 0; i < list->len; i++) {
		const char *item = arena_string(arena, node_text(&list->items[i]));
		struct span label = match->captures[0];
		bool is_meant = (*item != '\0' && span_contains(text, item)) || !selector_check(span_of(item), NULL) ||
				(label.len > 0 && span_contains(span_of(item), arena_string(arena, label)));
		if (!is_meant)
			continue;
		place_item(arena, list, i, out);
		return;
	}
}

/* Inside providerData, where it is a mapping of the document that is at hand. */
static void place_provider(struct arena *arena, const struct refusal *refusal, const struct refusal_match *match,
			   struct refusal_place *out)
{
	walk(&refusal->desired->spec, SPAN("autoprovision.providerdata"), out);
	struct span base = user_path(arena, refusal, SPAN("autoprovision.providerdata")), keys = match->captures[0];
	out->path = join(arena, base, keys);
	const struct node *node = node_path(refusal->document, arena_string(arena, base));
	struct span step;
	while (node_is(node, NODE_MAP) && keys.len > 0 && span_next(&keys, '.', &step)) {
		node = node_get_span(node, step);
		take_place(node, out);
	}
}

static void place_metadata(struct arena *arena, const struct refusal *refusal, const char *what, struct refusal_place *out)
{
	const struct resource *resource = refusal->desired;
	bool is_id = strcmp(what, "id") == 0;
	struct span key = is_raw(refusal) ? arena_spanf(arena, "metadata.%s", what) : span_of(is_id ? "name" : what);
	if (is_id && is_custom(resource) && resource->path.len == 0)
		key = SPAN("metadata.name");
	else if (is_custom(resource) && resource->path.len == 0)
		key = arena_spanf(arena, "spec.%s", what);
	out->path = resource->path.len > 0 && refusal->type == OMNI_MACHINE_SET_NODE ? resource->path
										      : join(arena, resource->path, key);
	const struct node *node = node_path(refusal->document, arena_string(arena, out->path));
	take_place(node, out);
}

void refusal_place_field(struct arena *arena, const struct refusal *refusal, const struct refusal_match *match,
			 struct span text, struct refusal_place *out)
{
	const char *field = match->row == NULL ? NULL : match->row->field;
	const char *content = plan_content_key(refusal->type);
	refusal_place_object(arena, refusal, out);
	if (field == NULL || refusal->desired == NULL || refusal->desired->file.len == 0)
		return;
	if (field[0] != '@')
		place_spec(arena, refusal, match, out);
	else if (strcmp(field, "@selector") == 0)
		place_selector(arena, refusal, match, text, out);
	else if (strcmp(field, "@provider1") == 0)
		place_provider(arena, refusal, match, out);
	else if (strcmp(field, "@id") == 0 || strcmp(field, "@labels") == 0 || strcmp(field, "@annotations") == 0)
		place_metadata(arena, refusal, field + 1, out);
	else if (content != NULL)
		refusal_place_content(arena, refusal, match, content, text, out);
}
