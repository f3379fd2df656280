#include "agent/cluster_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cluster_handlers.h"
#include "agent/controller/controller.h"
#include "agent/kube/cache.h"
#include "agent/kube/client.h"
#include "agent/kube/replicas.h"
#include "agent/told.h"
#include "agent/tree_handlers.h"
#include "base/clock.h"

extern char **environ;

/* --- start ------------------------------------------------------------------------------------------------------------ */

/* One source is enough: it reads one namespace, or all. */
static bool find_scope(struct agent *agent, unsigned *out_feed, struct source_scope *out, bool *out_found, struct fail *fail)
{
	const struct string_list *urls = &agent->settings->source;
	*out_found = false;
	for (size_t i = 0; i < urls->count; i++) {
		struct source_scope scope;
		bool is_one = source_scope(urls->items[i], agent->arena, &scope, fail);
		if (!is_one && fail->code != FAIL_NONE)
			return fail_wrap(fail, "--source");
		if (is_one && *out_found)
			return fail_set(fail, FAIL_INVALID, "--source: one source kubernetes: is enough; for several namespaces write "
					"kubernetes:?all-namespaces=true, perhaps with selector=");
		if (!is_one)
			continue;
		*out = scope;
		*out_feed = (unsigned)i;
		*out_found = true;
	}
	return true;
}

static bool open_client(struct agent *agent, struct kube_client **out, struct fail *fail)
{
	const struct settings *settings = agent->settings;
	const struct kube_config_from from = {.file = settings->kubeconfig, .context = settings->kube_context,
					      .allow_exec = settings->allow_exec_credentials, .environment = environ};
	/* A fleet's first statuses are thousands of writes; the API server itself says (429) when they are too many for it. */
	const struct kube_client_options options = {.log = agent->log, .rate = 500, .burst = 1000};
	struct kube_config config = {0};
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = kube_config_find(&arena, &from, &config, fail) && kube_client_new(&config, &options, out, fail);
	arena_done(&arena);
	return ok ? true : fail_wrap(fail, "the API server");
}

/* The namespace of the URL, else of the configuration, as kubectl has it. */
static const char *choose_namespace(const struct kube_client *client, const struct source_scope *scope)
{
	const char *configured = kube_client_namespace(client);
	return scope->all_namespaces ? "" : scope->ns != NULL ? scope->ns : configured[0] != '\0' ? configured : "default";
}

static void name_instance(struct cluster_api *api)
{
	const char *pod = getenv("POD_NAME");
	if (pod != NULL && pod[0] != '\0')
		snprintf(api->instance, sizeof api->instance, "%s", pod);
	else if (gethostname(api->instance, sizeof api->instance - 1) != 0)
		snprintf(api->instance, sizeof api->instance, "omniops");
}

/* --- a look that is asked for --- */

struct request {
	struct cluster_api *api;
	struct unit_object object;
};

/* Under the lock. */
static struct unit *find_unit(const struct agent *agent, const struct unit_object *object)
{
	for (size_t i = 0; i < agent->unit_count; i++)
		if (unit_is_declared_by(agent->units[i], object))
			return agent->units[i];
	return NULL;
}

static void take_request(void *ctx)
{
	struct request *request = ctx;
	struct cluster_api *api = request->api;
	struct agent *agent = api->agent;
	pthread_mutex_lock(&agent->lock);
	struct unit *unit = find_unit(agent, &request->object);
	bool may_look = unit != NULL && unit->link->is_ready;
	if (may_look) {
		unit->looks_again = unit->is_requested = true;
		unit_wake(unit);
	}
	pthread_mutex_unlock(&agent->lock);
	if (!may_look && api->controller != NULL)
		controller_looked(api->controller, span_of(request->object.ns), span_of(request->object.name));
	free(request);
}

static void on_request(void *ctx, struct span ns, struct span object)
{
	struct request *request = calloc(1, sizeof *request);
	if (request == NULL)
		abort();
	request->api = ctx;
	snprintf(request->object.ns, sizeof request->object.ns, "%.*s", SPAN_ARG(ns));
	snprintf(request->object.name, sizeof request->object.name, "%.*s", SPAN_ARG(object));
	loop_post(request->api->agent->loop, take_request, request);
}

/* --- orders --- */

static void take_orders(void *ctx)
{
	struct cluster_api *api = ctx;
	api->orders_are_due = false;
	cluster_orders_take(api);
}

static void on_orders(void *ctx)
{
	struct cluster_api *api = ctx;
	if (!atomic_exchange(&api->orders_are_due, true))
		loop_post(api->agent->loop, take_orders, api);
}

static void begin(struct cluster_api *api, const struct source_scope *scope)
{
	static const struct kind *kinds[16];
	struct agent *agent = api->agent;
	for (size_t i = 0; kind_at(i) != NULL && i + 1 < sizeof kinds / sizeof *kinds; i++)
		kinds[i] = kind_at(i);
	const struct kube_cache_options cache = {choose_namespace(api->client, scope), scope->selector};
	api->cache = kube_cache_new(api->client, kinds, &cache);
	api->secrets = kube_secrets_new(api->client);
	const struct controller_options options = {.client = api->client, .cache = api->cache, .log = agent->log, .instance = api->instance,
						   .may_write = cluster_election_may_write, .changed = on_orders, .requested = on_request,
						   .is_handled = cluster_handlers_have, .ctx = api};
	api->controller = controller_new(&options);
	cluster_handlers_start(api);
	log_info(agent->log, "kubernetes", "custom resources are read", log_string("server", kube_client_url(api->client)),
		 log_string("namespace", cache.ns[0] == '\0' ? "(all)" : cache.ns),
		 log_string("selector", cache.selector == NULL ? "" : cache.selector));
}

bool cluster_api_start(struct agent *agent, struct fail *fail)
{
	struct source_scope scope = {0};
	struct kube_client *client;
	unsigned feed = 0;
	bool found = false;
	if (!find_scope(agent, &feed, &scope, &found, fail))
		return false;
	if (!found && !cluster_election_is_wanted(agent->settings))
		return true;
	if (agent->settings->once)
		return fail_set(fail, FAIL_INVALID, "--once does not go with a source kubernetes:, whose objects are looked after in turns, nor "
				"with --leader-elect");
	if (!open_client(agent, &client, fail))
		return false;
	struct cluster_api *api = calloc(1, sizeof *api);
	if (api == NULL)
		abort();
	api->agent = agent;
	api->client = client;
	api->feed = feed;
	arena_init(&api->ways_arena, ARENA_NO_LIMIT);
	name_instance(api);
	agent->cluster_api = api;
	if (!cluster_election_start(api, fail))
		return false;
	if (found)
		begin(api, &scope);
	return true;
}

void cluster_api_take_options(const struct agent *agent, struct source_options *options)
{
	if (agent->cluster_api == NULL || agent->cluster_api->cache == NULL)
		return;
	options->objects = agent->cluster_api->cache;
	options->settle_ms = agent->settings->settle_ms;
	options->admits = controller_admits;
}

/* --- end -------------------------------------------------------------------------------------------------------------- */

void cluster_api_wind_down(struct agent *agent, int64_t deadline_ms)
{
	tree_handlers_stop(agent);
	if (agent->cluster_api == NULL)
		return;
	cluster_handlers_stop(agent->cluster_api);
	kube_client_wind_down(agent->cluster_api->client, deadline_ms);
}

bool cluster_api_end_handlers(struct agent *agent, int64_t deadline_ms)
{
	return tree_handlers_free(agent, deadline_ms) &&
	       (agent->cluster_api == NULL || cluster_handlers_free(agent->cluster_api, deadline_ms));
}

void cluster_api_finish(struct agent *agent, int64_t deadline_ms)
{
	struct cluster_api *api = agent->cluster_api;
	if (api == NULL)
		return;
	if (api->controller != NULL)
		controller_free(api->controller, deadline_ms);
	api->controller = NULL;
	cluster_election_finish(api, deadline_ms);
}

void cluster_api_free(struct agent *agent)
{
	struct cluster_api *api = agent->cluster_api;
	if (api == NULL)
		return;
	if (api->cache != NULL) {
		kube_secrets_free(api->secrets);
		kube_cache_free(api->cache);
	}
	kube_client_free(api->client);
	replicas_free(api->replicas);
	snapshot_unref(api->told);
	free(api->told_of);
	snapshot_unref(api->ways_of);
	arena_done(&api->ways_arena);
	free(api);
	agent->cluster_api = NULL;
}

/* --- what is going on ------------------------------------------------------------------------------------------------- */

void cluster_api_update(struct agent *agent)
{
	struct cluster_api *api = agent->cluster_api;
	tree_handlers_update(agent);
	if (api == NULL || api->controller == NULL)
		return;
	cluster_fleet_tell(api);
	cluster_ways_tell(api);
	cluster_orders_take(api);
}

static void tell_object(struct cluster_api *api, const struct unit_object *object, const struct unit_report *report)
{
	if (object->name[0] != '\0')
		controller_told(api->controller, span_of(object->ns), span_of(object->name), report);
}

/* What is still to be done of an order, and why it is not done yet. */
static void tell_order(struct cluster_api *api, const struct unit_order *order, const struct unit_report *report)
{
	const struct unit_state *state = &report->state;
	struct span ns = span_of(order->object.ns), name = span_of(order->object.name);
	if (order->object.name[0] == '\0')
		return;
	if (state->phase == UNIT_PROGRESSING)
		controller_order_waits(api->controller, ns, name, report->texts.message);
	else if (state->phase == UNIT_FAILED)
		controller_order_told(api->controller, ns, name, false, report->texts.message);
}

void cluster_api_tell(struct unit *unit)
{
	struct agent *agent = unit->agent;
	struct cluster_api *api = agent->cluster_api;
	struct unit_report report;
	tree_handlers_changed(agent);
	if (api == NULL || api->controller == NULL)
		return;
	pthread_mutex_lock(&agent->lock);
	const struct unit_object objects[] = {unit_object(unit, 0), unit_object(unit, 1)};
	struct unit_order order = unit_order(unit);
	bool is_anybodys = objects[0].name[0] != '\0' || objects[1].name[0] != '\0' || order.object.name[0] != '\0';
	unit->is_untold = false;
	if (is_anybodys)
		told_copy(unit, &report);
	pthread_mutex_unlock(&agent->lock);
	if (!is_anybodys)
		return;
	for (size_t i = 0; i < 2; i++)
		tell_object(api, &objects[i], &report);
	tell_order(api, &order, &report);
	told_copy_done(&report);
}

void cluster_api_tell_looked(struct unit *unit)
{
	struct agent *agent = unit->agent;
	struct cluster_api *api = agent->cluster_api;
	if (api == NULL || api->controller == NULL)
		return;
	pthread_mutex_lock(&agent->lock);
	struct unit_object object = unit_object(unit, 0);
	pthread_mutex_unlock(&agent->lock);
	if (object.name[0] != '\0')
		controller_looked(api->controller, span_of(object.ns), span_of(object.name));
}

void cluster_api_tell_gone(struct unit *unit)
{
	struct agent *agent = unit->agent;
	struct cluster_api *api = agent->cluster_api;
	if (api == NULL || api->controller == NULL)
		return;
	pthread_mutex_lock(&agent->lock);
	struct unit_order order = unit_order(unit);
	pthread_mutex_unlock(&agent->lock);
	if (order.object.name[0] != '\0')
		controller_order_told(api->controller, span_of(order.object.ns), span_of(order.object.name), true, "");
}

static void tell_ways(void *ctx)
{
	struct cluster_api *api = ctx;
	api->ways_are_due = false;
	cluster_ways_tell(api);
}

void cluster_api_tell_ways(struct agent *agent)
{
	struct cluster_api *api = agent->cluster_api;
	if (api != NULL && api->cache != NULL && !atomic_exchange(&api->ways_are_due, true))
		loop_post(agent->loop, tell_ways, api);
}

bool cluster_api_is_synced(const struct agent *agent, struct fail *why)
{
	const struct cluster_api *api = agent->cluster_api;
	return api == NULL || api->cache == NULL || kube_cache_is_synced(api->cache, why);
}

void cluster_api_report(const struct agent *agent, struct agent_report *report)
{
	const struct cluster_api *api = agent->cluster_api;
	struct kubernetes_report *out = &report->kubernetes;
	struct kube_counts asked;
	struct kube_cache_counts held;
	struct controller_counts written;
	struct fail why;
	if (api != NULL)
		cluster_election_report(api, report);
	tree_handlers_report(agent, report);
	if (api == NULL || api->controller == NULL)
		return;
	kube_client_counts(api->client, &asked);
	kube_cache_counts(api->cache, &held);
	controller_counts(api->controller, &written);
	report->handlers = cluster_handlers_report(api);
	*out = (struct kubernetes_report){
		.is_used = true, .is_synced = kube_cache_is_synced(api->cache, &why),
		.objects = held.objects, .bytes = held.bytes, .queued = written.queued,
		.lists = held.lists, .watches = held.watches, .events = held.events, .relists = held.relists,
		.failures = asked.failures, .retries = asked.retries, .throttled = asked.throttled, .connections = asked.connections,
		.writes = {written.status_writes, written.annotation_writes, written.finalizer_writes, written.events},
		.conflicts = written.conflicts, .write_failures = written.failures,
	};
	memcpy(out->requests, asked.requests, sizeof out->requests);
}
