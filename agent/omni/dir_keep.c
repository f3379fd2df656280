/* Resources as the tables keep them: tens of thousands, packed, because most of them nobody asks for in days. Texts that
 * come again and again (label keys, cluster names, keys of specs) stand once in the table.
 *
 * A text is a number n: the text n / 2 of the table when n is odd, else n / 2 bytes that follow, and a NUL. */
#include <stdlib.h>

#include "agent/omni/dir_int.h"

enum { SHARED_MAX = 200 };

struct dir_kept {
	uint32_t references, size;
	uint32_t finalizer_count;
	bool is_tearing;
	char bytes[]; /* id, labels, and the rest as dir_keep puts it */
};

/* --- packing -------------------------------------------------------------------------------------------------------- */

static void put_int(struct text *out, uint64_t value)
{
	for (; value > 127; value >>= 7)
		text_addc(out, (char)(value & 127) | (char)-128);
	text_addc(out, (char)value);
}

static void put_own(struct text *out, struct span text)
{
	put_int(out, (uint64_t)text.len * 2);
	text_add(out, text);
	text_addc(out, '\0');
}

/* One copy for the whole table. Kept as long as the table: there are few different ones. */
static void put_shared(struct dir_table *table, struct text *out, struct span text)
{
	if (text.len > SHARED_MAX || text.len == 0) {
		put_own(out, text);
		return;
	}
	uintptr_t number = (uintptr_t)map_get(&table->texts, text); /* from 1: the list itself moves when it grows */
	if (number == 0) {
		struct span copy = arena_copy(&table->text_arena, text);
		ARENA_PUSH(&table->text_arena, table->shared, table->shared_count, table->shared_cap) = copy;
		number = table->shared_count;
		*map_at(&table->texts, copy) = (void *)number;
	}
	put_int(out, (number - 1) * 2 + 1);
}

/* Which values many resources have in common. */
static bool is_common(struct span key)
{
	return span_is(key, OMNI_LABEL_CLUSTER) || span_is(key, OMNI_LABEL_MACHINE_SET);
}

static void put_labels(struct dir_table *table, struct text *out, const struct labels *labels)
{
	put_int(out, labels->count);
	for (size_t i = 0; i < labels->count; i++) {
		put_shared(table, out, labels->items[i].key);
		if (is_common(labels->items[i].key))
			put_shared(table, out, labels->items[i].value);
		else
			put_own(out, labels->items[i].value);
	}
}

/* Nesting is bounded by what the reader of files lets through. */
static void put_node(struct dir_table *table, struct text *out, const struct node *node, bool is_key)
{
	struct span text = node_text(node);
	put_int(out, (unsigned)(node->kind | node->style << 4 | (node->has_source ? 128 : 0)));
	if (node->kind != NODE_SEQ && node->kind != NODE_MAP) {
		if (node->has_source)
			text.len += 1 + strlen(text.ptr + text.len + 1);
		if (is_key)
			put_shared(table, out, text);
		else
			put_own(out, text);
		return;
	}
	put_int(out, node->len);
	for (uint32_t i = 0; i < node->len; i++) {
		if (node->kind == NODE_MAP)
			put_node(table, out, &node->pairs[i].key, true);
		put_node(table, out, node->kind == NODE_MAP ? &node->pairs[i].value : &node->items[i], false);
	}
}

struct dir_kept *dir_keep(struct dir_table *table, const struct resource *from)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	put_own(&out, from->id);
	put_labels(table, &out, &from->labels);
	put_labels(table, &out, &from->annotations);
	put_int(&out, from->version);
	put_shared(table, &out, from->owner);
	put_own(&out, from->created);
	put_own(&out, span_eq(from->updated, from->created) ? SPAN("") : from->updated);
	for (size_t i = 0; i < from->finalizer_count; i++)
		put_shared(table, &out, from->finalizers[i]);
	put_node(table, &out, &from->spec, false);
	struct dir_kept *kept = malloc(sizeof *kept + out.len);
	if (kept == NULL)
		abort();
	*kept = (struct dir_kept){.references = 1, .size = (uint32_t)out.len, .is_tearing = from->phase == RESOURCE_TEARING_DOWN,
				  .finalizer_count = (uint32_t)from->finalizer_count};
	memcpy(kept->bytes, out.ptr, out.len);
	text_done(&out);
	return kept;
}

struct dir_kept *dir_kept_ref(struct dir_kept *kept)
{
	if (kept != NULL)
		kept->references++;
	return kept;
}

void dir_kept_unref(struct dir_kept *kept)
{
	if (kept != NULL && --kept->references == 0)
		free(kept);
}

/* --- looking -------------------------------------------------------------------------------------------------------- */

struct unpacker {
	const struct dir_table *table;
	struct arena *arena; /* NULL: texts are only looked at */
	const char *at;
};

static uint64_t get_int(struct unpacker *u)
{
	uint64_t value = 0;
	for (unsigned shift = 0;; shift += 7) {
		unsigned char byte = (unsigned char)*u->at++;
		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			return value;
	}
}

static struct span get_text(struct unpacker *u)
{
	uint64_t number = get_int(u);
	if (number % 2 == 1) {
		struct span shared = u->table->shared[number / 2];
		return u->arena == NULL ? shared : arena_copy(u->arena, shared);
	}
	struct span text = {u->at, (size_t)(number / 2)};
	u->at += text.len + 1;
	return text;
}

struct span dir_kept_id(const struct dir_kept *kept)
{
	struct unpacker u = {NULL, NULL, kept->bytes};
	return get_text(&u);
}

bool dir_kept_is_tearing(const struct dir_kept *kept)
{
	return kept->is_tearing;
}

bool dir_kept_is_free(const struct dir_kept *kept)
{
	return kept->finalizer_count == 0;
}

bool dir_kept_label(const struct dir_table *table, const struct dir_kept *kept, const char *key, struct span *out)
{
	struct unpacker u = {table, NULL, kept->bytes};
	get_text(&u); /* the ID */
	for (uint64_t left = get_int(&u); left > 0; left--) {
		bool is_it = span_is(get_text(&u), key);
		*out = get_text(&u);
		if (is_it)
			return true;
	}
	return false;
}

/* --- unpacking ------------------------------------------------------------------------------------------------------ */

static struct labels get_labels(struct unpacker *u)
{
	struct labels labels = {0};
	labels.count = labels.cap = (size_t)get_int(u);
	if (labels.count > 0)
		labels.items = ARENA_ARRAY(u->arena, struct label, labels.count);
	for (size_t i = 0; i < labels.count; i++) {
		labels.items[i].key = get_text(u);
		labels.items[i].value = get_text(u);
	}
	return labels;
}

static void get_node(struct unpacker *u, struct node *out)
{
	unsigned head = (unsigned)get_int(u);
	*out = (struct node){.kind = head & 15, .style = head >> 4 & 7, .has_source = head >> 7 & 1};
	if (out->kind != NODE_SEQ && out->kind != NODE_MAP) {
		struct span text = get_text(u);
		out->text = text.ptr;
		out->len = NODE_LEN(out->has_source ? strlen(text.ptr) : text.len);
		return;
	}
	size_t count = (size_t)get_int(u);
	out->len = NODE_LEN(count);
	out->items = count == 0 ? NULL : arena_alloc(u->arena, count * (out->kind == NODE_MAP ? sizeof(struct pair) : sizeof(struct node)));
	for (size_t i = 0; i < count; i++) {
		if (out->kind == NODE_MAP)
			get_node(u, &out->pairs[i].key);
		get_node(u, out->kind == NODE_MAP ? &out->pairs[i].value : &out->items[i]);
	}
}

struct resource *dir_open(const struct dir_table *table, const struct dir_kept *kept, struct arena *arena)
{
	struct resource *resource = ARENA_NEW(arena, struct resource);
	struct unpacker u = {table, arena, arena_dup(arena, kept->bytes, kept->size)};
	resource->type = table->type;
	resource->type_name = span_of(table->type->name);
	resource->ns = span_of(table->type->ns);
	resource->phase = kept->is_tearing ? RESOURCE_TEARING_DOWN : RESOURCE_RUNNING;
	resource->id = get_text(&u);
	resource->labels = get_labels(&u);
	resource->annotations = get_labels(&u);
	resource->version = get_int(&u);
	resource->owner = get_text(&u);
	resource->created = get_text(&u);
	struct span updated = get_text(&u);
	resource->updated = updated.len == 0 ? resource->created : updated;
	resource->finalizer_count = kept->finalizer_count;
	resource->finalizers = kept->finalizer_count == 0 ? NULL : ARENA_ARRAY(arena, struct span, kept->finalizer_count);
	for (size_t i = 0; i < resource->finalizer_count; i++)
		resource->finalizers[i] = get_text(&u);
	get_node(&u, &resource->spec);
	return resource;
}
