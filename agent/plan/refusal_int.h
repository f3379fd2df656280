/* Parts of explaining a refusal. Private to agent/plan/refusal*.c. */
#ifndef AGENT_PLAN_REFUSAL_INT_H
#define AGENT_PLAN_REFUSAL_INT_H

#include "agent/plan/refusal.h"

/* --- refusal_split.c: the errors of a list ------------------------------------------------------------------------- */

enum { REFUSAL_ITEMS_MAX = 512, REFUSAL_DEPTH = 8 };

struct refusal_items {
	struct span items[REFUSAL_ITEMS_MAX];
	size_t count;
};

/* "failed to validate: 2 errors occurred:\n\t* a\n\t* b: 1 error occurred:\n\t* c\n\n\n\n" is "a" and "b: c". A text that
 * is no list is one item. An item whose lines, or parts between "; ", are all taken by `is_known` is one for each. */
void refusal_split(struct arena *arena, struct span text, bool (*is_known)(struct span line), struct refusal_items *out);

/* --- refusal_table.c: what the texts mean ---------------------------------------------------------------------------- */

enum { REFUSAL_CAPTURES = 3 };

struct refusal_match {
	const struct refusal_row *row;
	struct span captures[REFUSAL_CAPTURES];
};

/* Which value a text is about:
 *   "talosversion"      a dotted path of the spec
 *   "extensions=1"      the item of that list that is the first capture (the last such item)
 *   "args#1"            the item whose index is the first capture
 *   "@labels", "@annotations", "@id"   of the metadata
 *   "@content"          the data or the job; "@path1": the first capture is a dotted path in it; "@kind1": the document of
 *                       that kind; "@keys": the text ends with the keys in question; "@line": the text has "line N"
 *   "@selector"         the item of matchlabels that the text is about
 *   "@provider1"        providerdata, the first capture is a dotted path in it */
struct refusal_row {
	const char *pattern; /* found anywhere in the text; "%" takes any text */
	const char *code, *field, *hint; /* in the hint, %1 to %3 are what was taken */
};

bool refusal_find(struct span text, struct refusal_match *out);
bool refusal_is_known(struct span text);

/* --- refusal_place.c: where that is ------------------------------------------------------------------------------------ */

struct refusal_place {
	struct span file, object, path;
	uint32_t line, column;
};

/* The resource itself. */
void refusal_place_object(struct arena *arena, const struct refusal *refusal, struct refusal_place *out);
/* The value that the text is about; the resource where that cannot be told. */
void refusal_place_field(struct arena *arena, const struct refusal *refusal, const struct refusal_match *match,
			 struct span text, struct refusal_place *out);

/* refusal_content.c: places inside data and job. `key`: "data" or "job". */
void refusal_place_content(struct arena *arena, const struct refusal *refusal, const struct refusal_match *match,
			   const char *key, struct span text, struct refusal_place *out);
void refusal_place_keys(struct arena *arena, const struct refusal *refusal, struct span dotted, const char *key,
			struct refusal_place *out);
/* The keys of the excerpt behind "unknown keys found during decoding:", as dotted paths without their values. */
enum { REFUSAL_KEYS_MAX = 32 };
size_t refusal_unknown_keys(struct arena *arena, struct span text, struct span out[REFUSAL_KEYS_MAX]);

#endif
