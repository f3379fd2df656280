#include "agent/cluster_handlers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/controller/controller.h"
#include "agent/handler_tools.h"
#include "agent/handlers/handlers.h"
#include "agent/kube/cache.h"
#include "agent/report/status_handled.h"
#include "base/clock.h"
#include "crds/kinds.h"

struct cluster_handlers {
	struct cluster_api *api;
	struct handlers *handlers;
	struct secret_store *secrets;
	struct workloads *workloads;
	struct handler_tools tools;
};

bool cluster_handlers_have(const struct kind *kind)
{
	return handler_of(HANDLERS, kind) != NULL;
}

/* --- what is known of an object ------------------------------------------------------------------------------------------------- */

static json_t *read_document(const struct kube_object *object, struct arena *arena)
{
	struct span text;
	return kube_object_document(object, arena, &text, NULL) ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
}

static struct span text_in(const json_t *object, const char *name, struct arena *arena)
{
	const json_t *value = json_object_get(object, name);
	return arena_copy(arena, (struct span){json_string_value(value), json_string_length(value)});
}

static bool is_ready(const struct kube_object *object)
{
	json_t *status = kube_object_status(object);
	bool ready = object->deleted_s == 0 && status_is_ready(status, object->generation);
	json_decref(status);
	return ready;
}

static void describe_connection(struct kube_cache *cache, struct span ns, struct arena *arena, struct handler_cluster *out)
{
	struct kube_object connection;
	out->has_connection = kube_cache_find(cache, &KIND_CONNECTION, ns, out->connection, arena, &connection);
	json_t *document = out->has_connection ? read_document(&connection, arena) : NULL;
	out->endpoint = text_in(json_object_get(document, "spec"), "endpoint", arena);
	json_decref(document);
}

static void describe_cluster(struct kube_cache *cache, struct span ns, struct span name, struct arena *arena, struct handler_cluster *out)
{
	struct kube_object cluster;
	*out = (struct handler_cluster){.object = arena_copy(arena, name)};
	if (!kube_cache_find(cache, &KIND_CLUSTER, ns, name, arena, &cluster))
		return;
	json_t *document = read_document(&cluster, arena), *spec = json_object_get(document, "spec");
	out->exists = true;
	out->is_deleted = cluster.deleted_s != 0;
	out->is_ready = is_ready(&cluster);
	out->uid = cluster.uid;
	out->name = text_in(spec, "clusterName", arena);
	if (out->name.len == 0)
		out->name = out->object;
	out->connection = text_in(json_object_get(spec, "connectionRef"), "name", arena);
	json_decref(document);
	describe_connection(cache, ns, arena, out);
}

/* The controller lets it go without a look. */
static bool goes_at_once(const json_t *spec)
{
	const char *policy = json_string_value(json_object_get(spec, "deletionPolicy"));
	return policy != NULL && strcmp(policy, "Orphan") == 0;
}

/* As the cache has it now. */
static void take(struct cluster_handlers *own, const struct kind *kind, struct span ns, struct span name)
{
	struct kube_cache *cache = own->api->cache;
	struct kube_object found;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool is_there = kube_cache_find(cache, kind, ns, name, &arena, &found) && controller_admits(&found);
	json_t *document = is_there ? read_document(&found, &arena) : NULL;
	json_t *spec = json_object_get(document, "spec"), *status = is_there ? kube_object_status(&found) : NULL;
	json_t *annotations = is_there ? kube_object_annotations(&found) : NULL;
	if (!is_there || (found.deleted_s != 0 && goes_at_once(spec))) {
		handlers_drop(own->handlers, kind, ns, name);
	} else {
		struct handler_object object = {.kind = kind, .ns = found.ns, .name = found.name, .uid = found.uid,
						.generation = found.generation, .is_deleted = found.deleted_s != 0,
						.spec = spec, .status = status, .annotations = annotations};
		describe_cluster(cache, ns, found.reference, &arena, &object.cluster);
		handlers_take(own->handlers, &object);
	}
	json_decref(document);
	json_decref(status);
	json_decref(annotations);
	arena_done(&arena);
}

/* --- what the cache tells ------------------------------------------------------------------------------------------------------- */

struct retaking {
	struct span ns, cluster; /* of these; ns NULL: all; cluster NULL: of any */
	struct arena arena;
	struct place {
		const struct kind *kind;
		struct span ns, name;
	} *places;
	size_t count, cap;
};

static bool note(void *ctx, const struct kube_object *object)
{
	struct retaking *retaking = ctx;
	bool is_meant = cluster_handlers_have(object->kind) && (retaking->ns.ptr == NULL || span_eq(object->ns, retaking->ns)) &&
			(retaking->cluster.ptr == NULL || span_eq(object->reference, retaking->cluster));
	if (is_meant)
		ARENA_PUSH(&retaking->arena, retaking->places, retaking->count, retaking->cap) = (struct place){
			object->kind, arena_copy(&retaking->arena, object->ns), arena_copy(&retaking->arena, object->name)};
	return true;
}

/* Those whose cluster is another one, or that were not taken yet. */
static void take_all(struct cluster_handlers *own, struct span ns, struct span cluster)
{
	struct retaking retaking = {.ns = ns, .cluster = cluster};
	arena_init(&retaking.arena, ARENA_NO_LIMIT);
	kube_cache_each(own->api->cache, NULL, note, &retaking);
	for (size_t i = 0; i < retaking.count; i++)
		take(own, retaking.places[i].kind, retaking.places[i].ns, retaking.places[i].name);
	arena_done(&retaking.arena);
}

static bool same(const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, KUBE_CONTENT_ID) == 0;
}

static bool is_news(const struct kube_object *old, const struct kube_object *now)
{
	return old == NULL || now == NULL || !span_eq(old->uid, now->uid) || old->generation != now->generation ||
	       (old->deleted_s != 0) != (now->deleted_s != 0) || controller_admits(old) != controller_admits(now) ||
	       !same(old->content_id, now->content_id) || !same(old->annotations_id, now->annotations_id);
}

static void on_changed(void *ctx, const struct kube_object *old, const struct kube_object *now)
{
	struct cluster_handlers *own = ctx;
	const struct kube_object *one = now != NULL ? now : old;
	if (!kube_cache_is_synced(own->api->cache, NULL))
		return; /* all are taken when it is */
	if (cluster_handlers_have(one->kind)) {
		if (is_news(old, now) || !same(old->status_id, now->status_id))
			take(own, one->kind, one->ns, one->name);
	} else if (one->kind == &KIND_CLUSTER) {
		if (is_news(old, now) || is_ready(old) != is_ready(now))
			take_all(own, one->ns, one->name);
	} else if (one->kind == &KIND_CONNECTION && is_news(old, now)) {
		take_all(own, one->ns, (struct span){0});
	}
}

static void on_synced(void *ctx, bool is_synced)
{
	if (is_synced)
		take_all(ctx, (struct span){0}, (struct span){0});
}

/* --- what handlers ask ------------------------------------------------------------------------------------------------------------ */

static bool ask_config_map(void *ctx, struct span ns, struct span name, json_t **out, struct fail *fail)
{
	struct cluster_handlers *own = ctx;
	struct arena arena;
	json_t *answer = NULL;
	arena_init(&arena, ARENA_NO_LIMIT);
	const struct kube_request request = {
		.method = "GET",
		.path = arena_spanf(&arena, "/api/v1/namespaces/%.*s/configmaps/%.*s", SPAN_ARG(ns), SPAN_ARG(name)).ptr};
	bool ok = kube_call(own->api->client, &request, &answer, fail);
	arena_done(&arena);
	if (!ok)
		return false;
	json_t *data = json_object_get(answer, "data");
	*out = json_is_object(data) ? json_incref(data) : json_object();
	json_decref(answer);
	return true;
}

/* The Omni of the cluster that an OmniCluster declares. */
static struct omni_store *find_store(struct agent *agent, const struct handler_object *object, char *why, size_t size)
{
	struct omni_store *store = NULL;
	struct unit_object of;
	memset(&of, 0, sizeof of);
	snprintf(of.ns, sizeof of.ns, "%.*s", SPAN_ARG(object->ns));
	snprintf(of.name, sizeof of.name, "%.*s", SPAN_ARG(object->cluster.object));
	snprintf(why, size, "OmniCluster \"%s\" is not worked on yet", of.name);
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->unit_count && store == NULL; i++) {
		const struct unit *unit = agent->units[i];
		if (!unit_is_declared_by(unit, &of))
			continue;
		store = unit->link->store;
		snprintf(why, size, "%s", unit->link->error[0] != '\0' ? unit->link->error : "the way to its Omni is not open yet");
	}
	pthread_mutex_unlock(&agent->lock);
	return store;
}

static bool ask_kubeconfig(void *ctx, const struct handler_object *object, const struct omni_kubeconfig_request *request,
			   struct arena *arena, struct span *out_yaml, struct fail *fail)
{
	struct cluster_handlers *own = ctx;
	char why[600];
	struct omni_store *store = find_store(own->api->agent, object, why, sizeof why);
	if (store == NULL)
		return fail_set(fail, FAIL_UNAVAILABLE, "%s", why);
	if (store->ops->kubeconfig == NULL)
		return fail_set(fail, FAIL_UNSUPPORTED, "%s gives no kubeconfig: only an Omni does", store->name);
	return store->ops->kubeconfig(store, arena, request, 0, out_yaml, fail);
}

static json_t *ask_status(void *ctx, const struct handler_object *asker, const struct kind *kind, struct span name, bool *out_is_ready)
{
	struct cluster_handlers *own = ctx;
	struct kube_object found;
	struct arena arena;
	json_t *status = NULL;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (kube_cache_find(own->api->cache, kind, asker->ns, name, &arena, &found)) {
		status = kube_object_status(&found);
		*out_is_ready = is_ready(&found);
	}
	arena_done(&arena);
	return status;
}

/* The same key as the controller's: the cluster's name in Omni. */
static bool may_act(void *ctx, const struct handler_object *object)
{
	struct cluster_handlers *own = ctx;
	return cluster_election_may_write(own->api, object->cluster.exists ? object->cluster.name : object->cluster.object);
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
	struct cluster_handlers *own = ctx;
	const struct controller_handled what = {.kind = object->kind, .ns = object->ns, .name = object->name, .uid = object->uid,
						.status = status, .events = events, .event_count = event_count, .is_gone = is_gone};
	controller_told_handled(own->api->controller, &what);
}

/* --- life ------------------------------------------------------------------------------------------------------------------------- */

static void set_env(struct cluster_handlers *own, struct handler_env *env)
{
	const struct agent *agent = own->api->agent;
	env->log = agent->log;
	env->secrets = own->secrets;
	env->workloads = own->workloads;
	env->config_map = ask_config_map;
	env->kubeconfig = ask_kubeconfig;
	env->status_of = ask_status;
	env->may_act = may_act;
	env->now_s = now_s;
	env->ctx = own;
	handler_tools_open(&own->tools, agent->settings, agent->log, env);
}

void cluster_handlers_start(struct cluster_api *api)
{
	struct cluster_handlers *own = calloc(1, sizeof *own);
	if (own == NULL)
		abort();
	own->api = api;
	own->secrets = secret_store_kube(api->client);
	own->workloads = workloads_new(api->agent->log);
	struct handlers_options options = {.handlers = HANDLERS, .told = told, .ctx = own};
	set_env(own, &options.env);
	own->handlers = handlers_new(&options);
	api->handlers = own;
	kube_cache_listen(api->cache, &(struct kube_listener){on_changed, on_synced, own});
	if (kube_cache_is_synced(api->cache, NULL))
		on_synced(own, true);
}

void cluster_handlers_look(struct cluster_api *api)
{
	if (api->handlers != NULL)
		handlers_look(api->handlers->handlers);
}

struct handlers_report *cluster_handlers_report(const struct cluster_api *api)
{
	return api->handlers == NULL ? NULL : handler_tools_report(api->handlers->handlers);
}

void cluster_handlers_stop(struct cluster_api *api)
{
	if (api->handlers == NULL)
		return;
	kube_cache_unlisten(api->cache, api->handlers);
	handlers_stop(api->handlers->handlers);
}

bool cluster_handlers_free(struct cluster_api *api, int64_t deadline_ms)
{
	struct cluster_handlers *own = api->handlers;
	if (own == NULL)
		return true;
	if (!handlers_free(own->handlers, deadline_ms))
		return false;
	secret_store_free(own->secrets);
	workloads_free(own->workloads);
	handler_tools_close(&own->tools);
	free(own);
	api->handlers = NULL;
	return true;
}
