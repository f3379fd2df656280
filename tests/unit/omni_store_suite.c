#include "tests/unit/omni_store_suite.h"

#include <poll.h>
#include <stdio.h>

#include "tests/unit/test.h"

#include "base/cleanup.h"

struct bench {
	struct arena arena;
	struct omni_store *store;
	struct fail fail;
};

static void begin(struct bench *b, void **state)
{
	const struct store_maker *maker = *state;
	*b = (struct bench){.store = maker->make(maker->ctx)};
	arena_init(&b->arena, ARENA_NO_LIMIT);
	assert_non_null(b->store);
}

static void end(struct bench *b)
{
	omni_store_close(b->store);
	arena_done(&b->arena);
}

#define assert_fails(call, wanted)                                                                                     \
	do {                                                                                                           \
		assert_false(call);                                                                                    \
		if (b.fail.code != (wanted))                                                                           \
			fail_msg("%s: %s", fail_name(b.fail.code), b.fail.text);                                       \
	} while (0)
#define assert_done(call)                                                                                              \
	do {                                                                                                           \
		if (!(call))                                                                                           \
			fail_msg("%s: %s", fail_name(b.fail.code), b.fail.text);                                       \
	} while (0)

/* --- making resources -------------------------------------------------------------------------------------------------- */

static struct resource *cluster(struct bench *b, const char *id)
{
	struct resource *made = resource_new(&b->arena, OMNI_CLUSTER, span_of(id));
	made->spec = node_map(&b->arena, 3);
	node_put(&made->spec, "kubernetesversion", node_string(SPAN("1.34.1")));
	node_put(&made->spec, "talosversion", node_string(SPAN("1.11.2")));
	node_put(&made->spec, "features", node_map(&b->arena, 0));
	return made;
}

static struct resource *labelled(struct bench *b, const struct omni_type *type, const char *id, const char *label,
				 const char *value)
{
	struct resource *made = resource_new(&b->arena, type, span_of(id));
	labels_set(&b->arena, &made->labels, span_of(label), span_of(value));
	return made;
}

static struct resource *machine_set(struct bench *b, const char *cluster_id, const char *id, const char *role)
{
	struct resource *made = labelled(b, OMNI_MACHINE_SET, id, OMNI_LABEL_CLUSTER, cluster_id);
	labels_set(&b->arena, &made->labels, span_of(role), SPAN(""));
	made->spec = node_map(&b->arena, 2);
	node_put(&made->spec, "updatestrategy", node_int(&b->arena, 1));
	return made;
}

static struct resource *node(struct bench *b, const char *cluster_id, const char *set, const char *id)
{
	struct resource *made = labelled(b, OMNI_MACHINE_SET_NODE, id, OMNI_LABEL_CLUSTER, cluster_id);
	labels_set(&b->arena, &made->labels, SPAN(OMNI_LABEL_MACHINE_SET), span_of(set));
	labels_set(&b->arena, &made->labels, SPAN(OMNI_LABEL_WORKER), SPAN(""));
	return made;
}

static struct resource *patch(struct bench *b, const char *cluster_id, const char *id)
{
	struct resource *made = labelled(b, OMNI_CONFIG_PATCH, id, OMNI_LABEL_CLUSTER, cluster_id);
	made->spec = node_map(&b->arena, 1);
	node_put(&made->spec, "data", node_string(SPAN("machine:\n    network:\n        hostname: \"a\"\n# ü\n")));
	return made;
}

static struct resource *labels_of_machine(struct bench *b, const char *id)
{
	return resource_new(&b->arena, omni_type_find(SPAN("MachineLabels.omni.sidero.dev")), span_of(id));
}

static struct resource *put(struct bench *b, const struct resource *resource)
{
	struct resource *made = NULL;
	if (!b->store->ops->create(b->store, &b->arena, resource, 0, &made, &b->fail))
		fail_msg("%.*s: %s", SPAN_ARG(resource->id), b->fail.text);
	return made;
}

static bool get(struct bench *b, const struct omni_type *type, const char *id, struct resource **out)
{
	return b->store->ops->get(b->store, &b->arena, type, span_of(id), 0, out, &b->fail);
}

static bool update(struct bench *b, const struct resource *resource, struct resource **out)
{
	return b->store->ops->update(b->store, &b->arena, resource, 0, out, &b->fail);
}

static bool teardown(struct bench *b, const struct resource *resource, bool *ready)
{
	return b->store->ops->teardown(b->store, resource->type, resource->id, 0, ready, &b->fail);
}

static bool destroy(struct bench *b, const struct resource *resource)
{
	return b->store->ops->destroy(b->store, resource->type, resource->id, 0, &b->fail);
}

static void add_finalizer(struct bench *b, struct resource *resource, const char *name)
{
	struct span *all = ARENA_ARRAY(&b->arena, struct span, resource->finalizer_count + 1);
	for (size_t i = 0; i < resource->finalizer_count; i++)
		all[i] = resource->finalizers[i];
	all[resource->finalizer_count++] = span_of(name);
	resource->finalizers = all;
}

/* At once, or when a server comes to it. */
static void expect_gone(struct bench *b, const struct omni_type *type, const char *id)
{
	enum { PATIENCE_MS = 5000, STEP_MS = 20 };
	struct resource *held;
	for (int waited_ms = 0; get(b, type, id, &held); waited_ms += STEP_MS) {
		assert_true(waited_ms < PATIENCE_MS);
		poll(NULL, 0, STEP_MS);
	}
	assert_int_equal(b->fail.code, FAIL_NOT_FOUND);
}

static size_t count(struct bench *b, const struct omni_type *type)
{
	struct resource_list list;
	if (!b->store->ops->list(b->store, &b->arena, type, NULL, 0, &list, &b->fail))
		fail_msg("%s", b->fail.text);
	return list.count;
}

/* --- one resource ------------------------------------------------------------------------------------------------------ */

void suite_create_and_get(void **state)
{
	struct bench b;
	struct resource *back = NULL, *wanted;
	begin(&b, state);
	assert_fails(get(&b, OMNI_CLUSTER, "one", &back), FAIL_NOT_FOUND);
	wanted = cluster(&b, "one");
	labels_set(&b.arena, &wanted->labels, SPAN("a/b"), SPAN("true"));
	labels_set(&b.arena, &wanted->annotations, SPAN("note"), SPAN("1.10, \"quoted\": # ü"));
	struct resource *made = put(&b, wanted);
	assert_int_equal(made->version, 1);
	assert_done(get(&b, OMNI_CLUSTER, "one", &back));
	assert_int_equal(back->version, 1);
	assert_int_equal(back->phase, RESOURCE_RUNNING);
	assert_true(back->created.len > 0);
	assert_span(back->ns, "default");
	assert_true(labels_equal(&back->labels, &wanted->labels));
	assert_true(labels_equal(&back->annotations, &wanted->annotations));
	assert_true(node_equal(&back->spec, &wanted->spec));
	assert_fails(b.store->ops->create(b.store, &b.arena, wanted, 0, NULL, &b.fail), FAIL_EXISTS);
	put(&b, patch(&b, "one", "200-cluster-one-p"));
	assert_done(get(&b, OMNI_CONFIG_PATCH, "200-cluster-one-p", &back));
	assert_true(node_equal(&back->spec, &patch(&b, "one", "x")->spec));
	end(&b);
}

void suite_versions(void **state)
{
	struct bench b;
	struct resource *first, *second = NULL;
	begin(&b, state);
	first = put(&b, labels_of_machine(&b, "m"));
	labels_set(&b.arena, &first->labels, SPAN("rack"), SPAN("7"));
	assert_done(update(&b, first, &second));
	assert_int_equal(second->version, 2);
	assert_fails(update(&b, first, NULL), FAIL_CONFLICT);
	first->version = 3;
	assert_fails(update(&b, first, NULL), FAIL_CONFLICT);
	assert_done(update(&b, second, NULL));
	second->id = SPAN("other");
	assert_fails(update(&b, second, NULL), FAIL_NOT_FOUND);
	second->id = SPAN("m");
	assert_done(destroy(&b, second));
	assert_int_equal(put(&b, labels_of_machine(&b, "m"))->version, 1);
	end(&b);
}

void suite_owner(void **state)
{
	struct bench b;
	bool ready;
	begin(&b, state);
	struct resource *wanted = labels_of_machine(&b, "m");
	wanted->owner = SPAN("controller");
	struct resource *made = put(&b, wanted);
	assert_span(made->owner, "controller");
	struct resource *mine = resource_copy(&b.arena, made);
	mine->owner = SPAN("");
	assert_fails(update(&b, mine, NULL), FAIL_DENIED);
	assert_fails(teardown(&b, made, &ready), FAIL_DENIED);
	assert_fails(destroy(&b, made), FAIL_DENIED);
	end(&b);
}

void suite_finalizers(void **state)
{
	struct bench b;
	struct resource *held = NULL;
	bool ready = true;
	begin(&b, state);
	struct resource *wanted = labels_of_machine(&b, "m");
	add_finalizer(&b, wanted, "z");
	add_finalizer(&b, wanted, "a");
	add_finalizer(&b, wanted, "z");
	struct resource *made = put(&b, wanted);
	assert_int_equal(made->finalizer_count, 2);
	assert_span(made->finalizers[0], "a");
	assert_fails(destroy(&b, made), FAIL_PRECONDITION);
	assert_done(teardown(&b, made, &ready));
	assert_false(ready);
	assert_done(teardown(&b, made, &ready));
	assert_fails(destroy(&b, made), FAIL_PRECONDITION);
	assert_done(get(&b, made->type, "m", &held));
	assert_int_equal(held->phase, RESOURCE_TEARING_DOWN);
	assert_int_equal(held->version, 2);
	struct resource *revived = resource_copy(&b.arena, held);
	revived->phase = RESOURCE_RUNNING;
	assert_fails(update(&b, revived, NULL), FAIL_PRECONDITION);
	held->finalizer_count = 1;
	assert_done(update(&b, held, &held));
	held->finalizer_count = 0;
	assert_done(update(&b, held, NULL));
	if (!destroy(&b, made)) /* a server may have done it */
		assert_int_equal(b.fail.code, FAIL_NOT_FOUND);
	assert_fails(get(&b, made->type, "m", &held), FAIL_NOT_FOUND);
	end(&b);
}

void suite_free_goes_by_itself(void **state)
{
	struct bench b;
	struct resource *held;
	bool ready = true;
	begin(&b, state);
	struct resource *wanted = labels_of_machine(&b, "m");
	add_finalizer(&b, wanted, "a");
	put(&b, wanted);
	assert_done(teardown(&b, wanted, &ready));
	assert_false(ready);
	assert_done(get(&b, wanted->type, "m", &held));
	held->finalizer_count = 0;
	assert_done(update(&b, held, NULL));
	expect_gone(&b, wanted->type, "m");
	put(&b, labels_of_machine(&b, "n"));
	assert_done(teardown(&b, labels_of_machine(&b, "n"), &ready));
	expect_gone(&b, wanted->type, "n");
	end(&b);
}

void suite_destroy(void **state)
{
	struct bench b;
	begin(&b, state);
	struct resource *made = put(&b, labels_of_machine(&b, "m"));
	assert_done(destroy(&b, made)); /* running, without finalizers */
	assert_fails(destroy(&b, made), FAIL_NOT_FOUND);
	end(&b);
}

void suite_torn_down_goes(void **state)
{
	struct bench b;
	bool ready = false;
	begin(&b, state);
	struct resource *made = put(&b, labels_of_machine(&b, "m"));
	assert_done(teardown(&b, made, &ready));
	assert_true(ready);
	if (!destroy(&b, made))
		assert_int_equal(b.fail.code, FAIL_NOT_FOUND);
	assert_fails(teardown(&b, made, &ready), FAIL_NOT_FOUND);
	end(&b);
}

/* --- lists ------------------------------------------------------------------------------------------------------------- */

static size_t matching(struct bench *b, const char *selector)
{
	struct omni_query query;
	struct resource_list list;
	if (!omni_query_parse(&b->arena, span_of(selector), &query, &b->fail) ||
	    !b->store->ops->list(b->store, &b->arena, labels_of_machine(b, "")->type, &query, 0, &list, &b->fail))
		fail_msg("%s: %s", selector, b->fail.text);
	return list.count;
}

void suite_list(void **state)
{
	static const char *const memory[] = {"4 GiB", "8Gi", "16GB", "many", NULL};
	struct bench b;
	struct resource_list list;
	begin(&b, state);
	for (int i = 4; i >= 0; i--) {
		struct resource *wanted = labels_of_machine(&b, arena_spanf(&b.arena, "m%d", i).ptr);
		if (memory[i] != NULL)
			labels_set(&b.arena, &wanted->labels, SPAN("memory"), span_of(memory[i]));
		put(&b, wanted);
	}
	assert_done(b.store->ops->list(b.store, &b.arena, labels_of_machine(&b, "")->type, NULL, 0, &list, &b.fail));
	assert_int_equal(list.count, 5);
	for (size_t i = 1; i < list.count; i++)
		assert_true(span_cmp(list.items[i - 1]->id, list.items[i]->id) < 0);
	assert_int_equal(matching(&b, "memory"), 4);
	assert_int_equal(matching(&b, "!memory"), 1);
	assert_int_equal(matching(&b, "memory = 8Gi"), 1);
	assert_int_equal(matching(&b, "memory != 8Gi"), 4);
	assert_int_equal(matching(&b, "memory in (8Gi, many)"), 2);
	assert_int_equal(matching(&b, "memory notin (8Gi, many)"), 3);
	assert_int_equal(matching(&b, "memory >= 8 GiB"), 2);
	assert_int_equal(matching(&b, "memory < 8 GiB"), 1);
	assert_int_equal(matching(&b, "memory <= 8 GiB"), 2);
	assert_int_equal(matching(&b, "memory > 8 GiB"), 1);
	assert_int_equal(matching(&b, "memory, memory > 1k"), 3);
	end(&b);
}

void suite_odd_ids(void **state)
{
	static const char *const ids[] = {"a/b",  ".hidden", "..", "UPPER", "upper", "a%2Fb", "x.yaml", "ü",
					  "-dash", "blank s", "a:b", "200-cluster-demo-patches/a.yaml"};
	struct bench b;
	struct resource *back;
	char longest[1025];
	begin(&b, state);
	for (size_t i = 0; i < COUNT_OF(ids); i++)
		put(&b, labels_of_machine(&b, ids[i]));
	memset(longest, 'l', sizeof longest);
	longest[1024] = '\0';
	put(&b, labels_of_machine(&b, longest));
	longest[1023] = 'k';
	put(&b, labels_of_machine(&b, longest));
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		assert_done(get(&b, labels_of_machine(&b, "")->type, ids[i], &back));
		assert_span(back->id, ids[i]);
	}
	assert_int_equal(count(&b, labels_of_machine(&b, "")->type), COUNT_OF(ids) + 2);
	assert_fails(b.store->ops->create(b.store, &b.arena, labels_of_machine(&b, ""), 0, NULL, &b.fail), FAIL_INVALID);
	assert_fails(b.store->ops->create(b.store, &b.arena, labels_of_machine(&b, "a\nb"), 0, NULL, &b.fail), FAIL_INVALID);
	end(&b);
}

/* --- what belongs together ---------------------------------------------------------------------------------------------- */

static void put_whole_cluster(struct bench *b, const char *id)
{
	const char *set = arena_spanf(&b->arena, "%s-workers", id).ptr, *machine = arena_spanf(&b->arena, "%s-m1", id).ptr;
	put(b, cluster(b, id));
	put(b, patch(b, id, arena_spanf(&b->arena, "200-cluster-%s-p", id).ptr));
	put(b, labelled(b, OMNI_EXTENSIONS, arena_spanf(&b->arena, "schematic-%s", id).ptr, OMNI_LABEL_CLUSTER, id));
	put(b, machine_set(b, id, arena_spanf(&b->arena, "%s-control-planes", id).ptr, OMNI_LABEL_CONTROL_PLANE));
	put(b, machine_set(b, id, set, OMNI_LABEL_WORKER));
	put(b, node(b, id, set, machine));
	put(b, resource_new(&b->arena, OMNI_KERNEL_ARGS, span_of(machine)));
	struct resource *own = patch(b, id, arena_spanf(&b->arena, "400-%s-p", set).ptr);
	labels_set(&b->arena, &own->labels, SPAN(OMNI_LABEL_MACHINE_SET), span_of(set));
	put(b, own);
}

void suite_cascade(void **state)
{
	struct bench b;
	struct resource *back;
	bool ready;
	begin(&b, state);
	put_whole_cluster(&b, "one");
	put_whole_cluster(&b, "two");
	assert_fails(destroy(&b, cluster(&b, "one")), FAIL_PRECONDITION);
	assert_done(teardown(&b, machine_set(&b, "two", "two-workers", OMNI_LABEL_WORKER), &ready));
	assert_fails(get(&b, OMNI_MACHINE_SET_NODE, "two-m1", &back), FAIL_NOT_FOUND);
	assert_fails(get(&b, OMNI_CONFIG_PATCH, "400-two-workers-p", &back), FAIL_NOT_FOUND);
	assert_done(get(&b, OMNI_CONFIG_PATCH, "200-cluster-two-p", &back));
	assert_done(teardown(&b, cluster(&b, "one"), &ready));
	assert_fails(get(&b, OMNI_CLUSTER, "one", &back), FAIL_NOT_FOUND);
	assert_int_equal(count(&b, OMNI_CLUSTER), 1);
	assert_int_equal(count(&b, OMNI_MACHINE_SET), 1);
	assert_int_equal(count(&b, OMNI_MACHINE_SET_NODE), 0);
	assert_int_equal(count(&b, OMNI_CONFIG_PATCH), 1);
	assert_int_equal(count(&b, OMNI_EXTENSIONS), 1);
	assert_int_equal(count(&b, OMNI_KERNEL_ARGS), 2);
	end(&b);
}

static bool create(struct bench *b, const struct resource *resource)
{
	return b->store->ops->create(b->store, &b->arena, resource, 0, NULL, &b->fail);
}

void suite_relations(void **state)
{
	struct bench b;
	begin(&b, state);
	assert_fails(create(&b, cluster(&b, "no.dots")), FAIL_INVALID);
	assert_fails(create(&b, resource_new(&b.arena, OMNI_CLUSTER, SPAN("bare"))), FAIL_INVALID);
	assert_fails(create(&b, machine_set(&b, "one", "one-workers", OMNI_LABEL_WORKER)), FAIL_INVALID);
	put(&b, cluster(&b, "one"));
	assert_fails(create(&b, machine_set(&b, "one", "workers", OMNI_LABEL_WORKER)), FAIL_INVALID);
	assert_fails(create(&b, machine_set(&b, "one", "one-workers", "other")), FAIL_INVALID);
	struct resource *set = put(&b, machine_set(&b, "one", "one-workers", OMNI_LABEL_WORKER));
	labels_set(&b.arena, &set->labels, SPAN(OMNI_LABEL_CLUSTER), SPAN("two"));
	assert_fails(update(&b, set, NULL), FAIL_INVALID);
	assert_fails(create(&b, node(&b, "one", "one-other", "m1")), FAIL_INVALID);
	put(&b, node(&b, "one", "one-workers", "m1"));
	struct resource *empty = patch(&b, "one", "p");
	empty->spec = node_map(&b.arena, 0);
	assert_fails(create(&b, empty), FAIL_INVALID);
	end(&b);
}

void suite_locks(void **state)
{
	struct bench b;
	bool ready;
	begin(&b, state);
	struct resource *held = put(&b, cluster(&b, "one"));
	put(&b, machine_set(&b, "one", "one-workers", OMNI_LABEL_WORKER));
	struct resource *locked = node(&b, "one", "one-workers", "m1");
	labels_set(&b.arena, &locked->annotations, SPAN(OMNI_ANNOTATION_LOCKED), SPAN(""));
	put(&b, locked);
	assert_fails(teardown(&b, locked, &ready), FAIL_INVALID);
	labels_set(&b.arena, &held->annotations, SPAN(OMNI_ANNOTATION_CLUSTER_LOCKED), SPAN(""));
	assert_done(update(&b, held, &held));
	assert_fails(update(&b, held, NULL), FAIL_INVALID);
	assert_fails(teardown(&b, held, &ready), FAIL_INVALID);
	assert_fails(create(&b, machine_set(&b, "one", "one-more", OMNI_LABEL_WORKER)), FAIL_INVALID);
	labels_remove(&held->annotations, SPAN(OMNI_ANNOTATION_CLUSTER_LOCKED));
	assert_done(update(&b, held, NULL));
	assert_done(teardown(&b, held, &ready));
	end(&b);
}

void suite_machine_class_in_use(void **state)
{
	struct bench b;
	bool ready;
	begin(&b, state);
	struct resource *class = resource_new(&b.arena, OMNI_MACHINE_CLASS, SPAN("big")), *set;
	struct node list = node_seq(&b.arena, 1), allocation = node_map(&b.arena, 2);
	assert_fails(create(&b, class), FAIL_INVALID);
	node_push(&list, node_string(SPAN("omni.sidero.dev/cores >= 8")));
	class->spec = node_map(&b.arena, 1);
	node_put(&class->spec, "matchlabels", list);
	node_put(&allocation, "name", node_string(SPAN("big")));
	node_put(&allocation, "machinecount", node_int(&b.arena, 3));
	put(&b, cluster(&b, "one"));
	set = machine_set(&b, "one", "one-workers", OMNI_LABEL_WORKER);
	node_put(&set->spec, "machineallocation", allocation);
	assert_fails(create(&b, set), FAIL_INVALID);
	put(&b, class);
	put(&b, set);
	assert_fails(teardown(&b, class, &ready), FAIL_INVALID);
	assert_done(teardown(&b, set, &ready));
	assert_done(teardown(&b, class, &ready));
	end(&b);
}

/* --- several at once ---------------------------------------------------------------------------------------------------- */

enum { MANY = 70 };

struct several {
	struct omni_op ops[MANY + 1];
	size_t count;
};

static struct omni_op *add(struct several *several, enum omni_op_kind kind, const struct omni_type *type, const char *id)
{
	struct omni_op *op = &several->ops[several->count++];
	*op = (struct omni_op){.kind = kind, .type = type, .id = span_of(id)};
	return op;
}

static struct omni_op *add_write(struct several *several, enum omni_op_kind kind, const struct resource *resource)
{
	struct omni_op *op = &several->ops[several->count++];
	*op = (struct omni_op){.kind = kind, .resource = resource};
	return op;
}

static void run(struct bench *b, struct several *several)
{
	omni_batch(b->store, &b->arena, several->ops, several->count, 0);
	several->count = 0;
}

/* m00 to m69, with a label; "held" is there already. */
static void create_many(struct bench *b, struct several *several)
{
	put(b, labels_of_machine(b, "held"));
	for (int i = 0; i < MANY; i++) {
		struct resource *wanted = labels_of_machine(b, arena_spanf(&b->arena, "m%02d", i).ptr);
		labels_set(&b->arena, &wanted->labels, SPAN("y"), SPAN("1"));
		add_write(several, OMNI_CREATE, wanted);
	}
	struct omni_op *twice = add_write(several, OMNI_CREATE, labels_of_machine(b, "held"));
	run(b, several);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(several->ops[i].code, FAIL_NONE);
	assert_int_equal(twice->code, FAIL_EXISTS);
	assert_true(twice->text.len > 0);
}

void suite_batch(void **state)
{
	struct bench b;
	struct several s = {.count = 0};
	struct omni_query query = {0};
	begin(&b, state);
	create_many(&b, &s);
	const struct omni_type *type = labels_of_machine(&b, "")->type;
	omni_query_equal(&b.arena, &query, "y", SPAN("1"));
	struct omni_op *all = add(&s, OMNI_LIST, type, ""), *some = add(&s, OMNI_LIST, type, "");
	struct omni_op *one = add(&s, OMNI_GET, type, "m07"), *none = add(&s, OMNI_GET, type, "m99");
	some->query = &query;
	run(&b, &s);
	assert_int_equal(all->list.count, MANY + 1);
	assert_int_equal(some->list.count, MANY);
	assert_true(span_is(some->list.items[0]->id, "m00") && span_is(some->list.items[MANY - 1]->id, "m69"));
	assert_true(span_is(one->found->id, "m07"));
	assert_int_equal(none->code, FAIL_NOT_FOUND);
	assert_null(none->found);
	struct resource *fresh = one->found, *old = resource_copy(&b.arena, fresh);
	labels_set(&b.arena, &fresh->labels, SPAN("y"), SPAN("2"));
	struct omni_op *good = add_write(&s, OMNI_UPDATE, fresh), *torn = add(&s, OMNI_TEARDOWN, type, "m08");
	struct omni_op *lost = add(&s, OMNI_TEARDOWN, type, "m99"), *gone = add(&s, OMNI_DESTROY, type, "held");
	run(&b, &s);
	assert_true(good->code == FAIL_NONE && torn->code == FAIL_NONE && gone->code == FAIL_NONE);
	assert_true(torn->is_ready);
	assert_int_equal(lost->code, FAIL_NOT_FOUND);
	struct omni_op *late = add_write(&s, OMNI_UPDATE, old);
	run(&b, &s);
	assert_int_equal(late->code, FAIL_CONFLICT);
	end(&b);
}

static void expect(struct bench *b, struct omni_watch *watch, enum omni_event_kind kind, const char *id, struct omni_event *out)
{
	enum { PATIENCE_MS = 5000 };
	struct pollfd poll_fd = {watch->ops->fd(watch), POLLIN, 0};
	bool has = false;
	for (int i = 0; i < 100 && !has; i++) {
		assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
		if (!watch->ops->next(watch, &b->arena, out, &has, &b->fail))
			fail_msg("%s", b->fail.text);
	}
	assert_true(has);
	assert_int_equal(out->kind, kind);
	if (id != NULL)
		assert_span(out->resource->id, id);
}

static void expect_silence(struct bench *b, struct omni_watch *watch)
{
	struct omni_event event;
	bool has = true;
	assert_true(watch->ops->next(watch, &b->arena, &event, &has, &b->fail));
	assert_false(has);
	assert_int_equal(poll(&(struct pollfd){watch->ops->fd(watch), POLLIN, 0}, 1, 0), 0);
}

void suite_watch(void **state)
{
	const struct store_maker *maker = *state;
	struct bench b;
	struct omni_watch *watch;
	struct omni_event event;
	bool ready;
	begin(&b, state);
	put(&b, cluster(&b, "b"));
	put(&b, cluster(&b, "a"));
	assert_done(b.store->ops->watch(b.store, OMNI_CLUSTER, (struct span){0}, &watch, &b.fail));
	expect(&b, watch, OMNI_CREATED, "a", &event);
	expect(&b, watch, OMNI_CREATED, "b", &event);
	expect(&b, watch, OMNI_BOOTSTRAPPED, NULL, &event);
	expect_silence(&b, watch);
	struct omni_store *other = maker->again(maker->ctx), *mine = b.store;
	b.store = other;
	struct resource *made = put(&b, cluster(&b, "c"));
	expect(&b, watch, OMNI_CREATED, "c", &event);
	labels_set(&b.arena, &made->labels, SPAN("x"), SPAN("y"));
	assert_done(update(&b, made, NULL));
	expect(&b, watch, OMNI_UPDATED, "c", &event);
	assert_int_equal(event.resource->version, 2);
	b.store = mine;
	put(&b, machine_set(&b, "a", "a-workers", OMNI_LABEL_WORKER)); /* another type */
	assert_done(teardown(&b, cluster(&b, "b"), &ready));
	if (!destroy(&b, cluster(&b, "b"))) /* the store may have done it */
		assert_int_equal(b.fail.code, FAIL_NOT_FOUND);
	do
		expect(&b, watch, event.kind == OMNI_DESTROYED ? OMNI_DESTROYED : OMNI_UPDATED, "b", &event);
	while (event.kind == OMNI_UPDATED && event.resource->phase != RESOURCE_TEARING_DOWN);
	expect(&b, watch, OMNI_DESTROYED, "b", &event);
	expect_silence(&b, watch);
	watch->ops->close(watch);
	omni_store_close(other);
	end(&b);
}

void suite_watch_resumes(void **state)
{
	struct bench b;
	struct omni_watch *watch;
	struct omni_event event;
	begin(&b, state);
	assert_done(b.store->ops->watch(b.store, OMNI_CLUSTER, (struct span){0}, &watch, &b.fail));
	expect(&b, watch, OMNI_BOOTSTRAPPED, NULL, &event);
	struct span bookmark = event.bookmark;
	assert_true(bookmark.len > 0);
	watch->ops->close(watch);
	put(&b, cluster(&b, "a"));
	put(&b, cluster(&b, "b"));
	assert_done(b.store->ops->watch(b.store, OMNI_CLUSTER, bookmark, &watch, &b.fail));
	expect(&b, watch, OMNI_RESUMED, NULL, &event);
	expect(&b, watch, OMNI_CREATED, "a", &event);
	expect(&b, watch, OMNI_CREATED, "b", &event);
	expect_silence(&b, watch);
	watch->ops->close(watch);
	if (b.store->ops->watch(b.store, OMNI_CLUSTER, SPAN("nonsense"), &watch, &b.fail)) {
		expect(&b, watch, OMNI_ERRORED, NULL, &event);
		b.fail = event.fail;
		watch->ops->close(watch);
	}
	assert_int_equal(b.fail.code, FAIL_PRECONDITION);
	end(&b);
}
