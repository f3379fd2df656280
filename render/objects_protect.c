#include "render/objects_protect.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "render/fleet.h"

#define SYNC_OPTIONS "argocd.argoproj.io/sync-options"

static const struct {
	const char *api_version, *kind, *options[4];
} rules[] = {
	{GROUP_VERSION, "OmniCluster", {"Delete=confirm", "Prune=confirm"}},
	{GROUP_VERSION, "OmniConnection", {"Delete=confirm", "Prune=confirm", "PruneLast=true"}},
	{"v1", "Secret", {"PruneLast=true"}},
};

static bool has_option(struct span given, struct span name)
{
	struct span option;
	while (span_next(&given, ',', &option))
		if (span_eq(span_trim(span_before(option, '=')), name))
			return true;
	return false;
}

static struct span merged(struct arena *arena, struct span given, const char *const *options)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_add(&text, span_trim(given));
	for (size_t i = 0; options[i] != NULL; i++)
		if (!has_option(given, span_before(span_of(options[i]), '=')))
			text_addf(&text, "%s%s", text.len > 0 ? "," : "", options[i]);
	struct span all = arena_copy(arena, text_span(&text));
	text_done(&text);
	return all;
}

/* A copy with `key` set; where it was, or behind the others. */
static struct node with(struct arena *arena, const struct node *map, const char *key, struct node value)
{
	struct node copy = node_map(arena, (map == NULL ? 0 : map->len) + 1);
	bool is_set = false;
	for (uint32_t i = 0; map != NULL && i < map->len; i++) {
		bool is_here = span_is(node_text(&map->pairs[i].key), key);
		node_put_span(&copy, node_text(&map->pairs[i].key), is_here ? value : map->pairs[i].value);
		is_set |= is_here;
	}
	if (!is_set)
		node_put(&copy, key, value);
	return copy;
}

struct node objects_protect(struct arena *arena, const struct node *object)
{
	const struct node *metadata = node_get(object, "metadata"), *annotations = node_get(metadata, "annotations");
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		bool is_meant = span_is(node_text_at(object, "apiVersion"), rules[i].api_version) &&
				span_is(node_text_at(object, "kind"), rules[i].kind);
		if (!is_meant || !node_is(metadata, NODE_MAP) || (node_is_set(annotations) && annotations->kind != NODE_MAP))
			continue;
		if (!node_is_set(annotations))
			annotations = NULL;
		struct span options = merged(arena, node_text(node_get(annotations, SYNC_OPTIONS)), rules[i].options);
		struct node new_annotations = with(arena, annotations, SYNC_OPTIONS, node_string(options));
		struct node new_metadata = with(arena, metadata, "annotations", new_annotations);
		return with(arena, object, "metadata", new_metadata);
	}
	return *object;
}
