/* The mirror: marks change with every write, follow machines, survive a watch that begins anew. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "agent/omni/mirror.h"

struct bench {
	struct mirror *mirror;
	struct arena arena;
};

static struct bench begin(void)
{
	struct bench bench = {.mirror = mirror_new()};
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

static void a_write_changes_the_mark_of_its_cluster_only(void **state)
{
	(void)state;
	struct bench bench = begin();
	assert_span(put(&bench, make(&bench, OMNI_CLUSTER, "a", NULL, 1)), "a");
	assert_span(put(&bench, make(&bench, OMNI_CONFIG_PATCH, "p", "b", 1)), "b");
	assert_span(put(&bench, make(&bench, OMNI_MACHINE_CLASS, "any", NULL, 1)), "");
	struct mirror_mark a = mark(&bench, "a"), b = mark(&bench, "b"), raw = mark(&bench, "");
	assert_span(put(&bench, make(&bench, OMNI_CONFIG_PATCH, "p", "b", 1)), "(no news)");
	assert_span(put(&bench, make(&bench, OMNI_CONFIG_PATCH, "p", "b", 2)), "b");
	assert_true(mirror_mark_equal(a, mark(&bench, "a")) && mirror_mark_equal(raw, mark(&bench, "")));
	assert_false(mirror_mark_equal(b, mark(&bench, "b")));
	end(&bench);
}

/* The same content at a later version is another mark: who looked in between saw something else. */
static void there_and_back_is_not_the_same(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct resource *again = make(&bench, OMNI_CONFIG_PATCH, "p", "a", 1);
	put(&bench, make(&bench, OMNI_CONFIG_PATCH, "p", "a", 1));
	struct mirror_mark before = mark(&bench, "a");
	struct span cluster;
	assert_true(mirror_drop(bench.mirror, again, &cluster));
	assert_false(mirror_drop(bench.mirror, again, &cluster));
	assert_true(mirror_mark_equal(mark(&bench, "a"), (struct mirror_mark){0}));
	again->created = SPAN("2026-01-01T00:00:00Z");
	put(&bench, again);
	assert_false(mirror_mark_equal(before, mark(&bench, "a")));
	end(&bench);
}

static void kernel_arguments_follow_their_machine(void **state)
{
	(void)state;
	struct bench bench = begin();
	assert_span(put(&bench, make(&bench, OMNI_KERNEL_ARGS, "m1", NULL, 1)), "");
	struct mirror_mark raw = mark(&bench, "");
	put(&bench, make(&bench, OMNI_MACHINE_SET_NODE, "m1", "a", 1));
	assert_false(mirror_mark_equal(raw, mark(&bench, "")));
	assert_span(put(&bench, make(&bench, OMNI_KERNEL_ARGS, "m1", NULL, 2)), "a");
	struct span cluster;
	mirror_drop(bench.mirror, make(&bench, OMNI_MACHINE_SET_NODE, "m1", "a", 1), &cluster);
	assert_span(cluster, "a");
	assert_true(mirror_mark_equal(mark(&bench, "a"), (struct mirror_mark){0}));
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
	struct mirror_status out;
	status->spec = node_map(&bench.arena, 2);
	node_put(&status->spec, "phase", node_int(&bench.arena, 3));
	node_put(&status->spec, "ready", node_bool(true));
	struct mirror_mark before = mark(&bench, "a");
	assert_span(put(&bench, status), "a");
	status->version = 2;
	assert_span(put(&bench, status), "(no news)");
	mirror_status(bench.mirror, SPAN("a"), &out);
	assert_true(out.is_known && out.is_ready && out.phase == 3);
	assert_true(mirror_mark_equal(before, mark(&bench, "a"))); /* plans do not depend on it */
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_changes_the_mark_of_its_cluster_only),
		cmocka_unit_test(there_and_back_is_not_the_same),
		cmocka_unit_test(kernel_arguments_follow_their_machine),
		cmocka_unit_test(a_watch_that_begins_anew_forgets_what_is_gone),
		cmocka_unit_test(status_is_told_when_it_changes),
	};
	return RUN_TESTS(tests);
}
