/* Labels, annotations and names, as documents may have them. */
#include <ctype.h>

#include "agent/export/internal.h"
#include "base/digest.h"
#include "base/duration.h"

/* Omni keeps these for itself, and those of ours are marks. */
bool export_is_reserved(struct span key)
{
	return span_starts(key, RESERVED_PREFIX) || span_starts(key, ANNOTATION_OURS);
}

bool export_descriptors(struct arena *arena, const struct labels *labels, const char *except, struct node *out)
{
	*out = node_map(arena, labels->count + 1);
	for (size_t i = 0; i < labels->count; i++) {
		struct span key = labels->items[i].key;
		if (!export_is_reserved(key) && !(except != NULL && span_is(key, except)))
			node_put_span(out, key, node_string(labels->items[i].value));
	}
	return out->len > 0;
}

void export_put_descriptors(struct arena *arena, struct node *map, const struct resource *resource)
{
	struct node descriptors;
	if (export_descriptors(arena, &resource->labels, NULL, &descriptors))
		node_put(map, "labels", descriptors);
	if (export_descriptors(arena, &resource->annotations, NULL, &descriptors))
		node_put(map, "annotations", descriptors);
}

static bool is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_object_name(struct span text)
{
	enum { LEN_MAX = 253 };
	if (text.len == 0 || text.len > LEN_MAX || !is_lower_or_digit(text.ptr[text.len - 1]))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		bool begins = i == 0 || text.ptr[i - 1] == '.', ends = i + 1 < text.len && text.ptr[i + 1] == '.';
		char c = text.ptr[i];
		if (!is_lower_or_digit(c) && (begins || ends || (c != '-' && c != '.')))
			return false;
	}
	return true;
}

struct span export_object_name(struct arena *arena, struct span text)
{
	enum { KEPT_MAX = 200, DIGITS = 8 };
	char hex[DIGEST_HEX_SIZE], kept[KEPT_MAX + 1];
	size_t len = 0;
	if (is_object_name(text))
		return text;
	for (size_t i = 0; i < text.len && len < KEPT_MAX; i++) {
		char c = (char)tolower((unsigned char)text.ptr[i]);
		if (is_lower_or_digit(c))
			kept[len++] = c;
		else if (len > 0 && kept[len - 1] != '-')
			kept[len++] = '-';
	}
	while (len > 0 && kept[len - 1] == '-')
		len--;
	digest_hex(text, hex);
	return arena_spanf(arena, "%.*s%s%.*s", (int)len, kept, len > 0 ? "-" : "x", DIGITS, hex);
}

/* Go writes an hour as "1h0m0s". */
static struct span without_zeros(struct span text)
{
	static const char *const ends[] = {"m0s", "h0m"};
	for (size_t i = 0; i < 2; i++)
		if (span_ends(text, ends[i]))
			text.len -= 2;
	return text;
}

bool export_duration(struct arena *arena, const struct node *duration, struct span *out)
{
	int64_t seconds = 0, nanos = 0;
	char text[DURATION_SIZE];
	span_int(node_text(node_get(duration, "seconds")), 0, INT64_MAX / DURATION_SECOND - 1, &seconds);
	span_int(node_text(node_get(duration, "nanos")), 0, DURATION_SECOND - 1, &nanos);
	if (seconds == 0 && nanos == 0)
		return false;
	duration_format(seconds * DURATION_SECOND + nanos, text);
	*out = arena_copy(arena, without_zeros(span_of(text)));
	return true;
}
