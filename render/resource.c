#include "render/resource.h"

#include "base/cleanup.h"

/* --- labels --------------------------------------------------------------------------------------------------------- */

/* Index of the key, or where it would go. */
static size_t label_place(const struct labels *labels, struct span key, bool *out_found)
{
	size_t low = 0, high = labels->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = span_cmp(labels->items[middle].key, key);
		if (order == 0) {
			*out_found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*out_found = false;
	return low;
}

void labels_set(struct arena *arena, struct labels *labels, struct span key, struct span value)
{
	bool found;
	size_t at = label_place(labels, key, &found);
	if (!found) {
		ARENA_PUSH(arena, labels->items, labels->count, labels->cap) = (struct label){0};
		memmove(&labels->items[at + 1], &labels->items[at], (labels->count - 1 - at) * sizeof *labels->items);
	}
	labels->items[at] = (struct label){key, value};
}

void labels_remove(struct labels *labels, struct span key)
{
	bool found;
	size_t at = label_place(labels, key, &found);
	if (!found)
		return;
	memmove(&labels->items[at], &labels->items[at + 1], (labels->count - 1 - at) * sizeof *labels->items);
	labels->count--;
}

const struct label *labels_get(const struct labels *labels, const char *key)
{
	bool found;
	size_t at = label_place(labels, span_of(key), &found);
	return found ? &labels->items[at] : NULL;
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!span_eq(a->items[i].key, b->items[i].key) || !span_eq(a->items[i].value, b->items[i].value))
			return false;
	return true;
}

/* --- resources ------------------------------------------------------------------------------------------------------ */

struct resource *resource_new(struct arena *arena, const struct omni_type *type, struct span id)
{
	struct resource *resource = ARENA_NEW(arena, struct resource);
	*resource = (struct resource){
		.type = type,
		.type_name = span_of(type->name),
		.ns = span_of(type->ns),
		.id = id,
		.owner = SPAN(""),
		.created = SPAN(""),
		.updated = SPAN(""),
		.spec = node_map(arena, type->spec->field_count),
	};
	return resource;
}

static struct labels copy_labels(struct arena *arena, const struct labels *from)
{
	struct labels copy = {ARENA_ARRAY(arena, struct label, from->count + 1), from->count, from->count + 1};
	for (size_t i = 0; i < from->count; i++)
		copy.items[i] = (struct label){arena_copy(arena, from->items[i].key), arena_copy(arena, from->items[i].value)};
	return copy;
}

struct resource *resource_copy(struct arena *arena, const struct resource *resource)
{
	struct resource *copy = ARENA_NEW(arena, struct resource);
	*copy = *resource;
	struct span *const spans[] = {&copy->type_name, &copy->ns,	&copy->id,   &copy->owner, &copy->created,
				      &copy->updated,	&copy->file, &copy->object, &copy->path};
	for (size_t i = 0; i < COUNT_OF(spans); i++)
		*spans[i] = arena_copy(arena, *spans[i]);
	copy->labels = copy_labels(arena, &resource->labels);
	copy->annotations = copy_labels(arena, &resource->annotations);
	copy->finalizers = ARENA_ARRAY(arena, struct span, resource->finalizer_count);
	for (size_t i = 0; i < resource->finalizer_count; i++)
		copy->finalizers[i] = arena_copy(arena, resource->finalizers[i]);
	copy->spec = node_copy(arena, &resource->spec);
	if (resource->content != NULL) {
		struct node *content = ARENA_NEW(arena, struct node);
		*content = node_copy(arena, resource->content);
		copy->content = content;
	}
	return copy;
}

void resource_push(struct arena *arena, struct resource_list *list, struct resource *resource)
{
	ARENA_PUSH(arena, list->items, list->count, list->cap) = resource;
}

struct span resource_name(struct arena *arena, const struct resource *resource)
{
	return arena_spanf(arena, "%.*s(%.*s)", SPAN_ARG(resource->type_name), SPAN_ARG(resource->id));
}
