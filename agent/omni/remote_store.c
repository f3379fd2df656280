#include <stdlib.h>

#include "agent/omni/remote_int.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { CALLS_MAX = 128 }; /* the batches of four workers; Omni's server takes 250 streams on a connection */

static void close_store(struct omni_store *base)
{
	struct remote_store *store = remote_of(base);
	grpc_close(store->channel);
	sign_cache_free(store->signatures);
	service_key_free(store->key);
	pthread_cond_destroy(&store->ended);
	pthread_mutex_destroy(&store->lock);
	free(store->url);
	free(store);
}

/* --- what was done ------------------------------------------------------------------------------------------------------ */

static const char *last_part(const char *method)
{
	const char *slash = strrchr(method, '/');
	return slash == NULL ? method : slash + 1;
}

/* Bytes and time are known by method only: the first of its codes has them. */
static void count_method(const struct grpc_method_count *from, struct omni_counts *out)
{
	bool is_first = true;
	for (int code = 0; code < GRPC_CODES && out->count < COUNT_OF(out->items); code++) {
		if (from->calls[code] == 0)
			continue;
		struct omni_method_count *item = &out->items[out->count++];
		*item = (struct omni_method_count){last_part(from->method), grpc_code_name((enum grpc_code)code),
						   .calls = from->calls[code]};
		if (is_first) {
			item->sent_bytes = from->sent_bytes;
			item->received_bytes = from->received_bytes;
			item->total_ms = from->total_ms;
		}
		is_first = false;
	}
}

static void count(struct omni_store *base, struct omni_counts *out)
{
	struct remote_store *store = remote_of(base);
	struct grpc_counts counts;
	grpc_count(store->channel, &counts);
	*out = (struct omni_counts){.connections = counts.connections, .retries = counts.retries + store->retries};
	for (size_t i = 0; i < counts.method_count; i++)
		count_method(&counts.methods[i], out);
}

/* --- the end ------------------------------------------------------------------------------------------------------------ */

static void wind_down(struct omni_store *base, int64_t finish_by_ms)
{
	struct remote_store *store = remote_of(base);
	grpc_wind_down(store->channel, finish_by_ms); /* first: a call may be under way that keeps the lock */
	pthread_mutex_lock(&store->lock);
	store->is_ending = true;
	pthread_cond_broadcast(&store->ended);
	pthread_mutex_unlock(&store->lock);
}

/* --- opening ------------------------------------------------------------------------------------------------------------ */

static bool read_key(const struct omni_store_options *options, struct service_key **out, struct fail *fail)
{
	enum { SECOND_MS = 1000 };
	const char *source = options->key_source != NULL ? options->key_source : "the service account key";
	if (options->key.len == 0)
		return fail_set(fail, FAIL_UNAUTHENTICATED,
				"a service account key is needed: make one with `omnictl serviceaccount create NAME`, and give "
				"it in OMNI_SERVICE_ACCOUNT_KEY");
	struct service_key *key = NULL;
	if (!service_key_read(options->key, &key, fail))
		return fail_wrap(fail, "%s", source);
	if (!service_key_check(key, clock_wall_ms() / SECOND_MS, fail)) {
		service_key_free(key);
		return fail_wrap(fail, "%s", source);
	}
	*out = key;
	return true;
}

static bool open_channel(struct remote_store *store, struct arena *arena, const struct endpoint *endpoint,
			 const struct omni_store_options *options, struct fail *fail)
{
	struct grpc_options channel = {
		.endpoint = *endpoint,
		.user_agent = "omniops/" OMNIOPS_VERSION,
		.ca_file = options->ca_file,
		.skip_verify = options->skip_verify,
		.signer = remote_signer(store),
		.call_timeout_ms = store->call_timeout_ms,
		.dead_after_ms = options->dead_after_ms,
		.max_calls = CALLS_MAX,
		.probe_method = COSI_SERVICE "Get",
		.probe_request =
			cosi_encode_get(arena, omni_type_find(SPAN("SysVersions.system.sidero.dev")), SPAN("current")),
		.log = options->log,
	};
	return grpc_open(&channel, &store->channel, fail);
}

static struct remote_store *new_store(const struct omni_store_options *options, const char *url)
{
	static const struct omni_store_ops ops = {.list = remote_list,
						  .get = remote_get,
						  .create = remote_create,
						  .update = remote_update,
						  .teardown = remote_teardown,
						  .destroy = remote_destroy,
						  .batch = remote_batch,
						  .watch = remote_watch,
						  .watch_some = remote_watch_some,
						  .kubeconfig = remote_kubeconfig,
						  .talosconfig = remote_talosconfig,
						  .about = remote_about,
						  .count = count,
						  .wind_down = wind_down,
						  .close = close_store};
	struct remote_store *store = calloc(1, sizeof *store);
	if (store == NULL || (store->url = strdup(url)) == NULL)
		abort();
	store->base.ops = &ops;
	store->base.name = store->url;
	store->log = options->log;
	store->call_timeout_ms = options->call_timeout_ms > 0 ? options->call_timeout_ms : REMOTE_CALL_MS;
	pthread_mutex_init(&store->lock, NULL);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&store->ended, &attributes);
	pthread_condattr_destroy(&attributes);
	return store;
}

bool remote_store_open(const char *url, const struct omni_store_options *options, struct omni_store **out,
		       struct fail *fail)
{
	static const struct omni_store_options none;
	struct endpoint endpoint;
	struct service_key *key = NULL;
	struct arena arena;
	if (options == NULL)
		options = &none;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct remote_store *store = NULL;
	bool ok = endpoint_read(&arena, span_of(url), &endpoint, fail) && read_key(options, &key, fail);
	if (ok) {
		store = new_store(options, endpoint.url);
		store->key = key;
		store->signatures = sign_cache_new(key);
		ok = open_channel(store, &arena, &endpoint, options, fail);
	}
	arena_done(&arena);
	if (ok && !endpoint.is_tls)
		log_warn(options->log, "omni", "the connection is not encrypted: whoever listens can repeat and change calls",
			 log_string("omni", store->url));
	if (ok)
		*out = &store->base;
	else if (store != NULL)
		close_store(&store->base);
	return ok;
}
