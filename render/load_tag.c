#include "render/load_tag.h"

#include <string.h>

#include "base/base64.h"
#include "base/utf8.h"

#define TAG_PREFIX "tag:yaml.org,2002:"

static void unknown_tag(struct loader *loader, const struct node *node, const char *tag)
{
	struct diag *diag = diag_warn(&loader->at, "UnknownTag", node, NULL, "the tag %.80s is not known and ignored",
				      tag);
	diag_hint(&loader->at, diag, "remove it, or quote a text that starts with \"!\"");
}

static const char *short_tag(const char *tag)
{
	size_t len = strlen(TAG_PREFIX);
	return strncmp(tag, TAG_PREFIX, len) == 0 ? tag + len : NULL;
}

void tag_collection(struct loader *loader, const struct node *node, const char *tag)
{
	const char *name = short_tag(tag);
	const char *wanted = node->kind == NODE_MAP ? "map" : "seq";
	if (name == NULL || (strcmp(name, "map") != 0 && strcmp(name, "seq") != 0)) {
		unknown_tag(loader, node, tag);
		return;
	}
	if (strcmp(name, wanted) != 0)
		diag_error(&loader->at, "WrongTag", node, NULL, "tagged !!%s, but a %s stands here", name,
			   node->kind == NODE_MAP ? "mapping" : "list");
}

static void set_string(struct loader *loader, struct node *node, struct span text)
{
	build_set_resolved(loader, node, &(struct resolved){.kind = NODE_STRING}, text);
}

static void tag_binary(struct loader *loader, struct node *node, struct span raw)
{
	char *bytes = arena_alloc(&loader->scratch, raw.len + 4);
	size_t len = 0, bad;
	if (!base64_decode(raw, true, bytes, &len, &bad))
		diag_error(&loader->at, "WrongTag", node, NULL, "tagged !!binary, but not base64");
	else if (utf8_valid_prefix((struct span){bytes, len}) != len)
		diag_error(&loader->at, "NotUtf8", node, NULL, "the decoded !!binary is not UTF-8 text");
	set_string(loader, node, (struct span){bytes, len});
}

static bool kind_fits(enum node_kind kind, const char *name)
{
	return (kind == NODE_INT && strcmp(name, "int") == 0) || (kind == NODE_BOOL && strcmp(name, "bool") == 0) ||
	       (kind == NODE_NULL && strcmp(name, "null") == 0) || (kind == NODE_TIME && strcmp(name, "timestamp") == 0) ||
	       ((kind == NODE_FLOAT || kind == NODE_INT) && strcmp(name, "float") == 0);
}

static bool is_known_name(const char *name)
{
	static const char *const names[] = {"int", "bool", "null", "timestamp", "float"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static void tag_resolved(struct loader *loader, struct node *node, const char *name, struct span raw)
{
	struct resolved resolved;
	resolve_plain(loader_rules(loader), raw, &resolved);
	bool is_time = strcmp(name, "timestamp") == 0;
	if (is_time && loader->dialect == LOAD_KUBERNETES) {
		set_string(loader, node, raw);
		return;
	}
	if (!kind_fits(resolved.kind, name)) {
		diag_error(&loader->at, "WrongTag", node, NULL, "tagged !!%s, but \"%.*s\" is none", name,
			   (int)(raw.len < 40 ? raw.len : 40), raw.ptr);
		set_string(loader, node, raw);
		return;
	}
	if (resolved.kind == NODE_INT && strcmp(name, "float") == 0)
		resolved.kind = NODE_FLOAT;
	build_set_resolved(loader, node, &resolved, raw);
}

void tag_scalar(struct loader *loader, struct node *node, const char *tag, struct span raw)
{
	const char *name = short_tag(tag);
	if (name != NULL && strcmp(name, "merge") == 0 && span_is(raw, "<<")) {
		set_string(loader, node, raw);
		return;
	}
	bool was_plain = node->style == NODE_PLAIN;
	if (was_plain)
		node->style = NODE_DOUBLE; /* its meaning is fixed, as if it were quoted */
	if (name != NULL && strcmp(name, "binary") == 0) {
		tag_binary(loader, node, raw);
	} else if (name != NULL && is_known_name(name)) {
		tag_resolved(loader, node, name, raw);
	} else if (name != NULL && strcmp(name, "str") == 0) {
		set_string(loader, node, raw);
	} else {
		unknown_tag(loader, node, tag);
		set_string(loader, node, raw);
	}
}

/* --- documents that turn out to be Kubernetes objects ------------------------------------------------------------- */

static void convert_scalar(struct loader *loader, struct node *node)
{
	if (node->style != NODE_PLAIN || node->kind == NODE_NULL)
		return;
	struct resolved resolved;
	struct span raw = node_source_text(node);
	resolve_plain(RESOLVE_KUBERNETES, raw, &resolved);
	if (resolved.kind != NODE_STRING || node->kind != NODE_STRING)
		build_set_resolved(loader, node, &resolved, raw);
}

/* Depth is bounded by the limit that held while reading. */
void build_convert(struct loader *loader, struct node *node)
{
	if (node->kind == NODE_SEQ) {
		for (size_t i = 0; i < node->len; i++)
			build_convert(loader, &node->items[i]);
	} else if (node->kind == NODE_MAP) {
		for (size_t i = 0; i < node->len; i++) {
			struct pair *pair = &node->pairs[i];
			convert_scalar(loader, &pair->key);
			if (pair->key.kind != NODE_STRING)
				build_string_key(loader, &pair->key);
			build_convert(loader, &pair->value);
		}
		node->len = NODE_LEN(map_unique(loader, node->pairs, node->len));
	} else {
		convert_scalar(loader, node);
		build_check_finite(loader, node);
	}
}
