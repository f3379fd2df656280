/* Names of the raw resources, so that those which nobody keeps can be told: of so many as people look at. */
#include <stdlib.h>
#include <string.h>

#include "agent/omni/mirror_int.h"
#include "agent/omni/records.h"

enum { NAMES_MAX = 2048 }; /* the rest is not named */

static struct raw_name *find(const struct mirror *mirror, uint64_t key)
{
	for (size_t i = 0; i < mirror->raw_count; i++)
		if (mirror->raws[i].key == key)
			return &mirror->raws[i];
	return NULL;
}

static void free_name(struct raw_name *name)
{
	free(name->id);
	free(name->kept_by);
}

static char *copy(struct span text)
{
	char *made = text.len == 0 ? NULL : strndup(text.ptr, text.len);
	if (text.len > 0 && made == NULL)
		abort();
	return made;
}

/* What Omni's controllers made is nobody's to keep. */
void mirror_name_raw(struct mirror *mirror, const struct record *record, const struct resource *resource)
{
	const struct label *owner = labels_get(&resource->annotations, RECORDS_PREFIX "owner");
	if ((resource->type->flags & OMNI_RAW) == 0 || mirror_owner(mirror, record)->name.len > 0 || resource->owner.len > 0 ||
	    mirror->raw_count >= NAMES_MAX)
		return;
	if (mirror->raw_count == mirror->raw_cap) {
		mirror->raw_cap = mirror->raw_cap == 0 ? 8 : mirror->raw_cap * 2;
		mirror->raws = realloc(mirror->raws, mirror->raw_cap * sizeof *mirror->raws);
		if (mirror->raws == NULL)
			abort();
	}
	mirror->raws[mirror->raw_count++] = (struct raw_name){
		record->key, resource->type, copy(resource->id), copy(owner == NULL ? (struct span){"", 0} : owner->value)};
}

void mirror_forget_raw(struct mirror *mirror, uint64_t key)
{
	struct raw_name *name = find(mirror, key);
	if (name == NULL)
		return;
	free_name(name);
	*name = mirror->raws[--mirror->raw_count];
}

void mirror_free_raws(struct mirror *mirror)
{
	for (size_t i = 0; i < mirror->raw_count; i++)
		free_name(&mirror->raws[i]);
	free(mirror->raws);
}

static int by_name(const void *a, const void *b)
{
	const struct mirror_raw *left = a, *right = b;
	int order = strcmp(left->type->name, right->type->name);
	return order != 0 ? order : span_cmp(left->id, right->id);
}

size_t mirror_raws(struct mirror *mirror, struct arena *arena, struct mirror_raw **out)
{
	pthread_mutex_lock(&mirror->lock);
	size_t count = mirror->raw_count;
	*out = ARENA_ARRAY(arena, struct mirror_raw, count + 1);
	for (size_t i = 0; i < count; i++) {
		const struct raw_name *name = &mirror->raws[i];
		(*out)[i] = (struct mirror_raw){name->type, arena_copy(arena, span_of(name->id)),
						arena_copy(arena, span_of(name->kept_by == NULL ? "" : name->kept_by))};
	}
	pthread_mutex_unlock(&mirror->lock);
	qsort(*out, count, sizeof **out, by_name);
	return count;
}
