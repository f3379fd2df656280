/* Changes an Omni behind the agent's back, again and again, and measures how long it takes until somebody undoes it:
 *
 *   drift N PATCH SET CLASS NODE     ids of a ConfigPatch, a MachineSet with a machine class, a MachineClass, a MachineSetNode
 *
 * Prints "KIND MICROSECONDS" for each: from the answer to the write that changed something, or tore it down, to the event
 * that shows it undone, which is later than the agent's seeing it. Omni: COSI_ENDPOINT, COSI_KEY, COSI_CA. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/omni/store.h"
#include "base/clock.h"
#include "base/files.h"

enum { LIMIT_MS = 20000, TRIES = 20, KEY_MAX = 1 << 16 };

static struct arena arena;
static struct omni_store *store;

static int64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

/* --- changes ---------------------------------------------------------------------------------------------------------- */

static struct node with(const struct node *map, const char *key, struct node value)
{
	struct node out = node_map(&arena, map->len + 1u);
	for (uint32_t i = 0; i < map->len; i++)
		if (!span_is(node_text(&map->pairs[i].key), key))
			node_put_span(&out, node_text(&map->pairs[i].key), map->pairs[i].value);
	node_put(&out, key, value);
	return out;
}

static void edit_patch(struct resource *patch)
{
	patch->spec = with(&patch->spec, "data", node_string(SPAN("machine:\n  sysctls:\n    kernel.drift: \"1\"\n")));
}

static void change_size(struct resource *set)
{
	const struct node *allocation = node_get(&set->spec, "machineallocation");
	set->spec = with(&set->spec, "machineallocation", with(allocation, "machinecount", node_int(&arena, 1)));
}

static void add_label(struct resource *resource)
{
	labels_set(&arena, &resource->labels, SPAN("drift"), SPAN("yes"));
}

static void add_annotation(struct resource *resource)
{
	labels_set(&arena, &resource->annotations, SPAN("drift"), SPAN("yes"));
}

static void change_class(struct resource *class)
{
	struct node labels = node_seq(&arena, 1);
	node_push(&labels, node_string(SPAN("omni.sidero.dev/arch = arm64")));
	class->spec = with(&class->spec, "matchlabels", labels);
}

static const struct kind {
	const char *name;
	const struct omni_type *const *type;
	int argument;
	void (*change)(struct resource *resource); /* NULL: destroyed */
} kinds[] = {
	{"patch-edited", &OMNI_CONFIG_PATCH, 2, edit_patch},	  {"set-resized", &OMNI_MACHINE_SET, 3, change_size},
	{"patch-destroyed", &OMNI_CONFIG_PATCH, 2, NULL},	  {"set-labelled", &OMNI_MACHINE_SET, 3, add_label},
	{"class-destroyed", &OMNI_MACHINE_CLASS, 4, NULL},	  {"patch-annotated", &OMNI_CONFIG_PATCH, 2, add_annotation},
	{"node-destroyed", &OMNI_MACHINE_SET_NODE, 5, NULL},	  {"class-edited", &OMNI_MACHINE_CLASS, 4, change_class},
};

/* --- one drift -------------------------------------------------------------------------------------------------------- */

struct drift {
	const struct kind *kind;
	const char *id;
	struct omni_watch *watch; /* tells more truly than reads, which may be a moment old */
	const struct resource *before;
	uint64_t version; /* of what was changed */
	int64_t begin_us;
	bool is_gone, is_undone;
};

static bool next_event(const struct drift *drift, int timeout_ms, struct omni_event *out, struct fail *fail)
{
	bool has = false;
	struct pollfd wait = {drift->watch->ops->fd(drift->watch), POLLIN, 0};
	*out = (struct omni_event){0};
	if (poll(&wait, 1, timeout_ms) < 0)
		return fail_errno(fail, errno, "poll");
	if (!drift->watch->ops->next(drift->watch, &arena, out, &has, fail))
		return false;
	if (out->kind == OMNI_ERRORED && has)
		*fail = out->fail;
	return !has || out->kind != OMNI_ERRORED;
}

/* Until all that exists was told. */
static bool begin_watch(struct drift *drift, struct fail *fail)
{
	struct omni_event event = {0};
	if (!store->ops->watch(store, *drift->kind->type, SPAN(""), &drift->watch, fail))
		return false;
	int64_t end = clock_monotonic_ms() + LIMIT_MS;
	while (event.kind != OMNI_BOOTSTRAPPED) {
		if (!next_event(drift, LIMIT_MS, &event, fail))
			return false;
		if (event.resource != NULL && span_is(event.resource->id, drift->id))
			drift->before = event.resource;
		if (clock_monotonic_ms() > end)
			return fail_set(fail, FAIL_TIMEOUT, "the watch does not begin");
	}
	return drift->before != NULL || fail_set(fail, FAIL_NOT_FOUND, "it is not there");
}

static bool destroy(struct drift *drift, struct fail *fail)
{
	bool is_ready = false;
	const struct omni_type *type = *drift->kind->type;
	if (!store->ops->teardown(store, type, span_of(drift->id), 0, &is_ready, fail))
		return false;
	drift->begin_us = now_us();
	/* What has finalizers Omni destroys by itself when they are gone. */
	return !is_ready || store->ops->destroy(store, type, span_of(drift->id), 0, fail) || fail->code == FAIL_NOT_FOUND;
}

static bool edit(struct drift *drift, struct fail *fail)
{
	for (int i = 0; i < TRIES; i++) { /* controllers write, too */
		struct resource *now, *changed;
		if (!store->ops->get(store, &arena, *drift->kind->type, span_of(drift->id), 0, &now, fail))
			return false;
		drift->kind->change(now);
		if (store->ops->update(store, &arena, now, 0, &changed, fail)) {
			drift->version = changed->version;
			drift->begin_us = now_us();
			return true;
		}
		if (fail->code != FAIL_CONFLICT)
			return false;
	}
	return false;
}

static bool is_as_before(const struct drift *drift, const struct resource *now)
{
	return now->phase == RESOURCE_RUNNING && labels_equal(&now->labels, &drift->before->labels) &&
	       labels_equal(&now->annotations, &drift->before->annotations) && node_equal(&now->spec, &drift->before->spec);
}

static void take_event(struct drift *drift, const struct omni_event *event)
{
	if (event->resource == NULL || !span_is(event->resource->id, drift->id))
		return;
	if (event->kind == OMNI_DESTROYED)
		drift->is_gone = true;
	else if (drift->kind->change == NULL)
		drift->is_undone = event->kind == OMNI_CREATED && drift->is_gone && is_as_before(drift, event->resource);
	else
		drift->is_undone = event->resource->version > drift->version && is_as_before(drift, event->resource);
}

static bool await(struct drift *drift, struct fail *fail)
{
	int64_t end = clock_monotonic_ms() + LIMIT_MS;
	struct omni_event event;
	while (!drift->is_undone) {
		if (!next_event(drift, LIMIT_MS, &event, fail))
			return false;
		take_event(drift, &event);
		if (clock_monotonic_ms() > end)
			return fail_set(fail, FAIL_TIMEOUT, "nobody undid it");
	}
	printf("%s %lld\n", drift->kind->name, (long long)(now_us() - drift->begin_us));
	return true;
}

static bool measure(const struct kind *kind, const char *id, struct fail *fail)
{
	struct drift drift = {.kind = kind, .id = id};
	arena_reset(&arena);
	bool ok = begin_watch(&drift, fail) && (kind->change == NULL ? destroy(&drift, fail) : edit(&drift, fail)) &&
		  await(&drift, fail);
	if (drift.watch != NULL)
		drift.watch->ops->close(drift.watch);
	return ok || fail_wrap(fail, "%s %s", kind->name, id);
}

int main(int argc, char **argv)
{
	struct omni_store_options options = {.key_source = "the key", .ca_file = getenv("COSI_CA")};
	struct fail fail = {0};
	int64_t count = 0;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (argc != 6 || !span_int(span_of(argv[1]), 1, 100000, &count)) {
		fputs("usage: drift N PATCH SET CLASS NODE\n", stderr);
		return 2;
	}
	bool ok = files_read(&arena, getenv("COSI_KEY"), KEY_MAX, &options.key, &fail) &&
		  omni_store_open(getenv("COSI_ENDPOINT"), &options, &store, &fail);
	for (int64_t i = 0; ok && i < count; i++) {
		const struct kind *kind = &kinds[(size_t)i % (sizeof kinds / sizeof *kinds)];
		ok = measure(kind, argv[kind->argument], &fail);
	}
	if (!ok)
		fprintf(stderr, "%s: %s\n", fail_name(fail.code), fail.text);
	omni_store_close(store);
	arena_done(&arena);
	return ok ? 0 : 1;
}
