/* Differences inside the text of patches, manifests and provider data. */
#include "agent/plan/diff.h"

#include "agent/plan/internal.h"
#include "agent/plan/redact.h"

struct contents {
	struct load_document *items;
	size_t count;
};

static bool parse(struct arena *arena, struct span text, struct contents *out)
{
	if (!plan_parse(arena, text, &out->items, &out->count))
		return false;
	for (size_t i = 0; i < out->count; i++)
		if (out->items[i].root.kind != NODE_MAP && out->items[i].root.kind != NODE_SEQ)
			return false;
	return true;
}

/* "kind name" of a document, empty for Talos's main configuration. */
static struct span title(struct differ *differ, const struct node *root)
{
	struct span kind = node_text(node_get(root, "kind")), name = node_text_at(root, "metadata.name");
	if (name.len == 0)
		name = node_text(node_get(root, "name"));
	if (kind.len == 0)
		return (struct span){"", 0};
	return arena_spanf(differ->scratch, "%.*s%s%.*s", SPAN_ARG(kind), name.len > 0 ? " " : "", SPAN_ARG(name));
}

static void diff_document(struct differ *differ, const struct node *before, const struct node *after)
{
	size_t len = differ->path.len;
	struct span name = title(differ, before != NULL ? before : after);
	if (name.len > 0)
		text_addf(&differ->path, " (%.*s)", SPAN_ARG(name));
	text_adds(&differ->path, ": ");
	diff_nodes(differ, before, after, false, 0);
	diff_path_cut(differ, len);
}

/* Documents are paired by kind and name, those without by position among their like. */
static void diff_documents(struct differ *differ, const struct contents *before, const struct contents *after)
{
	bool *taken = ARENA_ARRAY(differ->scratch, bool, after->count + 1);
	for (size_t i = 0; i < before->count; i++) {
		const struct node *partner = NULL;
		struct span name = title(differ, &before->items[i].root);
		for (size_t j = 0; j < after->count && partner == NULL; j++) {
			if (taken[j] || !span_eq(name, title(differ, &after->items[j].root)))
				continue;
			taken[j] = true;
			partner = &after->items[j].root;
		}
		diff_document(differ, &before->items[i].root, partner);
	}
	for (size_t j = 0; j < after->count; j++)
		if (!taken[j])
			diff_document(differ, NULL, &after->items[j].root);
}

/* --- lines -------------------------------------------------------------------------------------------------------- */

struct lines {
	struct span *items;
	bool *is_secret;
	size_t count, cap;
};

static void split(struct differ *differ, struct span text, struct lines *out)
{
	struct span rest = text, line;
	bool in_pem = false;
	*out = (struct lines){0};
	while (span_next(&rest, '\n', &line))
		ARENA_PUSH(differ->scratch, out->items, out->count, out->cap) = line;
	out->is_secret = ARENA_ARRAY(differ->scratch, bool, out->count + 1);
	for (size_t i = 0; i < out->count; i++) {
		in_pem |= span_contains(out->items[i], "-----BEGIN");
		out->is_secret[i] = in_pem;
		in_pem &= !span_contains(out->items[i], "-----END");
	}
}

static void add_line(struct differ *differ, const struct lines *before, size_t i, const struct lines *after, size_t j)
{
	size_t len = differ->path.len;
	struct span old_text, new_text;
	text_addf(&differ->path, ": line %zu", (after != NULL ? j : i) + 1);
	if (before != NULL)
		old_text = diff_show(differ, before->items[i], before->is_secret[i]);
	if (after != NULL)
		new_text = diff_show(differ, after->items[j], after->is_secret[j]);
	diff_add(differ, before != NULL ? &old_text : NULL, after != NULL ? &new_text : NULL);
	diff_path_cut(differ, len);
}

/* Lengths of the longest common subsequences of the remainders, row by row. */
static uint32_t *measure(struct differ *differ, const struct lines *a, const struct lines *b, size_t head, size_t n,
			 size_t m)
{
	uint32_t *best = ARENA_ARRAY(differ->scratch, uint32_t, (n + 1) * (m + 1));
	for (size_t i = n; i-- > 0;)
		for (size_t j = m; j-- > 0;) {
			uint32_t down = best[(i + 1) * (m + 1) + j], right = best[i * (m + 1) + j + 1];
			best[i * (m + 1) + j] = span_eq(a->items[head + i], b->items[head + j])
							? best[(i + 1) * (m + 1) + j + 1] + 1
							: down > right ? down
								       : right;
		}
	return best;
}

static void diff_middle(struct differ *differ, const struct lines *a, const struct lines *b, size_t head, size_t n,
			size_t m)
{
	const uint32_t *best = measure(differ, a, b, head, n, m);
	size_t i = 0, j = 0;
	while (i < n || j < m) {
		bool same = i < n && j < m && span_eq(a->items[head + i], b->items[head + j]);
		if (same) {
			i++, j++;
			continue;
		}
		uint32_t down = i < n ? best[(i + 1) * (m + 1) + j] : 0, right = j < m ? best[i * (m + 1) + j + 1] : 0;
		bool both = i < n && j < m && down == right && best[(i + 1) * (m + 1) + j + 1] == down;
		if (both) {
			add_line(differ, a, head + i, b, head + j);
			i++, j++;
		} else if (i < n && (j == m || down >= right)) {
			add_line(differ, a, head + i, NULL, 0);
			i++;
		} else {
			add_line(differ, NULL, 0, b, head + j);
			j++;
		}
	}
}

static void diff_lines(struct differ *differ, struct span before, struct span after)
{
	enum { TABLE_MAX = 1000000 };
	struct lines a, b;
	split(differ, before, &a);
	split(differ, after, &b);
	size_t head = 0, tail = 0, shorter = a.count < b.count ? a.count : b.count;
	while (head < shorter && span_eq(a.items[head], b.items[head]))
		head++;
	while (tail < shorter - head && span_eq(a.items[a.count - 1 - tail], b.items[b.count - 1 - tail]))
		tail++;
	size_t n = a.count - head - tail, m = b.count - head - tail;
	if (n > 0 && m > TABLE_MAX / n) {
		struct span old_text = redact_hash(differ->arena, differ->secret_key, before, "text");
		struct span new_text = redact_hash(differ->arena, differ->secret_key, after, "text");
		diff_add(differ, &old_text, &new_text);
		return;
	}
	diff_middle(differ, &a, &b, head, n, m);
}

/* False: at least one is no YAML. */
static bool diff_meaning(struct differ *differ, struct span before, struct span after)
{
	struct arena parsed;
	struct contents old_documents, new_documents;
	arena_init(&parsed, PLAN_CONTENT_MAX);
	bool is_yaml = parse(&parsed, before, &old_documents) && parse(&parsed, after, &new_documents);
	if (is_yaml)
		diff_documents(differ, &old_documents, &new_documents);
	arena_done(&parsed);
	return is_yaml;
}

void diff_content(struct differ *differ, struct span before, struct span after)
{
	size_t count = differ->op->diff_count;
	if (!diff_meaning(differ, before, after)) {
		diff_lines(differ, before, after);
		return;
	}
	if (differ->op->diff_count > count)
		return;
	/* Same meaning, other bytes: comments may hold anything, so they are not shown. */
	size_t len = differ->path.len;
	struct span old_text = redact_hash(differ->arena, differ->secret_key, before, "text");
	struct span new_text = redact_hash(differ->arena, differ->secret_key, after, "text");
	text_adds(&differ->path, ": comments or layout");
	diff_add(differ, &old_text, &new_text);
	diff_path_cut(differ, len);
}
