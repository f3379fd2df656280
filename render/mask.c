#include "render/mask.h"

#include "render/emit.h"
#include "render/load.h"
#include "render/redact.h"

#define PLAIN "sha256:"
#define KEYED "keyed:"

enum { MAX_DEPTH = 80, TEXT_DEPTH = 4, SHOWN_DIGITS = 12 };

struct masking {
	struct arena *arena;
	struct span key;
	unsigned text_depth; /* YAML in text in YAML … */
	bool is_changed;
};

static struct node walk(struct masking *masking, const struct node *node, bool secret, unsigned depth);

static struct span hash_of(struct masking *masking, struct span value)
{
	char hex[DIGEST_HEX_SIZE];
	masking->is_changed = true;
	if (masking->key.len == 0) {
		digest_hex(value, hex);
		return arena_spanf(masking->arena, PLAIN "%.*s", SHOWN_DIGITS, hex);
	}
	struct digest *digest = digest_new();
	digest_add(digest, masking->key);
	digest_add(digest, value);
	digest_finish(digest, hex);
	return arena_spanf(masking->arena, KEYED "%.*s", SHOWN_DIGITS, hex);
}

/* Placeholders stay as they are: masking twice is masking once. */
static bool is_placeholder(struct span value)
{
	size_t begin = span_starts(value, PLAIN) ? strlen(PLAIN) : span_starts(value, KEYED) ? strlen(KEYED) : 0;
	if (begin == 0 || value.len != begin + SHOWN_DIGITS)
		return false;
	for (size_t i = begin; i < value.len; i++)
		if (strchr("0123456789abcdef", value.ptr[i]) == NULL)
			return false;
	return true;
}

/* --- text that holds documents --------------------------------------------------------------------------------------- */

static bool has_secret_comment(struct span text)
{
	struct span rest = text, line;
	while (span_next(&rest, '\n', &line)) {
		struct span comment = span_behind(line, '#');
		if (comment.ptr != NULL && redact_is_secret_value(comment))
			return true;
	}
	return false;
}

static bool is_structure(const struct load_document *documents, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (documents[i].root.kind == NODE_MAP || documents[i].root.kind == NODE_SEQ)
			return true;
	return false;
}

static struct span written_anew(struct arena *arena, const struct node *roots, size_t count)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; i < count; i++) {
		text_adds(&out, i > 0 ? "---\n" : "");
		emit_document(&out, &roots[i], EMIT_CONTENT, false);
	}
	struct span kept = arena_copy(arena, text_span(&out));
	text_done(&out);
	return kept;
}

/* Text of several lines: a patch, a manifest, a script. */
static struct span mask_lines(struct masking *outer, struct span text)
{
	struct masking masking = {outer->arena, outer->key, outer->text_depth + 1, false};
	struct diag_list diags;
	struct diag_at at = {.list = &diags};
	struct load_limits limits = LOAD_LIMITS_DEFAULT;
	struct load_document *documents = NULL;
	size_t count = 0;
	diag_list_init(&diags, outer->arena);
	bool is_read = masking.text_depth < TEXT_DEPTH &&
		       load_yaml(outer->arena, text, LOAD_OMNI, &limits, &at, &documents, &count);
	if (!is_read || diags.error_count > 0 || !is_structure(documents, count))
		return redact_is_secret_value(text) ? hash_of(outer, text) : text;
	struct node *roots = ARENA_ARRAY(outer->arena, struct node, count);
	for (size_t i = 0; i < count; i++)
		roots[i] = walk(&masking, &documents[i].root, false, 0);
	if (!masking.is_changed && !has_secret_comment(text))
		return text;
	outer->is_changed = true;
	return written_anew(outer->arena, roots, count);
}

/* --- nodes ------------------------------------------------------------------------------------------------------------ */

/* {name: DB_PASSWORD, value: …} and the contents of a Kubernetes Secret hide their values, too. */
static bool hides(const struct node *map, struct span key)
{
	if (redact_is_secret_key(key))
		return true;
	if (span_is(key, "value"))
		return redact_is_secret_key(node_text(node_get(map, "name"))) ||
		       redact_is_secret_key(node_text(node_get(map, "key")));
	return (span_is(key, "data") || span_is(key, "stringData")) && span_is(node_text_at(map, "kind"), "Secret");
}

static struct node mask_scalar(struct masking *masking, const struct node *node, bool secret)
{
	struct span value = node_text(node);
	if (node->kind == NODE_BOOL || node->kind == NODE_NULL || value.len == 0 || is_placeholder(value))
		return *node;
	if (secret)
		return node_string(hash_of(masking, node_source_text(node)));
	if (node->kind != NODE_STRING)
		return *node;
	if (memchr(value.ptr, '\n', value.len) == NULL)
		return redact_is_secret_value(value) ? node_string(hash_of(masking, value)) : *node;
	struct span masked = mask_lines(masking, value);
	if (masked.ptr == value.ptr)
		return *node;
	return node_string(masked);
}

static struct node mask_map(struct masking *masking, const struct node *node, bool secret, unsigned depth)
{
	struct node copy = *node;
	copy.pairs = ARENA_ARRAY(masking->arena, struct pair, node->len);
	for (uint32_t i = 0; i < node->len; i++) {
		const struct pair *pair = &node->pairs[i];
		struct span key = node_text(&pair->key);
		copy.pairs[i].key = redact_is_secret_value(key) ? node_string(hash_of(masking, key)) : pair->key;
		copy.pairs[i].value = walk(masking, &pair->value, secret || hides(node, key), depth + 1);
	}
	return copy;
}

static struct node walk(struct masking *masking, const struct node *node, bool secret, unsigned depth)
{
	if (node->kind != NODE_SEQ && node->kind != NODE_MAP)
		return mask_scalar(masking, node, secret);
	if (depth > MAX_DEPTH) /* deeper than any document can be */
		return node_null();
	if (node->kind == NODE_MAP)
		return mask_map(masking, node, secret, depth);
	struct node copy = *node;
	copy.items = ARENA_ARRAY(masking->arena, struct node, node->len);
	for (uint32_t i = 0; i < node->len; i++)
		copy.items[i] = walk(masking, &node->items[i], secret, depth + 1);
	return copy;
}

struct node mask_node(struct arena *arena, const struct node *node)
{
	struct masking masking = {.arena = arena};
	return walk(&masking, node, false, 0);
}

struct span mask_text(struct arena *arena, struct span text, struct span key)
{
	struct masking masking = {.arena = arena, .key = key};
	return mask_lines(&masking, text);
}

/* --- templates -------------------------------------------------------------------------------------------------------- */

static bool is_blank(struct span gap)
{
	struct span line;
	while (span_next(&gap, '\n', &line)) {
		struct span text = span_trim(line);
		if (text.len > 0 && text.ptr[0] != '#' && text.ptr[0] != '%' && !span_starts(text, "---") && !span_is(text, "..."))
			return false;
	}
	return true;
}

/* A file may hold other documents beside the template: those are not shown with it. */
static bool is_alone_in_file(const struct cluster *cluster)
{
	struct span source = cluster->template_text;
	size_t at = 0;
	for (size_t i = 0; i < cluster->document_count; i++) {
		const struct document *document = cluster->documents[i];
		if (document->begin < at || document->end > source.len)
			return false;
		if (!is_blank((struct span){source.ptr + at, document->begin - at}))
			return false;
		at = document->end;
	}
	return is_blank((struct span){source.ptr + at, source.len - at});
}

struct span mask_template(struct arena *arena, const struct cluster *cluster, struct span key)
{
	struct masking masking = {.arena = arena, .key = key};
	struct text out;
	if (cluster->document_count == 0)
		return SPAN(""); /* what is in the text cannot be told */
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; i < cluster->document_count; i++) {
		struct node shown = walk(&masking, &cluster->template_docs[i], false, 0);
		text_adds(&out, i > 0 ? "---\n" : "");
		emit_template_document(&out, &shown);
	}
	bool is_shown = !masking.is_changed;
	if (is_shown && cluster->is_template)
		is_shown = is_alone_in_file(cluster) && !has_secret_comment(cluster->template_text);
	struct span kept = is_shown ? cluster->template_text : arena_copy(arena, text_span(&out));
	text_done(&out);
	return kept;
}

static void mask_labels(struct masking *masking, struct labels *labels)
{
	struct label *copy = ARENA_ARRAY(masking->arena, struct label, labels->count);
	for (size_t i = 0; i < labels->count; i++) {
		bool is_secret = redact_is_secret_key(labels->items[i].key) || redact_is_secret_value(labels->items[i].value);
		copy[i] = labels->items[i];
		if (is_secret && copy[i].value.len > 0)
			copy[i].value = hash_of(masking, copy[i].value);
	}
	labels->items = copy;
}

struct span mask_resource(struct arena *arena, const struct resource *resource, struct span key)
{
	struct masking masking = {.arena = arena, .key = key};
	struct resource copy = *resource;
	struct text out;
	copy.spec = walk(&masking, &resource->spec, false, 0);
	mask_labels(&masking, &copy.labels);
	mask_labels(&masking, &copy.annotations);
	text_init(&out, TEXT_NO_LIMIT);
	resource_print(&out, &copy, false);
	struct span kept = arena_copy(arena, text_span(&out));
	text_done(&out);
	return kept;
}
