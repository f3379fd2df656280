/* Of several replicas, which acts on what: all of them watch, and know what there is to do; only the one that holds a cluster's
 * Lease does it. Its calls end before the Lease can be another's (run_deadline), so whoever was stopped in the middle of a
 * thought and goes on later is silent. */
#include "agent/cluster_api.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/cluster_handlers.h"
#include "agent/controller/controller.h"
#include "agent/kube/replicas.h"
#include "agent/told.h"
#include "agent/tree_handlers.h"
#include "base/clock.h"

static void take_change(void *ctx)
{
	struct cluster_api *api = ctx;
	desired_look(api->agent, NULL, false);
	if (api->controller != NULL)
		controller_look(api->controller);
	cluster_handlers_look(api);
	tree_handlers_look(api->agent);
}

static void on_change(void *ctx)
{
	struct cluster_api *api = ctx;
	loop_post(api->agent->loop, take_change, api);
}

bool cluster_election_start(struct cluster_api *api, struct fail *fail)
{
	const struct settings *settings = api->agent->settings;
	const char *configured = kube_client_namespace(api->client);
	struct replicas_options options = {.ns = settings->lease_namespace, .lease = settings->lease_name, .shards = 1,
					   .duration_ms = settings->lease_duration_ms, .log = api->agent->log, .changed = on_change,
					   .ctx = api};
	enum { LEAST_MS = 2000 };
	if (!cluster_election_is_wanted(settings))
		return true;
	if (settings->shard != NULL && !replicas_parse_shard(span_of(settings->shard), &options.shard, &options.shards, fail))
		return fail_wrap(fail, "--shard");
	if (options.duration_ms < LEAST_MS)
		return fail_set(fail, FAIL_INVALID, "--lease-duration: at least two seconds: a Lease counts in whole seconds, and is "
				"renewed five times as often");
	if (options.ns == NULL && configured[0] == '\0')
		return fail_set(fail, FAIL_INVALID, "--leader-elect: nothing says in which namespace the Lease stands: give --lease-namespace");
	options.ns = options.ns != NULL ? options.ns : configured;
	api->replicas = replicas_new(api->client, &options);
	log_info(api->agent->log, "lease", "one replica of several acts", log_string("namespace", options.ns),
		 log_string("lease", options.lease), log_int("shard", options.shard), log_int("shards", options.shards));
	return true;
}

bool cluster_election_is_wanted(const struct settings *settings)
{
	return settings->leader_elect || settings->shard != NULL;
}

bool cluster_election_may_write(void *ctx, struct span key)
{
	const struct cluster_api *api = ctx;
	return replicas_until_ms(api->replicas, key) > 0;
}

/* Replicas must agree on it, so it is nothing that one of them alone knows. */
static struct span key_of(const struct unit *unit)
{
	return unit->link->raws == unit ? span_of(unit->link->url) : span_of(unit->name);
}

int64_t cluster_election_until_ms(const struct unit *unit)
{
	const struct cluster_api *api = unit->agent->cluster_api;
	return api == NULL ? INT64_MAX : replicas_until_ms(api->replicas, key_of(unit));
}

int64_t run_deadline(const struct run *run)
{
	int64_t deadline_ms = clock_monotonic_ms() + CALL_TIMEOUT_MS, until_ms = cluster_election_until_ms(run->unit);
	if (deadline_ms < until_ms)
		return deadline_ms;
	return until_ms > 0 ? until_ms : 1; /* 0 would be the store's default */
}

void cluster_election_stand_by(struct unit *unit)
{
	char holder[300], message[400];
	replicas_holder(unit->agent->cluster_api->replicas, key_of(unit), holder, sizeof holder);
	snprintf(message, sizeof message, "another replica acts on it%s%s", holder[0] == '\0' ? "" : ": ", holder);
	told_standby(unit, message);
}

/* Nothing is being done any more: who waits need not wait for the end of our time. */
void cluster_election_finish(struct cluster_api *api, int64_t deadline_ms)
{
	replicas_stop(api->replicas);
	replicas_release(api->replicas, deadline_ms);
}

void cluster_election_report(const struct cluster_api *api, struct agent_report *report)
{
	const char *name;
	bool is_held = false;
	while (report->lease_count < LEASES_REPORTED && (name = replicas_lease_at(api->replicas, report->lease_count, &is_held)) != NULL) {
		struct lease_report *lease = &report->leases[report->lease_count++];
		snprintf(lease->name, sizeof lease->name, "%s", name);
		lease->is_held = is_held;
	}
}
