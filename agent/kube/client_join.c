#include "agent/kube/client_int.h"
#include "render/emit.h"
#include "render/load.h"

struct joiner {
	struct arena *arena;
	const struct client_join *how;
	struct node held, added;
	struct client_changes changes;
	struct fail *fail;
};

static void change(struct joiner *joiner, const char *list, struct span name, const struct node *held, struct node value)
{
	struct client_changes *all = &joiner->changes;
	ARENA_PUSH(joiner->arena, all->items, all->count, all->cap) = (struct client_change){list, name, held, value};
}

static bool refuse(struct joiner *joiner, const char *what, struct span name, struct span held, struct span added)
{
	return fail_set(joiner->fail, FAIL_CONFLICT,
			"the %s \"%.*s\" is there already and leads to %.*s, not to %.*s: --force replaces it", what,
			SPAN_ARG(name), SPAN_ARG(held), SPAN_ARG(added));
}

/* --- kubeconfig -------------------------------------------------------------------------------------------------------- */

static struct span server_of(const struct node *root, struct span cluster)
{
	return node_text_at(client_item(node_get(root, "clusters"), cluster), "cluster.server");
}

/* `wanted`, with what only `held` has. */
static struct node with_others(struct arena *arena, const struct node *wanted, const struct node *held)
{
	struct node joined = node_map(arena, (size_t)wanted->len + held->len);
	for (uint32_t i = 0; i < held->len; i++) {
		struct span key = node_text(&held->pairs[i].key);
		const struct node *value = node_get_span(wanted, key);
		node_put_span(&joined, key, value == NULL ? held->pairs[i].value : *value);
	}
	for (uint32_t i = 0; i < wanted->len; i++)
		if (node_get_span(held, node_text(&wanted->pairs[i].key)) == NULL)
			node_put_span(&joined, node_text(&wanted->pairs[i].key), wanted->pairs[i].value);
	return joined;
}

static struct node item_of(struct joiner *joiner, struct span name, const char *key, struct node value)
{
	struct node item = node_map(joiner->arena, 2);
	node_put(&item, "name", node_string(name));
	node_put(&item, key, value);
	return item;
}

static bool join_cluster(struct joiner *joiner, struct span name, const struct node *held, const struct node *item)
{
	const struct node *before = node_get(held, "cluster"), *after = node_get(item, "cluster");
	struct span leads = node_text_at(before, "server"), led = node_text_at(after, "server");
	if (!span_eq(leads, led)) {
		if (!joiner->how->forces)
			return refuse(joiner, "cluster", name, leads, led);
		change(joiner, "clusters", name, held, *item);
		return true;
	}
	struct node joined = with_others(joiner->arena, after, before);
	if (!node_equal(&joined, before))
		change(joiner, "clusters", name, held, item_of(joiner, name, "cluster", joined));
	return true;
}

/* Namespaces are for people to choose. */
static bool join_context(struct joiner *joiner, struct span name, const struct node *held, const struct node *item)
{
	static const char *const ways[] = {"context.cluster", "context.user"};
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct span leads = node_text_at(held, ways[i]), led = node_text_at(item, ways[i]);
		if (span_eq(leads, led))
			continue;
		if (!joiner->how->forces)
			return refuse(joiner, "context", name, leads, led);
		change(joiner, "contexts", name, held, *item);
		return true;
	}
	return true;
}

/* A user of another cluster's context would lose its way in. */
static bool join_user(struct joiner *joiner, struct span name, const struct node *held, const struct node *item)
{
	const struct node *contexts = node_get(&joiner->held, "contexts");
	struct span current = node_text_at(&joiner->added, "current-context");
	const struct node *ours = node_get(client_item(node_get(&joiner->added, "contexts"), current), "context");
	struct span server = server_of(&joiner->added, node_text_at(ours, "cluster"));
	for (uint32_t i = 0; node_is(contexts, NODE_SEQ) && i < contexts->len && !joiner->how->forces; i++) {
		const struct node *context = &contexts->items[i];
		struct span leads = server_of(&joiner->held, node_text_at(context, "context.cluster"));
		if (span_eq(node_text_at(context, "context.user"), name) && !span_eq(leads, server))
			return refuse(joiner, "user", name, leads, server);
	}
	struct span before = client_token_cluster(joiner->arena, held), after = client_token_cluster(joiner->arena, item);
	if (!joiner->how->forces && before.len > 0 && after.len > 0 && !span_eq(before, after))
		return refuse(joiner, "user", name, before, after);
	if (!node_equal(held, item))
		change(joiner, "users", name, held, *item);
	return true;
}

static bool join_list(struct joiner *joiner, const char *list,
		      bool (*join)(struct joiner *joiner, struct span name, const struct node *held, const struct node *item))
{
	const struct node *held = node_get(&joiner->held, list), *added = node_get(&joiner->added, list);
	for (uint32_t i = 0; node_is(added, NODE_SEQ) && i < added->len; i++) {
		const struct node *item = &added->items[i];
		struct span name = node_text_at(item, "name");
		const struct node *before = client_item(held, name);
		if (before == NULL)
			change(joiner, list, name, NULL, *item);
		else if (!join(joiner, name, before, item))
			return false;
	}
	return true;
}

static bool join_kubeconfig(struct joiner *joiner)
{
	return join_list(joiner, "clusters", join_cluster) && join_list(joiner, "users", join_user) &&
	       join_list(joiner, "contexts", join_context);
}

/* --- talosconfig ------------------------------------------------------------------------------------------------------- */

static struct span first_endpoint(const struct node *context)
{
	const struct node *list = node_get(context, "endpoints");
	return node_is(list, NODE_SEQ) && list->len > 0 ? node_text(&list->items[0]) : SPAN("no endpoint");
}

/* No secret is in one from Omni: whoever it stands for has a key elsewhere. */
static bool leads_elsewhere(const struct node *held, const struct node *added, struct span *out_held, struct span *out_added)
{
	static const char *const ways[] = {"cluster", "auth.siderov1.identity", "crt"};
	const struct node *before = node_get(held, "endpoints"), *after = node_get(added, "endpoints");
	*out_held = first_endpoint(held);
	*out_added = first_endpoint(added);
	if (before == NULL || after == NULL || !node_equal(before, after))
		return true;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		*out_held = node_text_at(held, ways[i]);
		*out_added = node_text_at(added, ways[i]);
		if (span_eq(*out_held, *out_added))
			continue;
		if (span_is(span_of(ways[i]), "crt")) {
			*out_held = out_held->len > 0 ? SPAN("a certificate of its own") : SPAN("an identity");
			*out_added = out_added->len > 0 ? SPAN("a certificate of its own") : SPAN("an identity");
		}
		return true;
	}
	return false;
}

static bool join_talosconfig(struct joiner *joiner)
{
	const struct node *held = node_get(&joiner->held, "contexts"), *added = node_get(&joiner->added, "contexts");
	for (uint32_t i = 0; node_is(added, NODE_MAP) && i < added->len; i++) {
		struct span name = node_text(&added->pairs[i].key), leads, led;
		const struct node *after = &added->pairs[i].value, *before = node_get_span(held, name);
		if (before != NULL && !joiner->how->forces && leads_elsewhere(before, after, &leads, &led))
			return refuse(joiner, "context", name, leads, led);
		struct node joined = before == NULL || joiner->how->forces || before->kind != NODE_MAP
					     ? *after
					     : with_others(joiner->arena, after, before);
		if (before == NULL || !node_equal(before, &joined))
			change(joiner, "contexts", name, before, joined);
	}
	return true;
}

/* --- the tree ---------------------------------------------------------------------------------------------------------- */

static const struct client_change *change_of(const struct client_changes *changes, const struct node *held)
{
	for (size_t i = 0; i < changes->count; i++)
		if (changes->items[i].held == held)
			return &changes->items[i];
	return NULL;
}

/* One list, or the map of contexts. */
static struct node apply_to(struct arena *arena, const struct node *list, bool is_map, struct span name,
			    const struct client_changes *changes)
{
	uint32_t count = list == NULL || list->kind < NODE_SEQ ? 0 : list->len;
	struct node out = is_map ? node_map(arena, count + changes->count) : node_seq(arena, count + changes->count);
	for (uint32_t i = 0; i < count; i++) {
		const struct node *held = is_map ? &list->pairs[i].value : &list->items[i];
		const struct client_change *one = change_of(changes, held);
		if (is_map)
			node_put_span(&out, node_text(&list->pairs[i].key), one == NULL ? *held : one->value);
		else
			node_push(&out, one == NULL ? *held : one->value);
	}
	for (size_t i = 0; i < changes->count; i++) {
		const struct client_change *one = &changes->items[i];
		if (one->held != NULL || !span_is(name, one->list))
			continue;
		if (is_map)
			node_put_span(&out, one->name, one->value);
		else
			node_push(&out, one->value);
	}
	return out;
}

static bool touches(const struct client_changes *changes, struct span list)
{
	for (size_t i = 0; i < changes->count; i++)
		if (span_is(list, changes->items[i].list))
			return true;
	return false;
}

struct node client_apply(struct arena *arena, const struct node *root, const struct client_changes *changes)
{
	bool is_map = strcmp(changes->current_key, "context") == 0;
	struct node out = node_map(arena, root->len + changes->count + 1);
	for (uint32_t i = 0; i < root->len; i++) {
		struct span key = node_text(&root->pairs[i].key);
		struct node value = root->pairs[i].value;
		if (touches(changes, key))
			value = apply_to(arena, &root->pairs[i].value, is_map, key, changes);
		else if (changes->current.len > 0 && span_is(key, changes->current_key))
			value = node_string(changes->current);
		node_put_span(&out, key, value);
	}
	for (size_t i = 0; i < changes->count; i++) {
		struct span list = span_of(changes->items[i].list);
		if (node_get_span(&out, list) == NULL)
			node_put_span(&out, list, apply_to(arena, NULL, is_map, list, changes));
	}
	if (changes->current.len > 0 && node_get(&out, changes->current_key) == NULL)
		node_put(&out, changes->current_key, node_string(changes->current));
	return out;
}

/* --- all of it --------------------------------------------------------------------------------------------------------- */

static bool check_lists(const struct node *root, enum client_kind kind, struct fail *fail)
{
	static const char *const lists[] = {"clusters", "contexts", "users"};
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		const struct node *list = node_get(root, lists[i]);
		if (!node_is_set(list))
			continue;
		if (list->kind != (kind == CLIENT_TALOSCONFIG ? NODE_MAP : NODE_SEQ))
			return fail_set(fail, FAIL_INVALID, "line %u: \"%s\" is no %s", list->line, lists[i],
					kind == CLIENT_TALOSCONFIG ? "map" : "list");
		for (uint32_t j = 0; list->kind == NODE_SEQ && j < list->len; j++)
			if (node_text_at(&list->items[j], "name").len == 0)
				return fail_set(fail, FAIL_INVALID, "line %u: an entry of \"%s\" has no name", list->items[j].line,
						lists[i]);
	}
	return true;
}

/* Nothing at all is a file to begin with. */
static bool read_config(struct arena *arena, enum client_kind kind, struct span text, struct node *out, struct fail *fail)
{
	const char *name = kind == CLIENT_TALOSCONFIG ? "talosconfig" : "kubeconfig";
	if (!load_one(arena, text, LOAD_KUBERNETES, out, fail))
		return fail_wrap(fail, "this is no %s", name);
	if (!node_is_set(out))
		*out = node_map(arena, 0);
	struct span said = node_text_at(out, "kind");
	if (out->kind != NODE_MAP || (kind == CLIENT_KUBECONFIG && said.len > 0 && !span_is(said, "Config")))
		return fail_set(fail, FAIL_INVALID, "this is no %s", name);
	return check_lists(out, kind, fail) || fail_wrap(fail, "this is no %s", name);
}

static struct span rewrite(struct arena *arena, struct span held, const struct node *tree)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	if (held.len > 0 && span_trim(held).ptr[0] == '{') {
		emit_json(&out, tree, 2);
		text_addc(&out, '\n');
	} else {
		emit_document(&out, tree, EMIT_RESOURCE, false);
	}
	struct span copy = arena_copy(arena, text_span(&out));
	text_done(&out);
	return copy;
}

static bool reads_as(struct arena *arena, struct span text, const struct node *tree)
{
	struct node root;
	return load_one(arena, text, LOAD_KUBERNETES, &root, NULL) && node_equal(&root, tree);
}

static void write_joined(struct joiner *joiner, struct span held, struct span added, struct client_joined *out)
{
	struct arena *arena = joiner->arena;
	out->text = held;
	out->is_changed = joiner->changes.count > 0 || joiner->changes.current.len > 0;
	if (joiner->held.len == 0) {
		bool has_end = held.len == 0 || held.ptr[held.len - 1] == '\n';
		out->text = arena_spanf(arena, "%.*s%s%.*s", SPAN_ARG(held), has_end ? "" : "\n", SPAN_ARG(added));
		out->is_changed = true;
		if (!reads_as(arena, out->text, &joiner->added)) /* "{}", "null" */
			out->text = added;
	} else if (out->is_changed) {
		struct node tree = client_apply(arena, &joiner->held, &joiner->changes);
		out->is_rewritten = !client_edit(arena, held, &joiner->held, &joiner->changes, &out->text) ||
				    !reads_as(arena, out->text, &tree);
		if (out->is_rewritten)
			out->text = rewrite(arena, held, &tree);
	}
}

bool client_join(struct arena *arena, const struct client_join *how, struct span held, struct span added,
		 struct client_joined *out, struct fail *fail)
{
	struct joiner joiner = {.arena = arena, .how = how, .fail = fail};
	bool is_talos = how->kind == CLIENT_TALOSCONFIG;
	if (!read_config(arena, how->kind, added, &joiner.added, fail))
		return fail_wrap(fail, "the server's answer");
	if (!read_config(arena, how->kind, held, &joiner.held, fail))
		return false;
	struct client_joined joined = {0};
	joiner.changes.current_key = is_talos ? "context" : "current-context";
	joined.context = node_text_at(&joiner.added, joiner.changes.current_key);
	if (!how->keeps_context && !span_eq(joined.context, node_text_at(&joiner.held, joiner.changes.current_key)))
		joiner.changes.current = joined.context;
	if (!(is_talos ? join_talosconfig(&joiner) : join_kubeconfig(&joiner)))
		return false;
	write_joined(&joiner, held, added, &joined);
	*out = joined;
	return true;
}
