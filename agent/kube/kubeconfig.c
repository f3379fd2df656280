#include "agent/kube/client_int.h"
#include "base/base64.h"
#include "render/emit.h"
#include "render/load.h"

const struct node *client_item(const struct node *list, struct span name)
{
	for (uint32_t i = 0; node_is(list, NODE_SEQ) && i < list->len; i++)
		if (span_eq(node_text_at(&list->items[i], "name"), name))
			return &list->items[i];
	return NULL;
}

/* The claims of a JSON web token are its middle part, in the alphabet of URLs. */
static bool read_claims(struct arena *arena, struct span token, struct node *out)
{
	enum { PART_MAX = 16384 };
	struct span rest = token, header, claims;
	if (!span_next(&rest, '.', &header) || !span_next(&rest, '.', &claims) || claims.len == 0 || claims.len > PART_MAX)
		return false;
	char *text = arena_bytes(arena, claims.len + 4), *bytes = arena_bytes(arena, claims.len + 4);
	size_t len = claims.len, bytes_len, bad;
	for (size_t i = 0; i < len; i++)
		text[i] = claims.ptr[i] == '-' ? '+' : claims.ptr[i] == '_' ? '/' : claims.ptr[i];
	while (len % 4 != 0)
		text[len++] = '=';
	return base64_decode((struct span){text, len}, false, bytes, &bytes_len, &bad) &&
	       load_one(arena, (struct span){bytes, bytes_len}, LOAD_KUBERNETES, out, NULL);
}

int64_t kubeconfig_token_ends_s(struct arena *arena, struct span token)
{
	struct node claims;
	int64_t expires_s = 0;
	if (read_claims(arena, token, &claims))
		span_int(node_text_at(&claims, "exp"), 0, INT64_MAX, &expires_s);
	return expires_s;
}

struct span client_token_cluster(struct arena *arena, const struct node *user)
{
	struct node claims;
	return read_claims(arena, node_text_at(user, "user.token"), &claims) ? node_text_at(&claims, "cluster") : SPAN("");
}

bool kubeconfig_read(struct arena *arena, struct span yaml, struct kubeconfig *out, struct fail *fail)
{
	struct node root;
	if (!load_one(arena, yaml, LOAD_KUBERNETES, &root, NULL) || !span_is(node_text_at(&root, "kind"), "Config"))
		return fail_set(fail, FAIL_PROTOCOL, "this is no kubeconfig");
	struct kubeconfig found = {.context = node_text_at(&root, "current-context")};
	const struct node *context = node_get(client_item(node_get(&root, "contexts"), found.context), "context");
	if (found.context.len == 0 || context == NULL)
		return fail_set(fail, FAIL_PROTOCOL, "the kubeconfig has no current context");
	found.cluster = node_text_at(context, "cluster");
	found.user = node_text_at(context, "user");
	const struct node *user = client_item(node_get(&root, "users"), found.user);
	found.server = node_text_at(client_item(node_get(&root, "clusters"), found.cluster), "cluster.server");
	found.token = node_text_at(user, "user.token");
	found.runs_a_program = node_is_set(node_path(user, "user.exec"));
	if (found.server.len == 0 || user == NULL)
		return fail_set(fail, FAIL_PROTOCOL, "the current context of the kubeconfig leads nowhere");
	found.expires_s = kubeconfig_token_ends_s(arena, found.token);
	*out = found;
	return true;
}

/* A copy of the map with another value of one key. */
static struct node with_value(struct arena *arena, const struct node *map, const char *key, struct node value)
{
	struct node copy = node_map(arena, (size_t)map->len + 1);
	for (uint32_t i = 0; i < map->len; i++) {
		struct span name = node_text(&map->pairs[i].key);
		node_put_span(&copy, name, span_is(name, key) ? value : map->pairs[i].value);
	}
	if (node_get(map, key) == NULL)
		node_put(&copy, key, value);
	return copy;
}

bool kubeconfig_in_namespace(struct arena *arena, struct span yaml, struct span ns, struct span *out, struct fail *fail)
{
	struct kubeconfig config;
	struct node root;
	if (!kubeconfig_read(arena, yaml, &config, fail) || !load_one(arena, yaml, LOAD_KUBERNETES, &root, fail))
		return false;
	const struct node *contexts = node_get(&root, "contexts"), *current = client_item(contexts, config.context);
	struct node list = node_seq(arena, contexts->len);
	for (uint32_t i = 0; i < contexts->len; i++) {
		const struct node *item = &contexts->items[i];
		if (item != current) {
			node_push(&list, *item);
			continue;
		}
		struct node inner = with_value(arena, node_get(item, "context"), "namespace", node_string(ns));
		node_push(&list, with_value(arena, item, "context", inner));
	}
	root = with_value(arena, &root, "contexts", list);
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	text_reserve(&text, 2 * yaml.len + ns.len + 64); /* a text that grows leaves copies behind */
	emit_document(&text, &root, EMIT_RESOURCE, false);
	*out = arena_copy(arena, text_span(&text));
	explicit_bzero(text.ptr, text.len);
	text_done(&text);
	return true;
}
