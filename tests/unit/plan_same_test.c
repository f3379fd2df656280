/* The digests say what plan_same says: of thousands of random pairs. */
#include "tests/unit/test.h"

#include "agent/plan/internal.h"
#include "base/cleanup.h"
#include "render/load.h"
#include "tests/unit/plan_random.h"

enum { SEEDS = 400, MUTATIONS = 3 };

struct tally {
	size_t same, other, by_hand;
};

static bool digests_say(const struct resource *declared, const struct resource *actual)
{
	struct plan_meaning wanted = plan_meaning(declared, true), held = plan_meaning(actual, false);
	return wanted.whole != 0 && wanted.whole == held.whole && (!wanted.by_bytes || wanted.bytes == held.bytes);
}

/* The one thing that digests do not tell: the lock is a person's. */
static bool is_locked_by_hand(const struct resource *declared, const struct resource *actual)
{
	return labels_get(&actual->annotations, OMNI_ANNOTATION_LOCKED) != NULL &&
	       labels_get(&declared->annotations, OMNI_ANNOTATION_LOCKED) == NULL;
}

static void set_field(struct arena *arena, struct resource *resource, const char *key, struct node value)
{
	struct node spec = node_map(arena, resource->spec.len + 1);
	for (uint32_t i = 0; i < resource->spec.len; i++)
		if (!span_is(node_text(&resource->spec.pairs[i].key), key))
			node_put_span(&spec, node_text(&resource->spec.pairs[i].key), resource->spec.pairs[i].value);
	if (value.kind != NODE_ABSENT)
		node_put(&spec, key, value);
	resource->spec = spec;
}

static void reverse(struct arena *arena, struct resource *resource)
{
	struct node spec = node_map(arena, resource->spec.len);
	for (uint32_t i = resource->spec.len; i > 0; i--)
		node_put_span(&spec, node_text(&resource->spec.pairs[i - 1].key), resource->spec.pairs[i - 1].value);
	resource->spec = spec;
}

static const char *const contents[] = {
	"machine:\n    sysctls:\n        net.core.somaxconn: \"1\"\n", "machine: {sysctls: {net.core.somaxconn: '1'}}\n",
	"# said\nmachine:\n  sysctls: {net.core.somaxconn: \"2\"}\n", "machine: {sysctls: {net.core.somaxconn: 1}}\n",
	"machine: {sysctls: {net.core.somaxconn: 1.0}}\n", "a: 1\n---\nb: 2\n", "- a: 1\n- b: 2\n", "a: 1\n", "a: [1\n", "", "a: 0x1\n",
};

static void write_content(struct arena *arena, struct dice *dice, struct resource *resource)
{
	const char *key = plan_content_key(resource->type);
	if (key != NULL)
		set_field(arena, resource, key, node_string(span_of(contents[dice_roll(dice, COUNT_OF(contents))])));
}

/* As a mapping or a list in a declaration. */
static void declare_content(struct arena *arena, struct dice *dice, struct resource *resource)
{
	struct load_document *documents;
	size_t count;
	const char *key = plan_content_key(resource->type);
	if (key == NULL || dice_roll(dice, 3) == 0)
		return;
	if (dice_roll(dice, 2))
		write_content(arena, dice, resource);
	if (!plan_parse(arena, node_text(node_get(&resource->spec, key)), &documents, &count) || count == 0)
		return;
	if (count == 1 && documents[0].root.kind == NODE_SEQ)
		return; /* a declared list is written as a document for each item */
	struct node *content = ARENA_NEW(arena, struct node);
	*content = documents[0].root;
	if (count > 1) {
		*content = node_seq(arena, count);
		for (size_t i = 0; i < count; i++)
			node_push(content, documents[i].root);
	}
	resource->content = content;
}

static void note(struct arena *arena, struct dice *dice, struct resource *resource)
{
	static const char *const keys[] = {ANNOTATION_OWNER, OMNI_ANNOTATION_LOCKED, OMNI_ANNOTATION_CLUSTER_LOCKED, ANNOTATION_LOCK,
					   OMNI_ANNOTATION_TEMPLATES, "other"};
	struct span key = span_of(keys[dice_roll(dice, COUNT_OF(keys))]);
	if (dice_roll(dice, 2))
		labels_set(arena, &resource->annotations, key, dice_roll(dice, 2) ? SPAN("") : SPAN("x"));
	else
		labels_remove(&resource->annotations, key);
}

static void label(struct arena *arena, struct dice *dice, struct resource *resource)
{
	static const char *const keys[] = {LABEL_DISABLED, "env", OMNI_LABEL_CLUSTER, ANNOTATION_OURS "label"};
	struct span key = span_of(keys[dice_roll(dice, COUNT_OF(keys))]);
	if (dice_roll(dice, 2))
		labels_set(arena, &resource->labels, key, dice_roll(dice, 2) ? SPAN("prod") : SPAN("dev"));
	else
		labels_remove(&resource->labels, key);
}

static void change_spec(struct arena *arena, struct dice *dice, struct resource *resource)
{
	const struct spec_message *message = resource->type->spec;
	unsigned place = dice_roll(dice, (unsigned)message->field_count + 1); /* one behind the last: a field of the future */
	const char *key = place == message->field_count ? "future" : message->fields[place].key;
	struct node nested = node_map(arena, 2);
	node_put(&nested, dice_roll(dice, 2) ? "name" : "future", node_int(arena, (int64_t)dice_roll(dice, 2)));
	const struct node values[] = {node_int(arena, 1), node_string(SPAN("1")), {0}, nested, node_map(arena, 0)};
	set_field(arena, resource, key, values[dice_roll(dice, COUNT_OF(values))]);
}

static void mutate(struct arena *arena, struct dice *dice, struct resource *resource)
{
	switch (dice_roll(dice, 10)) {
	case 0: note(arena, dice, resource); break;
	case 1: label(arena, dice, resource); break;
	case 2: write_content(arena, dice, resource); break;
	case 3: reverse(arena, resource); break;
	case 4: change_spec(arena, dice, resource); break;
	case 5: resource->phase = RESOURCE_TEARING_DOWN; break;
	case 6: resource->owner = SPAN("SomeController"); break;
	case 7: resource->version += 7; break;
	case 8: resource->created = SPAN("2026-01-01T00:00:00Z"); break;
	default: break;
	}
}

static void compare(const struct resource *declared, const struct resource *actual, struct tally *tally, unsigned seed)
{
	bool same = plan_same(declared, actual), digests = digests_say(declared, actual);
	tally->same += same;
	tally->other += !same;
	if (same && !digests && is_locked_by_hand(declared, actual))
		tally->by_hand++;
	else if (same != digests)
		fail_msg("seed %u, %s(%.*s): plan_same %d, digests %d", seed, declared->type->name, SPAN_ARG(declared->id), same, digests);
}

static void digests_say_what_plan_same_says(void **state)
{
	(void)state;
	struct tally tally = {0};
	for (unsigned seed = 1; seed <= SEEDS; seed++) {
		struct dice dice = {seed * 0x9E3779B97F4A7C15u + 1};
		struct arena arena;
		arena_init(&arena, ARENA_NO_LIMIT);
		struct cluster *cluster = random_cluster(&arena, "demo", seed), *other = random_cluster(&arena, "demo", seed + 1);
		for (size_t i = 0; i < cluster->resources.count; i++) {
			struct resource *declared = cluster->resources.items[i];
			declare_content(&arena, &dice, declared);
			for (unsigned rounds = 0; rounds <= MUTATIONS; rounds++) {
				struct resource *actual = resource_copy(&arena, declared);
				actual->content = NULL;
				for (unsigned j = 0; j < rounds; j++)
					mutate(&arena, &dice, actual);
				compare(declared, actual, &tally, seed);
			}
			for (size_t j = 0; j < other->resources.count; j++)
				if (other->resources.items[j]->type == declared->type && span_eq(other->resources.items[j]->id, declared->id))
					compare(declared, other->resources.items[j], &tally, seed);
		}
		arena_done(&arena);
	}
	assert_true(tally.same > 5000 && tally.other > 5000 && tally.by_hand > 0);
}

/* A declaration that sets what people set is not judged by digests. */
static void what_is_set_by_hand_cannot_be_declared(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct resource *class = resource_new(&arena, OMNI_MACHINE_CLASS, SPAN("any"));
	struct plan_meaning before = plan_meaning(class, true);
	assert_true(before.whole != 0 && before.whole == plan_meaning(class, false).whole);
	labels_set(&arena, &class->labels, SPAN(LABEL_DISABLED), SPAN(""));
	assert_true(plan_meaning(class, true).whole == 0);
	assert_true(plan_meaning(class, false).whole == before.whole);
	labels_set(&arena, &class->annotations, SPAN(ANNOTATION_OWNER), SPAN("me"));
	assert_true(plan_meaning(class, false).whole != before.whole);
	arena_done(&arena);
}

static void no_plan_is_concerned_by_what_controllers_make(void **state)
{
	(void)state;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct resource *patch = resource_new(&arena, OMNI_CONFIG_PATCH, SPAN("p")), *args = resource_new(&arena, OMNI_KERNEL_ARGS, SPAN("m")),
			*class = resource_new(&arena, OMNI_MACHINE_CLASS, SPAN("any"));
	assert_true(plan_may_concern(patch) && !plan_may_concern(args) && !plan_may_concern(class));
	labels_set(&arena, &args->annotations, SPAN(OMNI_ANNOTATION_TEMPLATES), SPAN(""));
	labels_set(&arena, &class->annotations, SPAN(ANNOTATION_OWNER), SPAN("me"));
	assert_true(plan_may_concern(args) && plan_may_concern(class));
	patch->owner = SPAN("SomeController");
	assert_false(plan_may_concern(patch));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_say_what_plan_same_says),
		cmocka_unit_test(what_is_set_by_hand_cannot_be_declared),
		cmocka_unit_test(no_plan_is_concerned_by_what_controllers_make),
	};
	return RUN_TESTS(tests);
}
