#include "agent/handlers/marks.h"

#include <string.h>

#include "base/digest.h"

enum { LABEL_MAX = 63, LABEL_SUM = 10 };

static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_inner(char c)
{
	return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
}

static bool is_label(struct span text)
{
	bool is_good = text.len > 0 && text.len <= LABEL_MAX && is_alphanumeric(text.ptr[0]) && is_alphanumeric(text.ptr[text.len - 1]);
	for (size_t i = 0; is_good && i < text.len; i++)
		is_good = is_inner(text.ptr[i]);
	return is_good;
}

struct span mark_cluster(struct arena *arena, struct span cluster)
{
	char sum[DIGEST_HEX_SIZE], kept[LABEL_MAX];
	size_t len = 0;
	if (is_label(cluster))
		return cluster;
	for (size_t i = 0; i < cluster.len && len < LABEL_MAX - LABEL_SUM - 1; i++)
		if (is_alphanumeric(cluster.ptr[i]) || (len > 0 && is_inner(cluster.ptr[i])))
			kept[len++] = cluster.ptr[i];
	digest_hex(cluster, sum);
	return arena_spanf(arena, "%.*s%s%.*s", (int)len, kept, len > 0 ? "-" : "", LABEL_SUM, sum);
}

void mark_add_json(struct text *out, struct span text)
{
	static const struct {
		const char *plain, *escaped;
	} rows[] = {{"<", "\\u003c"}, {">", "\\u003e"}, {"&", "\\u0026"}, {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"}};
	struct text json;
	text_init(&json, TEXT_NO_LIMIT);
	text_add_json(&json, text);
	for (struct span rest = text_span(&json); rest.len > 0;) {
		struct span piece = {rest.ptr, 1};
		size_t used = 1;
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			if (!span_starts(rest, rows[i].plain))
				continue;
			piece = span_of(rows[i].escaped);
			used = strlen(rows[i].plain);
		}
		text_add(out, piece);
		rest = (struct span){rest.ptr + used, rest.len - used};
	}
	text_done(&json);
}

struct span mark_text(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);
	return (struct span){json_string_value(value), json_string_length(value)};
}

void mark_put(json_t *object, const char *key, struct span value)
{
	json_object_set_new(object, key, json_stringn(value.ptr == NULL ? "" : value.ptr, value.len));
}

static void drop(void *json)
{
	json_decref(json);
}

json_t *mark_keep(struct arena *arena, json_t *json)
{
	arena_defer(arena, drop, json);
	return json;
}
