#include "render/configmap.h"

#include "render/emit.h"
#include "render/redact.h"

enum { PART_BYTES = 900 * 1024, MAX_DEPTH = 64 };

/* --- secrets -------------------------------------------------------------------------------------------------------- */

static struct node hidden(struct arena *arena, struct span value)
{
	char hex[DIGEST_HEX_SIZE];
	digest_hex(value, hex);
	return node_string(arena_spanf(arena, "sha256:%.12s", hex));
}

/* A copy in which what looks secret is replaced; `secret` holds below a key with a telling name. */
static struct node without_secrets(struct arena *arena, const struct node *node, bool secret, int depth)
{
	struct node copy = *node;
	if (depth > MAX_DEPTH)
		return copy;
	if (node->kind == NODE_STRING && (secret || redact_is_secret_value(node_text(node))))
		return hidden(arena, node_text(node));
	if (node->kind == NODE_SEQ) {
		copy.items = ARENA_ARRAY(arena, struct node, node->len);
		for (uint32_t i = 0; i < node->len; i++)
			copy.items[i] = without_secrets(arena, &node->items[i], secret, depth + 1);
	} else if (node->kind == NODE_MAP) {
		copy.pairs = ARENA_ARRAY(arena, struct pair, node->len);
		for (uint32_t i = 0; i < node->len; i++) {
			bool below = secret || redact_is_secret_key(node_text(&node->pairs[i].key));
			copy.pairs[i].key = node->pairs[i].key;
			copy.pairs[i].value = without_secrets(arena, &node->pairs[i].value, below, depth + 1);
		}
	}
	return copy;
}

/* A plain template is its own bytes; it is shown re-emitted only where something has to be hidden. */
static void add_template(struct text *out, struct arena *arena, const struct cluster *cluster)
{
	struct text emitted;
	text_init(&emitted, TEXT_NO_LIMIT);
	bool is_hidden = false;
	for (size_t i = 0; i < cluster->document_count; i++) {
		struct node shown = without_secrets(arena, &cluster->template_docs[i], false, 0);
		is_hidden = is_hidden || !node_equal(&shown, &cluster->template_docs[i]);
		if (i > 0)
			text_adds(&emitted, "---\n");
		emit_template_document(&emitted, &shown);
	}
	text_add(out, is_hidden ? text_span(&emitted) : cluster->template_text);
	text_done(&emitted);
}

/* --- the document ---------------------------------------------------------------------------------------------------- */

static struct node string_map(struct arena *arena, const char *const (*pairs)[2], size_t count)
{
	struct node map = node_map(arena, count);
	for (size_t i = 0; i < count; i++)
		node_put(&map, pairs[i][0], node_string(span_of(pairs[i][1])));
	return map;
}

static struct node metadata(struct arena *arena, const struct cluster *cluster, const char *version)
{
	struct span renderer = arena_spanf(arena, "omniops/%s", version);
	const char *const labels[][2] = {{"omni.texashpc.com/artifact", "template"},
					 {"omni.texashpc.com/cluster", arena_string(arena, cluster->name)}};
	const char *const annotations[][2] = {{"argocd.argoproj.io/sync-options", "ServerSideApply=true"},
					      {"argocd.argoproj.io/sync-wave", "29"},
					      {"omni.texashpc.com/renderer", renderer.ptr},
					      {"omni.texashpc.com/template-hash", cluster->template_hash}};
	struct span base = cluster->is_template ? cluster->name : cluster->head->name;
	struct node map = node_map(arena, 4);
	node_put(&map, "name", node_string(arena_spanf(arena, "%.*s-omni-template", SPAN_ARG(base))));
	if (cluster->ns.len > 0)
		node_put(&map, "namespace", node_string(cluster->ns));
	node_put(&map, "labels", string_map(arena, labels, 2));
	node_put(&map, "annotations", string_map(arena, annotations, 4));
	return map;
}

/* Pieces end at line ends, so that joining them gives the template back. */
static size_t piece_length(struct span rest)
{
	if (rest.len <= PART_BYTES)
		return rest.len;
	size_t len = PART_BYTES;
	while (len > 0 && rest.ptr[len - 1] != '\n')
		len--;
	return len > 0 ? len : PART_BYTES;
}

static struct node data(struct arena *arena, struct span template)
{
	struct node map = node_map(arena, template.len / (PART_BYTES / 2) + 1);
	for (unsigned part = 0; part == 0 || template.len > 0; part++) {
		size_t len = piece_length(template);
		struct span name = part == 0 ? span_of("template.yaml") : arena_spanf(arena, "template-%03u.yaml", part);
		node_put_span(&map, name, node_string((struct span){template.ptr, len}));
		template.ptr += len;
		template.len -= len;
	}
	return map;
}

struct node configmap_node(struct arena *arena, const struct cluster *cluster, const char *version)
{
	struct text template;
	text_init(&template, TEXT_NO_LIMIT);
	add_template(&template, arena, cluster);
	struct span kept = arena_copy(arena, text_span(&template));
	text_done(&template);
	struct node document = node_map(arena, 4);
	node_put(&document, "apiVersion", node_string(span_of("v1")));
	node_put(&document, "kind", node_string(span_of("ConfigMap")));
	node_put(&document, "metadata", metadata(arena, cluster, version));
	node_put(&document, "data", data(arena, kept));
	return document;
}

void configmap_print(struct text *out, struct arena *arena, const struct cluster *cluster, const char *version)
{
	struct node document = configmap_node(arena, cluster, version);
	emit_document(out, &document, EMIT_RESOURCE, false);
}
