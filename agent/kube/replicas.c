#include "agent/kube/replicas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/kube/lease.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"

enum { NAME_SIZE = 300, HOST_SIZE = 128 };

struct shard {
	char name[NAME_SIZE];
	struct lease *lease;
};

struct replicas {
	struct replicas_options options;
	char identity[HOST_SIZE + 24];
	struct shard *shards;
	size_t count;
};

bool replicas_parse_shard(struct span text, unsigned *out_shard, unsigned *out_shards, struct fail *fail)
{
	int64_t shard = 0, shards = 0;
	if (!span_int(span_behind(text, '/'), 1, REPLICAS_MAX_SHARDS, &shards) || !span_int(span_before(text, '/'), 0, shards - 1, &shard))
		return fail_set(fail, FAIL_INVALID, "\"%.*s\" is no shard: write NUMBER/COUNT, counted from 0, as in 0/3, with at most %d",
				SPAN_ARG(text), REPLICAS_MAX_SHARDS);
	*out_shard = (unsigned)shard;
	*out_shards = (unsigned)shards;
	return true;
}

/* Of this process alone, also when a pod of the same name comes after it. */
static void make_identity(char *out, size_t size)
{
	char host[HOST_SIZE] = "";
	unsigned char random[8] = {0};
	if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
		snprintf(host, sizeof host, "omniops");
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		abort();
	int length = snprintf(out, size, "%s_", host);
	for (size_t i = 0; i < sizeof random; i++)
		length += snprintf(out + length, size - (size_t)length, "%02x", random[i]);
}

struct replicas *replicas_new(struct kube_client *client, const struct replicas_options *options)
{
	struct replicas *replicas = calloc(1, sizeof *replicas);
	if (replicas == NULL)
		abort();
	replicas->options = *options;
	replicas->count = options->shards == 0 ? 1 : options->shards;
	replicas->shards = calloc(replicas->count, sizeof *replicas->shards);
	if (replicas->shards == NULL)
		abort();
	make_identity(replicas->identity, sizeof replicas->identity);
	for (size_t i = 0; i < replicas->count; i++) {
		struct shard *shard = &replicas->shards[i];
		if (replicas->count == 1)
			snprintf(shard->name, sizeof shard->name, "%s", options->lease);
		else
			snprintf(shard->name, sizeof shard->name, "%s-%zu", options->lease, i);
		struct lease_options lease = {.ns = options->ns, .name = shard->name, .identity = replicas->identity,
					      .duration_ms = options->duration_ms, .is_preferred = i == options->shard,
					      .log = options->log, .changed = options->changed, .ctx = options->ctx};
		shard->lease = lease_new(client, &lease);
	}
	return replicas;
}

/* The same in every process, on every machine. */
static size_t shard_of(const struct replicas *replicas, struct span key)
{
	char hex[DIGEST_HEX_SIZE];
	if (replicas->count == 1)
		return 0;
	digest_hex(key, hex);
	hex[8] = '\0';
	return strtoul(hex, NULL, 16) % replicas->count;
}

int64_t replicas_until_ms(const struct replicas *replicas, struct span key)
{
	if (replicas == NULL)
		return INT64_MAX;
	int64_t until_ms = lease_until_ms(replicas->shards[shard_of(replicas, key)].lease);
	return until_ms > clock_monotonic_ms() ? until_ms : 0;
}

void replicas_holder(struct replicas *replicas, struct span key, char *out, size_t size)
{
	lease_holder(replicas->shards[shard_of(replicas, key)].lease, out, size);
}

const char *replicas_lease_at(const struct replicas *replicas, size_t index, bool *out_is_held)
{
	if (replicas == NULL || index >= replicas->count)
		return NULL;
	*out_is_held = lease_until_ms(replicas->shards[index].lease) > clock_monotonic_ms();
	return replicas->shards[index].name;
}

void replicas_stop(struct replicas *replicas)
{
	for (size_t i = 0; replicas != NULL && i < replicas->count; i++)
		lease_stop(replicas->shards[i].lease);
}

void replicas_release(struct replicas *replicas, int64_t deadline_ms)
{
	for (size_t i = 0; replicas != NULL && i < replicas->count; i++) {
		struct lease *lease = replicas->shards[i].lease;
		struct fail fail;
		bool was_held = lease_until_ms(lease) > clock_monotonic_ms();
		if (was_held && !lease_release(lease, deadline_ms, &fail) && replicas->options.log != NULL)
			log_warn(replicas->options.log, "lease", "could not be given back; it ends by itself",
				 log_string("lease", replicas->shards[i].name), log_fail(&fail));
	}
}

void replicas_free(struct replicas *replicas)
{
	if (replicas == NULL)
		return;
	for (size_t i = 0; i < replicas->count; i++)
		lease_free(replicas->shards[i].lease);
	free(replicas->shards);
	free(replicas);
}
