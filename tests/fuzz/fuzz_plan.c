/* Plans over any content: two texts, parted by a zero byte, are what a patch was and what it shall be. No content crashes
 * the comparison, what is printed has no control characters and is UTF-8, and equal texts are no change. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "agent/plan/report.h"
#include "base/utf8.h"
#include "render/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct resource *make(struct arena *arena, const struct omni_type *type, const char *id, const char *key,
			     struct span text)
{
	struct resource *resource = resource_new(arena, type, span_of(id));
	resource->spec = node_map(arena, 1);
	node_put(&resource->spec, key, node_string(text));
	if (type != OMNI_CLUSTER)
		labels_set(arena, &resource->labels, SPAN(OMNI_LABEL_CLUSTER), SPAN("demo"));
	return resource;
}

static void check_output(const struct plan_report *report, enum plan_format format)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	plan_print(&out, report, 1, format, false);
	assert(utf8_valid_prefix(text_span(&out)) == out.len);
	for (size_t i = 0; i < out.len; i++)
		assert((unsigned char)out.ptr[i] >= 0x20 || out.ptr[i] == '\n');
	text_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	/* Texts of resources have a NUL behind. */
	char *bytes = arena_string(&arena, (struct span){(const char *)data, size});
	size_t cut = strnlen(bytes, size);
	struct span before = {bytes, cut}, after = {bytes + cut, size - cut};
	if (cut < size)
		after = (struct span){after.ptr + 1, after.len - 1};
	struct cluster cluster = {.name = SPAN("demo")};
	struct plan_actual actual = {0};
	struct plan_options options = {.secret_key = SPAN("fuzz")};
	struct plan plan;
	resource_push(&arena, &cluster.resources, make(&arena, OMNI_CLUSTER, "demo", "talosversion", SPAN("1.13.5")));
	resource_push(&arena, &cluster.resources, make(&arena, OMNI_CONFIG_PATCH, "200-cluster-demo-a", "data", after));
	resource_push(&arena, &actual.resources, make(&arena, OMNI_CLUSTER, "demo", "talosversion", SPAN("1.13.5")));
	resource_push(&arena, &actual.resources, make(&arena, OMNI_CONFIG_PATCH, "200-cluster-demo-a", "data", before));
	plan_cluster(&arena, &cluster, SPAN("demo"), &actual, &options, &plan);
	assert(plan.count == !span_eq(before, after));
	assert(plan.count == 0 || plan.ops[0].diff_count > 0);
	struct plan_report report = {.plan = &plan, .verdict = GATE_OPEN};
	for (int format = 0; format < 3; format++)
		check_output(&report, (enum plan_format)format);
	arena_done(&arena);
	return 0;
}
