/* Values of a release: what is asked for, compared with what a record holds, and written for Helm. Helm keeps every number as an
 * IEEE double, so numbers are compared as such: 1, 1.0 and 1e0 are the same, and so are 2^53 and 2^53 + 1. A key that is null is
 * another thing than no key. Values may hold secrets. */
#ifndef AGENT_HELM_VALUES_H
#define AGENT_HELM_VALUES_H

#include <jansson.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/text.h"

enum { VALUES_DEPTH = 200, VALUES_KEY = 1000, VALUES_BYTES = 1 << 20 };

/* Can they be handed to Helm so that they arrive as they are? INVALID says where and why not: no object, too deep, too many bytes,
 * a key that is too long, a number beyond a double. */
bool values_check(const json_t *values, struct fail *fail) __attribute__((warn_unused_result));
/* The path of the first integer that Helm would change ("replicas.max"), in the arena; empty: there is none. */
struct span values_inexact(const json_t *values, struct arena *arena);

/* `over` into `into`, as Helm does with one file of values behind another: objects key by key, everything else replaced. Both were
 * checked. */
void values_merge(json_t *into, const json_t *over);
/* The text of a Secret or ConfigMap, YAML or JSON; new reference. Nothing at all is an empty object. */
bool values_parse(struct span text, struct arena *arena, json_t **out, struct fail *fail) __attribute__((warn_unused_result));

bool values_equal(const json_t *a, const json_t *b);

/* JSON that Helm's YAML reader takes for the same. */
void values_write(struct text *out, const json_t *values);
/* The one text of these values: keys in order, no blanks, numbers as doubles. */
void values_canonical(struct text *out, const json_t *values);

/* What is asked for, in 40 hexadecimal digits: the same digits, the same outcome. content: the chart's own digest, or empty. */
enum { VALUES_HASH_SIZE = 41 };
void values_hash(struct span chart, struct span version, struct span content, const json_t *values, char out[VALUES_HASH_SIZE]);

#endif
