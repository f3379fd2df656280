#include "render/hide.h"

#include "base/digest.h"
#include "render/emit.h"
#include "render/load.h"
#include "render/redact.h"

enum { DEPTH_MAX = 80, /* more than the reader of documents lets through */
       MARK_DIGITS = 32 };

struct hider {
	struct arena *arena;
	struct span key;
	struct hide_book *book; /* NULL: nobody will ask */
	size_t hidden;		/* how many values */
};

/* --- marks ---------------------------------------------------------------------------------------------------------------- */

void hide_book_init(struct hide_book *book, struct arena *arena)
{
	map_init(&book->values, arena);
}

const struct span *hide_book_find(const struct hide_book *book, struct span mark)
{
	return map_get(&book->values, mark);
}

static void remember(struct hide_book *book, struct span digits, struct span value)
{
	if (book == NULL || map_get(&book->values, digits) != NULL)
		return;
	struct arena *arena = book->values.arena;
	struct span *copy = ARENA_NEW(arena, struct span);
	*copy = arena_copy(arena, value);
	*map_at(&book->values, arena_copy(arena, digits)) = copy;
}

static struct span mark_of(struct hider *hider, struct span value)
{
	char hex[DIGEST_HEX_SIZE];
	struct digest *digest = digest_new();
	digest_add(digest, hider->key);
	digest_add(digest, value);
	digest_finish(digest, hex);
	hider->hidden++;
	remember(hider->book, (struct span){hex, MARK_DIGITS}, value);
	return arena_spanf(hider->arena, "(secret %.*s)", MARK_DIGITS, hex);
}

static size_t digits_at(struct span text, size_t at)
{
	size_t count = 0;
	while (at + count < text.len && count <= MARK_DIGITS && memchr("0123456789abcdef", text.ptr[at + count], 16) != NULL)
		count++;
	return count;
}

/* A long line may have been folded between the words. */
bool hide_next_mark(struct span text, size_t from, size_t *out_begin, size_t *out_end, struct span *out_mark)
{
	static const struct span word = {"(secret", 7};
	for (size_t i = from; i + word.len < text.len; i++) {
		if (text.ptr[i] != '(' || memcmp(text.ptr + i, word.ptr, word.len) != 0)
			continue;
		size_t at = i + word.len;
		while (at < text.len && (text.ptr[at] == ' ' || text.ptr[at] == '\n'))
			at++;
		if (digits_at(text, at) != MARK_DIGITS || at + MARK_DIGITS >= text.len || text.ptr[at + MARK_DIGITS] != ')')
			continue;
		*out_begin = i;
		*out_end = at + MARK_DIGITS + 1;
		*out_mark = (struct span){text.ptr + at, MARK_DIGITS};
		return true;
	}
	return false;
}

/* --- free-form content ------------------------------------------------------------------------------------------------ */

static void hide_scalar(struct hider *hider, struct node *node, bool is_secret)
{
	struct span text = node_text(node);
	if (text.len > 0 && (is_secret || redact_is_secret_value(text)))
		*node = node_string(mark_of(hider, text));
}

/* {name: API_TOKEN, value: …}, as environment variables are written. */
static bool names_secret(const struct node *map)
{
	const struct node *name = node_get(map, "name");
	return node_is_scalar(name) && redact_is_secret_key(node_text(name));
}

/* In place: the tree is our own copy. */
static void hide_tree(struct hider *hider, struct node *node, bool is_secret, unsigned depth)
{
	if (depth >= DEPTH_MAX)
		return;
	if (node->kind == NODE_SEQ) {
		for (uint32_t i = 0; i < node->len; i++)
			hide_tree(hider, &node->items[i], is_secret, depth + 1);
	} else if (node->kind == NODE_MAP) {
		bool is_named = names_secret(node);
		for (uint32_t i = 0; i < node->len; i++) {
			struct span key = node_text(&node->pairs[i].key);
			bool below = is_secret || redact_is_secret_key(key) || (is_named && span_is(key, "value"));
			hide_tree(hider, &node->pairs[i].value, below, depth + 1);
			if (redact_is_secret_value(key))
				node->pairs[i].key = node_string(mark_of(hider, key));
		}
	} else {
		hide_scalar(hider, node, is_secret);
	}
}

static bool is_structured(const struct load_document *documents, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (documents[i].root.kind != NODE_MAP && documents[i].root.kind != NODE_SEQ &&
		    documents[i].root.kind != NODE_NULL)
			return false;
	return count > 0;
}

static struct span print(struct hider *hider, struct load_document *documents, size_t count, struct span whole)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_adds(&out, "---\n");
		emit_document(&out, &documents[i].root, EMIT_CONTENT, false); /* differences are told in this order */
	}
	text_addf(&out, "# %.*s\n", SPAN_ARG(mark_of(hider, whole)));
	struct span copy = arena_copy(hider->arena, text_span(&out));
	text_done(&out);
	return copy;
}

/* Secrets may also stand in comments: then the comments go. */
static struct span hide_text(struct hider *hider, struct span text)
{
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	struct load_document *documents = NULL;
	struct diag_list diags;
	size_t count = 0, before = hider->hidden;
	diag_list_init(&diags, hider->arena);
	struct diag_at at = {&diags, {0}, {0}};
	bool ok = load_yaml(hider->arena, text, LOAD_OMNI, &limits, &at, &documents, &count) && diags.error_count == 0;
	if (!ok || !is_structured(documents, count))
		return redact_is_secret_value(text) ? arena_spanf(hider->arena, "# %.*s\n", SPAN_ARG(mark_of(hider, text))) : text;
	for (size_t i = 0; i < count; i++) {
		documents[i].root = node_copy(hider->arena, &documents[i].root);
		hide_tree(hider, &documents[i].root, false, 0);
	}
	return hider->hidden > before || redact_is_secret_value(text) ? print(hider, documents, count, text) : text;
}

/* --- specs -------------------------------------------------------------------------------------------------------------- */

static bool is_content(const struct spec_field *field)
{
	static const char *const keys[] = {"data", "job", "providerdata"};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcmp(field->key, keys[i]) == 0)
			return true;
	return false;
}

static void hide_message(struct hider *hider, const struct spec_message *message, struct node *map, unsigned depth);

/* Texts only: a number or a switch that became a mark could not be read back. */
static void hide_field(struct hider *hider, const struct spec_field *field, struct node *value, unsigned depth)
{
	bool is_secret = redact_is_secret_key(span_of(field->key));
	if (field->is_repeated && value->kind == NODE_SEQ) {
		struct spec_field one = *field;
		one.is_repeated = false;
		for (uint32_t i = 0; i < value->len; i++)
			hide_field(hider, &one, &value->items[i], depth);
	} else if (field->kind == SPEC_MESSAGE) {
		hide_message(hider, field->message, value, depth + 1);
	} else if (field->kind == SPEC_MAP) {
		hide_tree(hider, value, is_secret, depth);
	} else if (field->kind == SPEC_STRING && is_content(field)) {
		*value = node_string(hide_text(hider, node_text(value)));
	} else if (field->kind == SPEC_STRING) {
		hide_scalar(hider, value, is_secret);
	}
}

static void hide_message(struct hider *hider, const struct spec_message *message, struct node *map, unsigned depth)
{
	for (uint32_t i = 0; map->kind == NODE_MAP && depth < DEPTH_MAX && i < map->len; i++)
		for (size_t j = 0; j < message->field_count; j++)
			if (span_is(node_text(&map->pairs[i].key), message->fields[j].key))
				hide_field(hider, &message->fields[j], &map->pairs[i].value, depth);
}

/* --- resources ----------------------------------------------------------------------------------------------------------- */

static void hide_annotations(struct hider *hider, struct labels *annotations)
{
	for (size_t i = 0; i < annotations->count; i++) {
		struct label *label = &annotations->items[i];
		if (label->value.len > 0 && (redact_is_secret_key(label->key) || redact_is_secret_value(label->value)))
			label->value = mark_of(hider, label->value);
	}
}

struct resource *hide_resource(struct arena *arena, struct span key, const struct resource *resource, struct hide_book *book)
{
	struct hider hider = {arena, key, book, 0};
	struct resource *hidden = resource_copy(arena, resource);
	hide_annotations(&hider, &hidden->annotations);
	if (resource->type != NULL)
		hide_message(&hider, resource->type->spec, &hidden->spec, 0);
	if (resource->content != NULL) {
		struct node *content = ARENA_NEW(arena, struct node);
		*content = node_copy(arena, resource->content);
		hide_tree(&hider, content, false, 0);
		hidden->content = content;
	}
	return hidden;
}
