#include "agent/workload/workload.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "agent/kube/client_config.h"
#include "agent/kube/pem.h"
#include "agent/workload/kubeconfig.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"

enum {
	IDLE_MS = 60 * 1000,
	ANSWER_MAX = 16 << 20,
	LINE_MAX_BYTES = 4 << 20, /* an API server keeps no object that is larger */
	PATIENCE_MS = 10 * 1000,
};

struct workload {
	struct workload *next;
	struct workloads *pool;
	unsigned users;	 /* under the pool's lock, as idle_ms */
	int64_t idle_ms; /* since when nobody uses it */

	/* constant */
	struct arena arena;
	char id[DIGEST_HEX_SIZE];
	struct kube_config config;
	struct kube_client *client;
	struct secret_store *secrets;
	int64_t expires_s;
};

/* One thread closes what nobody uses; it begins with the first client. */
struct workloads {
	struct log *log;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct workload *first;
	pthread_t reaper;
	bool has_reaper, is_ending;
};

/* --- one ------------------------------------------------------------------------------------------------------------------- */

static void free_workload(struct workload *workload)
{
	secret_store_free(workload->secrets);
	kube_client_free(workload->client);
	arena_done(&workload->arena);
	explicit_bzero(workload, sizeof *workload);
	free(workload);
}

/* The earlier of what the token and the certificate say. */
static int64_t expiry(const struct workload *workload)
{
	CLEANUP(arena_done) struct arena scratch;
	arena_init_wiping(&scratch, ARENA_NO_LIMIT);
	int64_t token_s = kubeconfig_token_ends_s(&scratch, workload->config.token), certificate_s = pem_ends_s(workload->config.cert_data);
	if (token_s == 0 || certificate_s == 0)
		return token_s + certificate_s;
	return token_s < certificate_s ? token_s : certificate_s;
}

static bool open_workload(struct workload *workload, struct span kubeconfig, struct fail *fail)
{
	const struct kube_client_options options = {
		.max_bytes = ANSWER_MAX,
		.max_line = LINE_MAX_BYTES,
		.patience_ms = PATIENCE_MS,
		.log = workload->pool->log,
	};
	if (!kube_config_foreign(&workload->arena, kubeconfig, &workload->config, fail) ||
	    !kube_client_new(&workload->config, &options, &workload->client, fail))
		return false;
	workload->secrets = secret_store_kube(workload->client);
	workload->expires_s = expiry(workload);
	return true;
}

static struct workload *new_workload(struct workloads *pool, const char *id, struct span kubeconfig, struct fail *fail)
{
	struct workload *workload = calloc(1, sizeof *workload);
	if (workload == NULL)
		abort();
	workload->pool = pool;
	arena_init_wiping(&workload->arena, ARENA_NO_LIMIT);
	memcpy(workload->id, id, sizeof workload->id);
	if (open_workload(workload, kubeconfig, fail))
		return workload;
	free_workload(workload);
	return NULL;
}

/* --- all of them ---------------------------------------------------------------------------------------------------------- */

/* Takes one out that was idle for long enough; else *next_ms is when there may be one. Under the lock. */
static struct workload *take_idle(struct workloads *pool, int64_t now_ms, int64_t *next_ms)
{
	*next_ms = INT64_MAX;
	for (struct workload **at = &pool->first; *at != NULL; at = &(*at)->next) {
		struct workload *one = *at;
		if (one->users > 0)
			continue;
		if (now_ms - one->idle_ms >= IDLE_MS) {
			*at = one->next;
			return one;
		}
		if (one->idle_ms + IDLE_MS < *next_ms)
			*next_ms = one->idle_ms + IDLE_MS;
	}
	return NULL;
}

/* The condition's clock is the monotonic one. */
static void wait_until(struct workloads *pool, int64_t until_ms)
{
	const struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
	if (until_ms == INT64_MAX)
		pthread_cond_wait(&pool->changed, &pool->lock);
	else
		pthread_cond_timedwait(&pool->changed, &pool->lock, &until);
}

static void *reap(void *ctx)
{
	struct workloads *pool = ctx;
	int64_t next_ms;
	pthread_mutex_lock(&pool->lock);
	while (!pool->is_ending) {
		struct workload *idle = take_idle(pool, clock_monotonic_ms(), &next_ms);
		if (idle == NULL) {
			wait_until(pool, next_ms);
			continue;
		}
		pthread_mutex_unlock(&pool->lock);
		free_workload(idle);
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

struct workloads *workloads_new(struct log *log)
{
	struct workloads *pool = calloc(1, sizeof *pool);
	pthread_condattr_t attributes;
	if (pool == NULL)
		abort();
	pool->log = log;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	return pool;
}

void workloads_free(struct workloads *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->is_ending = true;
	pthread_cond_broadcast(&pool->changed);
	pthread_mutex_unlock(&pool->lock);
	if (pool->has_reaper)
		pthread_join(pool->reaper, NULL);
	while (pool->first != NULL) {
		struct workload *one = pool->first;
		pool->first = one->next;
		free_workload(one);
	}
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* Under the lock. Without a thread for it, idle clients stay open until the end: no failure. */
static struct workload *find_or_open(struct workloads *pool, const char *id, struct span kubeconfig, struct fail *fail)
{
	struct workload *one = pool->first;
	while (one != NULL && strcmp(one->id, id) != 0)
		one = one->next;
	if (one != NULL)
		return one;
	one = new_workload(pool, id, kubeconfig, fail);
	if (one == NULL)
		return NULL;
	one->next = pool->first;
	pool->first = one;
	if (!pool->has_reaper)
		pool->has_reaper = pthread_create(&pool->reaper, NULL, reap, pool) == 0;
	return one;
}

bool workload_get(struct workloads *pool, struct span kubeconfig, struct workload **out, struct fail *fail)
{
	char id[DIGEST_HEX_SIZE];
	digest_hex(kubeconfig, id);
	pthread_mutex_lock(&pool->lock);
	struct workload *workload = find_or_open(pool, id, kubeconfig, fail);
	if (workload != NULL)
		workload->users++;
	pthread_mutex_unlock(&pool->lock);
	if (workload == NULL)
		return false;
	*out = workload;
	return true;
}

void workload_put(struct workload *workload)
{
	if (workload == NULL)
		return;
	struct workloads *pool = workload->pool;
	pthread_mutex_lock(&pool->lock);
	if (--workload->users == 0) {
		workload->idle_ms = clock_monotonic_ms();
		pthread_cond_signal(&pool->changed);
	}
	pthread_mutex_unlock(&pool->lock);
}

void workloads_counts(struct workloads *pool, size_t *out_open, size_t *out_used)
{
	*out_open = *out_used = 0;
	pthread_mutex_lock(&pool->lock);
	for (const struct workload *one = pool->first; one != NULL; one = one->next) {
		++*out_open;
		*out_used += one->users > 0;
	}
	pthread_mutex_unlock(&pool->lock);
}

/* --- what it is ----------------------------------------------------------------------------------------------------------- */

struct kube_client *workload_client(struct workload *workload)
{
	return workload->client;
}

struct secret_store *workload_secrets(struct workload *workload)
{
	return workload->secrets;
}

const char *workload_server(const struct workload *workload)
{
	return workload->config.server;
}

const char *workload_id(const struct workload *workload)
{
	return workload->id;
}

bool workload_kubeconfig(const struct workload *workload, struct span ns, struct arena *arena, struct span *out, struct fail *fail)
{
	return kubeconfig_write(&workload->config, ns, arena, out, fail);
}

int64_t workload_expires_s(const struct workload *workload)
{
	return workload->expires_s;
}
