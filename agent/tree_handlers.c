#include "agent/tree_handlers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/handler_status.h"
#include "agent/handler_tools.h"
#include "agent/handlers/handlers.h"
#include "agent/settings/target.h"
#include "base/clock.h"

/* One that was declared, so that it is known when it is not any more. */
struct known {
	struct known *next;
	const struct kind *kind;
	uint64_t round; /* that found it last */
	uint64_t json, cluster; /* digests of what was taken of it last; 0: nothing */
	char *ref;		/* spec.clusterRef.name of that */
	struct span ns, name;
	char texts[];
};

struct tree_handlers {
	struct agent *agent;
	struct handlers *handlers; /* NULL: there is nowhere to keep Secrets */
	struct secret_store *secrets;
	struct workloads *workloads;
	struct handler_tools tools;
	_Atomic bool is_due;
	/* loop only */
	struct known *known;
	uint64_t round;
};

/* --- what handlers ask ------------------------------------------------------------------------------------------------------------ */

/* Under the lock. */
static struct unit *find_unit(const struct agent *agent, struct span cluster, struct span url)
{
	for (size_t i = 0; i < agent->unit_count; i++) {
		struct unit *unit = agent->units[i];
		if (!unit->is_retired && unit->link->raws != unit && span_is(cluster, unit->name) && span_is(url, unit->link->url))
			return unit;
	}
	return NULL;
}

static bool ask_kubeconfig(void *ctx, const struct handler_object *object, const struct omni_kubeconfig_request *request,
			   struct arena *arena, struct span *out_yaml, struct fail *fail)
{
	struct tree_handlers *own = ctx;
	struct agent *agent = own->agent;
	pthread_mutex_lock(&agent->lock);
	const struct unit *unit = find_unit(agent, object->cluster.name, object->cluster.endpoint);
	struct omni_store *store = unit == NULL ? NULL : unit->link->store;
	pthread_mutex_unlock(&agent->lock);
	if (store == NULL)
		return fail_set(fail, FAIL_UNAVAILABLE, "the way to the Omni of cluster \"%.*s\" is not open yet", SPAN_ARG(object->cluster.name));
	if (store->ops->kubeconfig == NULL)
		return fail_set(fail, FAIL_UNSUPPORTED, "%s gives no kubeconfig: only an Omni does", store->name);
	return store->ops->kubeconfig(store, arena, request, 0, out_yaml, fail);
}

static bool may_act(void *ctx, const struct handler_object *object)
{
	const struct tree_handlers *own = ctx;
	struct cluster_api *api = own->agent->cluster_api;
	struct span key = object->cluster.exists ? object->cluster.name : object->cluster.object;
	return api == NULL || cluster_election_may_write(api, key);
}

static int64_t now_s(void *ctx)
{
	enum { SECOND_MS = 1000 };
	(void)ctx;
	return clock_wall_ms() / SECOND_MS;
}

static void told(void *ctx, const struct handler_object *object, json_t *status, const struct status_event *events, size_t event_count,
		 bool is_gone)
{
	const struct tree_handlers *own = ctx;
	const struct agent *agent = own->agent;
	(void)is_gone; /* nothing is ever deleted here */
	handler_status_log(agent->log, object, status, events, event_count);
	if (agent->settings->status_dir != NULL && !json_equal(status, object->status))
		handler_status_write(agent->settings->status_dir, agent->log, object, status);
}

/* --- what is declared --------------------------------------------------------------------------------------------------------------- */

static const struct cluster *find_cluster(const struct agent *agent, struct span ns, struct span name, const struct snapshot **out)
{
	for (size_t f = 0; f < agent->feed_count; f++) {
		const struct snapshot *snapshot = agent->feeds[f].taken;
		for (size_t i = 0; snapshot != NULL && !snapshot->is_certain && i < snapshot->fleet->cluster_count; i++) {
			const struct cluster *cluster = snapshot->fleet->clusters[i];
			*out = snapshot;
			if (cluster->head != NULL && span_eq(cluster->ns, ns) && span_eq(cluster->head->name, name))
				return cluster;
		}
	}
	return NULL;
}

static void describe_cluster(struct agent *agent, struct span ns, struct span name, struct handler_cluster *out)
{
	const struct snapshot *snapshot = NULL;
	const struct cluster *cluster = find_cluster(agent, ns, name, &snapshot);
	*out = (struct handler_cluster){.object = name};
	if (cluster == NULL)
		return;
	const struct connection_name way = link_name(snapshot, cluster->ns, cluster->connection);
	const struct link *link = link_get(agent, &way);
	out->exists = true;
	out->name = cluster->name;
	out->connection = cluster->connection;
	out->endpoint = span_of(link->url);
	out->has_connection = link->url[0] != '\0';
	pthread_mutex_lock(&agent->lock);
	const struct unit *unit = find_unit(agent, out->name, out->endpoint);
	out->is_ready = unit != NULL && unit_is_ready(&unit->state);
	pthread_mutex_unlock(&agent->lock);
}

static struct known **place_of(struct tree_handlers *own, const struct kind *kind, struct span ns, struct span name)
{
	struct known **place = &own->known;
	while (*place != NULL && ((*place)->kind != kind || !span_eq((*place)->name, name) || !span_eq((*place)->ns, ns)))
		place = &(*place)->next;
	return place;
}

static struct known *note_known(struct tree_handlers *own, const struct snapshot_handled *one)
{
	struct known **place = place_of(own, one->kind, one->ns, one->name), *known = *place;
	if (known == NULL) {
		known = calloc(1, sizeof *known + one->ns.len + one->name.len);
		if (known == NULL)
			abort();
		memcpy(known->texts, one->ns.ptr == NULL ? "" : one->ns.ptr, one->ns.len);
		memcpy(known->texts + one->ns.len, one->name.ptr, one->name.len);
		known->kind = one->kind;
		known->ns = (struct span){known->texts, one->ns.len};
		known->name = (struct span){known->texts + one->ns.len, one->name.len};
		*place = known;
	}
	known->round = own->round;
	return known;
}

static void free_known(struct known *known)
{
	free(known->ref);
	free(known);
}

static uint64_t digest_cluster(const struct handler_cluster *cluster)
{
	char text[1200];
	snprintf(text, sizeof text, "%d %d %d %.*s %.*s %.*s", cluster->exists, cluster->is_ready, cluster->has_connection,
		 SPAN_ARG(cluster->name), SPAN_ARG(cluster->connection), SPAN_ARG(cluster->endpoint));
	return digest_local(span_of(text));
}

/* Most of the time nothing of it has changed. */
static bool is_taken(struct agent *agent, const struct known *known, const struct snapshot_handled *one)
{
	struct handler_cluster cluster;
	if (known->ref == NULL || digest_local(one->json) != known->json)
		return false;
	describe_cluster(agent, one->ns, span_of(known->ref), &cluster);
	return digest_cluster(&cluster) == known->cluster;
}

/* What an agent before this one told of it is where it goes on. */
static void take(struct tree_handlers *own, const struct snapshot_handled *one)
{
	struct agent *agent = own->agent;
	struct known *known = note_known(own, one);
	if (is_taken(agent, known, one))
		return;
	json_t *document = one->json.len == 0 ? NULL : json_loadb(one->json.ptr, one->json.len, 0, NULL);
	if (document == NULL)
		return; /* it has faults: the last good one stays */
	struct handler_object object = {.kind = one->kind, .ns = one->ns, .name = one->name, .spec = json_object_get(document, "spec"),
					.annotations = json_object_get(document, "annotations")};
	json_t *status = known->ref == NULL ? handler_status_read(agent->settings->status_dir, &object) : NULL;
	const json_t *ref = json_object_get(json_object_get(object.spec, "clusterRef"), "name");
	object.status = status;
	describe_cluster(agent, one->ns, (struct span){json_string_value(ref), json_string_length(ref)}, &object.cluster);
	handlers_take(own->handlers, &object);
	free(known->ref);
	known->ref = strndup(object.cluster.object.ptr == NULL ? "" : object.cluster.object.ptr, object.cluster.object.len);
	known->json = digest_local(one->json);
	known->cluster = digest_cluster(&object.cluster);
	json_decref(status);
	json_decref(document);
}

static void drop_absent(struct tree_handlers *own)
{
	for (struct known **place = &own->known; *place != NULL;) {
		struct known *known = *place;
		if (known->round == own->round) {
			place = &known->next;
			continue;
		}
		*place = known->next;
		handlers_drop(own->handlers, known->kind, known->ns, known->name);
		handler_status_remove(own->agent->settings->status_dir, known->kind, known->ns, known->name);
		free_known(known);
	}
}

/* --- life ------------------------------------------------------------------------------------------------------------------------- */

static bool is_any(const struct agent *agent)
{
	for (size_t f = 0; f < agent->feed_count; f++) {
		const struct snapshot *snapshot = agent->feeds[f].taken;
		for (size_t i = 0; snapshot != NULL && i < snapshot->object_count; i++)
			if (snapshot->objects[i].handled != NULL)
				return true;
	}
	return false;
}

static void begin(struct agent *agent)
{
	struct tree_handlers *own = calloc(1, sizeof *own);
	struct handlers_options options = {.handlers = HANDLERS, .told = told, .ctx = own};
	if (own == NULL)
		abort();
	own->agent = agent;
	if (agent->settings->secret_dir == NULL) {
		log_warn(agent->log, "handlers", "exports, syncs and releases are declared, and not looked after: --secret-dir has to name the "
						 "directory of their Secrets");
		agent->tree_handlers = own;
		return;
	}
	own->secrets = secret_store_directory(agent->settings->secret_dir);
	own->workloads = workloads_new(agent->log);
	options.env = (struct handler_env){.log = agent->log, .secrets = own->secrets, .workloads = own->workloads,
					   .kubeconfig = ask_kubeconfig, .may_act = may_act, .now_s = now_s, .ctx = own};
	handler_tools_open(&own->tools, agent->settings, agent->log, &options.env);
	own->handlers = handlers_new(&options);
	agent->tree_handlers = own;
}

void tree_handlers_update(struct agent *agent)
{
	if (agent->settings->once || agent->is_stopping)
		return;
	if (agent->tree_handlers == NULL && is_any(agent))
		begin(agent);
	struct tree_handlers *own = agent->tree_handlers;
	if (own == NULL || own->handlers == NULL)
		return;
	own->round++;
	for (size_t f = 0; f < agent->feed_count; f++) {
		const struct snapshot *snapshot = agent->feeds[f].taken;
		for (size_t i = 0; snapshot != NULL && i < snapshot->object_count; i++)
			if (snapshot->objects[i].handled != NULL)
				take(own, snapshot->objects[i].handled);
	}
	pthread_mutex_lock(&agent->lock);
	bool is_complete = agent->is_complete;
	pthread_mutex_unlock(&agent->lock);
	if (is_complete)
		drop_absent(own);
}

static void update_again(void *ctx)
{
	struct agent *agent = ctx;
	agent->tree_handlers->is_due = false;
	tree_handlers_update(agent);
}

void tree_handlers_changed(struct agent *agent)
{
	struct tree_handlers *own = agent->tree_handlers;
	if (own != NULL && own->handlers != NULL && !atomic_exchange(&own->is_due, true))
		loop_post(agent->loop, update_again, agent);
}

void tree_handlers_look(struct agent *agent)
{
	if (agent->tree_handlers != NULL && agent->tree_handlers->handlers != NULL)
		handlers_look(agent->tree_handlers->handlers);
}

void tree_handlers_report(const struct agent *agent, struct agent_report *report)
{
	if (agent->tree_handlers != NULL && agent->tree_handlers->handlers != NULL && report->handlers == NULL)
		report->handlers = handler_tools_report(agent->tree_handlers->handlers);
}

void tree_handlers_stop(struct agent *agent)
{
	if (agent->tree_handlers != NULL)
		handlers_stop(agent->tree_handlers->handlers);
}

bool tree_handlers_free(struct agent *agent, int64_t deadline_ms)
{
	struct tree_handlers *own = agent->tree_handlers;
	if (own == NULL)
		return true;
	if (!handlers_free(own->handlers, deadline_ms))
		return false;
	if (own->handlers != NULL) {
		secret_store_free(own->secrets);
		workloads_free(own->workloads);
		handler_tools_close(&own->tools);
	}
	for (struct known *known = own->known, *next; known != NULL; known = next) {
		next = known->next;
		free_known(known);
	}
	free(own);
	agent->tree_handlers = NULL;
	return true;
}
