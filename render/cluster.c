/* The bytes of a cluster template and their hash. */
#include "render/cluster.h"

#include "render/emit.h"

void cluster_render(struct build *build, struct cluster *cluster, struct arena *results)
{
	if (cluster->is_template) {
		cluster->template_text = cluster->head->source;
	} else {
		struct text *out = &build->scratch;
		text_reset(out);
		for (size_t i = 0; i < cluster->document_count; i++) {
			if (i > 0)
				text_adds(out, "---\n");
			emit_template_document(out, &cluster->template_docs[i]);
		}
		cluster->template_text = arena_copy(results, text_span(out));
	}
	if (!build->fleet->options.no_hash)
		digest_hex(cluster->template_text, cluster->template_hash);
}
