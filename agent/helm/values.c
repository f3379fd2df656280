#include "agent/helm/values.h"

#include <math.h>
#include <stdio.h>

#include "agent/kube/json_read.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "render/emit.h"
#include "render/load.h"

/* --- whether they can be handed on -------------------------------------------------------------------------------------- */

struct visit {
	struct span at; /* the path, for messages */
	unsigned depth;
};

static struct span path_below(struct arena *arena, struct span at, const char *key)
{
	return arena_spanf(arena, "%.*s%s%.60s", SPAN_ARG(at), at.len > 0 ? "." : "", key);
}

static size_t count_characters(struct span text)
{
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
	return count;
}

static bool check_value(const json_t *value, struct visit visit, struct arena *arena, struct fail *fail);

static bool check_object(const json_t *value, struct visit visit, struct arena *arena, struct fail *fail)
{
	const char *key;
	size_t len;
	json_t *item;
	json_object_keylen_foreach((json_t *)value, key, len, item) {
		struct span below = path_below(arena, visit.at, key);
		if (count_characters((struct span){key, len}) > VALUES_KEY)
			return fail_set(fail, FAIL_INVALID, "values: the key %.*s… has more than %d characters", SPAN_ARG(below), VALUES_KEY);
		if (!check_value(item, (struct visit){below, visit.depth + 1}, arena, fail))
			return false;
	}
	return true;
}

static bool check_value(const json_t *value, struct visit visit, struct arena *arena, struct fail *fail)
{
	if (visit.depth > VALUES_DEPTH)
		return fail_set(fail, FAIL_INVALID, "values: %.200s is nested deeper than %d levels", visit.at.ptr, VALUES_DEPTH);
	if (json_is_object(value))
		return check_object(value, visit, arena, fail);
	if (json_is_real(value) && !isfinite(json_real_value(value)))
		return fail_set(fail, FAIL_INVALID, "values: the number at %.*s is too big", SPAN_ARG(visit.at));
	size_t index;
	const json_t *item;
	json_array_foreach(value, index, item) {
		char number[24];
		snprintf(number, sizeof number, "%zu", index);
		if (!check_value(item, (struct visit){path_below(arena, visit.at, number), visit.depth + 1}, arena, fail))
			return false;
	}
	return true;
}

bool values_check(const json_t *values, struct fail *fail)
{
	if (!json_is_object(values))
		return fail_set(fail, FAIL_INVALID, "helm release values must be a JSON object");
	CLEANUP(arena_done) struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!check_value(values, (struct visit){SPAN(""), 0}, &arena, fail))
		return false;
	CLEANUP(text_done) struct text text;
	text_init(&text, VALUES_BYTES);
	values_write(&text, values);
	return text_ok(&text) ? true : fail_set(fail, FAIL_TOO_BIG, "values have more than %d bytes", VALUES_BYTES);
}

static bool is_inexact(const json_t *value)
{
	if (!json_is_integer(value))
		return false;
	double as_double = (double)json_integer_value(value);
	return as_double >= 0x1p63 || (json_int_t)as_double != json_integer_value(value);
}

struct span values_inexact(const json_t *values, struct arena *arena)
{
	const char *key;
	size_t index;
	json_t *item;
	struct span below = {0};
	json_object_foreach((json_t *)values, key, item) {
		if (is_inexact(item))
			return path_below(arena, SPAN(""), key);
		below = values_inexact(item, arena);
		if (below.len > 0)
			return arena_spanf(arena, "%.60s.%.*s", key, SPAN_ARG(below));
	}
	json_array_foreach(values, index, item) {
		if (is_inexact(item))
			return arena_spanf(arena, "%zu", index);
		below = values_inexact(item, arena);
		if (below.len > 0)
			return arena_spanf(arena, "%zu.%.*s", index, SPAN_ARG(below));
	}
	return SPAN("");
}

/* --- one out of several ------------------------------------------------------------------------------------------------- */

void values_merge(json_t *into, const json_t *over)
{
	const char *key;
	size_t len;
	json_t *item;
	json_object_keylen_foreach((json_t *)over, key, len, item) {
		json_t *old = json_object_getn(into, key, len);
		if (json_is_object(old) && json_is_object(item))
			values_merge(old, item);
		else
			json_object_setn_new_nocheck(into, key, len, json_deep_copy(item));
	}
}

bool values_parse(struct span text, struct arena *arena, json_t **out, struct fail *fail)
{
	struct node root;
	if (text.len > VALUES_BYTES)
		return fail_set(fail, FAIL_TOO_BIG, "it has more than %d bytes", VALUES_BYTES);
	if (!load_one(arena, text, LOAD_KUBERNETES, &root, fail))
		return false;
	if (!node_is_set(&root)) {
		*out = json_object();
		return true;
	}
	CLEANUP(text_done) struct text json;
	text_init(&json, 4 * VALUES_BYTES);
	emit_json(&json, &root, 0);
	json_t *values = text_ok(&json) ? kube_json_read(text_span(&json), fail) : NULL;
	if (values == NULL)
		return text_ok(&json) ? false : fail_set(fail, FAIL_TOO_BIG, "it is too big");
	if (!json_is_object(values) || !values_check(values, fail)) {
		if (!json_is_object(values))
			fail_set(fail, FAIL_INVALID, "it has to hold an object of values");
		json_decref(values);
		return false;
	}
	*out = values;
	return true;
}

/* --- whether they are the same ------------------------------------------------------------------------------------------- */

static bool equal_objects(const json_t *a, const json_t *b)
{
	const char *key;
	size_t len;
	json_t *item;
	if (json_object_size(a) != json_object_size(b))
		return false;
	json_object_keylen_foreach((json_t *)a, key, len, item) {
		const json_t *other = json_object_getn(b, key, len);
		if (other == NULL || !values_equal(item, other))
			return false;
	}
	return true;
}

/* Depth: both were read with a limit. */
bool values_equal(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return json_number_value(a) == json_number_value(b);
	if (json_typeof(a) != json_typeof(b))
		return false;
	if (json_is_object(a))
		return equal_objects(a, b);
	if (!json_is_array(a))
		return json_equal(a, b);
	for (size_t i = 0; i < json_array_size(a) || i < json_array_size(b); i++)
		if (i >= json_array_size(a) || i >= json_array_size(b) || !values_equal(json_array_get(a, i), json_array_get(b, i)))
			return false;
	return true;
}

void values_hash(struct span chart, struct span version, struct span content, const json_t *values, char out[VALUES_HASH_SIZE])
{
	CLEANUP(text_done) struct text canonical;
	char hex[DIGEST_HEX_SIZE];
	text_init(&canonical, TEXT_NO_LIMIT);
	values_canonical(&canonical, values);
	struct digest *digest = digest_new();
	digest_add(digest, SPAN("v1"));
	digest_add(digest, chart);
	digest_add(digest, version);
	digest_add(digest, content);
	digest_add(digest, text_span(&canonical));
	digest_finish(digest, hex);
	memcpy(out, hex, VALUES_HASH_SIZE - 1);
	out[VALUES_HASH_SIZE - 1] = '\0';
}
