/* What Talos knows about its own configuration: kinds of documents, their fields, and how every value is read, for each
 * Talos minor. The tables (render/talos_schema_data.c) are made from what Talos publishes and hold only small numbers:
 * nothing is set up at start, nothing is allocated. Places are indices; texts are offsets into talos_names. */
#ifndef RENDER_TALOS_SCHEMA_H
#define RENDER_TALOS_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/text.h"

enum talos_type_kind {
	TALOS_ANY,
	TALOS_STRUCT, /* arg: structure */
	TALOS_LIST,   /* arg: type of the items */
	TALOS_MAP,    /* arg: type of the values; any keys */
	TALOS_MAP_ANY,
	TALOS_STRING,
	TALOS_BOOL,
	TALOS_INT8,
	TALOS_INT16,
	TALOS_INT32,
	TALOS_INT64,
	TALOS_UINT8,
	TALOS_UINT16,
	TALOS_UINT32,
	TALOS_UINT64,
	TALOS_FLOAT,
	TALOS_ENUM, /* arg: list of values */
	TALOS_DURATION,
	TALOS_ADDR,
	TALOS_PREFIX,
	TALOS_ADDR_PORT,
	TALOS_URL,
	TALOS_PORT_RANGE,
	TALOS_BYTE_SIZE,
	TALOS_SIZE, /* bytes or per cent */
	TALOS_DISK_SIZE,
	TALOS_SIZE_MATCH, /* ">= 10GB" */
	TALOS_BASE64,
	TALOS_BASE64_KEY,
	TALOS_EXPRESSION,
	TALOS_HEX,
	TALOS_ARG, /* a text or a list of texts */
};

enum { TALOS_NO_NULL_ITEMS = 1 }; /* talos_type.flags: from Talos 1.14 on an item may not be null */

struct talos_range {
	uint16_t first, count;
};

struct talos_type {
	uint8_t kind; /* enum talos_type_kind */
	uint8_t flags;
	uint16_t arg;
};

/* Sorted by name within their structure. A field whose type changed between minors stands there once per type. */
struct talos_field {
	uint16_t name, type;
	uint16_t minors; /* a bit per entry of talos_minors */
};

struct talos_kind {
	uint16_t name, structure, minors;
	struct talos_range conflicts; /* names of kinds that may not come with the same `name` */
};

struct talos_counts {
	uint16_t kinds, structs, minors;
};

extern const char talos_names[];
extern const struct talos_field talos_fields[];
extern const struct talos_range talos_structs[]; /* of talos_fields */
extern const struct talos_type talos_types[];
extern const struct talos_range talos_enums[]; /* of talos_values */
extern const uint16_t talos_values[];
extern const struct talos_kind talos_kinds[]; /* sorted by name; "v1alpha1" is the document without a kind */
extern const uint16_t talos_conflicts[];
extern const uint8_t talos_minors[]; /* ascending */
extern const struct talos_counts talos_counts;

/* The minor that a Talos version is checked against. */
struct talos_version {
	uint16_t mask;	/* its bit in `minors` */
	unsigned minor; /* of the version asked for; 0: it could not be read */
	bool is_exact;	/* false: not in the table, the nearest minor stands in and what is unknown may be known there */
};

struct talos_version talos_version_of(struct span version); /* "v1.13.2" or "1.13.2" */

static inline struct span talos_text(uint16_t name)
{
	return span_of(talos_names + name);
}

const struct talos_kind *talos_kind_find(struct span name); /* of any minor; NULL: unknown to all */
/* The field as the minors in `mask` have it; NULL when they have not. */
const struct talos_field *talos_field_find(unsigned structure, struct span name, uint16_t mask);
/* The minors that know the field. */
uint16_t talos_field_minors(unsigned structure, struct span name);

unsigned talos_first_minor(uint16_t mask);
unsigned talos_last_minor(uint16_t mask);

/* The nearest name ("did you mean"): empty when none is near. */
struct span talos_field_near(unsigned structure, struct span name, uint16_t mask);
struct span talos_kind_near(struct span name, uint16_t mask);
struct span talos_value_near(const struct talos_type *type, struct span value);

/* Where below a structure a field of this name stands: paths without the name, joined by " or ", each with `prefix` in
 * front ("machine.kubelet or cluster.apiServer"). Returns their number; the text is cut when they are many. */
unsigned talos_field_places(unsigned structure, struct span name, uint16_t mask, const char *prefix,
			    struct text *out_paths);

#endif
