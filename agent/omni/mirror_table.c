/* The table of records, what is digested, and the marks of ours. */
#include "agent/omni/mirror_int.h"

#include <stdlib.h>

#include "agent/omni/records.h"
#include "base/digest.h"

/* --- digests -------------------------------------------------------------------------------------------------------- */

uint64_t mirror_key(const struct omni_type *type, struct span id)
{
	char place[512];
	size_t len = strlen(type->name) + 1;
	if (len + id.len <= sizeof place) {
		memcpy(place, type->name, len);
		memcpy(place + len, id.ptr, id.len);
		return digest_local((struct span){place, len + id.len});
	}
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_add(&text, (struct span){type->name, len});
	text_add(&text, id);
	uint64_t key = digest_local(text_span(&text));
	text_done(&text);
	return key;
}

static void add_labels(struct text *out, const struct labels *labels)
{
	for (size_t i = 0; i < labels->count; i++) {
		node_canonical_text(out, labels->items[i].key);
		node_canonical_text(out, labels->items[i].value);
	}
	node_canonical_text(out, SPAN(""));
}

uint64_t mirror_seen(struct mirror *mirror, const struct resource *resource)
{
	struct text *text = &mirror->scratch;
	text_reset(text);
	text_addf(text, "%d", resource->phase);
	node_canonical_text(text, resource->owner);
	add_labels(text, &resource->labels);
	add_labels(text, &resource->annotations);
	for (size_t i = 0; i < resource->finalizer_count && resource->phase == RESOURCE_TEARING_DOWN; i++)
		node_canonical_text(text, resource->finalizers[i]);
	node_canonical(text, &resource->spec);
	return digest_local(text_span(text));
}

uint32_t mirror_stamp(const struct resource *resource)
{
	return (uint32_t)map_hash(resource->version, resource->created);
}

/* --- records -------------------------------------------------------------------------------------------------------- */

struct record *mirror_place(const struct mirror *mirror, uint64_t key)
{
	size_t i = key & (mirror->size - 1);
	while (mirror->records[i].owner != NULL && mirror->records[i].key != key)
		i = (i + 1) & (mirror->size - 1);
	return &mirror->records[i];
}

void mirror_grow(struct mirror *mirror)
{
	struct record *old = mirror->records;
	size_t old_size = mirror->size;
	if (mirror->count * 4 < mirror->size * 3)
		return;
	mirror->size *= 2;
	mirror->records = calloc(mirror->size, sizeof *mirror->records);
	if (mirror->records == NULL)
		abort();
	for (size_t i = 0; i < old_size; i++)
		if (old[i].owner != NULL)
			*mirror_place(mirror, old[i].key) = old[i];
	free(old);
}

/* Machine classes count among the raw resources, what is made from templates with its cluster. */
bool mirror_counts(const struct mirror *mirror, const struct record *record)
{
	bool is_raw = (mirror->types[record->type].type->flags & OMNI_RAW) != 0;
	return is_raw == (record->owner->name.len == 0);
}

void mirror_count_in(const struct mirror *mirror, const struct record *record, bool comes)
{
	const struct omni_type *type = mirror->types[record->type].type;
	record->owner->changes++;
	if (type == OMNI_MACHINE_SET_NODE)
		said_count_node(&record->owner->said, comes);
	if (mirror_counts(mirror, record))
		record->owner->sum += comes ? record->meaning.whole : 0 - record->meaning.whole;
}

/* --- marks of ours -------------------------------------------------------------------------------------------------- */

void mirror_take_marks(const struct mirror *mirror, const struct record *record, const struct labels *annotations)
{
	const struct omni_type *type = mirror->types[record->type].type;
	bool is_record = (type->flags & OMNI_RAW) != 0 && record->owner->name.len > 0;
	struct marks *marks = &record->owner->marks[is_record ? IN_RECORD : ON_CLUSTER];
	struct text packed;
	if (type != OMNI_CLUSTER && !is_record)
		return;
	text_init(&packed, TEXT_NO_LIMIT);
	for (size_t i = 0; i < annotations->count; i++) {
		const struct label *mark = &annotations->items[i];
		bool is_for_cluster = span_starts(mark->key, RECORDS_PREFIX) && span_before(mark->key, ':').len == mark->key.len;
		if (!is_for_cluster)
			continue;
		text_add(&packed, mark->key);
		text_addc(&packed, '\0');
		text_add(&packed, mark->value);
		text_addc(&packed, '\0');
	}
	free(marks->packed);
	marks->len = packed.len;
	marks->packed = packed.len > 0 ? realloc(text_take(&packed), marks->len) : NULL;
	if (marks->len > 0 && marks->packed == NULL)
		abort();
	text_done(&packed);
}

void mirror_show_marks(struct arena *arena, const struct marks *marks, struct resource *cluster)
{
	struct span rest = arena_copy(arena, (struct span){marks->packed, marks->len});
	while (rest.len > 0) {
		struct span key = span_before(rest, '\0'), behind = span_behind(rest, '\0'), value = span_before(behind, '\0');
		labels_set(arena, &cluster->annotations, key, value);
		rest = span_behind(behind, '\0');
	}
}

/* --- going ------------------------------------------------------------------------------------------------------------ */

static void undeclare(struct mirror *mirror, const struct record *record)
{
	const struct omni_type *type = mirror->types[record->type].type;
	if (type == OMNI_CLUSTER)
		said_forget_cluster(record->owner->said);
	else if (type == OMNI_MACHINE_SET)
		said_forget_set(record->owner->said, record->key);
	else if ((type->flags & OMNI_RAW) != 0)
		mirror_forget_raw(mirror, record->key);
}

/* Frees the place; what was pushed behind it by a collision moves up. */
void mirror_erase(struct mirror *mirror, struct record *record)
{
	static const struct labels none;
	size_t mask = mirror->size - 1, hole = (size_t)(record - mirror->records);
	mirror_take_marks(mirror, record, &none);
	undeclare(mirror, record);
	mirror_count_in(mirror, record, false);
	mirror->count--;
	for (size_t i = (hole + 1) & mask; mirror->records[i].owner != NULL; i = (i + 1) & mask) {
		size_t home = mirror->records[i].key & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			mirror->records[hole] = mirror->records[i];
			hole = i;
		}
	}
	mirror->records[hole] = (struct record){0};
}
