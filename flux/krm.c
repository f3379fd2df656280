/* The KRM function: a ResourceList in, the same list with the ConfigMaps out. As a generator (its configuration names
 * paths) it brings the objects of those files, too. */
#include "base/cleanup.h"
#include "base/map.h"
#include "flux/render.h"
#include "render/emit.h"

#define PATH_ANNOTATION "internal.config.kubernetes.io/path"
#define INDEX_ANNOTATION "internal.config.kubernetes.io/index"

struct config {
	enum objects_mode mode;
	const char **paths;
	size_t count;
};

bool krm_is_list(struct arena *arena, struct span input, struct node *out_list)
{
	return span_contains(input, "ResourceList") && load_one(arena, input, LOAD_KUBERNETES, out_list, NULL) &&
	       span_is(node_text_at(out_list, "kind"), "ResourceList") &&
	       span_starts(node_text_at(out_list, "apiVersion"), "config.kubernetes.io/");
}

static const struct node *annotation_of(const struct node *item, const char *key)
{
	return node_get(node_path(item, "metadata.annotations"), key);
}

static bool is_same_object(const struct node *a, const struct node *b)
{
	static const char *const paths[] = {"apiVersion", "kind", "metadata.namespace", "metadata.name"};
	for (size_t i = 0; i < COUNT_OF(paths); i++)
		if (!span_eq(node_text_at(a, paths[i]), node_text_at(b, paths[i])))
			return false;
	return true;
}

/* --- functionConfig --------------------------------------------------------------------------------------------------- */

static bool add_path(struct arena *arena, struct config *config, const struct node *path, struct fail *fail)
{
	if (!node_is(path, NODE_STRING) || path->len == 0)
		return fail_set(fail, FAIL_INVALID, "functionConfig: spec.paths is a list of files and directories");
	config->paths[config->count++] = arena_string(arena, node_text(path));
	return true;
}

static bool read_paths(struct arena *arena, struct config *config, const struct node *paths, struct fail *fail)
{
	if (!node_is(paths, NODE_SEQ))
		return fail_set(fail, FAIL_INVALID, "functionConfig: spec.paths is a list of files and directories");
	config->paths = ARENA_ARRAY(arena, const char *, paths->len);
	for (uint32_t i = 0; i < paths->len; i++)
		if (!add_path(arena, config, &paths->items[i], fail))
			return false;
	return true;
}

static bool read_config(struct arena *arena, const struct node *given, struct config *config, struct fail *fail)
{
	const struct node *spec = node_get(given, "spec");
	*config = (struct config){.mode = OBJECTS_PASS_THROUGH};
	for (uint32_t i = 0; node_is(spec, NODE_MAP) && i < spec->len; i++) {
		const struct node *value = &spec->pairs[i].value;
		struct span key = node_text(&spec->pairs[i].key);
		if (span_is(key, "paths")) {
			if (!read_paths(arena, config, value, fail))
				return false;
		} else if (!span_is(key, "mode")) {
			return fail_set(fail, FAIL_INVALID, "functionConfig: unknown field spec.%.*s; the known ones are paths and mode",
					SPAN_ARG(key));
		} else if (!objects_mode_parse(node_text(value), &config->mode)) {
			return fail_set(fail, FAIL_INVALID, "functionConfig: spec.mode is pass-through or render-only");
		}
	}
	return true;
}

/* --- items to documents ----------------------------------------------------------------------------------------------- */

/* What an item is called in messages: the file it came from, else its place in the list. */
static struct span input_name(struct arena *arena, const struct node *item, uint32_t index)
{
	struct span path = node_text(annotation_of(item, PATH_ANNOTATION));
	return path.len > 0 ? arena_spanf(arena, "%.*s#%u", SPAN_ARG(path), (unsigned)index)
			    : arena_spanf(arena, "items[%u]", (unsigned)index);
}

static void add_inputs(struct run *run, const struct node *items, const struct node *config, struct map *names)
{
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	for (uint32_t i = 0; node_is(items, NODE_SEQ) && i < items->len; i++) {
		const struct node *item = &items->items[i];
		if (config != NULL && is_same_object(item, config))
			continue;
		struct span name = input_name(run->arena, item, i);
		text_reset(&text);
		emit_document(&text, item, EMIT_RESOURCE, false);
		tree_add_input(&run->tree, name, arena_copy(run->arena, text_span(&text)));
		*map_at(names, name) = (void *)item;
	}
	text_done(&text);
}

/* Lines of what was written for reading it again say nothing to anybody. */
static void drop_positions(struct diag_list *diags, const struct map *names)
{
	for (size_t i = 0; i < diags->count; i++)
		if (map_get(names, diags->items[i].file) != NULL)
			diags->items[i].line = diags->items[i].column = 0;
}

/* --- results ---------------------------------------------------------------------------------------------------------- */

static void put_text(struct node *map, const char *key, struct span text)
{
	if (text.len > 0)
		node_put(map, key, node_string(text));
}

static struct node reference_to(struct arena *arena, const struct node *item)
{
	struct node ref = node_map(arena, 4);
	put_text(&ref, "apiVersion", node_text_at(item, "apiVersion"));
	put_text(&ref, "kind", node_text_at(item, "kind"));
	put_text(&ref, "name", node_text_at(item, "metadata.name"));
	put_text(&ref, "namespace", node_text_at(item, "metadata.namespace"));
	return ref;
}

static struct node file_of(struct arena *arena, const struct node *item)
{
	struct node file = node_map(arena, 2);
	struct span index = node_text(annotation_of(item, INDEX_ANNOTATION));
	int64_t number;
	put_text(&file, "path", node_text(annotation_of(item, PATH_ANNOTATION)));
	if (span_int(index, 0, INT32_MAX, &number))
		node_put(&file, "index", node_int(arena, number));
	return file;
}

static void put_map(struct node *map, const char *key, struct node value)
{
	if (value.len > 0)
		node_put(map, key, value);
}

static struct node result_of(struct arena *arena, const struct diag *diag, const struct node *item)
{
	static const char *const severities[] = {[DIAG_ERROR] = "error", [DIAG_WARNING] = "warning", [DIAG_NOTE] = "info"};
	struct node result = node_map(arena, 6), field = node_map(arena, 1), tags = node_map(arena, 3), file = node_map(arena, 1);
	struct span hint = diag->hint.len > 0 ? arena_spanf(arena, "; %.*s", SPAN_ARG(diag->hint)) : SPAN("");
	put_text(&result, "message", arena_spanf(arena, "%.*s%.*s", SPAN_ARG(diag->message), SPAN_ARG(hint)));
	put_text(&result, "severity", span_of(severities[diag->severity]));
	put_text(&field, "path", diag->path);
	put_text(&tags, "code", span_of(diag->code));
	if (diag->line > 0) { /* the protocol has no place for them */
		put_text(&tags, "line", arena_spanf(arena, "%u", (unsigned)diag->line));
		put_text(&tags, "column", arena_spanf(arena, "%u", (unsigned)diag->column));
	}
	if (item != NULL)
		put_map(&result, "resourceRef", reference_to(arena, item));
	put_map(&result, "field", field);
	put_text(&file, "path", diag->file);
	put_map(&result, "file", item != NULL ? file_of(arena, item) : file);
	put_map(&result, "tags", tags);
	return result;
}

/* --- the answer ------------------------------------------------------------------------------------------------------- */

/* What other tools noted on the ConfigMap of an earlier run: where it is kept, which number it has. */
static bool is_note_of_a_tool(struct span key)
{
	return span_starts(key, "internal.config.kubernetes.io/") || span_starts(key, "config.kubernetes.io/") ||
	       span_starts(key, "kustomize.config.k8s.io/");
}

static struct node with_notes(struct arena *arena, const struct node *new, const struct node *old)
{
	const struct node *notes = node_path(old, "metadata.annotations"), *metadata = node_get(new, "metadata");
	const struct node *own = node_get(metadata, "annotations");
	struct node annotations = node_map(arena, own->len + notes->len), copy = *new, new_metadata = *metadata;
	for (uint32_t i = 0; i < own->len; i++)
		node_put_span(&annotations, node_text(&own->pairs[i].key), own->pairs[i].value);
	for (uint32_t i = 0; i < notes->len; i++)
		if (is_note_of_a_tool(node_text(&notes->pairs[i].key)))
			node_put_span(&annotations, node_text(&notes->pairs[i].key), notes->pairs[i].value);
	new_metadata.pairs = arena_dup(arena, metadata->pairs, metadata->len * sizeof *metadata->pairs);
	for (uint32_t i = 0; i < new_metadata.len; i++)
		if (span_is(node_text(&new_metadata.pairs[i].key), "annotations"))
			new_metadata.pairs[i].value = annotations;
	copy.pairs = arena_dup(arena, new->pairs, new->len * sizeof *new->pairs);
	for (uint32_t i = 0; i < copy.len; i++)
		if (span_is(node_text(&copy.pairs[i].key), "metadata"))
			copy.pairs[i].value = new_metadata;
	return copy;
}

/* The items in their order, ConfigMaps of an earlier run renewed or dropped; then the new ones. */
static struct node merged(struct run *run, const struct node *items, const struct node *left_out,
			  const struct objects *objects)
{
	uint32_t given = node_is(items, NODE_SEQ) ? items->len : 0;
	struct node all = node_seq(run->arena, given + objects->count);
	bool *is_placed = ARENA_ARRAY(run->arena, bool, objects->count);
	for (uint32_t i = 0; i < given; i++) {
		const struct node *item = &items->items[i];
		if (left_out != NULL && is_same_object(item, left_out))
			continue;
		if (!configmap_is_ours(item)) {
			node_push(&all, *item);
			continue;
		}
		for (size_t j = 0; j < objects->count; j++) {
			if (is_placed[j] || !is_same_object(item, &objects->items[j]))
				continue;
			node_push(&all, with_notes(run->arena, &objects->items[j], item));
			is_placed[j] = true;
		}
	}
	for (size_t j = 0; j < objects->count; j++)
		if (!is_placed[j])
			node_push(&all, objects->items[j]);
	return all;
}

static void print_answer(struct run *run, const struct node *list, const struct node *items, const struct map *names)
{
	struct arena *arena = run->arena;
	const struct diag_list *diags = &run->fleet.diags;
	struct node answer = node_map(arena, list->len + 2), results = node_seq(arena, diags->count);
	bool has_items = false;
	for (size_t i = 0; i < diags->count; i++)
		node_push(&results, result_of(arena, &diags->items[i], map_get(names, diags->items[i].file)));
	for (uint32_t i = 0; i < list->len; i++) {
		struct span key = node_text(&list->pairs[i].key);
		bool is_items = span_is(key, "items");
		has_items |= is_items;
		if (!span_is(key, "results"))
			node_put_span(&answer, key, is_items ? *items : list->pairs[i].value);
	}
	if (!has_items)
		node_put(&answer, "items", *items);
	if (results.len > 0)
		node_put(&answer, "results", results);
	emit_document(&run->out, &answer, EMIT_RESOURCE, false);
}

bool krm_answer(struct run *run, const struct node *list, struct fail *fail)
{
	const struct node *items = node_get(list, "items"), *function = node_get(list, "functionConfig");
	struct config config;
	struct objects objects;
	struct map names;
	map_init(&names, run->arena);
	if (!read_config(run->arena, function, &config, fail))
		return false;
	bool is_generator = config.count > 0;
	if (!is_generator)
		add_inputs(run, items, function, &names);
	else if (!tree_from_paths(&run->tree, ".", config.paths, config.count, &run->fleet.diags, fail))
		return false;
	if (!render_load(run, fail))
		return false;
	drop_positions(&run->fleet.diags, &names);
	bool ok = render_objects(run, is_generator ? config.mode : OBJECTS_ADDED, &objects);
	struct node none = node_seq(run->arena, 0), all = items != NULL ? *items : none;
	if (ok)
		all = merged(run, items, is_generator ? function : NULL, &objects);
	print_answer(run, list, &all, &names);
	return ok;
}
