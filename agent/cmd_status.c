/* omniops status and health. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/report/fleet_view.h"
#include "agent/target.h"
#include "base/clock.h"

enum { POLL_MS = 500, CALL_MS = 30000 };

static bool wants_json(const struct call *call, bool *out)
{
	const char *output = call->settings.output;
	*out = output != NULL && strcmp(output, "json") == 0;
	return output == NULL || *out || strcmp(output, "text") == 0;
}

static bool open_target(struct call *call, struct targets *targets, struct target **out, struct fail *fail)
{
	targets_init(targets, call->arena, &call->settings);
	return targets_find(targets, NULL, (struct span){"", 0}, out, fail);
}

/* A directory is not asked; a server that does not say it is no reason to show nothing. */
static bool ask_server(struct call *call, struct omni_store *store, struct omni_about *about)
{
	struct fail fail;
	if (call->word_count > 0 || store->ops->about == NULL)
		return false;
	bool ok = store->ops->about(store, call->arena, clock_monotonic_ms() + CALL_MS, about, &fail);
	return ok && about->version.len > 0;
}

static bool print_status(struct call *call, struct omni_store *store, bool json, struct text *out, struct fail *fail)
{
	int64_t deadline_ms = clock_monotonic_ms() + CALL_MS;
	struct cluster_view view, *views = &view;
	size_t count = 1;
	bool is_one = call->word_count == 1;
	struct omni_about about = {0};
	if (is_one ? !view_cluster(store, call->arena, span_of(call->words[0]), deadline_ms, &view, fail)
		   : !view_fleet(store, call->arena, deadline_ms, &views, &count, fail))
		return false;
	bool has_about = ask_server(call, store, &about);
	if (has_about && !json)
		view_print_server(out, store->name, &about, clock_wall_ms() / 1000);
	if (json)
		view_print_json(out, store->name, has_about ? &about : NULL, views, count);
	else if (is_one)
		view_print_tree(out, &view, call->color);
	else if (count == 0)
		text_addf(out, "%s holds no cluster.\n", store->name);
	else
		view_print_table(out, views, count, call->color);
	return true;
}

static int run_status(struct call *call)
{
	bool json;
	if (!wants_json(call, &json))
		return command_usage_error(call->command, "status prints text or json, not \"%s\"", call->settings.output);
	struct targets targets;
	struct target *target;
	struct fail fail;
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	bool ok = open_target(call, &targets, &target, &fail) && print_status(call, target->store, json, &out, &fail);
	targets_done(&targets);
	if (!ok) {
		text_done(&out);
		return command_error(&fail);
	}
	return command_print(&out, EXIT_OK);
}

static const char *const status_settings[] = {OMNI_SETTINGS, "output", "color", "help", NULL};

const struct command cmd_status = {
	"status", "[CLUSTER]", "Show the clusters of an Omni, or one with its machine sets and machines",
	"Without CLUSTER also what answers there, who we are to it, and until when the key is good. Output: text or json.",
	"  $ omniops status\n  $ omniops status talos-prod-01", status_settings, 0, 1, run_status,
};

/* --- health --------------------------------------------------------------------------------------------------------- */

static void show_progress(const struct cluster_view *view, char *last, size_t size)
{
	if (strncmp(last, view->root->text.ptr, size - 1) == 0)
		return;
	snprintf(last, size, "%.*s", SPAN_ARG(view->root->text));
	fprintf(stderr, "%s\n", last);
}

/* Looks until the cluster is healthy, the time is over, or it is clear that waiting is in vain. */
static bool wait_healthy(struct call *call, struct omni_store *store, int64_t deadline_ms, struct cluster_view *view,
			 struct fail *fail)
{
	char last[512] = "";
	for (;;) {
		if (!view_cluster(store, call->arena, span_of(call->words[0]), clock_monotonic_ms() + CALL_MS, view, fail))
			return false;
		if (view->is_healthy || !call->settings.wait)
			return true;
		show_progress(view, last, sizeof last);
		if (clock_monotonic_ms() >= deadline_ms)
			return fail_set(fail, FAIL_TIMEOUT, "cluster %s is not healthy after %lld s", call->words[0],
					(long long)(call->settings.timeout_ms / 1000));
		clock_sleep_ms(POLL_MS);
		arena_reset(call->arena);
	}
}

static int run_health(struct call *call)
{
	bool json;
	if (!wants_json(call, &json))
		return command_usage_error(call->command, "health prints text or json, not \"%s\"", call->settings.output);
	struct targets targets;
	struct target *target;
	struct fail fail;
	struct cluster_view view;
	struct text out;
	struct arena own; /* the arena of the call is emptied while waiting */
	arena_init(&own, ARENA_NO_LIMIT);
	text_init(&out, TEXT_NO_LIMIT);
	targets_init(&targets, &own, &call->settings);
	bool ok = targets_find(&targets, NULL, (struct span){"", 0}, &target, &fail) &&
		  wait_healthy(call, target->store, clock_monotonic_ms() + call->settings.timeout_ms, &view, &fail);
	int code = ok ? view.is_healthy ? EXIT_OK : EXIT_ERROR : command_error(&fail);
	if (ok && json)
		view_print_json(&out, NULL, NULL, &view, 1);
	else if (ok)
		view_print_tree(&out, &view, call->color);
	targets_done(&targets);
	arena_done(&own);
	return command_print(&out, code);
}

static const char *const health_settings[] = {OMNI_SETTINGS, "wait", "timeout", "output", "color", "help", NULL};

const struct command cmd_health = {
	"health", "CLUSTER", "Tell whether a cluster is healthy",
	"Healthy: Omni reports the cluster running and ready, all its machine sets running and ready, and no upgrade under way.\n"
	"Exit status: 0 healthy, 1 not (with --wait: not within --timeout).",
	"  $ omniops health talos-prod-01 --wait --timeout 20m", health_settings, 1, 1, run_health,
};
