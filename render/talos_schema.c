#include "render/talos_schema.h"

#include <strings.h>

enum { PLACE_DEPTH_MAX = 12, PLACES_MAX = 3 };

struct talos_version talos_version_of(struct span version)
{
	struct talos_version found = {0};
	struct span rest = version, major, minor;
	int64_t number = 0;
	unsigned last = talos_counts.minors - 1u;

	if (span_starts(rest, "v"))
		rest = (struct span){rest.ptr + 1, rest.len - 1};
	if (span_next(&rest, '.', &major) && span_is(major, "1") && span_next(&rest, '.', &minor) &&
	    span_int(minor, 0, 999, &number))
		found.minor = (unsigned)number;
	for (unsigned i = 0; i <= last; i++)
		if (talos_minors[i] == found.minor) {
			found.is_exact = true;
			found.mask = (uint16_t)(1u << i);
			return found;
		}
	found.mask = (uint16_t)(found.minor != 0 && found.minor < talos_minors[0] ? 1u : 1u << last);
	return found;
}

/* As span_cmp, without measuring the name first: this is what most of the time of a check goes into. */
static int name_cmp(uint16_t name, struct span text)
{
	const unsigned char *known = (const unsigned char *)talos_names + name;

	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if (known[i] != c || c == '\0')
			return known[i] != c ? known[i] - c : -1;
	}
	return known[text.len];
}

const struct talos_kind *talos_kind_find(struct span name)
{
	size_t low = 0, high = talos_counts.kinds;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = name_cmp(talos_kinds[middle].name, name);

		if (order == 0)
			return &talos_kinds[middle];
		if (order > 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* The first field of that name; the end of the structure when there is none. */
static size_t field_first(struct talos_range fields, struct span name)
{
	size_t low = fields.first, high = low + fields.count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (name_cmp(talos_fields[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct talos_field *talos_field_find(unsigned structure, struct span name, uint16_t mask)
{
	struct talos_range fields = talos_structs[structure];
	size_t end = (size_t)fields.first + fields.count;

	for (size_t i = field_first(fields, name); i < end && name_cmp(talos_fields[i].name, name) == 0; i++)
		if (talos_fields[i].minors & mask)
			return &talos_fields[i];
	return NULL;
}

uint16_t talos_field_minors(unsigned structure, struct span name)
{
	struct talos_range fields = talos_structs[structure];
	size_t end = (size_t)fields.first + fields.count;
	unsigned minors = 0;

	for (size_t i = field_first(fields, name); i < end && name_cmp(talos_fields[i].name, name) == 0; i++)
		minors |= talos_fields[i].minors;
	return (uint16_t)minors;
}

unsigned talos_first_minor(uint16_t mask)
{
	for (unsigned i = 0; i < talos_counts.minors; i++)
		if (mask >> i & 1u)
			return talos_minors[i];
	return 0;
}

unsigned talos_last_minor(uint16_t mask)
{
	for (unsigned i = talos_counts.minors; i > 0; i--)
		if (mask >> (i - 1) & 1u)
			return talos_minors[i - 1];
	return 0;
}

/* --- names that look alike ---------------------------------------------------------------------------------------- */

struct nearest {
	struct span wanted, best;
	size_t distance;
};

static struct nearest nearest_to(struct span wanted)
{
	/* A third of the letters may differ, but never so many that the word is another one. */
	size_t limit = wanted.len < 3 ? 1 : wanted.len / 3 + 1;

	return (struct nearest){.wanted = wanted, .distance = (limit > 3 ? 3 : limit) + 1};
}

static void nearest_try(struct nearest *nearest, struct span name)
{
	size_t distance;

	if (name.len == nearest->wanted.len && name.len != 0 &&
	    strncasecmp(name.ptr, nearest->wanted.ptr, name.len) == 0)
		distance = 0;
	else
		distance = span_distance(name, nearest->wanted, nearest->distance);
	if (distance < nearest->distance) {
		nearest->distance = distance;
		nearest->best = name;
	}
}

struct span talos_field_near(unsigned structure, struct span name, uint16_t mask)
{
	struct nearest nearest = nearest_to(name);
	const struct talos_field *field = &talos_fields[talos_structs[structure].first];

	for (size_t i = 0; i < talos_structs[structure].count; i++)
		if (field[i].minors & mask)
			nearest_try(&nearest, talos_text(field[i].name));
	return nearest.best;
}

struct span talos_kind_near(struct span name, uint16_t mask)
{
	struct nearest nearest = nearest_to(name);

	for (size_t i = 0; i < talos_counts.kinds; i++)
		if (talos_kinds[i].minors & mask)
			nearest_try(&nearest, talos_text(talos_kinds[i].name));
	return nearest.best;
}

struct span talos_value_near(const struct talos_type *type, struct span value)
{
	struct nearest nearest = nearest_to(value);
	struct talos_range range = talos_enums[type->arg];

	for (size_t i = 0; i < range.count; i++)
		nearest_try(&nearest, talos_text(talos_values[range.first + i]));
	return nearest.best;
}

/* --- the right place of a field ------------------------------------------------------------------------------------ */

struct place {
	const struct place *up;
	struct span name;
	const char *suffix; /* "[]" of a list */
};

struct search {
	struct span name;
	uint16_t mask;
	unsigned found;
	const char *prefix;
	struct text *out;
};

static void place_print(struct text *out, const struct place *place)
{
	if (place->up != NULL) {
		place_print(out, place->up);
		text_addc(out, '.');
	}
	text_add(out, place->name);
	text_adds(out, place->suffix);
}

static void found_at(struct search *search, const struct place *place)
{
	if (++search->found > PLACES_MAX)
		return;
	text_adds(search->out, search->found > 1 ? " or " : "");
	text_adds(search->out, search->prefix);
	text_adds(search->out, search->prefix[0] == '\0' ? "" : ".");
	place_print(search->out, place);
}

static void search_struct(struct search *search, unsigned structure, const struct place *place, unsigned depth)
{
	const struct talos_field *field = &talos_fields[talos_structs[structure].first];

	if (depth == PLACE_DEPTH_MAX)
		return;
	if (place != NULL && talos_field_find(structure, search->name, search->mask) != NULL)
		found_at(search, place);
	for (size_t i = 0; i < talos_structs[structure].count && search->found <= PLACES_MAX; i++) {
		struct place here = {place, talos_text(field[i].name), ""};
		const struct talos_type *type = &talos_types[field[i].type];

		if (!(field[i].minors & search->mask))
			continue;
		if (type->kind == TALOS_LIST) {
			here.suffix = "[]";
			type = &talos_types[type->arg];
		}
		if (type->kind == TALOS_STRUCT)
			search_struct(search, type->arg, &here, depth + 1);
	}
}

unsigned talos_field_places(unsigned structure, struct span name, uint16_t mask, const char *prefix,
			    struct text *out_paths)
{
	struct search search = {name, mask, 0, prefix, out_paths};

	text_reset(out_paths);
	search_struct(&search, structure, NULL, 0);
	return search.found;
}
