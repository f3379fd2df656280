#include "agent/link_key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/kube/cache.h"
#include "base/clock.h"
#include "base/secret.h"

enum { READ_MS = 10000 };

struct link_key {
	struct link *link;
	/* loop only */
	struct secret value;
	bool has_value, is_reading, reads_again;
	pthread_t thread;
	/* of the thread while it reads, then of the loop */
	struct secret fresh;
	bool is_good;
	struct fail fail;
};

/* With the old key it goes on: who wants to end that takes the key away in Omni. */
static void on_failure(struct link_key *key)
{
	struct link *link = key->link;
	if (link->store == NULL) {
		link_fail(link, key->fail.text);
		return;
	}
	log_error(link->agent->log, "omni", "the Secret of the key cannot be read; the old key stays in use", log_string("omni", link->url),
		  log_string("connection", link->connection), log_fail(&key->fail));
	link_state_note_key(link->state, key->fail.text);
}

static void on_value(struct link_key *key)
{
	struct link *link = key->link;
	bool is_same = key->has_value && secret_is(&key->value, secret_span(&key->fresh));
	link_state_note_key(link->state, "");
	if (!is_same)
		secret_set(&key->value, secret_span(&key->fresh));
	key->has_value = true;
	if (link->store == NULL)
		link_open_now(link);
	else if (!is_same)
		link_state_renew(link->state, "Secret");
}

static void on_read(void *ctx)
{
	struct link_key *key = ctx;
	pthread_join(key->thread, NULL);
	key->is_reading = false;
	if (key->link->agent->is_stopping)
		return;
	if (key->is_good)
		on_value(key);
	else
		on_failure(key);
	secret_done(&key->fresh);
	if (key->reads_again)
		link_key_read(key);
}

static void *read_secret(void *ctx)
{
	struct link_key *key = ctx;
	const struct target_way *way = &key->link->state->way;
	struct agent *agent = key->link->agent;
	key->is_good = kube_secret_read(agent->cluster_api->client, way->ns, way->secret_name, way->secret_key,
					clock_monotonic_ms() + READ_MS, &key->fresh, &key->fail);
	loop_post(agent->loop, on_read, key);
	return NULL;
}

void link_key_read(struct link_key *key)
{
	key->reads_again = key->is_reading;
	if (key->is_reading)
		return;
	key->is_reading = pthread_create(&key->thread, NULL, read_secret, key) == 0;
	if (key->is_reading)
		return;
	fail_set(&key->fail, FAIL_IO, "cannot start a thread that reads the Secret of the key");
	on_failure(key);
}

const struct secret *link_key_value(const struct link_key *key)
{
	return key->has_value ? &key->value : NULL;
}

/* --- changes ---------------------------------------------------------------------------------------------------------- */

struct change {
	struct agent *agent;
	char *ns, *name;
};

static void read_keys(struct agent *agent, struct span ns, struct span name)
{
	for (size_t i = 0; i < agent->link_count; i++) {
		const struct link_state *state = agent->links[i]->state;
		if (state->key != NULL && span_eq(state->way.ns, ns) && span_eq(state->way.secret_name, name))
			link_key_read(state->key);
	}
}

static void take_change(void *ctx)
{
	struct change *change = ctx;
	read_keys(change->agent, span_of(change->ns), span_of(change->name));
	free(change->ns);
	free(change->name);
	free(change);
}

/* On the client's thread. */
static void on_changed(void *ctx, struct span ns, struct span name)
{
	struct agent *agent = ctx;
	struct change *change = malloc(sizeof *change);
	if (change == NULL)
		abort();
	*change = (struct change){agent, strndup(ns.ptr, ns.len), strndup(name.ptr, name.len)};
	if (change->ns == NULL || change->name == NULL)
		abort();
	loop_post(agent->loop, take_change, change);
}

struct link_key *link_key_new(struct link *link)
{
	const struct target_way *way = &link->state->way;
	struct cluster_api *api = link->agent->cluster_api;
	if (way->key_from != KEY_OBJECT || api == NULL)
		return NULL;
	struct link_key *key = calloc(1, sizeof *key);
	if (key == NULL)
		abort();
	key->link = link;
	kube_secrets_watch(api->secrets, way->ns, way->secret_name, on_changed, link->agent);
	return key;
}

void link_key_free(struct link_key *key)
{
	if (key == NULL)
		return;
	if (key->is_reading)
		pthread_join(key->thread, NULL);
	secret_done(&key->fresh);
	secret_done(&key->value);
	free(key);
}
