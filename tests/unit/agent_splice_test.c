/* A snapshot that keeps what did not change is the snapshot of the whole tree. Random trees go through random edits: parts
 * of clusters move between files, names, machines and resources clash and are set right again, shared patches change,
 * appear and disappear, connections come and go. After every edit the tree is rendered twice, on top of what was there and
 * as if nothing had been there, and both have to say the same, to the last digest.
 *
 * N=20000 SEED=7 tries more, and others. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/source/internal.h"
#include "agent/source/wire.h"
#include "render/resource.h"
#include "tests/unit/plan_random.h"
#include "tests/unit/test.h"

enum { FILES = 12, PATCHES = 7, ITEMS_MAX = 80, CLUSTERS = 12 };

enum item_kind { CLUSTER, CONTROL_PLANE, WORKERS, MACHINE, EXPORT, PLAIN, CLASS, RESOURCE, CONNECTION, STRANGE, KINDS };

struct item {
	enum item_kind kind;
	unsigned cluster, number, file, variant, patch;
};

/* A tree before it is written. */
struct world {
	struct item items[ITEMS_MAX];
	size_t count;
	unsigned patches[PATCHES]; /* what they hold; 0: not there */
	unsigned next;		   /* number that nobody has */
};

static const char *const files[FILES] = {"a.yaml",   "b.yaml",	 "c.yaml",   "d.yaml",	 "e.yaml",  "f.yaml",
					 "g/h.yaml", "g/i.json", "t/j.yaml", "t/k.yaml", "z/l.yml", "z/m.yaml"};
static const char *const patches[PATCHES] = {"", "p/one.yaml", "p/two.yaml", "p/one.patch", "t/near.yaml", "near.yaml", "p/far.patch"};
/* As documents name them: from the root, or from beside a template. */
static const char *const names[PATCHES] = {"", "p/one.yaml", "p/two.yaml", "p/one.patch", "near.yaml", "near.yaml", "p/far.patch"};
static const char *const contents[] = {
	"", "machine:\n  sysctls:\n    a: \"1\"\n", "apiVersion: v1alpha1\nkind: NewConfig\n",
	"machine:\n  sysctls:\n    a: \"2\"\n", "machine:\n  nonsense: 1\n",
};
enum { CONTENTS = sizeof contents / sizeof *contents };

/* --- writing ------------------------------------------------------------------------------------------------------------ */

static void add_head(struct text *out, const char *kind, char letter, const struct item *item, unsigned name)
{
	text_addf(out, "---\napiVersion: omni.texashpc.com/v1alpha1\nkind: %s\nmetadata:\n  name: %c%u\n  namespace: n%u\nspec:\n", kind,
		  letter, name, item->cluster % 2);
}

static void add_patch(struct text *out, const struct item *item, unsigned indent)
{
	if (item->patch != 0)
		text_addf(out, "%*spatches:\n%*s- file: %s\n", (int)indent, "", (int)indent, "", names[item->patch]);
	if (item->patch != 0 && item->variant % 4 == 3)
		text_addf(out, "%*s  idOverride: id%u\n", (int)indent, "", item->number % 4);
}

static void add_id(struct text *out, unsigned number, bool is_warned)
{
	text_addf(out, is_warned ? "430D882A-51A8-48B3-AB00-0000000%05u\n" : "430d882a-51a8-48b3-ab00-0000000%05u\n", number);
}

static void add_cluster(struct text *out, const struct item *item)
{
	add_head(out, "OmniCluster", 'c', item, item->cluster);
	text_addf(out, "  connectionRef:\n    name: main\n  kubernetes:\n    version: v1.36.1\n  talos:\n    version: v1.13.%u\n"
		       "  labels:\n    v: x%u\n",
		  5 + item->variant % 2, item->variant);
	if (item->variant % 16 == 5)
		text_adds(out, "  nonsense: 1\n");
	if (item->variant % 16 == 6)
		text_addf(out, "  clusterName: other%u\n", item->number % 3);
	add_patch(out, item, 2);
}

static void add_set(struct text *out, const struct item *item)
{
	bool is_plane = item->kind == CONTROL_PLANE;
	add_head(out, is_plane ? "OmniControlPlane" : "OmniWorkers", is_plane ? 'p' : 'w', item,
		 is_plane ? item->cluster : item->variant % 4 == 2 ? item->number % 8 : item->number);
	text_addf(out, "  clusterRef:\n    name: c%u\n  labels:\n    v: x%u\n  machines:\n  - ", item->cluster, item->variant);
	add_id(out, item->number, item->variant % 16 == 7);
	add_patch(out, item, 2);
}

static void add_machine(struct text *out, const struct item *item)
{
	add_head(out, "OmniMachine", 'm', item, item->number % 16);
	text_addf(out, "  clusterRef:\n    name: c%u\n  labels:\n    v: x%u\n  machineID: ", item->cluster, item->variant);
	add_id(out, item->number, false);
}

static void add_export(struct text *out, const struct item *item)
{
	add_head(out, "OmniKubeconfigExport", 'x', item, item->number % 8);
	text_addf(out, "  clusterRef:\n    name: c%u\n  targetSecretRef:\n    name: k\n  serviceAccount:\n    user: u%u\n    groups:\n"
		       "    - g\n  ttl: 24h\n  deletionPolicy: Delete\n",
		  item->cluster, item->variant);
}

static void add_plain(struct text *out, const struct item *item)
{
	text_addf(out, "---\nkind: Cluster\nname: c%u\nlabels:\n  v: x%u\nkubernetes:\n  version: v1.36.1\ntalos:\n  version: v1.13.5\n",
		  item->cluster, item->variant);
	add_patch(out, item, 0);
	text_adds(out, "---\nkind: ControlPlane\nmachines:\n- ");
	add_id(out, item->number, item->variant % 16 == 7);
}

static void add_item(struct text *out, const struct item *item)
{
	switch (item->kind) {
	case CLUSTER:
		add_cluster(out, item);
		break;
	case CONTROL_PLANE:
	case WORKERS:
		add_set(out, item);
		break;
	case MACHINE:
		add_machine(out, item);
		break;
	case EXPORT:
		add_export(out, item);
		break;
	case PLAIN:
		add_plain(out, item);
		break;
	case CLASS:
		add_head(out, "OmniMachineClass", 'k', item, item->number);
		text_addf(out, "  connectionRef:\n    name: main\n  matchLabels:\n  - a = x%u\n", item->variant);
		break;
	case RESOURCE:
		text_addf(out, "---\nmetadata:\n  namespace: default\n  type: MachineClasses.omni.sidero.dev\n  id: k%u\nspec:\n"
			       "  matchlabels:\n  - a = x%u\n",
			  item->number, item->variant);
		break;
	case CONNECTION:
		add_head(out, "OmniConnection", 'o', item, item->number);
		text_addf(out, "  endpoint: https://omni%u.example.com\n  auth:\n    serviceAccountSecretRef:\n      name: s\n", item->variant);
		break;
	default:
		text_adds(out, item->variant % 16 == 5 ? "---\na: [\n" : "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n");
		break;
	}
}

/* --- a tree that a source might have given ------------------------------------------------------------------------------- */

struct given {
	struct source_tree tree;
	struct map bytes; /* path → struct span: all files */
};

static struct span id_of(struct arena *arena, struct span bytes)
{
	char hex[DIGEST_HEX_SIZE];
	digest_hex(bytes, hex);
	return arena_copy(arena, (struct span){hex, SOURCE_ID_MAX});
}

static bool read_file(void *ctx, struct span path, struct span *out_bytes, struct fail *fail)
{
	const struct given *given = ctx;
	const struct span *bytes = map_get(&given->bytes, path);
	if (bytes == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "no such file");
	*out_bytes = *bytes;
	return true;
}

static bool identify(void *ctx, struct span path, struct span *out_id)
{
	struct given *given = ctx;
	const struct span *bytes = map_get(&given->bytes, path);
	if (bytes != NULL)
		*out_id = id_of(&given->tree.arena, *bytes);
	return bytes != NULL;
}

static void put_file(struct given *given, const char *path, const struct text *text)
{
	struct span *bytes = ARENA_NEW(&given->tree.arena, struct span);
	*bytes = arena_copy(&given->tree.arena, text_span(text));
	*map_at(&given->bytes, span_of(path)) = bytes;
}

static bool is_known(const struct source_known *known, struct span id)
{
	for (size_t i = 0; known != NULL && i < known->input_count; i++)
		if (span_eq(known->inputs[i].id, id))
			return true;
	return false;
}

/* Bytes of what is known are left out, as Git does it. */
static void add_inputs(struct given *given, const struct source_known *known)
{
	struct arena *arena = &given->tree.arena;
	for (size_t i = 0; i < given->bytes.count; i++) {
		struct span path = given->bytes.entries[i].key, bytes = *(const struct span *)given->bytes.entries[i].value;
		if (!tree_is_document_name(path))
			continue;
		struct span id = id_of(arena, bytes);
		tree_add_input(&given->tree.tree, path, is_known(known, id) ? (struct span){NULL, 0} : bytes);
		given->tree.tree.inputs[given->tree.tree.input_count - 1].id = id;
	}
	tree_sort(&given->tree.tree);
	for (size_t i = 0; known != NULL && i < known->other_count; i++) {
		struct source_file *other = &given->tree.others[given->tree.other_count++];
		*other = (struct source_file){.path = known->others[i].path};
		identify(given, other->path, &other->id);
	}
}

static void give(const struct world *world, const struct source_known *known, struct given *given)
{
	*given = (struct given){.tree = {.references = 1}};
	struct arena *arena = &given->tree.arena;
	struct text text;
	arena_init(arena, ARENA_NO_LIMIT);
	text_init(&text, TEXT_NO_LIMIT);
	tree_init(&given->tree.tree, arena);
	diag_list_init(&given->tree.diags, arena);
	map_init(&given->bytes, arena);
	given->tree.others = ARENA_ARRAY(arena, struct source_file, known == NULL ? 1 : known->other_count + 1);
	given->tree.tree.read = read_file;
	given->tree.tree.identify = identify;
	given->tree.tree.ctx = given;
	for (unsigned file = 0; file < FILES; file++) {
		text_reset(&text);
		for (size_t i = 0; i < world->count; i++)
			if (world->items[i].file == file)
				add_item(&text, &world->items[i]);
		if (text.len > 0)
			put_file(given, files[file], &text);
	}
	for (unsigned patch = 1; patch < PATCHES; patch++) {
		text_reset(&text);
		text_adds(&text, contents[world->patches[patch]]);
		if (world->patches[patch] != 0)
			put_file(given, patches[patch], &text);
	}
	add_inputs(given, known);
	text_done(&text);
}

/* --- a renderer without walls ------------------------------------------------------------------------------------------------ */

struct serving {
	struct tree *tree;
	const struct fleet_taker *taker;
};

static bool serve(void *ctx, struct span path, struct span *out_bytes, struct fail *fail)
{
	const struct serving *serving = ctx;
	struct tree *tree = serving->tree;
	struct span id;
	if (!tree->read(tree->ctx, path, out_bytes, fail))
		return false;
	assert_true(tree->identify(tree->ctx, path, &id));
	serving->taker->see_served(serving->taker->ctx, path, id, out_bytes->len);
	return true;
}

static bool render_here(void *ctx, struct tree *tree, const struct fleet_options *options, const struct fleet_taker *taker,
			struct arena *arena, struct fleet **out, struct fail *fail)
{
	struct arena scratch;
	struct fleet fleet;
	struct text message;
	struct wire wire;
	struct serving serving = {tree, taker};
	struct tree child = *tree;
	(void)ctx;
	for (size_t i = 0; i < tree->input_count; i++)
		assert_true(tree_load(tree, &tree->inputs[i], fail));
	arena_init(&scratch, ARENA_NO_LIMIT);
	text_init(&message, TEXT_NO_LIMIT);
	child.arena = &scratch;
	child.read = serve;
	child.ctx = &serving;
	fleet_init(&fleet, &scratch, options);
	bool ok = fleet_load(&fleet, &child, fail);
	if (ok) {
		wire_put_fleet(&message, &fleet);
		wire_init(&wire, arena, text_span(&message), 64 << 20);
		wire.taker = taker;
		ok = wire_fleet(&wire, options, out, fail);
		memset(message.ptr, 'x', message.len);
	}
	text_done(&message);
	arena_done(&scratch);
	return ok;
}

static const struct renderer renderer = {render_here, NULL};

/* --- telling snapshots apart -------------------------------------------------------------------------------------------------- */

static void dump_piece(struct text *out, const struct snapshot *snapshot, size_t index)
{
	const struct cluster *cluster = snapshot->fleet->clusters[index];
	const struct piece *piece = &snapshot->pieces[index];
	const struct span texts[] = {cluster->name,    cluster->object,	       cluster->ns,	    cluster->connection, cluster->approve,
				     cluster->allow_destroy, cluster->head->file, cluster->head->name, cluster->head->ns};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		text_addf(out, "%.*s|", SPAN_ARG(texts[i]));
	text_addf(out, "%d%d%d%d%d %s %s %u %zu %llx %llx %d %llx\n", cluster->is_template, cluster->has_errors, cluster->suspend,
		  cluster->orphan, cluster->destroy_machines, cluster->template_hash, piece->content, cluster->head->root.line,
		  cluster->head->begin, (unsigned long long)piece->resources, (unsigned long long)piece->sent, piece->expected.is_certain,
		  (unsigned long long)piece->expected.whole);
	for (size_t i = 0; i < piece->expected.text_count; i++)
		text_addf(out, " t%llx=%llx", (unsigned long long)piece->expected.texts[i].key, (unsigned long long)piece->expected.texts[i].bytes);
	for (size_t i = 0; i < piece->document_count; i++)
		text_addf(out, " d%llx", (unsigned long long)piece->documents[i]);
	for (size_t i = 0; i < piece->id_count; i++)
		text_addf(out, " i%llx", (unsigned long long)piece->ids[i]);
	for (size_t i = 0; i < piece->file_count; i++)
		text_addf(out, " f%.*s", SPAN_ARG(snapshot_path(&snapshot->files[piece->files[i]])));
	text_addc(out, '\n');
}

/* The resources, read back. */
static void dump_content(struct text *out, struct snapshot *snapshot, size_t index)
{
	const struct declared declared = {snapshot, snapshot->fleet->clusters[index], index};
	const struct cluster *cluster;
	struct arena arena;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_true(snapshot_cluster(&declared, &arena, &cluster, &fail));
	for (size_t i = 0; i < cluster->resources.count; i++)
		resource_print(out, cluster->resources.items[i], false);
	arena_done(&arena);
}

static void dump_fleet(struct text *out, const struct snapshot *snapshot)
{
	const struct fleet *fleet = snapshot->fleet;
	diag_print(out, &fleet->diags, DIAG_JSON, NULL, false);
	text_addf(out, "%zu errors %zu warnings %zu documents %d incomplete %d exact\n", fleet->diags.error_count,
		  fleet->diags.warning_count, snapshot->document_count, fleet->is_incomplete, snapshot->is_exact);
	for (size_t i = 0; i < fleet->broken_count; i++)
		text_addf(out, "broken %.*s\n", SPAN_ARG(fleet->broken_files[i]));
	for (size_t i = 0; i < fleet->document_count; i++)
		text_addf(out, "faulty %.*s %.*s\n", SPAN_ARG(fleet->documents[i]->file), SPAN_ARG(fleet->documents[i]->name));
	for (size_t i = 0; i < fleet->raw_count; i++) {
		const struct raw_resource *raw = fleet->raws[i];
		text_addf(out, "raw %.*s %.*s %.*s:%u %d\n", SPAN_ARG(raw->connection), SPAN_ARG(raw->ns), SPAN_ARG(raw->document->file),
			  raw->document->root.line, raw->has_errors);
		resource_print(out, raw->resource, false);
	}
	for (size_t i = 0; i < fleet->connection_count; i++)
		text_addf(out, "connection %.*s %.*s %.*s\n", SPAN_ARG(fleet->connections[i]->ns), SPAN_ARG(fleet->connections[i]->name),
			  SPAN_ARG(fleet->connections[i]->endpoint));
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What the next splice builds upon; the order of reads and objects says nothing. */
static void dump_ledger(struct text *out, const struct snapshot *snapshot)
{
	struct arena arena;
	size_t count = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	char **lines = ARENA_ARRAY(&arena, char *, snapshot->read_count + snapshot->object_count + 1);
	for (size_t i = 0; i < snapshot->read_count; i++)
		lines[count++] = (char *)(uintptr_t)arena_spanf(&arena, "%.*s reads %.*s",
								SPAN_ARG(snapshot_path(&snapshot->files[snapshot->reads[i].reader])),
								SPAN_ARG(snapshot_path(&snapshot->files[snapshot->reads[i].file]))).ptr;
	for (size_t i = 0; i < snapshot->object_count; i++)
		lines[count++] = (char *)(uintptr_t)arena_spanf(&arena, "%llx in %.*s", (unsigned long long)snapshot->objects[i].digest,
								SPAN_ARG(snapshot_path(&snapshot->files[snapshot->objects[i].file]))).ptr;
	qsort(lines, count, sizeof *lines, compare_lines);
	for (size_t i = 0; i < count; i++)
		text_addf(out, "%s\n", lines[i]);
	for (size_t i = 0; i < snapshot->file_count; i++) {
		const struct snapshot_file *file = &snapshot->files[i];
		text_addf(out, "%s %.*s %.*s %u %d\n", i < snapshot->input_count ? "input" : "named", SPAN_ARG(snapshot_path(file)),
			  SPAN_ARG(snapshot_id(file)), file->documents, file->is_for_all);
	}
	arena_done(&arena);
}

static void dump(struct text *out, struct snapshot *snapshot)
{
	dump_fleet(out, snapshot);
	assert_int_equal(snapshot->piece_count, snapshot->fleet->cluster_count);
	for (size_t i = 0; i < snapshot->piece_count; i++) {
		dump_piece(out, snapshot, i);
		dump_content(out, snapshot, i);
	}
	if (snapshot->is_exact)
		dump_ledger(out, snapshot);
}

/* --- edits -------------------------------------------------------------------------------------------------------------------- */

static struct item *push(struct world *world, struct item item)
{
	static struct item spare;
	if (world->count == ITEMS_MAX)
		return &spare;
	world->items[world->count] = item;
	return &world->items[world->count++];
}

static void drop(struct world *world, size_t index)
{
	memmove(&world->items[index], &world->items[index + 1], (world->count - index - 1) * sizeof *world->items);
	world->count--;
}

static bool has_cluster(const struct world *world, unsigned cluster)
{
	for (size_t i = 0; i < world->count; i++)
		if (world->items[i].cluster == cluster && (world->items[i].kind == CLUSTER || world->items[i].kind == PLAIN))
			return true;
	return false;
}

static void remove_cluster(struct world *world, unsigned cluster)
{
	for (size_t i = world->count; i > 0; i--)
		if (world->items[i - 1].cluster == cluster && world->items[i - 1].kind <= PLAIN)
			drop(world, i - 1);
}

/* In one file, or with parts of it elsewhere. */
static void add_whole(struct world *world, struct dice *dice)
{
	unsigned cluster = dice_roll(dice, CLUSTERS), file = dice_roll(dice, 8), patch = dice_roll(dice, 2) ? 0 : dice_roll(dice, PATCHES);
	if (has_cluster(world, cluster))
		return;
	if (dice_roll(dice, 5) == 0) {
		push(world, (struct item){PLAIN, cluster, world->next++, 8 + dice_roll(dice, 4), 0, patch});
		return;
	}
	push(world, (struct item){CLUSTER, cluster, 0, file, 0, patch});
	push(world, (struct item){CONTROL_PLANE, cluster, world->next++, dice_roll(dice, 5) ? file : dice_roll(dice, 8), 0, 0});
	if (dice_roll(dice, 2)) {
		unsigned number = world->next++;
		push(world, (struct item){WORKERS, cluster, number, file, 0, patch});
		push(world, (struct item){MACHINE, cluster, number, dice_roll(dice, 5) ? file : dice_roll(dice, 8), 0, 0});
	}
	if (dice_roll(dice, 3) == 0)
		push(world, (struct item){EXPORT, cluster, world->next++, dice_roll(dice, 3) ? file : dice_roll(dice, 8), 0, 0});
}

static void edit_item(struct world *world, struct dice *dice)
{
	struct item *item = &world->items[dice_roll(dice, (unsigned)world->count)];
	switch (dice_roll(dice, 12)) {
	case 0:
		item->file = dice_roll(dice, FILES);
		break;
	case 1:
		item->number = dice_roll(dice, world->next);
		break;
	case 2:
		item->patch = dice_roll(dice, PATCHES);
		break;
	case 3:
		push(world, *item)->file = dice_roll(dice, FILES);
		break;
	case 4:
		drop(world, (size_t)(item - world->items));
		break;
	case 5:
		item->cluster = dice_roll(dice, CLUSTERS);
		break;
	default:
		item->variant++;
		break;
	}
}

static void rename_file(struct world *world, struct dice *dice)
{
	unsigned from = dice_roll(dice, FILES), to = dice_roll(dice, FILES);
	for (size_t i = 0; i < world->count; i++)
		if (world->items[i].file == from)
			world->items[i].file = to;
}

static void edit(struct world *world, struct dice *dice)
{
	static const enum item_kind alone[] = {EXPORT, CLASS, RESOURCE, CONNECTION, STRANGE, MACHINE, WORKERS};
	unsigned patch = 1 + dice_roll(dice, PATCHES - 1);
	switch (world->count == 0 ? 0 : dice_roll(dice, 12)) {
	case 0:
	case 1:
		add_whole(world, dice);
		break;
	case 2:
		remove_cluster(world, dice_roll(dice, CLUSTERS));
		break;
	case 3:
		world->patches[patch] = dice_roll(dice, dice_roll(dice, 3) ? CONTENTS - 1 : CONTENTS);
		break;
	case 4:
		rename_file(world, dice);
		break;
	case 5:
		push(world, (struct item){alone[dice_roll(dice, 7)], dice_roll(dice, CLUSTERS), world->next++, dice_roll(dice, 8), 0, 0});
		break;
	default:
		edit_item(world, dice);
		break;
	}
	world->next %= 90000;
}

/* --- the property --------------------------------------------------------------------------------------------------------------- */

static struct snapshot *render(const struct world *world, const struct snapshot *before, struct text *out)
{
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct given given;
	struct arena arena;
	struct snapshot *snapshot = NULL;
	struct fail fail = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	give(world, snapshot_known(before, &arena), &given);
	if (!snapshot_render(&renderer, &options, &given.tree, before, true, &snapshot, &fail))
		fail_msg("%s", fail.text);
	arena_done(&given.tree.arena);
	arena_done(&arena);
	text_reset(out);
	dump(out, snapshot);
	return snapshot;
}

static size_t number_from(const char *name, size_t otherwise)
{
	const char *value = getenv(name);
	return value == NULL ? otherwise : strtoul(value, NULL, 10);
}

static void fail_different(size_t step, const char *seed, const struct text *a, const struct text *b)
{
	size_t at = 0;
	while (at < a->len && at < b->len && a->ptr[at] == b->ptr[at])
		at++;
	size_t from = at < 200 ? 0 : at - 200;
	fail_msg("SEED=%s, step %zu: on top of what was there …%.600s\nand from nothing …%.600s", seed, step, b->ptr + from, a->ptr + from);
}

static void what_is_kept_makes_no_difference(void **state)
{
	struct world world = {.patches = {0, 1, 2, 1, 0, 3, 2}, .next = 1}, good = world;
	struct text whole, spliced;
	struct snapshot *current = NULL;
	const char *seed = getenv("SEED") == NULL ? "1" : getenv("SEED");
	size_t steps = number_from("N", 1500), splices = 0, faulty = 0, kept = 0;
	struct dice dice = {0x9e3779b97f4a7c15u ^ (number_from("SEED", 1) << 20)};
	(void)state;
	text_init(&whole, TEXT_NO_LIMIT);
	text_init(&spliced, TEXT_NO_LIMIT);
	for (size_t step = 0; step < steps; step++) {
		bool is_lost = current != NULL && current->fleet->diags.error_count > 0 && dice_roll(&dice, 2) == 0;
		if (is_lost)
			world = good;
		else
			edit(&world, &dice);
		struct snapshot *next = render(&world, current, &spliced);
		struct snapshot *fresh = render(&world, NULL, &whole);
		if (!span_eq(text_span(&whole), text_span(&spliced)))
			fail_different(step, seed, &whole, &spliced);
		assert_true(snapshot_same(next, fresh));
		splices += next->rendered_files < next->input_count;
		kept += next->input_count - next->rendered_files;
		faulty += next->fleet->diags.error_count > 0;
		if (next->fleet->diags.error_count == 0)
			good = world;
		snapshot_unref(fresh);
		snapshot_unref(current);
		current = next;
	}
	print_message("# %zu steps, %zu spliced (%zu files kept), %zu with faults\n", steps, splices, kept, faulty);
	assert_true(steps < 500 || (splices > steps / 5 && faulty > steps / 20));
	snapshot_unref(current);
	text_done(&whole);
	text_done(&spliced);
}

/* --- what chance meets rarely ------------------------------------------------------------------------------------------------ */

#define WHOLE(cluster, number, file) {CLUSTER, cluster, 0, file, 0, 0}, {CONTROL_PLANE, cluster, number, file, 0, 0}

static const struct {
	const char *what, *code; /* the code is reported after the change and not before */
	struct world before;
	struct item more; /* comes with the change */
	size_t gone;	  /* item that goes, from 1 */
	unsigned patch;	  /* file that appears */
} cases[] = {
	{"a patch of the same ID elsewhere", "DuplicateResource",
	 {{WHOLE(0, 10, 0), {WORKERS, 0, 20, 0, 3, 1}, WHOLE(2, 11, 1)}, 5, {0, 1}, 1}, {WORKERS, 2, 24, 1, 3, 1}, 0, 0},
	{"an object of the same name elsewhere", "DuplicateObject",
	 {{WHOLE(0, 10, 0), {WORKERS, 0, 5, 0, 0, 0}, {MACHINE, 0, 5, 0, 0, 0}, WHOLE(2, 11, 1), {WORKERS, 2, 21, 1, 0, 0}}, 7, {0}, 1},
	 {MACHINE, 2, 21, 1, 0, 0}, 0, 0},
	{"an object that is no part of a cluster, too", "DuplicateObject",
	 {{WHOLE(0, 10, 0), {EXPORT, 0, 1, 0, 0, 0}, WHOLE(2, 11, 1)}, 5, {0}, 1}, {EXPORT, 2, 9, 1, 0, 0}, 0, 0},
	{"a machine of another cluster", "DuplicateMachine",
	 {{WHOLE(0, 10, 0), WHOLE(3, 11, 1)}, 4, {0}, 1}, {WORKERS, 3, 10, 1, 0, 0}, 0, 0},
	{"a machine class of the same name", "DuplicateResource",
	 {{WHOLE(0, 10, 0), {CLASS, 0, 3, 2, 0, 0}}, 3, {0}, 1}, {RESOURCE, 0, 3, 1, 0, 0}, 0, 0},
	{"a cluster goes that a document elsewhere names", "UnknownReference",
	 {{{PLAIN, 0, 10, 8, 0, 0}, {EXPORT, 0, 1, 0, 0, 0}, WHOLE(2, 11, 1)}, 4, {0}, 1}, {STRANGE, 0, 0, 5, 0, 0}, 1, 0},
	{"the control plane in another file goes", "MissingControlPlane",
	 {{{CLUSTER, 0, 0, 0, 0, 0}, {CONTROL_PLANE, 0, 10, 1, 0, 0}, WHOLE(2, 11, 2)}, 4, {0}, 1}, {STRANGE, 0, 0, 5, 0, 0}, 2, 0},
	{"a second file of the name that a template uses", "AmbiguousFile",
	 {{{PLAIN, 0, 10, 8, 0, 5}, WHOLE(2, 11, 1)}, 3, {0, 0, 0, 0, 0, 1}, 1}, {STRANGE, 0, 0, 5, 0, 0}, 0, 4},
	{"a connection appears beside another", "UnknownReference",
	 {{WHOLE(0, 10, 0), WHOLE(3, 11, 1)}, 4, {0}, 1}, {CONNECTION, 0, 1, 2, 0, 0}, 0, 0},
};

static bool reports(const struct snapshot *snapshot, const char *code)
{
	for (size_t i = 0; i < snapshot->fleet->diags.count; i++)
		if (strcmp(snapshot->fleet->diags.items[i].code, code) == 0)
			return true;
	return false;
}

static void what_both_sides_have_is_found(void **state)
{
	struct text whole, spliced;
	(void)state;
	text_init(&whole, TEXT_NO_LIMIT);
	text_init(&spliced, TEXT_NO_LIMIT);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world world = cases[i].before;
		struct snapshot *before = render(&world, NULL, &whole);
		if (!before->is_exact || reports(before, cases[i].code))
			fail_msg("%s: the beginning is not good: %s", cases[i].what, whole.ptr);
		if (cases[i].gone > 0)
			drop(&world, cases[i].gone - 1);
		push(&world, cases[i].more);
		if (cases[i].patch > 0)
			world.patches[cases[i].patch] = 1;
		struct snapshot *next = render(&world, before, &spliced), *fresh = render(&world, NULL, &whole);
		if (!reports(fresh, cases[i].code))
			fail_msg("%s: nothing is found: %s", cases[i].what, whole.ptr);
		if (!span_eq(text_span(&whole), text_span(&spliced)))
			fail_different(i, cases[i].what, &whole, &spliced);
		snapshot_unref(before);
		snapshot_unref(next);
		snapshot_unref(fresh);
	}
	text_done(&whole);
	text_done(&spliced);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_both_sides_have_is_found),
		cmocka_unit_test(what_is_kept_makes_no_difference),
	};
	return RUN_TESTS(tests);
}
