/* The mirror: marks change with every meaning, not with every write; they follow machines and survive a watch that begins
 * anew; what is expected is found, and nothing besides. */
#include "tests/unit/test.h"

#include <pthread.h>
#include <stdio.h>

#include "agent/omni/mirror.h"
#include "agent/omni/records.h"
#include "base/digest.h"

struct bench {
	struct mirror *mirror;
	struct arena arena;
};

/* As a plan would have it, more or less: the ID and a text; nothing of what controllers own. */
static void mean(const struct resource *resource, struct mirror_meaning *out)
{
	*out = (struct mirror_meaning){0};
	if (resource->owner.len > 0)
		return;
	out->whole = mirror_key(resource->type, resource->id) ^ digest_local(node_text_at(&resource->spec, "text"));
	out->bytes = digest_local(node_text_at(&resource->spec, "data"));
}

static struct bench begin(void)
{
	struct bench bench = {.mirror = mirror_new(mean)};
	arena_init(&bench.arena, ARENA_NO_LIMIT);
	for (size_t i = 0; omni_type_at(i) != NULL; i++)
		if (mirror_wants(omni_type_at(i))) {
			mirror_begin(bench.mirror, omni_type_at(i));
			mirror_end(bench.mirror, omni_type_at(i));
		}
	return bench;
}

static void end(struct bench *bench)
{
	mirror_free(bench->mirror);
	arena_done(&bench->arena);
}

static struct resource *make(struct bench *bench, const struct omni_type *type, const char *id, const char *cluster, uint64_t version)
{
	struct resource *resource = resource_new(&bench->arena, type, span_of(id));
	resource->version = version;
	if (cluster != NULL)
		labels_set(&bench->arena, &resource->labels, span_of(OMNI_LABEL_CLUSTER), span_of(cluster));
	return resource;
}

static struct span put(struct bench *bench, const struct resource *resource)
{
	struct span cluster = SPAN("(none)");
	return mirror_put(bench->mirror, resource, &cluster) ? cluster : SPAN("(no news)");
}

static struct mirror_mark mark(struct bench *bench, const char *cluster)
{
	struct mirror_mark out;
	assert_true(mirror_mark(bench->mirror, span_of(cluster), &out));
	return out;
}

static void set(struct bench *bench, struct resource *resource, const char *key, const char *text)
{
	resource->spec = node_map(&bench->arena, 1);
	node_put(&resource->spec, key, node_string(span_of(text)));
}

static void a_change_is_news_of_its_cluster_only(void **state)
{
	(void)state;
	struct bench bench = begin();
	assert_span(put(&bench, make(&bench, OMNI_CLUSTER, "a", NULL, 1)), "a");
	assert_span(put(&bench, make(&bench, OMNI_CONFIG_PATCH, "p", "b", 1)), "b");
	assert_span(put(&bench, make(&bench, OMNI_MACHINE_CLASS, "any", NULL, 1)), "");
	assert_span(put(&bench, make(&bench, OMNI_MACHINE_CLASS, "labelled", "a", 1)), ""); /* by nobody we know */
	struct mirror_mark a = mark(&bench, "a"), b = mark(&bench, "b"), raw = mark(&bench, "");
	struct resource *other = make(&bench, OMNI_CONFIG_PATCH, "p", "b", 2);
	set(&bench, other, "text", "other");
	assert_span(put(&bench, other), "b");
	assert_true(mirror_mark_equal(a, mark(&bench, "a")) && mirror_mark_equal(raw, mark(&bench, "")));
	assert_false(mirror_mark_equal(b, mark(&bench, "b")));
	end(&bench);
}

static void what_controllers_write_is_no_news(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *cluster = make(&bench, OMNI_CLUSTER, "a", NULL, 1);
	struct span finalizers[] = {SPAN("ControllerA"), SPAN("ControllerB")};
	put(&bench, cluster);
	struct mirror_mark before = mark(&bench, "a");
	cluster->version = 3;
	cluster->updated = SPAN("2026-01-01T00:00:00Z");
	cluster->finalizers = finalizers;
	cluster->finalizer_count = 2;
	assert_span(put(&bench, cluster), "(no news)");
	assert_true(mirror_mark_equal(before, mark(&bench, "a")));
	/* Until it is torn down: then somebody waits for every one of them. */
	cluster->phase = RESOURCE_TEARING_DOWN;
	assert_span(put(&bench, cluster), "a");
	cluster->finalizer_count = 1;
	assert_span(put(&bench, cluster), "a");
	cluster->version = 9;
	assert_span(put(&bench, cluster), "(no news)");
	end(&bench);
}

static void everything_that_a_person_sets_is_news(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *patch = make(&bench, OMNI_CONFIG_PATCH, "p", "a", 1);
	put(&bench, patch);
	labels_set(&bench.arena, &patch->annotations, SPAN("omni.texashpc.com/approve"), SPAN("0123"));
	assert_span(put(&bench, patch), "a");
	labels_set(&bench.arena, &patch->labels, SPAN("omni.sidero.dev/disabled"), SPAN(""));
	assert_span(put(&bench, patch), "a");
	patch->owner = SPAN("SomeController");
	assert_span(put(&bench, patch), "a");
	set(&bench, patch, "data", "a: 1\n");
	assert_span(put(&bench, patch), "a");
	assert_span(put(&bench, patch), "(no news)");
	end(&bench);
}

/* The same content after another one is another mark: who looked in between saw something else. */
static void there_and_back_is_not_the_same(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *patch = make(&bench, OMNI_CONFIG_PATCH, "p", "a", 1);
	put(&bench, patch);
	struct mirror_mark before = mark(&bench, "a");
	struct span cluster;
	assert_true(mirror_drop(bench.mirror, patch, &cluster));
	assert_false(mirror_drop(bench.mirror, patch, &cluster));
	put(&bench, patch);
	assert_false(mirror_mark_equal(before, mark(&bench, "a")));
	/* Also while nobody watched; of what has still its version nothing was written. */
	before = mark(&bench, "a");
	mirror_lost(bench.mirror, OMNI_CONFIG_PATCH);
	mirror_begin(bench.mirror, OMNI_CONFIG_PATCH);
	assert_span(put(&bench, patch), "(no news)");
	assert_true(!mirror_is_live(bench.mirror));
	patch->version = 3;
	assert_span(put(&bench, patch), "a");
	mirror_end(bench.mirror, OMNI_CONFIG_PATCH);
	assert_false(mirror_mark_equal(before, mark(&bench, "a")));
	end(&bench);
}

static void expect(struct mirror_expectation *expectation, const struct resource *resource)
{
	struct mirror_meaning meaning;
	mean(resource, &meaning);
	expectation->is_certain = true;
	expectation->whole += meaning.whole;
}

static void what_is_expected_is_found(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *cluster = make(&bench, OMNI_CLUSTER, "a", NULL, 1), *patch = make(&bench, OMNI_CONFIG_PATCH, "p", "a", 1);
	struct resource *foreign = make(&bench, OMNI_CONFIG_PATCH, "f", "a", 1), *class = make(&bench, OMNI_MACHINE_CLASS, "any", NULL, 1);
	struct mirror_expectation a = {0}, raws = {0};
	set(&bench, patch, "data", "a: 1\n");
	expect(&a, cluster);
	expect(&a, patch);
	expect(&raws, class);
	put(&bench, cluster);
	assert_false(mirror_matches(bench.mirror, SPAN("a"), &a));
	put(&bench, patch);
	assert_true(mirror_matches(bench.mirror, SPAN("a"), &a));
	put(&bench, class);
	assert_true(mirror_matches(bench.mirror, SPAN("a"), &a) && mirror_matches(bench.mirror, SPAN(""), &raws));
	foreign->owner = SPAN("SomeController");
	put(&bench, foreign);
	assert_true(mirror_matches(bench.mirror, SPAN("a"), &a));
	foreign->owner = SPAN("");
	put(&bench, foreign);
	assert_false(mirror_matches(bench.mirror, SPAN("a"), &a));
	struct span owner;
	mirror_drop(bench.mirror, foreign, &owner);
	assert_true(mirror_matches(bench.mirror, SPAN("a"), &a));
	mirror_lost(bench.mirror, OMNI_HEALTH_CHECK);
	assert_false(mirror_matches(bench.mirror, SPAN("a"), &a));
	mirror_live(bench.mirror, OMNI_HEALTH_CHECK);
	a.is_certain = false;
	assert_false(mirror_matches(bench.mirror, SPAN("a"), &a));
	end(&bench);
}

/* Two contents may mean the same; where it was declared as a text, its bytes count. */
static void bytes_count_where_a_text_is_declared(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *patch = make(&bench, OMNI_CONFIG_PATCH, "p", "a", 1);
	struct mirror_text text = {mirror_key(OMNI_CONFIG_PATCH, SPAN("p")), digest_local(SPAN("a: 1\n"))};
	struct mirror_expectation by_meaning = {0}, by_bytes = {.texts = &text, .text_count = 1};
	set(&bench, patch, "data", "{a: 1}");
	expect(&by_meaning, patch);
	expect(&by_bytes, patch);
	put(&bench, patch);
	assert_true(mirror_matches(bench.mirror, SPAN("a"), &by_meaning));
	assert_false(mirror_matches(bench.mirror, SPAN("a"), &by_bytes));
	set(&bench, patch, "data", "a: 1\n");
	put(&bench, patch);
	assert_true(mirror_matches(bench.mirror, SPAN("a"), &by_bytes));
	end(&bench);
}

static const char *shown(struct bench *bench, const char *cluster, const char *key)
{
	const struct resource *held = mirror_cluster(bench->mirror, &bench->arena, span_of(cluster));
	const struct label *mark = held == NULL ? NULL : labels_get(&held->annotations, key);
	return mark == NULL ? "(none)" : arena_string(&bench->arena, mark->value);
}

static void marks_stand_on_the_cluster_and_in_its_record(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *cluster = make(&bench, OMNI_CLUSTER, "a", NULL, 1);
	struct resource *record = make(&bench, omni_type_find(SPAN("MachineLabels.omni.sidero.dev")), RECORDS_ID "a", "a", 1);
	labels_set(&bench.arena, &record->labels, SPAN(RECORDS_LABEL), SPAN(""));
	labels_set(&bench.arena, &record->annotations, SPAN(RECORDS_PREFIX "owner"), SPAN("me"));
	labels_set(&bench.arena, &record->annotations, SPAN(RECORDS_PREFIX "template:ConfigPatches/p"), SPAN("a"));
	assert_span(put(&bench, record), "a");
	assert_null(mirror_cluster(bench.mirror, &bench.arena, SPAN("a")));
	labels_set(&bench.arena, &cluster->annotations, SPAN(RECORDS_PREFIX "owner"), SPAN("somebody"));
	labels_set(&bench.arena, &cluster->annotations, SPAN(RECORDS_PREFIX "suspend"), SPAN("true"));
	labels_set(&bench.arena, &cluster->annotations, SPAN("other"), SPAN("x"));
	put(&bench, cluster);
	assert_string_equal(shown(&bench, "a", RECORDS_PREFIX "owner"), "me");
	assert_string_equal(shown(&bench, "a", RECORDS_PREFIX "suspend"), "true");
	assert_string_equal(shown(&bench, "a", RECORDS_PREFIX "template:ConfigPatches/p"), "(none)");
	assert_string_equal(shown(&bench, "a", "other"), "(none)");
	struct mirror_expectation alone = {0};
	expect(&alone, cluster);
	assert_true(mirror_matches(bench.mirror, SPAN("a"), &alone)); /* the record is nobody's resource */
	labels_remove(&cluster->annotations, SPAN(RECORDS_PREFIX "suspend"));
	put(&bench, cluster);
	assert_string_equal(shown(&bench, "a", RECORDS_PREFIX "suspend"), "(none)");
	struct span owner;
	mirror_drop(bench.mirror, record, &owner);
	assert_string_equal(shown(&bench, "a", RECORDS_PREFIX "owner"), "somebody");
	struct resource_list all = {0};
	put(&bench, make(&bench, OMNI_CONFIG_PATCH, "p", "left-over", 1));
	assert_true(mirror_clusters(bench.mirror, &bench.arena, &all));
	assert_int_equal(all.count, 1);
	end(&bench);
}

static void kernel_arguments_follow_their_machine(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *args = make(&bench, OMNI_KERNEL_ARGS, "m1", NULL, 1), *node = make(&bench, OMNI_MACHINE_SET_NODE, "m1", "a", 1);
	struct mirror_expectation both = {0}, none = {.is_certain = true};
	expect(&both, args);
	expect(&both, node);
	assert_span(put(&bench, args), "");
	put(&bench, node);
	assert_true(mirror_matches(bench.mirror, SPAN("a"), &both));
	struct mirror_mark raw = mark(&bench, "");
	set(&bench, args, "text", "quiet");
	assert_span(put(&bench, args), "a");
	assert_true(mirror_mark_equal(raw, mark(&bench, "")));
	assert_false(mirror_matches(bench.mirror, SPAN("a"), &both));
	struct span cluster;
	mirror_drop(bench.mirror, node, &cluster);
	assert_span(cluster, "a");
	assert_true(mirror_matches(bench.mirror, SPAN("a"), &none));
	assert_true(mirror_matches(bench.mirror, SPAN(""), &none)); /* of no machine class */
	end(&bench);
}

static void a_watch_that_begins_anew_forgets_what_is_gone(void **state)
{
	(void)state;
	struct bench bench = begin();
	char id[16];
	enum { MANY = 5000 };
	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof id, "p%d", i);
		put(&bench, make(&bench, OMNI_CONFIG_PATCH, arena_string(&bench.arena, span_of(id)), i % 2 ? "odd" : "even", 1));
	}
	put(&bench, make(&bench, OMNI_CLUSTER, "even", NULL, 1));
	assert_int_equal(mirror_count(bench.mirror), MANY + 1);
	struct mirror_mark odd = mark(&bench, "odd");
	mirror_lost(bench.mirror, OMNI_CONFIG_PATCH);
	assert_false(mirror_is_live(bench.mirror));
	mirror_begin(bench.mirror, OMNI_CONFIG_PATCH);
	for (int i = 1; i < MANY; i += 2) {
		snprintf(id, sizeof id, "p%d", i);
		assert_span(put(&bench, make(&bench, OMNI_CONFIG_PATCH, arena_string(&bench.arena, span_of(id)), "odd", 1)), "(no news)");
	}
	mirror_end(bench.mirror, OMNI_CONFIG_PATCH);
	assert_int_equal(mirror_count(bench.mirror), MANY / 2 + 1);
	assert_true(mirror_mark_equal(odd, mark(&bench, "odd")));
	end(&bench);
}

static void status_is_told_when_it_changes(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *status = make(&bench, OMNI_CLUSTER_STATUS, "a", NULL, 1);
	struct health_facts out;
	status->spec = node_map(&bench.arena, 2);
	node_put(&status->spec, "phase", node_int(&bench.arena, 3));
	node_put(&status->spec, "ready", node_bool(true));
	struct mirror_mark before = mark(&bench, "a");
	assert_span(put(&bench, status), "a");
	status->version = 2;
	assert_span(put(&bench, status), "(no news)");
	mirror_facts(bench.mirror, &bench.arena, SPAN("a"), &out);
	assert_true(out.has_status && out.is_ready && out.phase == CLUSTER_RUNNING);
	assert_true(mirror_mark_equal(before, mark(&bench, "a"))); /* plans do not depend on it */
	end(&bench);
}

static void *ask(void *argument)
{
	enum { QUESTIONS = 3000 };
	struct mirror *mirror = argument;
	struct arena arena;
	size_t found = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i < QUESTIONS; i++) {
		struct mirror_mark mark;
		struct health_facts facts;
		const struct mirror_expectation nothing = {.is_certain = true};
		mirror_mark(mirror, SPAN("a"), &mark);
		mirror_facts(mirror, &arena, SPAN("a"), &facts);
		found += mirror_matches(mirror, SPAN("b"), &nothing) + (mirror_cluster(mirror, &arena, SPAN("a")) != NULL);
		arena_reset(&arena);
	}
	arena_done(&arena);
	return found > 0 ? mirror : NULL;
}

/* Workers ask while the loop writes. */
static void any_thread_may_ask(void **state)
{
	(void)state;
	enum { ASKERS = 3, WRITES = 3000 };
	struct bench bench = begin();
	pthread_t threads[ASKERS];
	struct resource *cluster = make(&bench, OMNI_CLUSTER, "a", NULL, 1);
	put(&bench, cluster);
	for (int i = 0; i < ASKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, bench.mirror), 0);
	for (int i = 0; i < WRITES; i++) {
		labels_set(&bench.arena, &cluster->annotations, SPAN(RECORDS_PREFIX "revision"), arena_spanf(&bench.arena, "%d", i));
		assert_span(put(&bench, cluster), "a");
	}
	for (int i = 0; i < ASKERS; i++) {
		void *found;
		pthread_join(threads[i], &found);
		assert_non_null(found);
	}
	end(&bench);
}

/* One by one, what is not as expected; and whether there is anything besides. */
static void what_differs_is_found(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct mirror_item items[3] = {0};
	static const char *const texts[] = {"one", "two", "three"};
	for (size_t i = 0; i < 3; i++) {
		char id[2] = {(char)('p' + i), '\0'};
		struct resource *patch = make(&bench, OMNI_CONFIG_PATCH, arena_string(&bench.arena, span_of(id)), "a", 1);
		struct mirror_meaning meaning;
		set(&bench, patch, "text", texts[i]);
		mean(patch, &meaning);
		items[i] = (struct mirror_item){.key = mirror_key(patch->type, patch->id), .whole = meaning.whole};
		if (i == 1)
			set(&bench, patch, "text", "another");
		if (i < 2)
			put(&bench, patch);
	}
	assert_true(mirror_compare(bench.mirror, SPAN("a"), items, 3));
	assert_false(items[0].is_other);
	assert_true(items[1].is_other && items[2].is_other);
	assert_false(mirror_compare(bench.mirror, SPAN("a"), items + 1, 2)); /* there is something else */
	struct mirror_item twice[] = {items[0], items[0]};
	assert_false(mirror_compare(bench.mirror, SPAN("a"), twice, 2));
	put(&bench, make(&bench, OMNI_CONFIG_PATCH, "r", "b", 1)); /* expected here, and another cluster's */
	assert_true(mirror_compare(bench.mirror, SPAN("a"), items, 3));
	assert_true(items[2].is_other);
	mirror_lost(bench.mirror, OMNI_CONFIG_PATCH);
	assert_false(mirror_compare(bench.mirror, SPAN("a"), items, 3));
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_change_is_news_of_its_cluster_only),
		cmocka_unit_test(what_controllers_write_is_no_news),
		cmocka_unit_test(everything_that_a_person_sets_is_news),
		cmocka_unit_test(what_is_expected_is_found),
		cmocka_unit_test(bytes_count_where_a_text_is_declared),
		cmocka_unit_test(marks_stand_on_the_cluster_and_in_its_record),
		cmocka_unit_test(there_and_back_is_not_the_same),
		cmocka_unit_test(kernel_arguments_follow_their_machine),
		cmocka_unit_test(a_watch_that_begins_anew_forgets_what_is_gone),
		cmocka_unit_test(status_is_told_when_it_changes),
		cmocka_unit_test(any_thread_may_ask),
		cmocka_unit_test(what_differs_is_found),
	};
	return RUN_TESTS(tests);
}
