/* omniops status. */
#include <string.h>

#include "agent/commands/command.h"
#include "agent/report/fleet_view.h"
#include "agent/settings/target.h"
#include "base/clock.h"

enum { CALL_MS = 30000 };

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

static bool print_one(struct call *call, struct omni_store *store, bool json, struct text *out, struct fail *fail)
{
	struct cluster_view view;
	if (!view_cluster(store, call->arena, span_of(call->words[0]), clock_monotonic_ms() + CALL_MS, &view, fail))
		return false;
	if (json)
		view_print_json(out, store->name, NULL, &view, 1, NULL);
	else
		view_print_tree(out, &view, call->color);
	return true;
}

static bool print_all(struct call *call, struct omni_store *store, bool json, struct text *out, struct fail *fail)
{
	struct fleet_view fleet;
	struct omni_about about = {0};
	if (!view_fleet(store, call->arena, clock_monotonic_ms() + CALL_MS, &fleet, fail))
		return false;
	bool has_about = ask_server(call, store, &about);
	if (has_about && !json)
		view_print_server(out, store->name, &about, clock_wall_ms() / 1000);
	if (json) {
		view_print_json(out, store->name, has_about ? &about : NULL, fleet.clusters, fleet.count, &fleet);
		return true;
	}
	if (fleet.count == 0)
		text_addf(out, "%s holds no cluster.\n", store->name);
	view_print_table(out, &fleet, call->color);
	return true;
}

static bool print_status(struct call *call, struct omni_store *store, bool json, struct text *out, struct fail *fail)
{
	return call->word_count == 1 ? print_one(call, store, json, out, fail) : print_all(call, store, json, out, fail);
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
	"Of one cluster the tree of omnictl, with its machines and upgrades, then why it is not ready, what is worth a look, and\n"
	"what Omni does not let go of, with the way out. Without CLUSTER all of them, what answers there, who we are to it, and\n"
	"until when the key is good; \"unmanaged\" is what no omniops keeps. Output: text or json (docs/status.md).",
	"  $ omniops status\n  $ omniops status talos-prod-01", status_settings, 0, 1, run_status,
};
