/* What an update changes, place by place. */
#include "agent/plan/diff.h"

#include "agent/plan/internal.h"
#include "agent/plan/redact.h"

enum { SHOWN_MAX = 200 };

void diff_add(struct differ *differ, const struct span *before, const struct span *after)
{
	struct plan_op *op = differ->op;
	if (op->diff_count > DIFF_MAX)
		return;
	struct plan_diff diff = {.path = arena_copy(differ->arena, text_span(&differ->path))};
	if (op->diff_count == DIFF_MAX) {
		diff.path = SPAN("(more changes are not listed)");
		ARENA_PUSH(differ->arena, op->diffs, op->diff_count, op->diff_cap) = diff;
		return;
	}
	if (before != NULL) {
		diff.had_old = true;
		diff.old_text = *before;
	}
	if (after != NULL) {
		diff.has_new = true;
		diff.new_text = *after;
	}
	ARENA_PUSH(differ->arena, op->diffs, op->diff_count, op->diff_cap) = diff;
}

/* What a snapshot has in place of a secret. */
static bool is_mark(struct span value)
{
	size_t begin, end;
	struct span mark;
	return hide_next_mark(value, 0, &begin, &end, &mark) && begin == 0 && end == value.len;
}

struct span diff_show(struct differ *differ, struct span value, bool is_secret)
{
	if (is_secret || redact_is_secret_value(value) || is_mark(value))
		return redact_hash(differ->arena, differ->secret_key, value, "secret");
	if (value.len > SHOWN_MAX || memchr(value.ptr, '\n', value.len) != NULL)
		return redact_hash(differ->arena, differ->secret_key, value, "text");
	return arena_copy(differ->arena, value);
}

static struct span show_leaf(struct differ *differ, const struct node *node, bool is_secret)
{
	if (node->kind == NODE_MAP)
		return SPAN("{}");
	if (node->kind == NODE_SEQ)
		return SPAN("[]");
	if (!node_is_scalar(node))
		return SPAN("null");
	return diff_show(differ, node_text(node), is_secret && node->kind != NODE_BOOL);
}

static bool is_branch(const struct node *node)
{
	return (node_is(node, NODE_MAP) || node_is(node, NODE_SEQ)) && node->len > 0;
}

static void add_leaf(struct differ *differ, const struct node *before, const struct node *after, bool is_secret)
{
	struct span old_text = before != NULL ? show_leaf(differ, before, is_secret) : (struct span){NULL, 0};
	struct span new_text = after != NULL ? show_leaf(differ, after, is_secret) : (struct span){NULL, 0};
	diff_add(differ, before != NULL ? &old_text : NULL, after != NULL ? &new_text : NULL);
}

/* ".key", or "["key.with.dots"]". */
static void add_key(struct differ *differ, struct span key)
{
	struct text *path = &differ->path;
	bool is_plain = key.len > 0 && !redact_is_secret_value(key);
	struct span shown = redact_is_secret_value(key) ? redact_hash(differ->arena, differ->secret_key, key, "secret") : key;
	for (size_t i = 0; i < key.len; i++)
		is_plain &= strchr(".[]\" :\n", key.ptr[i]) == NULL;
	if (!is_plain)
		text_addf(path, "[\"%.*s\"]", SPAN_ARG(shown));
	else if (path->len > 0 && path->ptr[path->len - 1] != ' ')
		text_addf(path, ".%.*s", SPAN_ARG(key));
	else
		text_add(path, key);
}

/* {name: DB_PASSWORD, value: …} and the contents of a Kubernetes Secret hide their values, too. */
static bool hides(const struct node *map, struct span key)
{
	if (redact_is_secret_key(key))
		return true;
	if (span_is(key, "value"))
		return redact_is_secret_key(node_text(node_get(map, "name"))) ||
		       redact_is_secret_key(node_text(node_get(map, "key")));
	return (span_is(key, "data") || span_is(key, "stringData")) && span_is(node_text(node_get(map, "kind")), "Secret");
}

static void diff_pair(struct differ *differ, const struct node *map, struct span key, const struct node *before,
		      const struct node *after, bool is_secret, unsigned depth)
{
	size_t len = differ->path.len;
	add_key(differ, key);
	bool is_text = span_is(key, "providerdata") && node_is(before, NODE_STRING) && node_is(after, NODE_STRING);
	if (is_text && !span_eq(node_text(before), node_text(after)))
		diff_content(differ, node_text(before), node_text(after));
	else
		diff_nodes(differ, before, after, is_secret || hides(map, key), depth + 1);
	diff_path_cut(differ, len);
}

static void diff_maps(struct differ *differ, const struct node *before, const struct node *after, bool is_secret,
		      unsigned depth)
{
	for (uint32_t i = 0; before != NULL && i < before->len; i++) {
		struct span key = node_text(&before->pairs[i].key);
		diff_pair(differ, before, key, &before->pairs[i].value, node_get_span(after, key), is_secret, depth);
	}
	for (uint32_t i = 0; after != NULL && i < after->len; i++) {
		struct span key = node_text(&after->pairs[i].key);
		if (before == NULL || node_get_span(before, key) == NULL)
			diff_pair(differ, after, key, NULL, &after->pairs[i].value, is_secret, depth);
	}
}

static void diff_item(struct differ *differ, uint32_t index, const struct node *before, const struct node *after,
		      bool is_secret, unsigned depth)
{
	size_t len = differ->path.len;
	text_addf(&differ->path, "[%u]", (unsigned)index);
	diff_nodes(differ, before, after, is_secret, depth + 1);
	diff_path_cut(differ, len);
}

/* What both begin and end with is left out; the middles are compared item by item. */
static void diff_lists(struct differ *differ, const struct node *before, const struct node *after, bool is_secret,
		       unsigned depth)
{
	uint32_t old_len = before != NULL ? before->len : 0, new_len = after != NULL ? after->len : 0;
	uint32_t head = 0, tail = 0, shorter = old_len < new_len ? old_len : new_len;
	while (head < shorter && node_equal(&before->items[head], &after->items[head]))
		head++;
	while (tail < shorter - head &&
	       node_equal(&before->items[old_len - 1 - tail], &after->items[new_len - 1 - tail]))
		tail++;
	for (uint32_t i = head; i < old_len - tail || i < new_len - tail; i++)
		diff_item(differ, i, i < old_len - tail ? &before->items[i] : NULL,
			  i < new_len - tail ? &after->items[i] : NULL, is_secret, depth);
}

void diff_nodes(struct differ *differ, const struct node *before, const struct node *after, bool is_secret,
		unsigned depth)
{
	if (before == NULL && after == NULL)
		return;
	if (before != NULL && after != NULL && node_equal(before, after))
		return;
	const struct node *sample = is_branch(before) ? before : after;
	bool is_kind = is_branch(sample) && (before == NULL || before->kind == sample->kind) &&
		       (after == NULL || after->kind == sample->kind);
	if (depth >= DIFF_DEPTH_MAX && is_kind)
		diff_add(differ, before != NULL ? &SPAN("(deeply nested)") : NULL,
			 after != NULL ? &SPAN("(deeply nested)") : NULL);
	else if (is_kind && sample->kind == NODE_MAP)
		diff_maps(differ, before, after, is_secret, depth);
	else if (is_kind)
		diff_lists(differ, before, after, is_secret, depth);
	else if (is_branch(before) || is_branch(after)) {
		diff_nodes(differ, before, NULL, is_secret, depth);
		diff_nodes(differ, NULL, after, is_secret, depth);
	} else {
		add_leaf(differ, before, after, is_secret);
	}
}

static void diff_label(struct differ *differ, const char *where, struct span key, const struct label *before,
		       const struct label *after)
{
	if (before != NULL && after != NULL && span_eq(before->value, after->value))
		return;
	bool is_secret = redact_is_secret_key(span_behind(key, '/').ptr != NULL ? span_behind(key, '/') : key);
	text_addf(&differ->path, "%s%.*s", where, SPAN_ARG(key));
	struct span old_text = before != NULL ? diff_show(differ, before->value, is_secret) : (struct span){NULL, 0};
	struct span new_text = after != NULL ? diff_show(differ, after->value, is_secret) : (struct span){NULL, 0};
	diff_add(differ, before != NULL ? &old_text : NULL, after != NULL ? &new_text : NULL);
	diff_path_cut(differ, 0);
}

static void diff_labels(struct differ *differ, const char *where, const struct labels *before,
			const struct labels *after)
{
	size_t i = 0, j = 0;
	while (i < before->count || j < after->count) {
		int order = i == before->count	? 1
			    : j == after->count ? -1
						: span_cmp(before->items[i].key, after->items[j].key);
		struct span key = order <= 0 ? before->items[i].key : after->items[j].key;
		const struct label *old_label = order <= 0 ? &before->items[i++] : NULL;
		const struct label *new_label = order >= 0 ? &after->items[j++] : NULL;
		if (!span_starts(key, ANNOTATION_OURS))
			diff_label(differ, where, key, old_label, new_label);
	}
}

static void diff_spec(struct differ *differ, const struct node *before, const struct node *after, const char *content)
{
	struct node old_spec = *before, new_spec = *after;
	if (old_spec.kind != NODE_MAP)
		old_spec = node_map(differ->scratch, 0);
	if (new_spec.kind != NODE_MAP)
		new_spec = node_map(differ->scratch, 0);
	for (uint32_t i = 0; i < old_spec.len; i++) {
		struct span key = node_text(&old_spec.pairs[i].key);
		if (content == NULL || !span_is(key, content)) {
			text_adds(&differ->path, "spec");
			diff_pair(differ, before, key, &old_spec.pairs[i].value, node_get_span(&new_spec, key), false, 0);
			diff_path_cut(differ, 0);
		}
	}
	for (uint32_t i = 0; i < new_spec.len; i++) {
		struct span key = node_text(&new_spec.pairs[i].key);
		if (node_get_span(&old_spec, key) == NULL && (content == NULL || !span_is(key, content))) {
			text_adds(&differ->path, "spec");
			diff_pair(differ, after, key, NULL, &new_spec.pairs[i].value, false, 0);
			diff_path_cut(differ, 0);
		}
	}
}

void plan_diff_op(struct arena *arena, struct plan_op *op, struct span secret_key)
{
	if (op->kind != PLAN_UPDATE)
		return;
	struct arena scratch;
	struct differ differ = {.arena = arena, .scratch = &scratch, .op = op, .secret_key = secret_key};
	const char *content = plan_content_key(op->type);
	arena_init(&scratch, ARENA_NO_LIMIT);
	text_init(&differ.path, TEXT_NO_LIMIT);
	diff_labels(&differ, "metadata.labels.", &op->actual->labels, &op->desired->labels);
	diff_labels(&differ, "metadata.annotations.", &op->actual->annotations, &op->desired->annotations);
	diff_spec(&differ, &op->actual->spec, &op->desired->spec, content);
	if (content != NULL) {
		struct span before = node_text(node_get(&op->actual->spec, content));
		struct span after = node_text(node_get(&op->desired->spec, content));
		text_adds(&differ.path, content);
		if (!span_eq(before, after))
			diff_content(&differ, before, after);
	}
	text_done(&differ.path);
	arena_done(&scratch);
}
