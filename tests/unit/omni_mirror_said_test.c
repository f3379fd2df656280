/* What the mirror keeps of Omni's statuses: enough for the rule of readiness, news only when it is one, nothing of what is gone. */
#include "tests/unit/test.h"

#include "agent/omni/mirror.h"

struct bench {
	struct arena arena;
	struct mirror *mirror;
	uint64_t version;
};

static void mean(const struct resource *resource, struct mirror_meaning *out)
{
	(void)resource;
	*out = (struct mirror_meaning){1, 1};
}

static const struct omni_type *type_of(const char *name)
{
	const struct omni_type *type = omni_type_guess(span_of(name));
	assert_non_null(type);
	return type;
}

static struct resource *make(struct bench *bench, const char *type, const char *id)
{
	struct resource *resource = resource_new(&bench->arena, type_of(type), span_of(id));
	resource->spec = node_map(&bench->arena, 8);
	resource->version = ++bench->version;
	labels_set(&bench->arena, &resource->labels, SPAN(OMNI_LABEL_CLUSTER), SPAN("demo"));
	return resource;
}

static void text(struct resource *resource, const char *key, const char *value)
{
	node_put(&resource->spec, key, node_string(span_of(value)));
}

static void number(struct bench *bench, struct resource *resource, const char *key, int64_t value)
{
	node_put(&resource->spec, key, node_int(&bench->arena, value));
}

static struct node counts(struct bench *bench, int64_t total, int64_t requested)
{
	struct node machines = node_map(&bench->arena, 4);
	node_put(&machines, "total", node_int(&bench->arena, total));
	node_put(&machines, "healthy", node_int(&bench->arena, total));
	node_put(&machines, "connected", node_int(&bench->arena, total));
	node_put(&machines, "requested", node_int(&bench->arena, requested));
	return machines;
}

static bool put(struct bench *bench, const struct resource *resource)
{
	struct span cluster;
	return mirror_put(bench->mirror, resource, &cluster);
}

static bool drop(struct bench *bench, const struct resource *resource)
{
	struct span cluster;
	return mirror_drop(bench->mirror, resource, &cluster);
}

static struct resource *set_status(struct bench *bench, const char *id, unsigned phase, int64_t total)
{
	struct resource *status = make(bench, "machinesetstatuses", id);
	number(bench, status, "phase", phase);
	node_put(&status->spec, "ready", node_bool(phase == SET_RUNNING));
	node_put(&status->spec, "machines", counts(bench, total, total));
	return status;
}

static void put_set(struct bench *bench, const char *id, int64_t count)
{
	struct resource *set = make(bench, "machinesets", id);
	struct node allocation = node_map(&bench->arena, 2);
	node_put(&allocation, "name", node_string(SPAN("any")));
	node_put(&allocation, "machinecount", node_int(&bench->arena, count));
	node_put(&set->spec, "machineallocation", allocation);
	assert_true(put(bench, set));
}

static struct resource *upgrade(struct bench *bench, const char *type, unsigned phase, const char *last, const char *step)
{
	struct resource *status = make(bench, type, "demo");
	labels_remove(&status->labels, SPAN(OMNI_LABEL_CLUSTER)); /* as seen of real ones */
	number(bench, status, "phase", phase);
	text(status, "lastupgradeversion", last);
	text(status, "step", step);
	return status;
}

static void put_cluster(struct bench *bench, const char *talos)
{
	struct resource *cluster = make(bench, "clusters", "demo");
	text(cluster, "talosversion", talos);
	text(cluster, "kubernetesversion", "1.35.1");
	assert_true(put(bench, cluster));
}

static struct resource *cluster_status(struct bench *bench)
{
	struct resource *status = make(bench, "clusterstatuses", "demo");
	number(bench, status, "phase", CLUSTER_RUNNING);
	node_put(&status->spec, "ready", node_bool(true));
	node_put(&status->spec, "machines", counts(bench, 2, 2));
	return status;
}

/* A cluster of one set with two machines, ready. */
static struct bench begin(void)
{
	struct bench bench = {.mirror = mirror_new(mean)};
	arena_init(&bench.arena, ARENA_NO_LIMIT);
	put_cluster(&bench, "1.13.3");
	put_set(&bench, "demo-workers", 2);
	for (int i = 0; i < 2; i++)
		assert_true(put(&bench, make(&bench, "machinesetnodes", i == 0 ? "m0" : "m1")));
	assert_true(put(&bench, cluster_status(&bench)));
	assert_true(put(&bench, set_status(&bench, "demo-workers", SET_RUNNING, 2)));
	assert_true(put(&bench, upgrade(&bench, "kubernetesupgradestatuses", UPGRADE_DONE, "1.35.1", "")));
	assert_true(put(&bench, upgrade(&bench, "talosupgradestatuses", UPGRADE_DONE, "1.13.3", "")));
	return bench;
}

static void end(struct bench *bench)
{
	mirror_free(bench->mirror);
	arena_done(&bench->arena);
}

static const char *verdict(struct bench *bench)
{
	struct health_facts facts;
	struct health_reasons reasons;
	mirror_facts(bench->mirror, &bench->arena, SPAN("demo"), &facts);
	enum health health = health_judge(&bench->arena, &facts, &reasons);
	return health == HEALTH_READY ? "Ready" : reasons.items[0].code;
}

static void what_is_kept_is_enough_for_the_rule(void **state)
{
	(void)state;
	struct bench bench = begin();
	assert_string_equal(verdict(&bench), "Ready");
	put_cluster(&bench, "1.13.5");
	assert_string_equal(verdict(&bench), "NotObserved");
	assert_true(put(&bench, upgrade(&bench, "talosupgradestatuses", 1, "1.13.3", "machine m0")));
	assert_string_equal(verdict(&bench), "TalosUpgrade");
	assert_true(put(&bench, upgrade(&bench, "talosupgradestatuses", UPGRADE_DONE, "1.13.5", "")));
	assert_string_equal(verdict(&bench), "Ready");
	put_set(&bench, "demo-workers", 3);
	assert_string_equal(verdict(&bench), "MachinesMissing");
	assert_true(put(&bench, set_status(&bench, "demo-workers", SET_RUNNING, 3)));
	assert_string_equal(verdict(&bench), "NotObserved"); /* two machines were chosen */
	assert_true(put(&bench, make(&bench, "machinesetnodes", "m2")));
	assert_string_equal(verdict(&bench), "Ready");
	assert_true(drop(&bench, make(&bench, "machinesetnodes", "m2")));
	assert_string_equal(verdict(&bench), "NotObserved");
	end(&bench);
}

static void only_what_is_new_is_news(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct mirror_mark before, after;
	mirror_mark(bench.mirror, SPAN("demo"), &before);
	assert_false(put(&bench, set_status(&bench, "demo-workers", SET_RUNNING, 2)));
	assert_false(put(&bench, cluster_status(&bench)));
	assert_false(put(&bench, upgrade(&bench, "kubernetesupgradestatuses", UPGRADE_DONE, "1.35.1", "a step that is over")));
	assert_true(put(&bench, set_status(&bench, "demo-workers", 6, 2)));
	assert_true(put(&bench, upgrade(&bench, "kubernetesupgradestatuses", 1, "1.35.1", "node one")));
	assert_true(put(&bench, upgrade(&bench, "kubernetesupgradestatuses", 1, "1.35.1", "node two")));
	mirror_mark(bench.mirror, SPAN("demo"), &after);
	assert_true(mirror_mark_equal(before, after)); /* no plan depends on it */
	end(&bench);
}

static void what_is_gone_is_forgotten(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct health_facts facts;
	assert_true(drop(&bench, set_status(&bench, "demo-workers", SET_RUNNING, 2)));
	assert_string_equal(verdict(&bench), "MachineSetUnknown");
	assert_true(drop(&bench, make(&bench, "machinesets", "demo-workers")));
	mirror_facts(bench.mirror, &bench.arena, SPAN("demo"), &facts);
	assert_int_equal(facts.set_count, 0);
	assert_true(drop(&bench, cluster_status(&bench)));
	assert_false(drop(&bench, cluster_status(&bench)));
	assert_string_equal(verdict(&bench), "NoStatus");
	assert_true(drop(&bench, make(&bench, "clusters", "demo")));
	assert_string_equal(verdict(&bench), "Destroying");
	end(&bench);
}

/* A watch that begins again names what there is; statuses that it does not name went while nobody watched. */
static void a_new_round_sweeps(void **state)
{
	(void)state;
	struct bench bench = begin();
	put_set(&bench, "demo-extra", 0);
	assert_true(put(&bench, set_status(&bench, "demo-extra", SET_RUNNING, 0)));
	mirror_begin(bench.mirror, type_of("machinesetstatuses"));
	put(&bench, set_status(&bench, "demo-workers", SET_RUNNING, 2));
	mirror_end(bench.mirror, type_of("machinesetstatuses"));
	assert_string_equal(verdict(&bench), "MachineSetUnknown"); /* demo-extra */
	mirror_begin(bench.mirror, type_of("kubernetesupgradestatuses"));
	mirror_end(bench.mirror, type_of("kubernetesupgradestatuses"));
	assert_true(put(&bench, set_status(&bench, "demo-extra", SET_RUNNING, 0)));
	assert_string_equal(verdict(&bench), "KubernetesUnknown");
	end(&bench);
}

static void raw_resources_have_names(void **state)
{
	(void)state;
	struct bench bench = begin();
	struct mirror_raw *raws;
	struct resource *class = make(&bench, "machineclasses", "by-hand"), *kept = make(&bench, "machineclasses", "a-kept-one");
	struct resource *made = make(&bench, "machinerequestsets", "by-omni");
	labels_set(&bench.arena, &kept->annotations, SPAN("omni.texashpc.com/owner"), SPAN("me"));
	made->owner = SPAN("MachineProvisionController");
	assert_true(put(&bench, class) && put(&bench, kept));
	put(&bench, made);
	assert_int_equal(mirror_raws(bench.mirror, &bench.arena, &raws), 2);
	assert_span(raws[0].id, "a-kept-one");
	assert_span(raws[0].kept_by, "me");
	assert_span(raws[1].id, "by-hand");
	assert_int_equal(raws[1].kept_by.len, 0);
	assert_true(drop(&bench, class));
	assert_int_equal(mirror_raws(bench.mirror, &bench.arena, &raws), 1);
	end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_is_enough_for_the_rule),
		cmocka_unit_test(only_what_is_new_is_news),
		cmocka_unit_test(what_is_gone_is_forgotten),
		cmocka_unit_test(a_new_round_sweeps),
		cmocka_unit_test(raw_resources_have_names),
	};
	return RUN_TESTS(tests);
}
