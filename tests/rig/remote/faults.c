/* The store on a server that fails, lags, goes away and refuses: what it repeats, what it does not, and what it says. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/remote_cosi.h"
#include "tests/unit/remote_rig.h"
#include "tests/unit/test.h"

#include "agent/omni/remote_int.h"
#include "agent/plan/apply.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define assert_ok(call)                                                                                                \
	do {                                                                                                           \
		if (!(call))                                                                                           \
			fail_msg("%s: %s", fail_name(c.fail.code), c.fail.text);                                       \
	} while (0)
#define assert_fails(call, wanted, words)                                                                              \
	do {                                                                                                           \
		assert_false(call);                                                                                    \
		if (c.fail.code != (wanted) || !span_contains(span_of(c.fail.text), words))                            \
			fail_msg("%s: %s", fail_name(c.fail.code), c.fail.text);                                       \
	} while (0)

static void begin(struct cosi *c)
{
	rig_clear();
	cosi_begin(c);
}

static bool get(struct cosi *c, const char *id, struct resource **out)
{
	c->fail = (struct fail){0};
	return c->store->ops->get(c->store, &c->arena, c->type, span_of(id), 0, out, &c->fail);
}

static bool create(struct cosi *c, const struct resource *resource)
{
	c->fail = (struct fail){0};
	return c->store->ops->create(c->store, &c->arena, resource, 0, NULL, &c->fail);
}

static bool update(struct cosi *c, const struct resource *resource, struct resource **out)
{
	c->fail = (struct fail){0};
	return c->store->ops->update(c->store, &c->arena, resource, 0, out, &c->fail);
}

static bool teardown(struct cosi *c, const char *id, bool *out_ready)
{
	c->fail = (struct fail){0};
	return c->store->ops->teardown(c->store, c->type, span_of(id), 0, out_ready, &c->fail);
}

static bool destroy(struct cosi *c, const char *id)
{
	c->fail = (struct fail){0};
	return c->store->ops->destroy(c->store, c->type, span_of(id), 0, &c->fail);
}

/* --- reads ------------------------------------------------------------------------------------------------------------ */

static void test_reads_are_repeated(void **state)
{
	static const char *const faults[] = {"code=14", "code=10", "end=reset", "end=break", "end=silent"};
	struct cosi c;
	struct resource *held;
	struct resource_list list;
	(void)state;
	begin(&c);
	assert_ok(create(&c, cosi_new(&c, "a")));
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		rig_order("fault?method=Get&times=2&type=%s&%s", c.type->name, faults[i]);
		if (!get(&c, "a", &held))
			fail_msg("%s: %s", faults[i], c.fail.text);
		rig_order("fault?method=List&times=1&type=%s&%s", c.type->name, faults[i]);
		if (!c.store->ops->list(c.store, &c.arena, c.type, NULL, 0, &list, &c.fail))
			fail_msg("%s: %s", faults[i], c.fail.text);
		assert_int_equal(list.count, 1);
	}
	rig_order("fault?method=Get&times=-1&type=%s&code=14&text=gone%%20fishing", c.type->name);
	assert_fails(get(&c, "a", &held), FAIL_UNAVAILABLE, "gone fishing");
	struct omni_counts counts;
	c.store->ops->count(c.store, &counts);
	assert_true(counts.retries >= 2 * COUNT_OF(faults));
	cosi_end(&c);
}

static void test_a_deadline_holds(void **state)
{
	struct cosi c;
	struct resource *held;
	(void)state;
	begin(&c);
	rig_order("delay?method=Get&ms=5000");
	int64_t begun_ms = clock_monotonic_ms();
	assert_false(c.store->ops->get(c.store, &c.arena, c.type, SPAN("a"), begun_ms + 400, &held, &c.fail));
	assert_int_equal(c.fail.code, FAIL_TIMEOUT);
	assert_true(clock_monotonic_ms() - begun_ms < 3000);
	cosi_end(&c);
}

/* --- writes: done, but nobody heard of it ------------------------------------------------------------------------------ */

static void test_lost_answers(void **state)
{
	struct cosi c;
	struct resource *held;
	bool ready = false;
	(void)state;
	begin(&c);
	struct resource *wanted = cosi_new(&c, "a");
	labels_set(&c.arena, &wanted->labels, SPAN("x"), SPAN("1"));
	rig_order("fault?method=Create&after=1&code=14");
	assert_ok(create(&c, wanted));
	assert_int_equal(rig_count("Create"), 2);
	rig_order("fault?method=Update&after=1&code=14");
	assert_ok(get(&c, "a", &held));
	labels_set(&c.arena, &held->labels, SPAN("x"), SPAN("2"));
	assert_ok(update(&c, held, &held));
	assert_int_equal(held->version, 2);
	rig_order("fault?method=Teardown&after=1&code=14");
	assert_ok(teardown(&c, "a", &ready));
	assert_true(ready);
	rig_order("fault?method=Destroy&after=1&code=14");
	assert_ok(destroy(&c, "a"));
	assert_int_equal(rig_count("Destroy"), 2);
	assert_fails(destroy(&c, "a"), FAIL_NOT_FOUND, "doesn't exist");
	cosi_end(&c);
}

/* Refused by what somebody else wrote in between: that is no success of ours. */
static void test_lost_answers_of_others(void **state)
{
	struct cosi c;
	(void)state;
	begin(&c);
	struct resource *wanted = cosi_new(&c, "a");
	assert_ok(create(&c, wanted));
	labels_set(&c.arena, &wanted->labels, SPAN("mine"), SPAN(""));
	rig_order("fault?method=Create&code=14");
	assert_fails(create(&c, wanted), FAIL_EXISTS, "already exists");
	struct resource *held, *other;
	assert_ok(get(&c, "a", &held));
	other = resource_copy(&c.arena, held);
	labels_set(&c.arena, &other->labels, SPAN("other"), SPAN(""));
	assert_ok(update(&c, other, NULL));
	labels_set(&c.arena, &held->labels, SPAN("mine"), SPAN(""));
	rig_order("fault?method=Update&code=14");
	assert_fails(update(&c, held, NULL), FAIL_CONFLICT, "conflict");
	cosi_end(&c);
}

/* --- reads that lag behind ----------------------------------------------------------------------------------------------- */

static struct resource *cluster_of(struct cosi *c, const char *version)
{
	struct resource *made = resource_new(&c->arena, OMNI_CLUSTER, SPAN("one"));
	made->spec = node_map(&c->arena, 2);
	node_put(&made->spec, "kubernetesversion", node_string(span_of(version)));
	node_put(&made->spec, "talosversion", node_string(SPAN("1.11.2")));
	return made;
}

/* The plan was made on an old version, the cache goes on telling that one: it is waited for, without haste. */
static void test_applying_waits_for_the_cache(void **state)
{
	struct cosi c;
	struct resource *actual, *now;
	(void)state;
	begin(&c);
	c.type = OMNI_CLUSTER;
	assert_ok(create(&c, cluster_of(&c, "1.34.0")));
	assert_ok(get(&c, "one", &actual));
	struct resource *meanwhile = resource_copy(&c.arena, actual);
	cosi_add_finalizer_to(&c, meanwhile, "controller");
	rig_order("stale?times=4");
	assert_ok(update(&c, meanwhile, NULL));
	struct resource *desired = resource_copy(&c.arena, actual);
	desired->spec = cluster_of(&c, "1.34.1")->spec;
	struct plan_op op = {.kind = PLAN_UPDATE, .type = OMNI_CLUSTER, .id = SPAN("one"), .actual = actual, .desired = desired};
	struct plan plan = {.ops = &op, .count = 1, .cluster = SPAN("one"), .actual_cluster = actual};
	struct apply_options options = {0};
	struct apply_result result;
	unsigned gets = rig_count("Get");
	apply_step(c.store, &c.arena, &plan, &options, &result);
	if (result.state != APPLY_DONE)
		fail_msg("%s", result.fail.text);
	assert_in_range(rig_count("Get") - gets, 5, 6);
	assert_int_equal(rig_count("Update"), 3);
	rig_order("reset");
	assert_ok(get(&c, "one", &now));
	assert_span(node_text(node_get(&now->spec, "kubernetesversion")), "1.34.1");
	assert_int_equal(now->finalizer_count, 1);
	cosi_end(&c);
}

/* --- errors ------------------------------------------------------------------------------------------------------------- */

static void test_errors(void **state)
{
	static const struct {
		const char *method;
		int code;
		const char *text;
		enum fail_code wanted;
		const char *words;
	} all[] = {
		{"Create", 3, "failed%20to%20validate:%202%20errors%20occurred:%0A%09*%20one%0A%09*%20two%0A%0A", FAIL_INVALID,
		 "failed to validate: 2 errors occurred:\n\t* one\n\t* two"},
		{"Create", 7, "unauthorized:%20access%20denied:%20insufficient%20role:%20%22Reader%22", FAIL_DENIED,
		 "the role of the service account is too low"},
		{"Create", 7, "only%20read%20access%20is%20permitted", FAIL_DENIED, "only read access is permitted"},
		{"Create", 9, "EULA%20has%20not%20been%20accepted%3B%20please", FAIL_DENIED, "terms of use"},
		{"Create", 2, "etcd%20call%20failed:%20etcdserver:%20request%20is%20too%20large", FAIL_TOO_BIG, "1.5 MB"},
		{"Create", 8, "trying%20to%20send%20message%20larger%20than%20max%20(3%20vs.%202)", FAIL_TOO_BIG, "(3 vs. 2)"},
		{"Create", 2, "something%20%1B%5B31mred", FAIL_UNAVAILABLE, "something ?[31mred"},
		{"Create", 12, "unknown%20service", FAIL_UNSUPPORTED, "unknown service"},
		{"Create", 15, "lost", FAIL_PROTOCOL, "lost"},
		{"Create", 16, "invalid%20signature", FAIL_UNAUTHENTICATED, "invalid signature"},
		{"Destroy", 9, "resource%20a%20has%20pending%20finalizers%20[f]", FAIL_PRECONDITION, "pending finalizers"},
		{"Destroy", 9, "resource%20a%20update%20conflict:%20expected", FAIL_CONFLICT, "conflict"},
		{"Teardown", 2, "resource%20a%20is%20not%20in%20phase%20running", FAIL_NONE, ""},
		{"Update", 9, "failed%20to%20update:%20conflict", FAIL_CONFLICT, "failed to update"},
		{"Update", 3, "failed%20to%20update:%20resource%20a%20is%20not%20in%20phase%20running", FAIL_PRECONDITION, "phase"},
		{"Update", 9, "EULA%20has%20not%20been%20accepted", FAIL_DENIED, "EULA has not been accepted"},
	};
	struct cosi c;
	struct resource *held;
	bool ready;
	(void)state;
	begin(&c);
	assert_ok(create(&c, cosi_new(&c, "a")));
	assert_ok(get(&c, "a", &held));
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		rig_order("fault?method=%s&code=%d&text=%s", all[i].method, all[i].code, all[i].text);
		bool ok = strcmp(all[i].method, "Create") == 0	   ? create(&c, cosi_new(&c, "b"))
			  : strcmp(all[i].method, "Update") == 0   ? update(&c, held, NULL)
			  : strcmp(all[i].method, "Teardown") == 0 ? teardown(&c, "a", &ready)
								   : destroy(&c, "a");
		if (ok != (all[i].wanted == FAIL_NONE) || c.fail.code != all[i].wanted ||
		    !span_contains(span_of(c.fail.text), all[i].words))
			fail_msg("%s: %s: %s", all[i].text, fail_name(c.fail.code), c.fail.text);
	}
	cosi_end(&c);
}

/* --- watches ------------------------------------------------------------------------------------------------------------ */

static void expect(struct cosi *c, struct omni_watch *watch, enum omni_event_kind kind, struct omni_event *out)
{
	struct pollfd poll_fd = {watch->ops->fd(watch), POLLIN, 0};
	bool has = false;
	for (int i = 0; i < 100 && !has; i++) {
		assert_int_equal(poll(&poll_fd, 1, 10000), 1);
		assert_true(watch->ops->next(watch, &c->arena, out, &has, &c->fail));
	}
	if (!has || out->kind != kind)
		fail_msg("event %d: %s", has ? (int)out->kind : -1, has && out->kind == OMNI_ERRORED ? out->fail.text : "");
}

static struct omni_watch *watch_from(struct cosi *c, struct span bookmark)
{
	struct omni_watch *watch = NULL;
	if (!c->store->ops->watch(c->store, c->type, bookmark, &watch, &c->fail))
		fail_msg("%s", c->fail.text);
	return watch;
}

/* However it ends: from the bookmark nothing is missed. */
static void test_watches_go_on(void **state)
{
	static const char *const ends[] = {"end", "end?code=14", "end?end=reset", "end?end=break", "cut"};
	struct cosi c;
	struct omni_event event;
	(void)state;
	begin(&c);
	struct omni_watch *watch = watch_from(&c, SPAN(""));
	expect(&c, watch, OMNI_BOOTSTRAPPED, &event);
	for (size_t i = 0; i < COUNT_OF(ends); i++) {
		struct span bookmark = event.bookmark;
		rig_order("%s", ends[i]);
		expect(&c, watch, OMNI_ERRORED, &event);
		if (event.fail.code != FAIL_UNAVAILABLE)
			fail_msg("%s: %s: %s", ends[i], fail_name(event.fail.code), event.fail.text);
		watch->ops->close(watch);
		assert_ok(create(&c, cosi_new(&c, arena_spanf(&c.arena, "missed-%zu", i).ptr)));
		watch = watch_from(&c, bookmark);
		expect(&c, watch, OMNI_RESUMED, &event);
		expect(&c, watch, OMNI_CREATED, &event);
		assert_span(event.resource->id, arena_spanf(&c.arena, "missed-%zu", i).ptr);
	}
	watch->ops->close(watch);
	cosi_end(&c);
}

/* 20: refused at once, or after the first message. */
static void test_watches_begin_again(void **state)
{
	struct cosi c;
	struct omni_event event;
	(void)state;
	begin(&c);
	struct omni_watch *watch = watch_from(&c, SPAN("0123456789abcdef"));
	expect(&c, watch, OMNI_ERRORED, &event);
	assert_int_equal(event.fail.code, FAIL_PRECONDITION);
	expect(&c, watch, OMNI_ERRORED, &event); /* and it stays so */
	watch->ops->close(watch);
	watch = watch_from(&c, SPAN(""));
	expect(&c, watch, OMNI_BOOTSTRAPPED, &event);
	rig_order("errored?text=required%%20revision%%20has%%20been%%20compacted");
	expect(&c, watch, OMNI_ERRORED, &event);
	assert_int_equal(event.fail.code, FAIL_PRECONDITION);
	assert_true(span_contains(span_of(event.fail.text), "has been compacted"));
	watch->ops->close(watch);
	cosi_end(&c);
}

/* More than one message holds: again, piece by piece. */
static void test_watches_that_are_too_big(void **state)
{
	struct cosi c;
	struct omni_event event;
	(void)state;
	begin(&c);
	assert_ok(create(&c, cosi_new(&c, "a")));
	rig_order("fault?method=Watch&code=8&text=received%%20message%%20larger%%20than%%20max");
	struct omni_watch *watch = watch_from(&c, SPAN(""));
	expect(&c, watch, OMNI_CREATED, &event);
	expect(&c, watch, OMNI_BOOTSTRAPPED, &event);
	assert_int_equal(rig_count("Watch"), 2);
	watch->ops->close(watch);
	rig_order("fault?method=Watch&code=8&times=2&text=received%%20message%%20larger%%20than%%20max");
	watch = watch_from(&c, SPAN(""));
	expect(&c, watch, OMNI_ERRORED, &event);
	assert_int_equal(event.fail.code, FAIL_TOO_BIG);
	watch->ops->close(watch);
	rig_order("fault?method=Watch&code=7&text=insufficient%%20role:%%20None");
	watch = watch_from(&c, SPAN(""));
	expect(&c, watch, OMNI_ERRORED, &event);
	assert_int_equal(event.fail.code, FAIL_DENIED);
	watch->ops->close(watch);
	cosi_end(&c);
}

/* --- the server ---------------------------------------------------------------------------------------------------------- */

static void test_about(void **state)
{
	struct cosi c;
	struct omni_about about;
	struct omni_counts counts;
	uint64_t calls = 0;
	(void)state;
	begin(&c);
	assert_ok(c.store->ops->about(c.store, &c.arena, 0, &about, &c.fail));
	assert_int_equal(about.api_version, 2);
	assert_true(span_starts(about.version, "v1."));
	assert_span(about.identity, "rig");
	assert_int_equal(about.fingerprint.len, 40);
	assert_true(about.key_expires_s > 0);
	c.store->ops->count(c.store, &counts);
	for (size_t i = 0; i < counts.count; i++)
		if (strcmp(counts.items[i].method, "Get") == 0 && strcmp(counts.items[i].code, "OK") == 0)
			calls = counts.items[i].calls;
	assert_true(calls >= 1);
	assert_true(counts.connections >= 1);
	cosi_end(&c);
}

static void set_version(const char *version, int api)
{
	char yaml[400];
	snprintf(yaml, sizeof yaml,
		 "metadata: {namespace: ephemeral, type: SysVersions.system.sidero.dev, id: current}\n"
		 "spec: {backendversion: %s, instancename: rig, backendapiversion: %d}\n", version, api);
	rig_put(yaml);
}

/* A server that is too old is refused before anything is asked of it; when it was renewed it is fine. */
static void test_old_servers(void **state)
{
	struct cosi c;
	(void)state;
	begin(&c);
	set_version("v1.4.9", 1);
	assert_fails(create(&c, cosi_new(&c, "a")), FAIL_UNSUPPORTED, "Omni 1.5 or newer");
	assert_fails(create(&c, cosi_new(&c, "a")), FAIL_UNSUPPORTED, "v1.4.9");
	assert_int_equal(rig_count("Create"), 0);
	set_version("v1.9.3", 2);
	assert_ok(create(&c, cosi_new(&c, "a")));
	assert_ok(create(&c, cosi_new(&c, "b")));
	assert_int_equal(rig_count("Get"), 3); /* it is not asked for every call */
	cosi_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_are_repeated),
		cmocka_unit_test(test_a_deadline_holds),
		cmocka_unit_test(test_lost_answers),
		cmocka_unit_test(test_lost_answers_of_others),
		cmocka_unit_test(test_applying_waits_for_the_cache),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_watches_go_on),
		cmocka_unit_test(test_watches_begin_again),
		cmocka_unit_test(test_watches_that_are_too_big),
		cmocka_unit_test(test_about),
		cmocka_unit_test(test_old_servers),
	};
	return RUN_TESTS(tests);
}
