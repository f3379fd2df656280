/* omniops get and snapshot: look at resources, save them. */
#include <stdio.h>
#include <string.h>

#include "agent/command.h"
#include "agent/target.h"
#include "base/clock.h"
#include "render/emit.h"

enum { CALL_MS = 30000 };

static int64_t deadline(void)
{
	return clock_monotonic_ms() + CALL_MS;
}

static void print_yaml(struct text *out, const struct resource *resource)
{
	if (out->len > 0)
		text_adds(out, "---\n");
	resource_print(out, resource, true);
}

static void print_row(struct text *out, const struct resource *resource)
{
	if (out->len == 0)
		text_addf(out, "%-10s %-36s %-48s %s\n", "NAMESPACE", "TYPE", "ID", "VERSION");
	text_addf(out, "%-10.*s %-36.*s %-48.*s %llu%s\n", SPAN_ARG(resource->ns), SPAN_ARG(resource->type_name),
		  SPAN_ARG(resource->id), (unsigned long long)resource->version,
		  resource->phase == RESOURCE_TEARING_DOWN ? " (tearing down)" : "");
}

static bool find(struct call *call, struct omni_store *store, const struct omni_type *type, struct resource_list *list,
		 struct fail *fail)
{
	if (call->word_count == 2) {
		struct resource *resource;
		if (!store->ops->get(store, call->arena, type, span_of(call->words[1]), deadline(), &resource, fail))
			return false;
		resource_push(call->arena, list, resource);
		return true;
	}
	struct omni_query query = {0};
	const char *selector = call->settings.selector;
	if (selector != NULL && !omni_query_parse(call->arena, span_of(selector), &query, fail))
		return fail_wrap(fail, "--selector");
	return store->ops->list(store, call->arena, type, selector == NULL ? NULL : &query, deadline(), list, fail);
}

static int run_get(struct call *call)
{
	const char *output = call->settings.output == NULL ? "table" : call->settings.output;
	bool yaml = strcmp(output, "yaml") == 0;
	if (!yaml && strcmp(output, "table") != 0)
		return command_usage_error(call->command, "get prints table or yaml, not \"%s\"", output);
	const struct omni_type *type = omni_type_guess(span_of(call->words[0]));
	if (type == NULL)
		return command_usage_error(call->command, "no type of resource is called \"%s\"; for example: clusters, machinesets, "
							  "configpatches, machineclasses", call->words[0]);
	struct targets targets;
	struct target *target;
	struct fail fail;
	struct resource_list list = {0};
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	targets_init(&targets, call->arena, &call->settings);
	bool ok = targets_find(&targets, NULL, (struct span){"", 0}, &target, &fail) &&
		  find(call, target->store, type, &list, &fail);
	for (size_t i = 0; ok && i < list.count; i++)
		(yaml ? print_yaml : print_row)(&out, list.items[i]);
	targets_done(&targets);
	return ok ? command_print(&out, EXIT_OK) : (text_done(&out), command_error(&fail));
}

static const char *const get_settings[] = {"omni", "connection", "selector", "output", "help", NULL};

const struct command cmd_get = {
	"get", "TYPE [ID]", "Show resources of an Omni",
	"TYPE may be short: machineclasses, mc, cluster. Output: table or yaml (as omnictl get prints it).",
	"  $ omniops get machineclasses\n  $ omniops get configpatches -l 'omni.sidero.dev/cluster = prod' -o yaml",
	get_settings, 1, 2, run_get,
};

/* --- snapshot ------------------------------------------------------------------------------------------------------- */

static bool copy_type(struct omni_store *from, struct omni_store *to, const struct omni_type *type, size_t *count,
		      struct fail *fail)
{
	struct arena arena;
	struct resource_list list = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = from->ops->list(from, &arena, type, NULL, deadline(), &list, fail);
	for (size_t i = 0; ok && i < list.count; i++) {
		ok = to->ops->create(to, &arena, list.items[i], deadline(), NULL, fail);
		*count += ok;
	}
	arena_done(&arena);
	return ok;
}

static int run_snapshot(struct call *call)
{
	struct targets targets;
	struct target *target;
	struct fail fail;
	struct omni_store *to = NULL;
	size_t count = 0;
	targets_init(&targets, call->arena, &call->settings);
	bool ok = targets_find(&targets, NULL, (struct span){"", 0}, &target, &fail) &&
		  dir_store_open(call->words[0], &to, &fail);
	for (size_t i = 0; ok && omni_type_at(i) != NULL; i++)
		ok = copy_type(target->store, to, omni_type_at(i), &count, &fail);
	omni_store_close(to);
	targets_done(&targets);
	if (!ok)
		return command_error(&fail);
	fprintf(stderr, "%zu resources saved in %s. Plan against them with: omniops plan --omni dir:%s\n", count, call->words[0],
		call->words[0]);
	return EXIT_OK;
}

static const char *const snapshot_settings[] = {"omni", "connection", "help", NULL};

const struct command cmd_snapshot = {
	"snapshot", "DIR", "Save the resources of an Omni in a directory, for offline plans",
	"DIR must not hold resources yet.", "  $ omniops snapshot /tmp/omni-today", snapshot_settings, 1, 1, run_snapshot,
};
