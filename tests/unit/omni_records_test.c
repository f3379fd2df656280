/* Marks beside the resources: what is shown, what is really there, what is written when. The inner store is in memory. */
#include "tests/unit/test.h"

#include <stdlib.h>

#include "agent/omni/records.h"
#include "agent/omni/swap.h"
#include "tests/unit/memory_store.h"

#define OWNER "omni.texashpc.com/owner"
#define TEMPLATE "omni.texashpc.com/template"

struct bench {
	struct arena arena;
	struct memory_store *memory;
	struct omni_store *plain, *store;
};

static int begin(void **state)
{
	struct bench *b = calloc(1, sizeof *b);
	assert_non_null(b);
	arena_init(&b->arena, ARENA_NO_LIMIT);
	b->memory = memory_store_new();
	b->plain = &b->memory->base;
	b->store = records_wrap(b->plain);
	*state = b;
	return 0;
}

static int end(void **state)
{
	struct bench *b = *state;
	omni_store_close(b->store);
	arena_done(&b->arena);
	free(b);
	return 0;
}

static const struct omni_type *labels_type(void)
{
	return omni_type_find(SPAN("MachineLabels.omni.sidero.dev"));
}

static struct resource *cluster(struct bench *b, const char *owner)
{
	struct resource *cluster = resource_new(&b->arena, OMNI_CLUSTER, SPAN("demo"));
	cluster->spec = (struct node){.kind = NODE_MAP};
	labels_set(&b->arena, &cluster->annotations, SPAN("team"), SPAN("a"));
	if (owner != NULL)
		labels_set(&b->arena, &cluster->annotations, SPAN(OWNER), span_of(owner));
	return cluster;
}

static struct resource *patch(struct bench *b, const char *id, const char *mark)
{
	struct resource *patch = resource_new(&b->arena, OMNI_CONFIG_PATCH, span_of(id));
	patch->spec = (struct node){.kind = NODE_MAP};
	labels_set(&b->arena, &patch->labels, SPAN(OMNI_LABEL_CLUSTER), SPAN("demo"));
	if (mark != NULL)
		labels_set(&b->arena, &patch->annotations, SPAN(TEMPLATE), span_of(mark));
	return patch;
}

static bool make(struct bench *b, const struct resource *resource)
{
	struct fail fail = {0};
	bool ok = b->store->ops->create(b->store, &b->arena, resource, 0, NULL, &fail);
	if (!ok)
		print_message("%s\n", fail.text);
	return ok;
}

/* NULL: it is not there. */
static struct resource *look(struct bench *b, struct omni_store *store, const struct omni_type *type, const char *id)
{
	struct resource *found;
	struct fail fail = {0};
	if (store->ops->get(store, &b->arena, type, span_of(id), 0, &found, &fail))
		return found;
	assert_int_equal(fail.code, FAIL_NOT_FOUND);
	return NULL;
}

static const char *mark_of(struct bench *b, const struct resource *resource, const char *key)
{
	const struct label *label = labels_get(&resource->annotations, key);
	return label == NULL ? NULL : arena_string(&b->arena, label->value);
}

static void marks_stand_beside_the_cluster(void **state)
{
	struct bench *b = *state;
	assert_true(make(b, cluster(b, "omniops")));
	assert_string_equal(mark_of(b, look(b, b->store, OMNI_CLUSTER, "demo"), OWNER), "omniops");
	const struct resource *really = look(b, b->plain, OMNI_CLUSTER, "demo");
	assert_null(mark_of(b, really, OWNER));
	assert_string_equal(mark_of(b, really, "team"), "a");
	const struct resource *record = look(b, b->plain, labels_type(), RECORDS_ID "demo");
	assert_string_equal(mark_of(b, record, OWNER), "omniops");
	assert_non_null(labels_get(&record->labels, OMNI_LABEL_CLUSTER));
}

static void only_the_record_is_written_for_a_mark(void **state)
{
	struct bench *b = *state;
	assert_true(make(b, cluster(b, "omniops")));
	struct resource *held = look(b, b->store, OMNI_CLUSTER, "demo");
	uint64_t version = held->version;
	labels_set(&b->arena, &held->annotations, SPAN("omni.texashpc.com/approve"), SPAN("1234"));
	assert_true(b->store->ops->update(b->store, &b->arena, held, 0, NULL, NULL));
	assert_int_equal(look(b, b->plain, OMNI_CLUSTER, "demo")->version, version);
	held = look(b, b->store, OMNI_CLUSTER, "demo");
	assert_string_equal(mark_of(b, held, "omni.texashpc.com/approve"), "1234");
	labels_remove(&held->annotations, SPAN("omni.texashpc.com/approve"));
	assert_true(b->store->ops->update(b->store, &b->arena, held, 0, NULL, NULL));
	held = look(b, b->store, OMNI_CLUSTER, "demo");
	assert_null(mark_of(b, held, "omni.texashpc.com/approve"));
	assert_string_equal(mark_of(b, held, OWNER), "omniops");
}

static void what_else_changes_is_written_too(void **state)
{
	struct bench *b = *state;
	assert_true(make(b, cluster(b, "omniops")));
	struct resource *held = look(b, b->store, OMNI_CLUSTER, "demo"), *written = NULL;
	labels_set(&b->arena, &held->annotations, SPAN("team"), SPAN("b"));
	labels_set(&b->arena, &held->annotations, SPAN(OWNER), SPAN("other"));
	assert_true(b->store->ops->update(b->store, &b->arena, held, 0, &written, NULL));
	assert_string_equal(mark_of(b, written, OWNER), "other");
	const struct resource *really = look(b, b->plain, OMNI_CLUSTER, "demo");
	assert_string_equal(mark_of(b, really, "team"), "b");
	assert_null(mark_of(b, really, OWNER));
}

static void an_old_version_changes_no_mark(void **state)
{
	struct bench *b = *state;
	struct fail fail = {0};
	assert_true(make(b, cluster(b, "omniops")));
	struct resource *held = look(b, b->store, OMNI_CLUSTER, "demo");
	held->version++;
	labels_set(&b->arena, &held->annotations, SPAN(OWNER), SPAN("other"));
	assert_false(b->store->ops->update(b->store, &b->arena, held, 0, NULL, &fail));
	assert_int_equal(fail.code, FAIL_CONFLICT);
	assert_string_equal(mark_of(b, look(b, b->store, OMNI_CLUSTER, "demo"), OWNER), "omniops");
}

/* The agent tells that it waits while a person approves: one of both is told, and neither takes the other's mark away. */
static void nobody_takes_away_what_he_has_not_seen(void **state)
{
	struct bench *b = *state;
	struct fail fail = {0};
	struct resource_list list = {0};
	assert_true(make(b, cluster(b, "omniops")));
	struct resource *agents = look(b, b->store, OMNI_CLUSTER, "demo"), *persons = look(b, b->store, OMNI_CLUSTER, "demo");
	assert_true(b->store->ops->list(b->store, &b->arena, OMNI_CLUSTER, NULL, 0, &list, NULL));
	labels_set(&b->arena, &persons->annotations, SPAN("omni.texashpc.com/approve"), SPAN("1234"));
	assert_true(b->store->ops->update(b->store, &b->arena, persons, 0, NULL, NULL));
	struct resource *const late[] = {agents, list.items[0]};
	for (size_t i = 0; i < 2; i++) {
		labels_set(&b->arena, &late[i]->annotations, SPAN("omni.texashpc.com/sync-state"), SPAN("Held"));
		assert_false(b->store->ops->update(b->store, &b->arena, late[i], 0, NULL, &fail));
		assert_int_equal(fail.code, FAIL_CONFLICT);
	}
	struct resource *held = look(b, b->store, OMNI_CLUSTER, "demo");
	assert_string_equal(mark_of(b, held, "omni.texashpc.com/approve"), "1234");
	labels_set(&b->arena, &held->annotations, SPAN("omni.texashpc.com/sync-state"), SPAN("Held"));
	assert_true(make(b, patch(b, "free", "demo"))); /* the same record, but not the same marks */
	assert_true(b->store->ops->update(b->store, &b->arena, held, 0, NULL, NULL));
	held = look(b, b->store, OMNI_CLUSTER, "demo");
	assert_string_equal(mark_of(b, held, "omni.texashpc.com/approve"), "1234");
	assert_string_equal(mark_of(b, held, "omni.texashpc.com/sync-state"), "Held");
}

static void marks_on_the_cluster_count_and_move(void **state)
{
	struct bench *b = *state;
	memory_store_put(b->memory, cluster(b, "omniops"));
	struct resource *held = look(b, b->store, OMNI_CLUSTER, "demo");
	assert_string_equal(mark_of(b, held, OWNER), "omniops");
	assert_true(b->store->ops->update(b->store, &b->arena, held, 0, NULL, NULL));
	assert_null(mark_of(b, look(b, b->plain, OMNI_CLUSTER, "demo"), OWNER));
	assert_string_equal(mark_of(b, look(b, b->store, OMNI_CLUSTER, "demo"), OWNER), "omniops");
}

static void resources_of_a_cluster_have_theirs_in_its_record(void **state)
{
	struct bench *b = *state;
	struct omni_query query = {0};
	struct resource_list list = {0};
	assert_true(make(b, cluster(b, "omniops")));
	assert_true(make(b, patch(b, "free:name/x", "demo")));
	assert_true(make(b, patch(b, "other", NULL)));
	assert_null(mark_of(b, look(b, b->plain, OMNI_CONFIG_PATCH, "free:name/x"), TEMPLATE));
	omni_query_equal(&b->arena, &query, OMNI_LABEL_CLUSTER, SPAN("demo"));
	assert_true(b->store->ops->list(b->store, &b->arena, OMNI_CONFIG_PATCH, &query, 0, &list, NULL));
	assert_int_equal(list.count, 2);
	assert_string_equal(mark_of(b, list.items[0], TEMPLATE), "demo");
	assert_null(mark_of(b, list.items[1], TEMPLATE));
	list = (struct resource_list){0};
	assert_true(b->store->ops->list(b->store, &b->arena, OMNI_CONFIG_PATCH, NULL, 0, &list, NULL));
	assert_string_equal(mark_of(b, list.items[0], TEMPLATE), "demo");
	const struct resource *held = look(b, b->store, OMNI_CLUSTER, "demo");
	assert_null(mark_of(b, held, TEMPLATE));
	assert_string_equal(mark_of(b, held, OWNER), "omniops");
}

static void records_are_in_no_list(void **state)
{
	struct bench *b = *state;
	struct resource_list list = {0};
	assert_true(make(b, cluster(b, "omniops")));
	assert_true(make(b, resource_new(&b->arena, labels_type(), SPAN("a-machine"))));
	assert_true(b->store->ops->list(b->store, &b->arena, labels_type(), NULL, 0, &list, NULL));
	assert_int_equal(list.count, 1);
	assert_span(list.items[0]->id, "a-machine");
}

static void the_record_goes_with_the_cluster(void **state)
{
	struct bench *b = *state;
	bool is_ready = false;
	assert_true(make(b, cluster(b, "omniops")));
	memory_store_find(b->memory, OMNI_CLUSTER, SPAN("demo"))->finalizer_count = 0;
	assert_true(b->store->ops->teardown(b->store, OMNI_CLUSTER, SPAN("demo"), 0, &is_ready, NULL));
	assert_true(is_ready);
	assert_non_null(look(b, b->plain, labels_type(), RECORDS_ID "demo"));
	assert_true(b->store->ops->destroy(b->store, OMNI_CLUSTER, SPAN("demo"), 0, NULL));
	assert_null(look(b, b->plain, labels_type(), RECORDS_ID "demo"));
}

/* Omni destroys by itself what is torn down. */
static void also_when_the_server_was_quicker(void **state)
{
	struct bench *b = *state;
	bool is_ready = false;
	assert_true(make(b, cluster(b, "omniops")));
	assert_true(b->store->ops->teardown(b->store, OMNI_CLUSTER, SPAN("demo"), 0, &is_ready, NULL));
	assert_non_null(look(b, b->plain, labels_type(), RECORDS_ID "demo"));
	memory_store_tick(b->memory);
	memory_store_tick(b->memory);
	assert_null(look(b, b->store, OMNI_CLUSTER, "demo"));
	assert_null(look(b, b->plain, labels_type(), RECORDS_ID "demo"));
}

static void a_new_cluster_has_no_old_marks(void **state)
{
	struct bench *b = *state;
	assert_true(make(b, cluster(b, "omniops")));
	memory_store_drop(b->memory, OMNI_CLUSTER, SPAN("demo")); /* by somebody else */
	struct resource *again = cluster(b, NULL);
	labels_set(&b->arena, &again->annotations, SPAN("omni.texashpc.com/applied-hash"), SPAN("h"));
	assert_true(make(b, again));
	const struct resource *held = look(b, b->store, OMNI_CLUSTER, "demo");
	assert_null(mark_of(b, held, OWNER));
	assert_string_equal(mark_of(b, held, "omni.texashpc.com/applied-hash"), "h");
}

/* What a template made under a free name is marked before it is there: unmarked it would never be taken away. */
static void a_patch_is_not_made_without_its_mark(void **state)
{
	struct bench *b = *state;
	struct fail fail = {0};
	assert_true(make(b, cluster(b, "omniops")));
	b->memory->denied = labels_type();
	assert_false(b->store->ops->create(b->store, &b->arena, patch(b, "free", "demo"), 0, NULL, &fail));
	assert_int_equal(fail.code, FAIL_DENIED);
	assert_null(look(b, b->plain, OMNI_CONFIG_PATCH, "free"));
}

static void an_unreadable_record_is_a_failure(void **state)
{
	struct bench *b = *state;
	struct resource *held;
	struct fail fail = {0};
	assert_true(make(b, cluster(b, "omniops")));
	b->memory->hidden = labels_type();
	assert_false(b->store->ops->get(b->store, &b->arena, OMNI_CLUSTER, SPAN("demo"), 0, &held, &fail));
	assert_int_equal(fail.code, FAIL_DENIED);
}

/* --- exchange ------------------------------------------------------------------------------------------------------- */

static void an_exchange_changes_the_inside_only(void **state)
{
	struct bench *b = *state;
	struct memory_store *first = memory_store_new(), *second = memory_store_new();
	memory_store_put(first, cluster(b, "first"));
	memory_store_put(second, cluster(b, "second"));
	struct omni_store *outer = swap_wrap(&first->base);
	assert_string_equal(mark_of(b, look(b, outer, OMNI_CLUSTER, "demo"), OWNER), "first");
	assert_int_equal(outer->read_calls, 1);
	swap_replace(outer, &second->base); /* the first is closed */
	assert_string_equal(mark_of(b, look(b, outer, OMNI_CLUSTER, "demo"), OWNER), "second");
	assert_int_equal(outer->read_calls, 2);
	omni_store_close(outer);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(marks_stand_beside_the_cluster),	TEST(only_the_record_is_written_for_a_mark),
		TEST(what_else_changes_is_written_too), TEST(an_old_version_changes_no_mark),
		TEST(nobody_takes_away_what_he_has_not_seen), TEST(marks_on_the_cluster_count_and_move),
		TEST(resources_of_a_cluster_have_theirs_in_its_record),
		TEST(records_are_in_no_list),		TEST(the_record_goes_with_the_cluster),
		TEST(also_when_the_server_was_quicker), TEST(a_new_cluster_has_no_old_marks),
		TEST(a_patch_is_not_made_without_its_mark), TEST(an_unreadable_record_is_a_failure),
		TEST(an_exchange_changes_the_inside_only),
	};
	return RUN_TESTS(tests);
}
