#include "render/resource.h"

/* --- labels --------------------------------------------------------------------------------------------------------- */

/* Where the key is, or where it belongs. */
static size_t place_of(const struct labels *labels, struct span key)
{
	size_t low = 0, high = labels->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (span_cmp(labels->items[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct labels *labels, size_t place, struct span key)
{
	return place < labels->count && span_eq(labels->items[place].key, key);
}

void labels_set(struct arena *arena, struct labels *labels, struct span key, struct span value)
{
	size_t place = place_of(labels, key);
	if (is_at(labels, place, key)) {
		labels->items[place].value = value;
		return;
	}
	ARENA_PUSH(arena, labels->items, labels->count, labels->cap) = (struct label){{0}, {0}};
	memmove(&labels->items[place + 1], &labels->items[place], (labels->count - 1 - place) * sizeof *labels->items);
	labels->items[place] = (struct label){key, value};
}

void labels_remove(struct labels *labels, struct span key)
{
	size_t place = place_of(labels, key);
	if (!is_at(labels, place, key))
		return;
	labels->count--;
	memmove(&labels->items[place], &labels->items[place + 1], (labels->count - place) * sizeof *labels->items);
}

const struct label *labels_get(const struct labels *labels, const char *key)
{
	size_t place = place_of(labels, span_of(key));
	return is_at(labels, place, span_of(key)) ? &labels->items[place] : NULL;
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

static struct labels copy_labels(struct arena *arena, const struct labels *labels)
{
	struct labels copy = {ARENA_ARRAY(arena, struct label, labels->count), labels->count, labels->count};
	for (size_t i = 0; i < labels->count; i++) {
		copy.items[i].key = arena_copy(arena, labels->items[i].key);
		copy.items[i].value = arena_copy(arena, labels->items[i].value);
	}
	return copy;
}

/* --- resources ------------------------------------------------------------------------------------------------------ */

struct resource *resource_new(struct arena *arena, const struct omni_type *type, struct span id)
{
	struct resource *resource = ARENA_NEW(arena, struct resource);
	resource->type = type;
	resource->type_name = span_of(type->name);
	resource->ns = span_of(type->ns);
	resource->id = id;
	resource->spec = node_map(arena, 0);
	return resource;
}

struct resource *resource_copy(struct arena *arena, const struct resource *resource)
{
	struct resource *copy = ARENA_NEW(arena, struct resource);
	*copy = *resource;
	struct span *const texts[] = {&copy->type_name, &copy->ns,   &copy->id,	    &copy->owner, &copy->created,
				      &copy->updated,	&copy->file, &copy->object, &copy->path,  &copy->wire};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_copy(arena, *texts[i]);
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
