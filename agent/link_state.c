#include "agent/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cluster_api.h"
#include "agent/link_key.h"
#include "agent/settings/target.h"
#include "base/clock.h"

enum { TICK_MS = 2000, ABOUT_CALL_MS = 5000, ABOUT_AGAIN_MS = 30000, DAY_S = 86400 };

/* --- whether it answers --------------------------------------------------------------------------------------------- */

/* Is it the way that is bad, and not what was asked for? */
static bool is_about_the_way(enum fail_code code)
{
	return code == FAIL_UNAVAILABLE || code == FAIL_TIMEOUT || code == FAIL_UNAUTHENTICATED || code == FAIL_PROTOCOL;
}

static bool note_down(struct link_state *state, const struct fail *fail)
{
	bool is_news = state->reach != LINK_DOWN || state->code != fail->code;
	if (state->reach != LINK_DOWN)
		state->since_wall_ms = clock_wall_ms();
	state->reach = LINK_DOWN;
	state->code = fail->code;
	snprintf(state->trouble, sizeof state->trouble, "%s", fail->text);
	return is_news;
}

static bool note_up(struct link_state *state)
{
	bool was_down = state->reach == LINK_DOWN;
	if (state->reach != LINK_UP)
		state->since_wall_ms = clock_wall_ms();
	state->wants_about = state->wants_about || was_down;
	state->reach = LINK_UP;
	state->code = FAIL_NONE;
	state->trouble[0] = '\0';
	return was_down;
}

bool link_state_tell(struct link *link, const struct fail *fail)
{
	struct link_state *state = link->state;
	struct agent *agent = link->agent;
	if (state == NULL || (fail != NULL && !is_about_the_way(fail->code)))
		return false;
	pthread_mutex_lock(&agent->lock);
	enum link_reach before = state->reach;
	bool is_news = fail == NULL ? note_up(state) : note_down(state, fail);
	bool is_other = is_news || before != state->reach;
	pthread_mutex_unlock(&agent->lock);
	if (is_other)
		cluster_api_tell_ways(agent);
	if (is_news && fail == NULL)
		log_info(agent->log, "omni", "it answers again", log_string("omni", link->url));
	else if (is_news)
		log_error(agent->log, "omni", "it does not answer, or does not let us in; tried again",
			  log_string("omni", link->url), log_fail(fail));
	return is_news;
}

/* --- who it is ------------------------------------------------------------------------------------------------------ */

static void take_about(struct link_state *state, const struct omni_about *about)
{
	struct agent *agent = state->link->agent;
	pthread_mutex_lock(&agent->lock);
	bool is_other = !span_is(about->version, state->version) || !span_is(about->instance, state->instance);
	bool is_news = is_other || state->key_expires_s != about->key_expires_s || !span_is(about->identity, state->identity);
	state->is_another = state->is_another || (is_other && state->version[0] != '\0');
	snprintf(state->version, sizeof state->version, "%.*s", SPAN_ARG(about->version));
	snprintf(state->instance, sizeof state->instance, "%.*s", SPAN_ARG(about->instance));
	snprintf(state->identity, sizeof state->identity, "%.*s", SPAN_ARG(about->identity));
	state->key_expires_s = about->key_expires_s;
	pthread_mutex_unlock(&agent->lock);
	feeds_take_version(agent, state->link->url, about->version);
	if (is_news)
		cluster_api_tell_ways(agent);
	if (is_news)
		log_info(agent->log, "omni", "connected", log_string("omni", state->link->url), log_string("version", state->version),
			 log_string("instance", state->instance), log_string("identity", state->identity));
}

/* A thread of its own: workers may all be busy with an Omni that does not answer, and the loop never waits. */
static void *ask(void *ctx)
{
	struct link_state *state = ctx;
	struct omni_store *store = state->link->store;
	struct omni_about about = {0};
	struct fail fail;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = store->ops->about(store, &arena, clock_monotonic_ms() + ABOUT_CALL_MS, &about, &fail);
	if (ok)
		take_about(state, &about);
	arena_done(&arena);
	if (ok || fail.code != FAIL_UNSUPPORTED)
		link_state_tell(state->link, ok ? NULL : &fail);
	pthread_mutex_lock(&state->link->agent->lock);
	state->is_asking = false;
	state->wants_about = state->wants_about && !ok; /* "answers again" by this very call */
	pthread_mutex_unlock(&state->link->agent->lock);
	return NULL;
}

static void join(struct link_state *state)
{
	if (state->has_thread)
		pthread_join(state->thread, NULL);
	state->has_thread = false;
}

static void ask_who(struct link_state *state)
{
	struct agent *agent = state->link->agent;
	struct omni_store *store = state->link->store;
	if (store == NULL || store->ops->about == NULL || agent->is_stopping)
		return;
	pthread_mutex_lock(&agent->lock);
	bool may_ask = !state->is_asking;
	state->is_asking = true;
	state->wants_about = false;
	pthread_mutex_unlock(&agent->lock);
	if (!may_ask)
		return;
	join(state);
	state->has_thread = pthread_create(&state->thread, NULL, ask, state) == 0;
	state->about_ms = clock_monotonic_ms() + ABOUT_AGAIN_MS;
	if (state->has_thread)
		return;
	pthread_mutex_lock(&agent->lock);
	state->is_asking = false;
	pthread_mutex_unlock(&agent->lock);
}

/* --- the key -------------------------------------------------------------------------------------------------------- */

bool link_state_open(struct link_state *state, struct omni_store **out, struct fail *fail)
{
	struct agent *agent = state->link->agent;
	state->stamp = target_key_stamp(&state->way); /* before they are read: a change in between is seen */
	state->ca_stamp = target_ca_stamp(agent->settings, &state->way);
	state->way.key = state->key == NULL ? NULL : link_key_value(state->key);
	if (!target_open(agent->settings, &state->way, agent->log, out, fail))
		return false;
	state->about_ms = 0;
	return true;
}

void link_state_note_key(struct link_state *state, const char *trouble)
{
	struct agent *agent = state->link->agent;
	pthread_mutex_lock(&agent->lock);
	snprintf(state->key_trouble, sizeof state->key_trouble, "%s", trouble);
	pthread_mutex_unlock(&agent->lock);
	cluster_api_tell_ways(agent);
}

/* The same Omni with another key, or other certificates: clusters, watches and what is known of them stay. */
void link_state_renew(struct link_state *state, const char *what)
{
	struct link *link = state->link;
	struct agent *agent = link->agent;
	struct fail fail = {0};
	target_warn(&state->way, agent->log);
	state->way.key = state->key == NULL ? NULL : link_key_value(state->key);
	bool ok = target_renew(agent->settings, &state->way, agent->log, link->store, &fail);
	link_state_note_key(state, ok ? "" : fail.text);
	if (!ok) {
		log_error(agent->log, "omni", "key or certificates changed, but cannot be used; the old key stays in use",
			  log_string("omni", link->url), log_string("changed", what), log_fail(&fail));
		return;
	}
	log_info(agent->log, "omni", "key or certificates changed; the new key is in use", log_string("omni", link->url),
		 log_string("changed", what));
	state->urgency = 0;
	state->about_ms = 0;
	watcher_hurry(link->watcher);
	desired_look(agent, link, true);
}

void link_state_look(struct link_state *state)
{
	struct file_stamp stamp = target_key_stamp(&state->way);
	struct file_stamp ca_stamp = target_ca_stamp(state->link->agent->settings, &state->way);
	bool is_same_key = file_stamp_equal(&stamp, &state->stamp);
	if (is_same_key && file_stamp_equal(&ca_stamp, &state->ca_stamp))
		return;
	state->stamp = stamp;
	state->ca_stamp = ca_stamp;
	if (state->link->store == NULL)
		link_open_now(state->link);
	else
		link_state_renew(state, is_same_key ? "certificates" : state->way.key_file);
}

/* Said once when it becomes urgent, and once more when it is over. */
static void warn_of_expiry(struct link_state *state)
{
	static const int64_t days[] = {30, 7, 0};
	struct agent *agent = state->link->agent;
	pthread_mutex_lock(&agent->lock);
	int64_t left_s = state->key_expires_s == 0 ? INT64_MAX : state->key_expires_s - clock_wall_ms() / 1000;
	pthread_mutex_unlock(&agent->lock);
	unsigned urgency = 0;
	for (size_t i = 0; i < sizeof days / sizeof *days; i++)
		urgency += left_s <= days[i] * DAY_S;
	if (urgency <= state->urgency)
		return;
	state->urgency = urgency;
	if (left_s <= 0)
		log_error(agent->log, "omni", "the service-account key has expired: renew it with omnictl serviceaccount renew",
			  log_string("omni", state->link->url), log_string("identity", state->identity));
	else
		log_warn(agent->log, "omni", "the service-account key expires soon: renew it with omnictl serviceaccount renew",
			 log_string("omni", state->link->url), log_string("identity", state->identity),
			 log_int("daysLeft", left_s / DAY_S));
}

/* What was watched so far was another server's: nothing goes on from there. */
static void look_anew(struct link_state *state)
{
	struct agent *agent = state->link->agent;
	pthread_mutex_lock(&agent->lock);
	bool is_another = state->is_another;
	state->is_another = false;
	pthread_mutex_unlock(&agent->lock);
	if (!is_another)
		return;
	log_info(agent->log, "omni", "another version or instance than before: everything is read anew",
		 log_string("omni", state->link->url));
	watcher_renew(state->link->watcher);
}

/* --- the clock ------------------------------------------------------------------------------------------------------ */

static void on_tick(void *ctx)
{
	struct link_state *state = ctx;
	struct agent *agent = state->link->agent;
	loop_timer_set(state->timer, clock_monotonic_ms() + TICK_MS);
	link_state_look(state);
	warn_of_expiry(state);
	look_anew(state);
	pthread_mutex_lock(&agent->lock);
	bool is_known = state->reach == LINK_UP && state->version[0] != '\0';
	bool is_wanted = state->wants_about || state->about_ms == 0;
	pthread_mutex_unlock(&agent->lock);
	if (is_wanted || (!is_known && clock_monotonic_ms() >= state->about_ms))
		ask_who(state);
}

struct link_state *link_state_new(struct link *link, const struct target_way *way)
{
	struct link_state *state = calloc(1, sizeof *state);
	if (state == NULL)
		abort();
	state->link = link;
	state->way = *way;
	arena_init(&state->arena, ARENA_NO_LIMIT);
	state->way.connection = arena_copy(&state->arena, way->connection);
	state->way.url = span_of(link->url);
	state->way.key_file = way->key_file == NULL ? NULL : arena_string(&state->arena, span_of(way->key_file));
	state->way.secret_name = arena_copy(&state->arena, way->secret_name);
	state->way.secret_key = arena_copy(&state->arena, way->secret_key);
	state->way.ns = arena_copy(&state->arena, way->ns);
	state->about_ms = INT64_MAX;
	state->timer = loop_timer_new(link->agent->loop, on_tick, state);
	bool is_remote = !span_starts(state->way.url, "dir:") && state->way.url.len > 0;
	if (is_remote)
		loop_timer_set(state->timer, clock_monotonic_ms());
	target_warn(&state->way, link->agent->log);
	return state;
}

void link_state_free(struct link_state *state)
{
	if (state == NULL)
		return;
	loop_timer_set(state->timer, INT64_MAX);
	join(state);
	link_key_free(state->key);
	arena_done(&state->arena);
	free(state);
}

void link_state_report(const struct link *link, struct omni_report *out)
{
	const struct link_state *state = link->state;
	out->is_up = link->store != NULL && state->reach != LINK_DOWN;
	snprintf(out->trouble, sizeof out->trouble, "%s", state->trouble);
	snprintf(out->version, sizeof out->version, "%s", state->version);
	snprintf(out->instance, sizeof out->instance, "%s", state->instance);
	snprintf(out->identity, sizeof out->identity, "%s", state->identity);
	out->since_wall_ms = state->since_wall_ms;
	out->key_expires_s = state->key_expires_s;
	out->watches = watcher_live(link->watcher);
	if (link->store == NULL)
		return;
	out->read_calls = link->store->read_calls;
	out->write_calls = link->store->write_calls;
	if (link->store->ops->count != NULL)
		link->store->ops->count(link->store, &out->counts);
}
