/* The server joins what it found wrong into a text: "N errors occurred:" and an item behind each "\n\t* ". An item may
 * be such a list itself, with the same indentation; the empty line that ends a list tells how many are over. */
#include "agent/plan/refusal_int.h"

#include "base/text.h"

enum { BULLET = 4 }; /* "\n\t* " */

/* "... 2 errors occurred:": the text in front, which belongs to every error of the list; false: no list begins here. */
static bool begins_list(struct span line, struct span *out_context)
{
	static const char *const ends[] = {" error occurred:", " errors occurred:"};
	for (size_t i = 0; i < 2; i++) {
		if (!span_ends(line, ends[i]))
			continue;
		size_t len = line.len - strlen(ends[i]), digits = len;
		while (digits > 0 && line.ptr[digits - 1] >= '0' && line.ptr[digits - 1] <= '9')
			digits--;
		if (digits == len)
			continue;
		*out_context = span_trim((struct span){line.ptr, digits});
		return true;
	}
	return false;
}

static const char *find_text(struct span text, const char *what)
{
	size_t len = strlen(what);
	for (size_t i = 0; i + len <= text.len; i++)
		if (memcmp(text.ptr + i, what, len) == 0)
			return text.ptr + i;
	return NULL;
}

struct nest {
	struct span contexts[REFUSAL_DEPTH];
	size_t depth;
};

static struct span with_context(struct arena *arena, const struct nest *nest, struct span item)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; i < nest->depth; i++) {
		text_add(&out, nest->contexts[i]);
		text_adds(&out, nest->contexts[i].len > 0 ? " " : "");
	}
	text_add(&out, item);
	struct span joined = arena_copy(arena, text_span(&out));
	text_done(&out);
	return joined;
}

/* A list ends with two line breaks. */
static size_t lists_ended(struct span raw)
{
	size_t breaks = 0;
	while (breaks < raw.len && raw.ptr[raw.len - 1 - breaks] == '\n')
		breaks++;
	return breaks / 2;
}

/* The list begins behind these words; in front of them may stand what a client found out. */
static struct span without_prefix(struct span text)
{
	static const char words[] = "failed to validate: ";
	const char *at = find_text(text, words);
	if (at == NULL)
		return text;
	at += sizeof words - 1;
	return (struct span){at, (size_t)(text.ptr + text.len - at)};
}

/* Cut the next line, or the next part of one, off the front: "- config value ".a": is required; config value ".b": …". */
static bool next_part(struct span *rest, struct span *out)
{
	if (rest->len == 0)
		return false;
	size_t len = 0;
	while (len < rest->len && rest->ptr[len] != '\n' && !(rest->ptr[len] == ';' && len + 1 < rest->len && rest->ptr[len + 1] == ' '))
		len++;
	*out = span_trim((struct span){rest->ptr, len});
	if (span_starts(*out, "- "))
		*out = (struct span){out->ptr + 2, out->len - 2};
	size_t used = len < rest->len ? len + 1 : len;
	*rest = (struct span){rest->ptr + used, rest->len - used};
	return true;
}

static size_t count_known(struct span text, bool (*is_known)(struct span line))
{
	struct span part;
	size_t count = 0;
	while (next_part(&text, &part)) {
		if (part.len > 0 && !is_known(part))
			return 0;
		count += part.len > 0;
	}
	return count;
}

static void add_one(struct refusal_items *out, struct span item)
{
	if (item.len > 0 && out->count < REFUSAL_ITEMS_MAX)
		out->items[out->count++] = item;
}

/* One error, unless every line and every part of a line is one that is known. */
static void add(struct refusal_items *out, struct span item, bool (*is_known)(struct span line))
{
	struct span part;
	size_t parts = count_known(item, is_known);
	if (parts < 2 || parts > REFUSAL_ITEMS_MAX - out->count) {
		add_one(out, item);
		return;
	}
	while (next_part(&item, &part))
		add_one(out, part);
}

static void split_list(struct arena *arena, struct span rest, struct nest *nest, bool (*is_known)(struct span line),
		       struct refusal_items *out)
{
	const char *end = rest.ptr + rest.len;
	while (rest.len > 0) {
		const char *next = find_text(rest, "\n\t* ");
		struct span raw = {rest.ptr, next == NULL ? rest.len : (size_t)(next - rest.ptr)}, item = span_trim(raw);
		struct span context;
		rest = next == NULL ? (struct span){"", 0}
				    : (struct span){next + BULLET, (size_t)(end - next) - BULLET};
		if (next != NULL && begins_list(item, &context)) {
			if (nest->depth < REFUSAL_DEPTH)
				nest->contexts[nest->depth++] = context;
			continue;
		}
		if (out->count + 1 == REFUSAL_ITEMS_MAX) { /* what does not fit stays together */
			add_one(out, span_trim((struct span){raw.ptr, (size_t)(end - raw.ptr)}));
			return;
		}
		add(out, with_context(arena, nest, item), is_known);
		size_t ended = lists_ended(raw);
		nest->depth -= ended < nest->depth ? ended : nest->depth;
	}
}

void refusal_split(struct arena *arena, struct span text, bool (*is_known)(struct span line), struct refusal_items *out)
{
	struct nest nest = {.depth = 0};
	struct span context;
	out->count = 0;
	text = without_prefix(text);
	const char *first = find_text(text, "\n\t* ");
	if (first != NULL && begins_list((struct span){text.ptr, (size_t)(first - text.ptr)}, &context)) {
		if (context.len > 0)
			nest.contexts[nest.depth++] = context;
		split_list(arena, (struct span){first + BULLET, (size_t)(text.ptr + text.len - first) - BULLET}, &nest, is_known,
			   out);
		return;
	}
	add(out, span_trim(text), is_known);
}
