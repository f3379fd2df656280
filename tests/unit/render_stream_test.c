/* A stream of texts finishes whole clusters while their files are at hand. Whatever the files hold: clusters, their order
 * and bytes, and all that is said about them, are those of a fleet that is loaded whole. */
#include "render/fleet.h"
#include "tests/unit/test.h"

#define ID(n) "430d882a-51a8-48b3-ab00-00000000000" #n
#define HEAD(kind, name) "---\napiVersion: omni.texashpc.com/v1alpha1\nkind: " kind "\nmetadata: {name: " name ", namespace: omni}\nspec:\n"
#define CLUSTER(name)                                                                                                  \
	HEAD("OmniCluster", name)                                                                                      \
	"  connectionRef: {name: main}\n  kubernetes: {version: v1.36.1}\n  talos: {version: v1.13.5}\n"
#define CONTROL_PLANE(name, id) HEAD("OmniControlPlane", name "-cp") "  clusterRef: {name: " name "}\n  machines: [" id "]\n"
#define WORKERS(name, set, ids) HEAD("OmniWorkers", name "-" set) "  clusterRef: {name: " name "}\n  machines: [" ids "]\n"
#define MACHINE(name, object, id) HEAD("OmniMachine", object) "  clusterRef: {name: " name "}\n  machineID: " id "\n"
#define WHOLE(name, id) CLUSTER(name) CONTROL_PLANE(name, id)
#define PATCH(file) "  patches: [{file: " file "}]\n"
#define OVERRIDE(id) "  patches: [{name: x, idOverride: " id ", inline: {machine: {sysctls: {a: b}}}}]\n"
#define NAMED(name, set, ids) HEAD("OmniWorkers", name "-x-" set) "  clusterRef: {name: " name "}\n  workerSetName: " set "\n  machines: [" ids "]\n"
#define EXPORT(object, name)                                                                                           \
	HEAD("OmniKubeconfigExport", object)                                                                           \
	"  clusterRef: {name: " name "}\n  targetSecretRef: {name: k}\n  serviceAccount: {user: u, groups: [g]}\n  ttl: 24h\n" \
	"  deletionPolicy: Delete\n"
#define CONNECTION(name)                                                                                               \
	HEAD("OmniConnection", name)                                                                                   \
	"  endpoint: https://omni.example.com\n  auth: {serviceAccountSecretRef: {name: s}}\n"
#define PLAIN(name, id)                                                                                                \
	"kind: Cluster\nname: " name "\nkubernetes:\n  version: v1.36.1\ntalos:\n  version: v1.13.5\n---\nkind: ControlPlane\n" \
	"machines:\n  - " id "\n"
#define STRANGE "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"

enum { FILES_MAX = 4 };

static const struct sample {
	const char *what;
	const char *files[FILES_MAX];
	size_t documents; /* that stay, when nothing is wrong: others went with their file */
	const char *code; /* one of those that are reported; NULL: nothing is */
} samples[] = {
	{"one cluster", {WHOLE("a", ID(1))}, 0, NULL},
	{"files of one cluster each, not in order", {WHOLE("b", ID(1)), WHOLE("a", ID(2)), WHOLE("c", ID(3))}, 0, NULL},
	{"two clusters in a file, children first",
	 {MACHINE("b", "m", ID(2)) CONTROL_PLANE("a", ID(1)) CLUSTER("b") CONTROL_PLANE("b", ID(2)) CLUSTER("a") STRANGE}, 0, NULL},
	{"a cluster over two files beside whole ones", {WHOLE("c", ID(1)), CLUSTER("b"), CONTROL_PLANE("b", ID(2)), WHOLE("a", ID(3))},
	 2, NULL},
	{"children in front of their cluster, which is in another file",
	 {MACHINE("a", "m", ID(1)) CONTROL_PLANE("a", ID(1)), WHOLE("c", ID(3)) CONTROL_PLANE("b", ID(2)), CLUSTER("a"), CLUSTER("b")},
	 6 + 1, NULL},
	{"a child of a cluster that is done", {WHOLE("a", ID(1)), WORKERS("a", "w", ID(2)), WHOLE("b", ID(3))}, 5, NULL},
	{"a plain template between", {WHOLE("c", ID(1)), PLAIN("b", ID(2)), WHOLE("a", ID(3))}, 2, NULL},
	{"one document for another use of a cluster", {WHOLE("a", ID(1)), EXPORT("e", "a"), WHOLE("b", ID(2))}, 1, NULL},
	{"connections", {CONNECTION("main"), WHOLE("a", ID(1))}, 1, NULL},
	{"documents of others", {STRANGE, WHOLE("a", ID(1)), STRANGE STRANGE}, 0, NULL},
	{"nothing", {"", "# nothing\n"}, 0, NULL},
	{"a list", {"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: omni.texashpc.com/v1alpha1, kind: OmniCluster, metadata: {name: l}, "
		    "spec: {connectionRef: {name: main}, kubernetes: {version: v1.36.1}, talos: {version: v1.13.5}}}\n"
		    "- {apiVersion: omni.texashpc.com/v1alpha1, kind: OmniControlPlane, metadata: {name: l}, "
		    "spec: {clusterRef: {name: l}, machines: [" ID(1) "]}}\n"}, 0, NULL},
	{"a warning in a whole cluster", {WHOLE("b", "430D882A-51A8-48B3-AB00-000000000001"), WHOLE("a", ID(2))}, 0, "MachineIdForm"},
	{"a warning about a file of two clusters",
	 {WHOLE("b", ID(1)) PATCH("warn.yaml"), CLUSTER("a") PATCH("warn.yaml"), CONTROL_PLANE("a", ID(2))}, 4, "UnknownPatchKind"},
	{"the same name on two Omnis",
	 {CONNECTION("main") "---\n" CONNECTION("more"), WHOLE("a", ID(1)),
	  "---\napiVersion: omni.texashpc.com/v1alpha1\nkind: OmniCluster\nmetadata: {name: a, namespace: two}\nspec:\n"
	  "  connectionRef: {name: far}\n  kubernetes: {version: v1.36.1}\n  talos: {version: v1.13.5}\n"
	  "---\napiVersion: omni.texashpc.com/v1alpha1\nkind: OmniControlPlane\nmetadata: {name: a, namespace: two}\nspec:\n"
	  "  clusterRef: {name: a}\n  machines: [" ID(2) "]\n"}, 6, NULL},
	{"an object twice", {WHOLE("a", ID(1)) MACHINE("a", "m", ID(1)), WHOLE("b", ID(2)) MACHINE("b", "m", ID(2))}, 0, "DuplicateObject"},
	{"a cluster twice", {WHOLE("a", ID(1)), PLAIN("a", ID(2))}, 0, "DuplicateCluster"},
	{"a machine in two clusters", {WHOLE("a", ID(1)), WHOLE("b", ID(1))}, 0, "DuplicateMachine"},
	{"a machine in a whole cluster and in one that is not", {WHOLE("a", ID(1)), CLUSTER("b"), CONTROL_PLANE("b", ID(1))}, 0,
	 "DuplicateMachine"},
	{"no such connection beside others", {WHOLE("a", ID(1)), CONNECTION("other")}, 3, "UnknownReference"},
	{"a use of no cluster", {WHOLE("a", ID(1)), EXPORT("e", "aa")}, 0, "UnknownReference"},
	{"a use where there are no clusters", {EXPORT("e", "aa"), STRANGE}, 1, "UnknownReference"},
	{"a child of no cluster", {WHOLE("a", ID(1)), WORKERS("aa", "w", ID(2)), WHOLE("b", ID(3))}, 0, "UnknownReference"},
	{"a cluster without a control plane", {WHOLE("a", ID(1)), CLUSTER("b")}, 0, "MissingControlPlane"},
	{"sets of one name, of two clusters", {WHOLE("a", ID(1)) WORKERS("a", "b-w", ID(2)), WHOLE("a-a", ID(3)) WORKERS("a-a", "b-w", ID(4))}, 0,
	 NULL},
	{"sets that come to one name", {WHOLE("a", ID(1)) NAMED("a", "b-w", ID(2)), WHOLE("a-b", ID(3)) NAMED("a-b", "w", ID(4))}, 0,
	 "DuplicateResource"},
	{"patches of one ID", {WHOLE("a", ID(1)) OVERRIDE("one"), WHOLE("b", ID(2)), WHOLE("c", ID(3)) OVERRIDE("one")}, 0, "DuplicateResource"},
	{"patches of one ID, in a cluster over two files", {CLUSTER("a") OVERRIDE("one"), CONTROL_PLANE("a", ID(1)) OVERRIDE("one")}, 0,
	 "DuplicateResource"},
	{"a patch that is called like that of another cluster",
	 {WHOLE("a", ID(1)) "  patches: [{name: x, inline: {machine: {sysctls: {a: b}}}}]\n", WHOLE("b", ID(2)) OVERRIDE("400-a-control-planes-x")}, 0,
	 "DuplicateResource"},
	{"an error at the end", {WHOLE("a", ID(1)), WHOLE("b", ID(2)) "  nonsense: 1\n"}, 0, "UnknownField"},
	{"a file that does not parse", {WHOLE("a", ID(1)), "a: [\n", WHOLE("b", ID(2))}, 0, "YamlSyntax"},
};

static bool read_patch(void *ctx, struct span path, struct span *out, struct fail *fail)
{
	(void)ctx;
	if (!span_is(path, "warn.yaml"))
		return fail_set(fail, FAIL_NOT_FOUND, "no such file");
	*out = SPAN("apiVersion: v1alpha1\nkind: NewConfig\n");
	return true;
}

struct loaded {
	struct arena arena;
	struct tree tree;
	struct fleet fleet;
};

static void (*writes)(struct text *out, struct arena *arena, const struct cluster *cluster);

static void load(struct loaded *loaded, const struct sample *sample, bool is_stream)
{
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fail fail = {0};
	options.stream = options.text_only = options.check_ids = is_stream;
	options.translate = !is_stream;
	options.write = is_stream ? writes : NULL;
	arena_init(&loaded->arena, ARENA_NO_LIMIT);
	tree_init(&loaded->tree, &loaded->arena);
	loaded->tree.read = read_patch;
	for (size_t i = 0; i < FILES_MAX && sample->files[i] != NULL; i++)
		tree_add_input(&loaded->tree, arena_spanf(&loaded->arena, "%zu.yaml", i), span_of(sample->files[i]));
	fleet_init(&loaded->fleet, &loaded->arena, &options);
	if (!fleet_load(&loaded->fleet, &loaded->tree, &fail))
		fail_msg("%s", fail.text);
}

static void compare_diags(const struct sample *sample, const struct diag_list *whole, const struct diag_list *stream)
{
	struct text a, b;
	bool is_there = sample->code == NULL;
	text_init(&a, TEXT_NO_LIMIT);
	text_init(&b, TEXT_NO_LIMIT);
	diag_print(&a, whole, DIAG_JSON, NULL, false);
	diag_print(&b, stream, DIAG_JSON, NULL, false);
	assert_string_equal(b.ptr, a.ptr);
	assert_int_equal(stream->error_count, whole->error_count);
	assert_int_equal(stream->warning_count, whole->warning_count);
	for (size_t i = 0; i < whole->count; i++)
		is_there |= sample->code != NULL && strcmp(whole->items[i].code, sample->code) == 0;
	if (!is_there || (sample->code == NULL && whole->count > 0))
		fail_msg("%s: reported is %s", sample->what, a.ptr);
	text_done(&a);
	text_done(&b);
}

struct seen {
	const struct sample *sample;
	const struct fleet *whole;
	size_t count;
};

static bool see(void *ctx, const struct cluster *cluster, struct fail *fail)
{
	struct seen *seen = ctx;
	const struct cluster *same = seen->whole->clusters[seen->count++];
	(void)fail;
	if (!span_eq(cluster->template_text, same->template_text))
		fail_msg("%s: the text is\n%.*s", seen->sample->what, SPAN_ARG(cluster->template_text));
	assert_string_equal(cluster->template_hash, same->template_hash);
	assert_true(span_eq(cluster->name, same->name));
	assert_true(span_eq(cluster->object, same->object));
	assert_true(span_eq(cluster->ns, same->ns));
	assert_true(span_eq(cluster->connection, same->connection));
	assert_true(span_eq(cluster->head->file, same->head->file));
	return true;
}

static void compare_clusters(const struct sample *sample, const struct fleet *whole, struct fleet *stream)
{
	struct seen seen = {.sample = sample, .whole = whole};
	struct fail fail;
	assert_int_equal(stream->cluster_count, whole->cluster_count);
	for (int again = 0; again < 2; again++) {
		seen.count = 0;
		assert_true(fleet_each(stream, see, &seen, &fail));
		assert_int_equal(seen.count, whole->cluster_count);
	}
	if (stream->document_count != sample->documents)
		fail_msg("%s: %zu documents stay", sample->what, stream->document_count);
}

static void a_stream_is_as_good_as_the_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		struct loaded whole, stream;
		load(&whole, &samples[i], false);
		load(&stream, &samples[i], true);
		compare_diags(&samples[i], &whole.fleet.diags, &stream.fleet.diags);
		assert_int_equal(stream.fleet.is_incomplete, whole.fleet.is_incomplete);
		if (whole.fleet.diags.error_count == 0)
			compare_clusters(&samples[i], &whole.fleet, &stream.fleet);
		arena_done(&whole.arena);
		arena_done(&stream.arena);
	}
}

/* --- whatever asks for one ID -------------------------------------------------------------------------------------- */

static unsigned roll(uint64_t *state, unsigned sides)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned)((*state >> 11) % sides);
}

/* Names of which some come to the same behind different prefixes. */
static const char *const cluster_names[] = {"a", "a-b", "a-b-c", "b"};
static const char *const set_names[] = {"w", "b", "b-w", "c-w", "b-c-w"};
static const char *const item_names[] = {"x", "w-x", "b-x", "install-disk"};
static const char *const overrides[] = {"one", "400-a-b-w-x", "200-cluster-a-b-x", "cluster-a-b-x", "a-b-w"};
#define PICK(state, list) ((list)[roll((state), sizeof(list) / sizeof *(list))])

static void add_items(struct text *out, uint64_t *state, const char *indent)
{
	if (roll(state, 3) == 0)
		text_addf(out, "%ssystemExtensions: [siderolabs/qemu-guest-agent]\n", indent);
	if (roll(state, 2) == 0)
		return;
	text_addf(out, "%spatches:\n", indent);
	for (unsigned i = 1 + roll(state, 2); i > 0; i--) {
		text_addf(out, "%s- name: %s\n%s  inline: {machine: {sysctls: {a: b}}}\n", indent, PICK(state, item_names), indent);
		if (roll(state, 3) == 0)
			text_addf(out, "%s  idOverride: %s\n", indent, PICK(state, overrides));
	}
}

static void add_machine(struct text *out, uint64_t *state, const char *cluster, unsigned id, bool is_plain)
{
	if (is_plain)
		text_addf(out, "---\nkind: Machine\nname: 430d882a-51a8-48b3-ab00-0000000%05u\ninstall: {disk: /dev/vda}\n", id);
	else
		text_addf(out, HEAD("OmniMachine", "m%u") "  clusterRef: {name: %s}\n  machineID: 430d882a-51a8-48b3-ab00-0000000%05u\n", id, cluster, id);
	add_items(out, state, is_plain ? "" : "  ");
}

static void add_set(struct text *out, uint64_t *state, const char *cluster, const char *set, unsigned id, bool is_plain)
{
	const char *kind = set == NULL ? "ControlPlane" : "Workers";
	if (is_plain)
		text_addf(out, "---\nkind: %s\n", kind);
	else
		text_addf(out, HEAD("Omni%s", "%s-%u") "  clusterRef: {name: %s}\n", kind, cluster, id, cluster);
	if (set != NULL)
		text_addf(out, is_plain ? "name: %s\n" : "  workerSetName: %s\n", set);
	text_addf(out, "%smachines: [430d882a-51a8-48b3-ab00-0000000%05u]\n", is_plain ? "" : "  ", id);
	add_items(out, state, is_plain ? "" : "  ");
}

static void add_checks(struct text *out, uint64_t *state, const char *indent)
{
	text_addf(out, "%s  manifests:\n%s  - name: %s\n%s    mode: full\n", indent, indent, PICK(state, item_names), indent);
	text_addf(out, "%s    inline: [{apiVersion: v1, kind: Namespace, metadata: {name: x}}]\n", indent);
}

static void add_cluster(struct text *out, uint64_t *state, const char *name, unsigned *next)
{
	bool is_plain = roll(state, 3) == 0;
	const char *indent = is_plain ? "" : "  ";
	if (is_plain)
		text_addf(out, "kind: Cluster\nname: %s\n", name);
	else
		text_addf(out, HEAD("OmniCluster", "%s") "  connectionRef: {name: main}\n", name);
	text_addf(out, "%stalos: {version: v1.13.5}\n%skubernetes:\n%s  version: v1.36.1\n", indent, indent, indent);
	if (roll(state, 3) == 0)
		add_checks(out, state, indent);
	add_items(out, state, indent);
	add_set(out, state, name, NULL, (*next)++, is_plain);
	for (unsigned i = roll(state, 3); i > 0; i--) {
		add_set(out, state, name, PICK(state, set_names), *next, is_plain);
		for (unsigned j = roll(state, 4); j > 1; j--) /* rarely the same twice */
			add_machine(out, state, name, *next, is_plain);
		(*next)++;
	}
}

/* Without translating, the same is said about IDs as with it. */
static void random_ids_clash_as_translated_ones_do(void **state)
{
	enum { ROUNDS = 1500 };
	size_t clashes = 0, clean = 0;
	uint64_t dice = 0x2545f4914f6cdd1du;
	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct sample sample = {.what = "random"};
		struct text texts[FILES_MAX];
		struct loaded whole, stream;
		bool has_clash = false;
		unsigned count = 1 + roll(&dice, FILES_MAX), next = 1;
		for (unsigned i = 0; i < count; i++) {
			text_init(&texts[i], TEXT_NO_LIMIT);
			add_cluster(&texts[i], &dice, cluster_names[i], &next);
			sample.files[i] = texts[i].ptr;
		}
		load(&whole, &sample, false);
		load(&stream, &sample, true);
		for (size_t i = 0; i < whole.fleet.diags.count && sample.code == NULL; i++)
			sample.code = whole.fleet.diags.items[i].code;
		for (size_t i = 0; i < whole.fleet.diags.count; i++)
			has_clash |= strcmp(whole.fleet.diags.items[i].code, "DuplicateResource") == 0;
		compare_diags(&sample, &whole.fleet.diags, &stream.fleet.diags);
		clashes += has_clash;
		clean += whole.fleet.diags.error_count == 0;
		arena_done(&whole.arena);
		arena_done(&stream.arena);
		for (unsigned i = 0; i < count; i++)
			text_done(&texts[i]);
	}
	print_message("# %zu clashes, %zu without any fault\n", clashes, clean);
	assert_true(clashes > ROUNDS / 20 && clean > ROUNDS / 20);
}

/* --- something else than the template ------------------------------------------------------------------------------ */

static void write_facts(struct text *out, struct arena *arena, const struct cluster *cluster)
{
	(void)arena;
	text_addf(out, "%.*s %s %zu %s\n%.*s", SPAN_ARG(cluster->name), cluster->template_hash, cluster->document_count,
		  node_get(&cluster->head->root, "kind") == NULL ? "" : node_get(&cluster->head->root, "kind")->text,
		  SPAN_ARG(cluster->template_text));
}

static bool see_written(void *ctx, const struct cluster *cluster, struct fail *fail)
{
	struct seen *seen = ctx;
	struct text text;
	(void)fail;
	text_init(&text, TEXT_NO_LIMIT);
	write_facts(&text, NULL, seen->whole->clusters[seen->count++]);
	if (!span_eq(text_span(&text), cluster->template_text))
		fail_msg("%s: «%.*s» is not «%.*s»", seen->sample->what, SPAN_ARG(cluster->template_text), SPAN_ARG(text_span(&text)));
	text_done(&text);
	return true;
}

static void what_is_written_stays_instead_of_the_template(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
		struct loaded whole, stream;
		struct seen seen = {.sample = &samples[i], .whole = &whole.fleet};
		struct fail fail;
		writes = write_facts;
		load(&whole, &samples[i], false);
		load(&stream, &samples[i], true);
		writes = NULL;
		if (whole.fleet.diags.error_count == 0)
			assert_true(fleet_each(&stream.fleet, see_written, &seen, &fail));
		assert_int_equal(seen.count, whole.fleet.diags.error_count == 0 ? whole.fleet.cluster_count : 0);
		arena_done(&whole.arena);
		arena_done(&stream.arena);
	}
}

/* More than the table of hashes begins with; the last one is there twice. */
static void many_files_clash_as_few_do(void **state)
{
	enum { COUNT = 3000, MACHINES = 12 };
	struct loaded loaded;
	struct fail fail = {0};
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	(void)state;
	for (int is_twice = 0; is_twice < 2; is_twice++) {
		arena_init(&loaded.arena, ARENA_NO_LIMIT);
		tree_init(&loaded.tree, &loaded.arena);
		for (int i = 0; i < COUNT; i++) {
			struct text text;
			text_init(&text, TEXT_NO_LIMIT);
			text_addf(&text, CLUSTER("c%d") CONTROL_PLANE("c%d", ""), i, i, i);
			text.len -= strlen("]\n");
			for (int j = 0; j < MACHINES; j++)
				text_addf(&text, "%s%08x-51a8-48b3-ab00-0000000000%02x", j > 0 ? ", " : "",
					  is_twice && i == COUNT - 1 ? 0 : i, j);
			text_adds(&text, "]\n");
			tree_add_input(&loaded.tree, arena_spanf(&loaded.arena, "%04d.yaml", i), arena_copy(&loaded.arena, text_span(&text)));
			text_done(&text);
		}
		options.stream = options.text_only = true;
		options.translate = false;
		fleet_init(&loaded.fleet, &loaded.arena, &options);
		assert_true(fleet_load(&loaded.fleet, &loaded.tree, &fail));
		assert_int_equal(loaded.fleet.cluster_count, COUNT);
		assert_int_equal(loaded.fleet.diags.error_count, is_twice ? MACHINES : 0);
		assert_int_equal(loaded.fleet.document_count, is_twice ? 2 * COUNT : 0);
		arena_done(&loaded.arena);
	}
}

static void too_many_documents_are_counted_over_all_files(void **state)
{
	static const struct sample sample = {"", {WHOLE("a", ID(1)), WHOLE("b", ID(2)), WHOLE("c", ID(3))}, 0, NULL};
	(void)state;
	for (size_t most = 5; most <= 6; most++) {
		struct loaded loaded;
		struct fail fail = {0};
		struct fleet_options options = FLEET_OPTIONS_DEFAULT;
		options.stream = options.text_only = true;
		options.translate = false;
		options.load_limits.max_documents = most;
		arena_init(&loaded.arena, ARENA_NO_LIMIT);
		tree_init(&loaded.tree, &loaded.arena);
		for (size_t i = 0; i < 3; i++)
			tree_add_input(&loaded.tree, arena_spanf(&loaded.arena, "%zu.yaml", i), span_of(sample.files[i]));
		fleet_init(&loaded.fleet, &loaded.arena, &options);
		assert_int_equal(fleet_load(&loaded.fleet, &loaded.tree, &fail), most == 6);
		assert_int_equal(fail.code, most == 6 ? 0 : FAIL_TOO_BIG);
		arena_done(&loaded.arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_as_good_as_the_whole),
		cmocka_unit_test(random_ids_clash_as_translated_ones_do),
		cmocka_unit_test(what_is_written_stays_instead_of_the_template),
		cmocka_unit_test(many_files_clash_as_few_do),
		cmocka_unit_test(too_many_documents_are_counted_over_all_files),
	};
	return RUN_TESTS(tests);
}
