/* A whole tree of one file: never crashes, and what is rendered from custom resources means the same when it is read
 * again as a plain template: the same resources in the same order. A stream, whose input is cut in two files behind a
 * "---", says and shows what a fleet of the same files does that is loaded whole. */
#include <assert.h>
#include <stdint.h>

#include "render/fleet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_file(void *ctx, struct span path, struct span *out, struct fail *fail)
{
	(void)ctx;
	if (!span_ends(path, "p.yaml"))
		return fail_set(fail, FAIL_NOT_FOUND, "no such file");
	*out = SPAN("machine:\n  sysctls:\n    a: b\n");
	return true;
}

static void load(struct fleet *fleet, struct arena *arena, struct span bytes)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct tree tree;
	struct fail fail = {0};
	options.load_limits.max_documents = 100;
	options.load_limits.max_nodes = 5000;
	tree_init(&tree, arena);
	tree.read = read_file;
	tree_add_input(&tree, SPAN("in.yaml"), bytes);
	fleet_init(fleet, arena, &options);
	if (!fleet_load(fleet, &tree, &fail))
		assert(fail.text[0] != '\0');
}

static void load_cut(struct fleet *fleet, struct arena *arena, struct span bytes, bool is_stream)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct tree tree;
	struct fail fail = {0};
	const char *middle = memmem(bytes.ptr, bytes.len, "\n---\n", 5);
	size_t cut = middle == NULL ? bytes.len : (size_t)(middle - bytes.ptr) + 5;
	options.load_limits.max_nodes = 5000;
	options.translate = false;
	options.stream = options.text_only = is_stream;
	tree_init(&tree, arena);
	tree.read = read_file;
	tree_add_input(&tree, SPAN("a.yaml"), (struct span){bytes.ptr, cut});
	tree_add_input(&tree, SPAN("b.yaml"), (struct span){bytes.ptr + cut, bytes.len - cut});
	fleet_init(fleet, arena, &options);
	assert(fleet_load(fleet, &tree, &fail));
}

struct seen {
	const struct fleet *whole;
	size_t count;
};

static bool see(void *ctx, const struct cluster *cluster, struct fail *fail)
{
	struct seen *seen = ctx;
	const struct cluster *same = seen->whole->clusters[seen->count++];
	(void)fail;
	assert(span_eq(cluster->name, same->name) && span_eq(cluster->template_text, same->template_text));
	return true;
}

static void stream_again(struct span bytes)
{
	struct arena arena;
	struct fleet whole, stream;
	struct fail fail;
	struct seen seen = {.whole = &whole};
	arena_init(&arena, ARENA_NO_LIMIT);
	load_cut(&whole, &arena, bytes, false);
	load_cut(&stream, &arena, bytes, true);
	assert(stream.cluster_count == whole.cluster_count && stream.diags.count == whole.diags.count);
	for (size_t i = 0; i < whole.diags.count; i++) {
		const struct diag *a = &whole.diags.items[i], *b = &stream.diags.items[i];
		assert(a->line == b->line && span_eq(a->object, b->object) && span_eq(a->message, b->message));
	}
	if (whole.diags.error_count == 0)
		assert(fleet_each(&stream, see, &seen, &fail) && seen.count == whole.cluster_count);
	arena_done(&arena);
}

static void compare(const struct cluster *a, const struct cluster *b)
{
	assert(a->resources.count == b->resources.count);
	for (size_t i = 0; i < a->resources.count; i++) {
		const struct resource *x = a->resources.items[i], *y = b->resources.items[i];
		assert(x->type == y->type && span_eq(x->id, y->id));
		assert(labels_equal(&x->labels, &y->labels) && labels_equal(&x->annotations, &y->annotations));
		assert(node_equal(&x->spec, &y->spec));
	}
}

/* Of custom resources; the files of a template root are not where those of the template are. */
static void read_again(const struct cluster *cluster)
{
	struct arena arena;
	struct fleet again;
	arena_init(&arena, ARENA_NO_LIMIT);
	load(&again, &arena, cluster->template_text);
	assert(again.diags.error_count == 0);
	assert(again.cluster_count == 1);
	compare(cluster, again.clusters[0]);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct fleet fleet;
	arena_init(&arena, ARENA_NO_LIMIT);
	load(&fleet, &arena, (struct span){(const char *)data, size});
	for (size_t i = 0; i < fleet.cluster_count; i++) {
		const struct cluster *cluster = fleet.clusters[i];
		assert(cluster->head != NULL && cluster->name.len > 0);
		if (cluster->has_errors || fleet.diags.error_count > 0)
			continue;
		assert(cluster->template_hash[0] != '\0' && cluster->resources.count >= 2);
		if (!cluster->is_template && node_path(&cluster->head->root, "spec.templateRoot") == NULL)
			read_again(cluster);
	}
	arena_done(&arena);
	stream_again((struct span){(const char *)data, size});
	return 0;
}
