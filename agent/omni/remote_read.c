#include <inttypes.h>
#include <stdlib.h>

#include "agent/omni/management.h"
#include "agent/omni/remote_int.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* --- one --------------------------------------------------------------------------------------------------------------- */

struct remote_call remote_get_call(struct arena *arena, const struct omni_type *type, struct span id, int64_t deadline_ms)
{
	return (struct remote_call){COSI_SERVICE "Get", cosi_encode_get(arena, type, id), .deadline_ms = deadline_ms};
}

bool remote_get_end(struct remote_store *store, struct arena *arena, const struct remote_call *call,
		    const struct omni_type *type, struct span id, struct resource **out, struct fail *fail)
{
	struct arena work;
	struct span answer;
	struct fail local = {0};
	arena_init(&work, ARENA_NO_LIMIT);
	struct cosi_reader reader = {.type = type, .scratch = &work};
	struct resource *found = NULL;
	bool ok = remote_call(store, arena, call, &answer, NULL, &local) &&
		  cosi_decode_resource(&reader, arena, answer, &found, &local);
	if (ok && !span_eq(found->id, id))
		ok = fail_set(&local, FAIL_PROTOCOL, "the answer holds \"%.*s\" instead", SPAN_ARG(found->id));
	arena_done(&work);
	if (!ok)
		return fail_set(fail, local.code, "%s", local.text);
	*out = found;
	return true;
}

static bool get(struct remote_store *store, struct arena *arena, const struct omni_type *type, struct span id,
		int64_t deadline_ms, struct resource **out, struct fail *fail)
{
	struct remote_call call = remote_get_call(arena, type, id, deadline_ms);
	return remote_get_end(store, arena, &call, type, id, out, fail);
}

bool remote_get(struct omni_store *base, struct arena *arena, const struct omni_type *type, struct span id,
		int64_t deadline_ms, struct resource **out, struct fail *fail)
{
	struct remote_store *store = remote_of(base);
	base->read_calls++;
	return cosi_check_id(id, fail) && remote_check(store, deadline_ms, fail) && get(store, arena, type, id, deadline_ms, out, fail);
}

/* --- many -------------------------------------------------------------------------------------------------------------- */

struct listing {
	struct cosi_reader reader;
	struct arena *arena;
	struct resource_list list;
	bool is_sorted, is_broken;
	struct fail fail;
};

static void begin_list(void *ctx)
{
	struct listing *listing = ctx;
	listing->list.count = 0;
	listing->is_sorted = true;
}

static bool take_resource(void *ctx, struct span message)
{
	struct listing *listing = ctx;
	struct resource_list *list = &listing->list;
	struct resource *found;
	if (!cosi_decode_resource(&listing->reader, listing->arena, message, &found, &listing->fail)) {
		listing->is_broken = true;
		return false;
	}
	listing->is_sorted &= list->count == 0 || span_cmp(list->items[list->count - 1]->id, found->id) < 0;
	resource_push(listing->arena, list, found);
	return true;
}

static int by_id(const void *a, const void *b)
{
	return span_cmp((*(struct resource *const *)a)->id, (*(struct resource *const *)b)->id);
}

bool remote_list_call(struct arena *arena, const struct omni_type *type, const struct omni_query *query, int64_t deadline_ms,
		      struct remote_call *out, struct fail *fail)
{
	struct cosi_filter filter = {.queries = query, .query_count = query != NULL && query->count > 0};
	*out = (struct remote_call){.method = COSI_SERVICE "List", .deadline_ms = deadline_ms};
	return cosi_encode_list(arena, type, &filter, &out->message, fail);
}

bool remote_list_end(struct remote_store *store, struct arena *arena, const struct remote_call *call,
		     const struct omni_type *type, struct resource_list *out, struct fail *fail)
{
	struct arena work;
	arena_init(&work, ARENA_NO_LIMIT);
	struct listing listing = {.reader = {.type = type, .scratch = &work}, .arena = arena};
	struct remote_taker taker = {begin_list, take_resource, &listing};
	bool ok = remote_call_many(store, arena, call, &taker, fail);
	arena_done(&work);
	if (!ok)
		return listing.is_broken ? fail_set(fail, listing.fail.code, "%s", listing.fail.text) : false;
	if (!listing.is_sorted)
		qsort(listing.list.items, listing.list.count, sizeof *listing.list.items, by_id);
	*out = listing.list;
	return true;
}

bool remote_list(struct omni_store *base, struct arena *arena, const struct omni_type *type, const struct omni_query *query,
		 int64_t deadline_ms, struct resource_list *out, struct fail *fail)
{
	struct remote_store *store = remote_of(base);
	struct remote_call call;
	base->read_calls++;
	return remote_check(store, deadline_ms, fail) && remote_list_call(arena, type, query, deadline_ms, &call, fail) &&
	       remote_list_end(store, arena, &call, type, out, fail);
}

/* --- the server -------------------------------------------------------------------------------------------------------- */

static struct span text_in(const struct resource *version, const char *key)
{
	const struct node *value = node_get(&version->spec, key);
	return value == NULL ? SPAN("") : node_text(value);
}

static bool read_about(const struct remote_store *store, const struct resource *version, struct omni_about *out,
		       struct fail *fail)
{
	int64_t api = 0;
	struct omni_about about = {.version = text_in(version, "backendversion"),
				   .instance = text_in(version, "instancename"),
				   .identity = service_key_name(store->key),
				   .fingerprint = span_of(service_key_fingerprint(store->key)),
				   .key_expires_s = service_key_expires_s(store->key)};
	span_int(text_in(version, "backendapiversion"), 0, UINT32_MAX, &api);
	about.api_version = (uint32_t)api;
	if (api < REMOTE_API_VERSION)
		return fail_set(fail, FAIL_UNSUPPORTED,
				"%s is an Omni %.*s with the API version %" PRId64 ": version %d is needed, that is Omni 1.5 or newer",
				store->url, SPAN_ARG(about.version), api, REMOTE_API_VERSION);
	*out = about;
	return true;
}

static const struct omni_type *version_type(void)
{
	return omni_type_find(SPAN("SysVersions.system.sidero.dev"));
}

bool remote_about(struct omni_store *base, struct arena *arena, int64_t deadline_ms, struct omni_about *out,
		  struct fail *fail)
{
	struct remote_store *store = remote_of(base);
	struct resource *version;
	base->read_calls++;
	return get(store, arena, version_type(), SPAN("current"), deadline_ms, &version, fail) &&
	       read_about(store, version, out, fail);
}

/* Behind every new connection there may be another server. */
static bool is_checked(struct remote_store *store, uint64_t connections)
{
	enum { AGAIN_MS = 60000 };
	return store->checked_ms != 0 &&
	       (store->checked_connections == connections || clock_monotonic_ms() - store->checked_ms < AGAIN_MS);
}

static uint64_t connections_of(struct remote_store *store)
{
	struct grpc_counts counts;
	grpc_count(store->channel, &counts);
	return counts.connections;
}

/* One attempt: whatever else is wrong is said by the call that follows. */
static bool ask_version(struct remote_store *store, struct arena *arena, int64_t deadline_ms, struct resource **out)
{
	struct grpc_request request = {.method = COSI_SERVICE "Get",
				       .message = cosi_encode_get(arena, version_type(), SPAN("current")),
				       .deadline_ms = remote_deadline(store, deadline_ms)};
	struct cosi_reader reader = {.type = version_type()};
	struct grpc_status status = {0};
	struct arena work;
	struct span answer;
	arena_init(&work, ARENA_NO_LIMIT);
	reader.scratch = &work;
	bool ok = grpc_call(store->channel, arena, &request, &answer, &status) &&
		  cosi_decode_resource(&reader, arena, answer, out, NULL);
	arena_done(&work);
	return ok;
}

bool remote_check(struct remote_store *store, int64_t deadline_ms, struct fail *fail)
{
	struct arena arena;
	struct resource *version;
	struct omni_about about;
	bool ok = true;
	arena_init(&arena, ARENA_NO_LIMIT);
	pthread_mutex_lock(&store->lock);
	bool is_known = is_checked(store, connections_of(store));
	pthread_mutex_unlock(&store->lock);
	if (!is_known && ask_version(store, &arena, deadline_ms, &version)) {
		ok = read_about(store, version, &about, fail);
		pthread_mutex_lock(&store->lock);
		store->checked_connections = connections_of(store);
		store->checked_ms = ok ? clock_monotonic_ms() : 0;
		pthread_mutex_unlock(&store->lock);
	}
	arena_done(&arena);
	return ok;
}

/* --- management -------------------------------------------------------------------------------------------------------- */

static bool read_yaml(struct remote_store *store, struct arena *arena, const struct remote_call *call,
		      struct span *out_yaml, struct fail *fail)
{
	struct span answer;
	return remote_call(store, arena, call, &answer, NULL, fail) && management_decode_yaml(arena, answer, out_yaml, fail);
}

bool remote_kubeconfig(struct omni_store *base, struct arena *arena, const struct omni_kubeconfig_request *request,
		       int64_t deadline_ms, struct span *out_yaml, struct fail *fail)
{
	struct remote_call call = {MANAGEMENT_SERVICE "Kubeconfig", .cluster = request->cluster, .deadline_ms = deadline_ms};
	base->read_calls++;
	return management_encode_kubeconfig(arena, request, &call.message, fail) &&
	       read_yaml(remote_of(base), arena, &call, out_yaml, fail);
}

bool remote_talosconfig(struct omni_store *base, struct arena *arena, const struct omni_talosconfig_request *request,
			int64_t deadline_ms, struct span *out_yaml, struct fail *fail)
{
	struct remote_call call = {MANAGEMENT_SERVICE "Talosconfig", .cluster = request->cluster, .deadline_ms = deadline_ms};
	base->read_calls++;
	return management_encode_talosconfig(arena, request, &call.message, fail) &&
	       read_yaml(remote_of(base), arena, &call, out_yaml, fail);
}
