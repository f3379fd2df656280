/* The bytes between the agent and its children: what is written is read back; what is damaged is refused. */
#include "agent/source/wire.h"
#include "render/fleet.h"
#include "tests/unit/test.h"

static const char documents[] =
	"apiVersion: omni.texashpc.com/v1alpha1\nkind: OmniCluster\nmetadata:\n  name: prod\n  namespace: omni\nspec:\n"
	"  connectionRef:\n    name: main\n  clusterName: prod\n  kubernetes:\n    version: v1.33.0\n  talos:\n    version: v1.11.0\n---\n"
	"apiVersion: omni.texashpc.com/v1alpha1\nkind: OmniControlPlane\nmetadata:\n  name: cp\n  namespace: omni\nspec:\n"
	"  clusterRef:\n    name: prod\n  machineClass:\n    name: cp\n    size: 3\n  patches:\n    - name: x\n      inline:\n"
	"        machine:\n          sysctls:\n            a: 0x10\n            b: \"yes\"\n---\n"
	"metadata:\n  namespace: default\n  type: MachineClasses.omni.sidero.dev\n  id: cp\nspec:\n  matchlabels:\n    - a=b\n"
	"---\nkind: Cluster\nname: broken\n";

static void load(struct arena *arena, struct fleet *fleet, struct tree *tree)
{
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct fail fail;
	tree_init(tree, arena);
	tree_add_input(tree, SPAN("all.yaml"), span_of(documents));
	fleet_init(fleet, arena, &options);
	assert_true(fleet_load(fleet, tree, &fail));
}

static bool read_back(struct arena *arena, struct span message, struct fleet **out)
{
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct wire wire;
	struct fail fail;
	wire_init(&wire, arena, message, 64 << 20);
	return wire_fleet(&wire, &options, out, &fail);
}

static void a_fleet_comes_back(void **state)
{
	(void)state;
	struct arena arena;
	struct tree tree;
	struct fleet fleet, *copy;
	struct text message, again;
	arena_init(&arena, ARENA_NO_LIMIT);
	load(&arena, &fleet, &tree);
	text_init(&message, TEXT_NO_LIMIT);
	text_init(&again, TEXT_NO_LIMIT);
	wire_put_fleet(&message, &fleet);
	assert_true(read_back(&arena, text_span(&message), &copy));
	assert_int_equal(copy->cluster_count, fleet.cluster_count);
	assert_int_equal(copy->raw_count, fleet.raw_count);
	assert_int_equal(copy->diags.count, fleet.diags.count);
	assert_int_equal(copy->diags.error_count, fleet.diags.error_count);
	assert_int_equal(fleet.cluster_count, 2);
	assert_true(fleet.clusters[0]->resources.count + fleet.clusters[1]->resources.count >= 3);
	/* what was read writes the same bytes again, except for what is left out on purpose: nothing here */
	wire_put_fleet(&again, copy);
	assert_true(span_eq(text_span(&message), text_span(&again)));
	text_done(&message);
	text_done(&again);
	arena_done(&arena);
}

/* Every prefix and every single changed byte: refused or understood, never out of bounds (the sanitizers watch). */
static void damage_is_survived(void **state)
{
	(void)state;
	struct arena arena, scratch;
	struct tree tree;
	struct fleet fleet, *copy;
	struct text message;
	arena_init(&arena, ARENA_NO_LIMIT);
	load(&arena, &fleet, &tree);
	text_init(&message, TEXT_NO_LIMIT);
	wire_put_fleet(&message, &fleet);
	for (size_t i = 0; i < message.len; i++) {
		char saved = message.ptr[i];
		static const char values[] = {0, 1, 0x7f, (char)0x80, (char)0xff};
		arena_init(&scratch, ARENA_NO_LIMIT);
		assert_false(read_back(&scratch, (struct span){message.ptr, i}, &copy));
		arena_done(&scratch);
		for (size_t j = 0; j < sizeof values; j++) {
			message.ptr[i] = values[j];
			arena_init(&scratch, ARENA_NO_LIMIT);
			(void)read_back(&scratch, text_span(&message), &copy);
			arena_done(&scratch);
		}
		message.ptr[i] = saved;
	}
	text_done(&message);
	arena_done(&arena);
}

static void numbers_and_texts(void **state)
{
	(void)state;
	struct text out;
	struct arena arena;
	struct wire wire;
	static const uint64_t numbers[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&out, TEXT_NO_LIMIT);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		wire_put_int(&out, numbers[i]);
	wire_put_span(&out, (struct span){NULL, 0});
	wire_put_span(&out, SPAN(""));
	wire_put_span(&out, SPAN("a\0b"));
	wire_put_span(&out, SPAN("bad\nname"));
	wire_init(&wire, &arena, text_span(&out), 0);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		assert_true(wire_int(&wire, UINT64_MAX) == numbers[i]);
	assert_null(wire_span(&wire).ptr);
	struct span empty = wire_span(&wire);
	assert_true(empty.ptr != NULL && empty.len == 0);
	assert_true(span_eq(wire_span(&wire), SPAN("a\0b")));
	assert_null(wire_name(&wire).ptr);
	assert_true(wire.bad);
	text_done(&out);
	arena_done(&arena);
}

static void depth_and_budget_are_limits(void **state)
{
	(void)state;
	struct text out;
	struct arena arena;
	struct wire wire;
	struct node node;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&out, TEXT_NO_LIMIT);
	for (int i = 0; i < 100000; i++)
		text_add(&out, (struct span){(const char[]){NODE_SEQ, 0, 0, 1}, 4});
	wire_init(&wire, &arena, text_span(&out), 64 << 20);
	wire_node(&wire, &node);
	assert_true(wire.bad);
	assert_int_equal(node.kind, NODE_ABSENT);
	text_reset(&out);
	text_add(&out, (struct span){(const char[]){NODE_SEQ, 0, 0}, 3});
	wire_put_int(&out, 1000);
	for (int i = 0; i < 1000; i++)
		text_add(&out, (struct span){(const char[]){NODE_NULL, 0, 0, 0}, 4});
	wire_init(&wire, &arena, text_span(&out), 999 * sizeof(struct node));
	wire_node(&wire, &node);
	assert_true(wire.bad);
	wire_init(&wire, &arena, text_span(&out), 1000 * sizeof(struct node));
	wire_node(&wire, &node);
	assert_false(wire.bad);
	assert_int_equal(node.len, 1000);
	text_done(&out);
	arena_done(&arena);
}

/* A renderer that was taken over must not make the agent write users or service accounts. */
static void only_types_that_a_tree_may_declare(void **state)
{
	(void)state;
	struct arena arena;
	struct tree tree;
	struct fleet fleet, *copy;
	struct text message;
	arena_init(&arena, ARENA_NO_LIMIT);
	load(&arena, &fleet, &tree);
	for (size_t i = 0; i < fleet.cluster_count; i++)
		for (size_t j = 0; j < fleet.clusters[i]->resources.count; j++)
			fleet.clusters[i]->resources.items[j]->type_name = SPAN("Users.omni.sidero.dev");
	text_init(&message, TEXT_NO_LIMIT);
	wire_put_fleet(&message, &fleet);
	assert_false(read_back(&arena, text_span(&message), &copy));
	text_done(&message);
	arena_done(&arena);
}

struct taken {
	struct arena arena;
	struct fleet *fleet; /* what they were taken from */
	size_t count;
};

static void take(void *ctx, const struct cluster *cluster, struct span packed)
{
	struct taken *taken = ctx;
	struct resource_list again;
	struct wire wire;
	struct fail fail;
	const struct cluster *wanted = taken->fleet->clusters[taken->count++];
	assert_true(span_eq(cluster->name, wanted->name));
	assert_true(span_eq(cluster->template_text, wanted->template_text));
	assert_int_equal(cluster->resources.count, wanted->resources.count);
	wire_init(&wire, &taken->arena, packed, 1 << 20);
	assert_true(wire_resources(&wire, &again, &fail));
	assert_int_equal(again.count, wanted->resources.count);
	for (size_t i = 0; i < again.count; i++) {
		assert_true(span_eq(again.items[i]->id, wanted->resources.items[i]->id));
		assert_true(node_equal(&again.items[i]->spec, &wanted->resources.items[i]->spec));
		assert_true(node_equal(&cluster->resources.items[i]->spec, &wanted->resources.items[i]->spec));
	}
	packed.len /= 2;
	wire_init(&wire, &taken->arena, packed, 1 << 20);
	assert_false(wire_resources(&wire, &again, &fail));
}

/* Nothing that stays points into the message: it is overwritten. */
static void resources_can_be_taken_away(void **state)
{
	(void)state;
	struct taken taken = {.count = 0};
	struct arena arena;
	struct tree tree;
	struct fleet fleet, *copy;
	struct text message, again;
	struct wire wire;
	struct fail fail;
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	const struct fleet_taker taker = {.take = take, .ctx = &taken};
	arena_init(&arena, ARENA_NO_LIMIT);
	arena_init(&taken.arena, ARENA_NO_LIMIT);
	load(&arena, &fleet, &tree);
	taken.fleet = &fleet;
	text_init(&message, TEXT_NO_LIMIT);
	text_init(&again, TEXT_NO_LIMIT);
	wire_put_fleet(&message, &fleet);
	wire_init(&wire, &arena, text_span(&message), 64 << 20);
	wire.taker = &taker;
	assert_true(wire_fleet(&wire, &options, &copy, &fail));
	memset(message.ptr, 'x', message.len);
	assert_int_equal(taken.count, fleet.cluster_count);
	for (size_t i = 0; i < copy->cluster_count; i++) {
		assert_int_equal(copy->clusters[i]->resources.count, 0);
		assert_null(copy->clusters[i]->template_text.ptr);
		copy->clusters[i]->resources = fleet.clusters[i]->resources;
		copy->clusters[i]->template_text = fleet.clusters[i]->template_text;
	}
	text_reset(&message);
	wire_put_fleet(&message, &fleet);
	wire_put_fleet(&again, copy);
	assert_true(span_eq(text_span(&message), text_span(&again)));
	text_done(&message);
	text_done(&again);
	arena_done(&taken.arena);
	arena_done(&arena);
}

static bool knows_second(void *ctx, const struct cluster *cluster, struct span packed)
{
	struct taken *taken = ctx;
	assert_true(packed.len > 0);
	return span_eq(cluster->name, taken->fleet->clusters[1]->name);
}

static void count_taken(void *ctx, const struct cluster *cluster, struct span packed)
{
	struct taken *taken = ctx;
	assert_true(packed.len > 0 && !span_eq(cluster->name, taken->fleet->clusters[1]->name));
	taken->count++;
}

/* What is known is not looked at; what follows it is read all the same. */
static void known_resources_are_left_alone(void **state)
{
	(void)state;
	struct taken taken = {.count = 0};
	struct arena arena;
	struct tree tree;
	struct fleet fleet, *copy;
	struct text message;
	struct wire wire;
	struct fail fail;
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	const struct fleet_taker taker = {.take = count_taken, .knows = knows_second, .ctx = &taken};
	arena_init(&arena, ARENA_NO_LIMIT);
	load(&arena, &fleet, &tree);
	taken.fleet = &fleet;
	text_init(&message, TEXT_NO_LIMIT);
	wire_put_fleet(&message, &fleet);
	wire_init(&wire, &arena, text_span(&message), 64 << 20);
	wire.taker = &taker;
	assert_true(fleet.cluster_count > 1);
	assert_true(wire_fleet(&wire, &options, &copy, &fail));
	assert_int_equal(taken.count, fleet.cluster_count - 1);
	assert_int_equal(copy->cluster_count, fleet.cluster_count);
	assert_int_equal(copy->connection_count, fleet.connection_count);
	text_done(&message);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resources_can_be_taken_away),
		cmocka_unit_test(known_resources_are_left_alone),
		cmocka_unit_test(a_fleet_comes_back),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(numbers_and_texts),
		cmocka_unit_test(depth_and_budget_are_limits),
		cmocka_unit_test(only_types_that_a_tree_may_declare),
	};
	return RUN_TESTS(tests);
}
