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
	return (uint32_t)map_hash(resource->version, resource->created) >> (32 - STAMP_BITS);
}

/* --- records -------------------------------------------------------------------------------------------------------- */

enum { FIRST_SLOTS = 256 };

/* Where its number is, or would be. */
static uint32_t *slot_of(const struct mirror *mirror, uint64_t key)
{
	size_t mask = mirror->slot_count - 1, i = key & mask;
	while (mirror->slots[i] != 0 && mirror->records[mirror->slots[i] - 1].key != key)
		i = (i + 1) & mask;
	return &mirror->slots[i];
}

struct record *mirror_find(const struct mirror *mirror, uint64_t key)
{
	uint32_t number = mirror->slot_count == 0 ? 0 : *slot_of(mirror, key);
	return number == 0 ? NULL : &mirror->records[number - 1];
}

static void grow_slots(struct mirror *mirror)
{
	free(mirror->slots);
	mirror->slot_count = mirror->slot_count == 0 ? FIRST_SLOTS : mirror->slot_count * 2;
	mirror->slots = calloc(mirror->slot_count, sizeof *mirror->slots);
	if (mirror->slots == NULL)
		abort();
	for (size_t i = 0; i < mirror->count; i++)
		*slot_of(mirror, mirror->records[i].key) = (uint32_t)i + 1;
}

/* By an eighth: there are many of them. */
static void grow_records(struct mirror *mirror)
{
	mirror->cap += mirror->cap / 8 + FIRST_SLOTS / 4;
	mirror->records = mirror->cap > UINT32_MAX ? NULL : reallocarray(mirror->records, mirror->cap, sizeof *mirror->records);
	if (mirror->records == NULL)
		abort();
}

struct record *mirror_add(struct mirror *mirror, uint64_t key)
{
	if (mirror->count * 4 >= mirror->slot_count * 3)
		grow_slots(mirror);
	if (mirror->count == mirror->cap)
		grow_records(mirror);
	struct record *record = &mirror->records[mirror->count];
	*record = (struct record){.key = key};
	*slot_of(mirror, key) = (uint32_t)++mirror->count;
	return record;
}

struct owner *mirror_owner(const struct mirror *mirror, const struct record *record)
{
	return record == NULL ? NULL : mirror->owners.entries[record->owner].value;
}

/* What was pushed behind it by a collision moves up; the last record takes its place. */
static void take_out(struct mirror *mirror, struct record *record)
{
	size_t mask = mirror->slot_count - 1, hole = (size_t)(slot_of(mirror, record->key) - mirror->slots);
	for (size_t i = (hole + 1) & mask; mirror->slots[i] != 0; i = (i + 1) & mask) {
		size_t home = mirror->records[mirror->slots[i] - 1].key & mask;
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			mirror->slots[hole] = mirror->slots[i];
			hole = i;
		}
	}
	mirror->slots[hole] = 0;
	const struct record *last = &mirror->records[mirror->count - 1];
	if (record != last) {
		*slot_of(mirror, last->key) = (uint32_t)(record - mirror->records) + 1;
		*record = *last;
	}
	mirror->count--;
}

/* Machine classes count among the raw resources, what is made from templates with its cluster. */
bool mirror_counts(const struct mirror *mirror, const struct record *record)
{
	bool is_raw = (mirror->types[record->type].type->flags & OMNI_RAW) != 0;
	return is_raw == (mirror_owner(mirror, record)->name.len == 0);
}

void mirror_count_in(const struct mirror *mirror, const struct record *record, bool comes)
{
	const struct omni_type *type = mirror->types[record->type].type;
	struct owner *owner = mirror_owner(mirror, record);
	owner->changes++;
	if (type == OMNI_MACHINE_SET_NODE)
		said_count_node(&owner->said, comes);
	if (mirror_counts(mirror, record))
		owner->sum += comes ? record->meaning.whole : 0 - record->meaning.whole;
}

/* --- marks of ours -------------------------------------------------------------------------------------------------- */

void mirror_take_marks(const struct mirror *mirror, const struct record *record, const struct labels *annotations)
{
	const struct omni_type *type = mirror->types[record->type].type;
	struct owner *owner = mirror_owner(mirror, record);
	bool is_record = (type->flags & OMNI_RAW) != 0 && owner->name.len > 0;
	struct marks *marks = &owner->marks[is_record ? IN_RECORD : ON_CLUSTER];
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
		said_forget_cluster(mirror_owner(mirror, record)->said);
	else if (type == OMNI_MACHINE_SET)
		said_forget_set(mirror_owner(mirror, record)->said, record->key);
	else if ((type->flags & OMNI_RAW) != 0)
		mirror_forget_raw(mirror, record->key);
}

void mirror_erase(struct mirror *mirror, struct record *record)
{
	static const struct labels none;
	mirror_take_marks(mirror, record, &none);
	undeclare(mirror, record);
	mirror_count_in(mirror, record, false);
	take_out(mirror, record);
}
