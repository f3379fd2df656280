/* Does a declaration mean the same as before? A digest of everything that a plan depends on: a commit that does not touch
 * a cluster leaves its digest, and costs it nothing. Does Omni hold what is declared? Digests of both sides tell, mostly. */
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/plan/plan.h"

/* Preceded by its length, so that nothing runs together. */
static void add(struct text *out, struct span piece)
{
	char len[sizeof piece.len];
	memcpy(len, &piece.len, sizeof len);
	text_add(out, (struct span){len, sizeof len});
	text_add(out, piece);
}

static void add_labels(struct text *out, const struct labels *labels)
{
	for (size_t i = 0; i < labels->count; i++) {
		add(out, labels->items[i].key);
		add(out, labels->items[i].value);
	}
	text_addc(out, '.');
}

/* Nesting is bounded by what the reader of documents lets through. */
static void add_node(struct text *out, const struct node *node)
{
	text_addc(out, (char)('a' + node->kind));
	if (node->kind == NODE_SEQ || node->kind == NODE_MAP) {
		for (uint32_t i = 0; i < node->len; i++) {
			if (node->kind == NODE_MAP)
				add(out, node_text(&node->pairs[i].key));
			add_node(out, node->kind == NODE_MAP ? &node->pairs[i].value : &node->items[i]);
		}
		text_addc(out, '.');
		return;
	}
	add(out, node_text(node));
}

void content_add_resource(struct text *out, const struct resource *resource)
{
	add(out, resource->type_name);
	add(out, resource->ns);
	add(out, resource->id);
	add_labels(out, &resource->labels);
	add_labels(out, &resource->annotations);
	text_addc(out, resource->content != NULL ? 'm' : 'b'); /* compared by meaning or by bytes */
	add_node(out, &resource->spec);
}

uint64_t content_of_resources(struct text *scratch, const struct resource_list *resources)
{
	enum { SHORT = 16 };
	text_reset(scratch);
	for (size_t i = 0; i < resources->count; i++)
		content_add_resource(scratch, resources->items[i]);
	char hex[DIGEST_HEX_SIZE];
	digest_hex(text_span(scratch), hex);
	hex[SHORT] = '\0';
	return strtoull(hex, NULL, 16);
}

void content_digest(struct text *scratch, const struct cluster *cluster, uint64_t resources, char out[DIGEST_HEX_SIZE])
{
	text_reset(scratch);
	add(scratch, span_of(cluster->template_hash));
	add(scratch, cluster->approve);
	add(scratch, cluster->allow_destroy);
	text_addf(scratch, "%d%d%d%llu", cluster->suspend, cluster->orphan, cluster->destroy_machines, (unsigned long long)resources);
	digest_hex(text_span(scratch), out);
}

/* --- what is declared, and what is there -------------------------------------------------------------------------------- */

void content_mean(const struct resource *actual, struct mirror_meaning *out)
{
	struct plan_meaning meaning = {0};
	if (plan_may_concern(actual))
		meaning = plan_meaning(actual, false);
	*out = (struct mirror_meaning){meaning.whole, meaning.bytes};
}

void content_expect(struct arena *arena, const struct resource_list *declared, struct mirror_expectation *out)
{
	size_t cap = 0;
	*out = (struct mirror_expectation){.is_certain = true};
	for (size_t i = 0; i < declared->count; i++) {
		const struct resource *resource = declared->items[i];
		struct plan_meaning meaning = plan_meaning(resource, true);
		out->is_certain = out->is_certain && meaning.whole != 0;
		out->whole += meaning.whole;
		if (meaning.by_bytes)
			ARENA_PUSH(arena, out->texts, out->text_count, cap) =
				(struct mirror_text){mirror_key(resource->type, resource->id), meaning.bytes};
	}
}
