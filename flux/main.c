/* omniops-flux: rendering as a filter, for the places around Flux where a program can run (its controllers run none):
 * a KRM function (kustomize build --enable-exec) and a Helm post-renderer, told apart by what comes in. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "render/emit.h"
#include "render/objects.h"

enum { INPUT_MAX = 64 << 20 };

static const char usage[] =
	"omniops-flux: adds the rendered Omni template of every cluster, as a ConfigMap\n\n"
	"Usage: omniops-flux < INPUT > OUTPUT\n\n"
	"INPUT is a ResourceList (KRM function: the ConfigMaps are added to its items) or a stream of manifests (Helm\n"
	"post-renderer: the stream comes out unchanged, the ConfigMaps behind it). Faults go to standard error; then nothing is\n"
	"printed and the exit status is 1.\n";

static int failed(const char *words)
{
	fprintf(stderr, "omniops-flux: error: %s\n", words);
	return 1;
}

static void print_diags(const struct fleet *fleet, FILE *file)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	diag_print(&out, &fleet->diags, DIAG_TEXT, NULL, false);
	fwrite(out.ptr, 1, out.len, file);
	text_done(&out);
}

static int flush(struct text *out)
{
	bool ok = fwrite(out->ptr, 1, out->len, stdout) == out->len && fflush(stdout) == 0;
	text_done(out);
	return ok ? 0 : failed("standard output cannot be written");
}

static bool render(struct arena *arena, struct fleet *fleet, struct span manifests, struct fail *fail)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct tree *tree = ARENA_NEW(arena, struct tree);
	options.translate = false;
	fleet_init(fleet, arena, &options);
	tree_init(tree, arena);
	tree_add_input(tree, span_of("<stdin>"), manifests);
	return fleet_load(fleet, tree, fail);
}

/* --- KRM function ---------------------------------------------------------------------------------------------------- */

static bool is_resource_list(const struct node *root)
{
	return span_is(node_text_at(root, "kind"), "ResourceList") &&
	       span_starts(node_text_at(root, "apiVersion"), "config.kubernetes.io/");
}

static struct span items_as_stream(struct arena *arena, const struct node *items)
{
	struct text text;
	text_init(&text, INPUT_MAX);
	for (uint32_t i = 0; node_is(items, NODE_SEQ) && i < items->len; i++) {
		text_adds(&text, i == 0 ? "" : "---\n");
		emit_document(&text, &items->items[i], EMIT_RESOURCE, false);
	}
	struct span copy = arena_copy(arena, text_span(&text));
	text_done(&text);
	return copy;
}

static struct node result_of(struct arena *arena, const struct diag *diag)
{
	static const char *const severities[] = {[DIAG_ERROR] = "error", [DIAG_WARNING] = "warning", [DIAG_NOTE] = "info"};
	struct node result = node_map(arena, 3), field = node_map(arena, 1);
	node_put(&result, "message", node_string(arena_spanf(arena, "%.*s: %.*s", SPAN_ARG(diag->object), SPAN_ARG(diag->message))));
	node_put(&result, "severity", node_string(span_of(severities[diag->severity])));
	if (diag->path.len > 0) {
		node_put(&field, "path", node_string(diag->path));
		node_put(&result, "field", field);
	}
	return result;
}

static bool is_same_object(const struct node *a, const struct node *b)
{
	static const char *const paths[] = {"apiVersion", "kind", "metadata.namespace", "metadata.name"};
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		if (!span_eq(node_text_at(a, paths[i]), node_text_at(b, paths[i])))
			return false;
	return true;
}

/* The items in their order with ConfigMaps of an earlier run replaced, then the new ones. */
static struct node with_configmaps(struct arena *arena, const struct node *items, const struct node *maps, size_t count)
{
	uint32_t old = node_is(items, NODE_SEQ) ? items->len : 0;
	struct node all = node_seq(arena, old + count);
	for (uint32_t i = 0; i < old; i++) {
		bool is_replaced = false;
		for (size_t j = 0; j < count && !is_replaced; j++)
			is_replaced = is_same_object(&items->items[i], &maps[j]);
		if (!is_replaced)
			node_push(&all, items->items[i]);
	}
	for (size_t i = 0; i < count; i++)
		node_push(&all, maps[i]);
	return all;
}

static int krm_function(struct arena *arena, const struct node *list)
{
	const struct node *items = node_get(list, "items");
	struct fleet fleet;
	struct fail fail;
	if (!render(arena, &fleet, items_as_stream(arena, items), &fail))
		return failed(fail.text);
	struct node *maps = NULL, answer = node_map(arena, list->len + 2), results = node_seq(arena, fleet.diags.count);
	size_t count = fleet.diags.error_count > 0 ? 0 : objects_configmaps(arena, &fleet, OMNIOPS_VERSION, &maps);
	for (size_t i = 0; i < fleet.diags.count; i++)
		node_push(&results, result_of(arena, &fleet.diags.items[i]));
	for (uint32_t i = 0; i < list->len; i++) {
		struct span key = node_text(&list->pairs[i].key);
		if (!span_is(key, "items") && !span_is(key, "results"))
			node_put_span(&answer, key, list->pairs[i].value);
	}
	node_put(&answer, "items", count == 0 && items != NULL ? *items : with_configmaps(arena, items, maps, count));
	if (results.len > 0)
		node_put(&answer, "results", results);
	print_diags(&fleet, stderr);
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	emit_document(&out, &answer, EMIT_RESOURCE, false);
	int code = flush(&out);
	return fleet.diags.error_count > 0 ? 1 : code;
}

/* --- post-renderer ---------------------------------------------------------------------------------------------------- */

static int filter(struct arena *arena, struct span input)
{
	struct fleet fleet;
	struct fail fail;
	if (!render(arena, &fleet, input, &fail))
		return failed(fail.text);
	print_diags(&fleet, stderr);
	if (fleet.diags.error_count > 0)
		return 1;
	struct node *maps;
	size_t count = objects_configmaps(arena, &fleet, OMNIOPS_VERSION, &maps);
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	text_add(&out, input);
	if (out.len > 0 && out.ptr[out.len - 1] != '\n')
		text_addc(&out, '\n');
	for (size_t i = 0; i < count; i++) {
		text_adds(&out, "---\n");
		emit_document(&out, &maps[i], EMIT_RESOURCE, false);
	}
	return flush(&out);
}

/* A ResourceList is one document; anything that is not one is a stream of manifests. */
static bool read_resource_list(struct arena *arena, struct span input, struct node *out)
{
	return span_contains(input, "ResourceList") && load_one(arena, input, LOAD_KUBERNETES, out, NULL) &&
	       is_resource_list(out);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "version") == 0)
		return puts("omniops-flux " OMNIOPS_VERSION) < 0;
	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return fputs(usage, stdout) < 0;
	struct arena arena;
	struct span input;
	struct fail fail;
	struct node list;
	arena_init(&arena, ARENA_NO_LIMIT);
	int code;
	if (!files_read_fd(&arena, STDIN_FILENO, "standard input", INPUT_MAX, &input, &fail))
		code = failed(fail.text);
	else if (span_trim(input).len == 0)
		code = failed("standard input is empty");
	else if (read_resource_list(&arena, input, &list))
		code = krm_function(&arena, &list);
	else
		code = filter(&arena, input);
	arena_done(&arena);
	return code;
}
