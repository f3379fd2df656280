/* Resources as the tables keep them: tens of thousands, whose types, label keys and cluster names are always the same. */
#include "agent/omni/dir_int.h"

/* One copy of a text for the whole table. Kept as long as the table: there are few different ones. */
static struct span shared(struct dir_table *table, struct span text)
{
	enum { LONG = 200 };
	if (text.len == 0)
		return (struct span){"", 0};
	if (text.len > LONG)
		return arena_copy(&table->arena, text);
	struct span *held = map_get(&table->texts, text);
	if (held == NULL) {
		held = ARENA_NEW(&table->text_arena, struct span);
		*held = arena_copy(&table->text_arena, text);
		*map_at(&table->texts, *held) = held;
	}
	return *held;
}

static struct span own(struct dir_table *table, struct span text)
{
	return text.len == 0 ? (struct span){"", 0} : arena_copy(&table->arena, text);
}

/* Which values many resources have in common. */
static bool is_common(struct span key)
{
	return span_is(key, OMNI_LABEL_CLUSTER) || span_is(key, OMNI_LABEL_MACHINE_SET);
}

static struct labels keep_labels(struct dir_table *table, const struct labels *from)
{
	struct labels kept = {NULL, from->count, from->count};
	if (from->count > 0)
		kept.items = ARENA_ARRAY(&table->arena, struct label, from->count);
	for (size_t i = 0; i < from->count; i++) {
		kept.items[i].key = shared(table, from->items[i].key);
		kept.items[i].value = is_common(from->items[i].key) ? shared(table, from->items[i].value)
								   : own(table, from->items[i].value);
	}
	return kept;
}

struct resource *dir_keep(struct dir_table *table, const struct resource *from)
{
	struct resource *kept = ARENA_NEW(&table->arena, struct resource);
	*kept = *from;
	kept->type_name = span_of(table->type->name);
	kept->ns = span_of(table->type->ns);
	kept->id = own(table, from->id);
	kept->owner = shared(table, from->owner);
	kept->created = own(table, from->created);
	kept->updated = span_eq(from->updated, from->created) ? kept->created : own(table, from->updated);
	kept->file = kept->object = kept->path = (struct span){"", 0};
	kept->labels = keep_labels(table, &from->labels);
	kept->annotations = keep_labels(table, &from->annotations);
	kept->finalizers = from->finalizer_count == 0 ? NULL : ARENA_ARRAY(&table->arena, struct span, from->finalizer_count);
	for (size_t i = 0; i < from->finalizer_count; i++)
		kept->finalizers[i] = shared(table, from->finalizers[i]);
	kept->spec = node_copy(&table->arena, &from->spec);
	return kept;
}
