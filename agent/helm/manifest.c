#include "agent/helm/manifest.h"

#include "render/load.h"

struct reading {
	struct arena *arena;
	struct manifest_object *objects;
	size_t count, cap;
};

static bool add(struct reading *reading, const struct node *content, struct fail *fail)
{
	struct manifest_object object = {
		.api_version = node_text_at(content, "apiVersion"),
		.kind = node_text_at(content, "kind"),
		.ns = node_text_at(content, "metadata.namespace"),
		.name = node_text_at(content, "metadata.name"),
		.content = content,
	};
	if (object.api_version.len == 0 || object.kind.len == 0 || object.name.len == 0)
		return fail_set(fail, FAIL_INVALID, "the manifest of the release has something that is no object of Kubernetes");
	if (reading->count >= MANIFEST_OBJECTS)
		return fail_set(fail, FAIL_TOO_BIG, "the release has more than %d objects", MANIFEST_OBJECTS);
	ARENA_PUSH(reading->arena, reading->objects, reading->count, reading->cap) = object;
	return true;
}

static bool add_all(struct reading *reading, const struct node *root, struct fail *fail)
{
	const struct node *items = node_get(root, "items");
	if (!span_ends(node_text_at(root, "kind"), "List") || !node_is(items, NODE_SEQ))
		return add(reading, root, fail);
	for (size_t i = 0; i < items->len; i++)
		if (!add(reading, &items->items[i], fail))
			return false;
	return true;
}

bool manifest_read(struct arena *arena, struct span manifest, struct manifest_object **out, size_t *out_count, struct fail *fail)
{
	static const struct load_limits limits = {MANIFEST_OBJECTS, 200, 1000000, 0};
	struct diag_list diags;
	const struct diag_at at = {.list = &diags, .file = SPAN("manifest")};
	diag_list_init(&diags, arena);
	struct load_document *documents = NULL;
	size_t count = 0;
	if (!load_yaml(arena, manifest, LOAD_KUBERNETES, &limits, &at, &documents, &count))
		return fail_set(fail, FAIL_INVALID, "the manifest of the release cannot be read as YAML");
	struct reading reading = {.arena = arena};
	for (size_t i = 0; i < count; i++)
		if (node_is_set(&documents[i].root) && !add_all(&reading, &documents[i].root, fail))
			return false;
	*out = reading.objects;
	*out_count = reading.count;
	return true;
}
