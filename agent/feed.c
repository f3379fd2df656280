/* One thread per source: waits until it is due, polls, renders in a confined child, posts. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/cluster_api.h"
#include "agent/settings/rules.h"
#include "base/clock.h"

/* Hand the snapshot over; the loop works out what is desired now. */
static void publish(struct feed *feed, struct snapshot *snapshot)
{
	struct agent *agent = feed->agent;
	pthread_mutex_lock(&agent->lock);
	struct snapshot *old = feed->current;
	feed->current = snapshot;
	pthread_mutex_unlock(&agent->lock);
	snapshot_unref(old);
}

static void log_diags(struct agent *agent, const struct feed *feed, const struct fleet *fleet)
{
	enum { MOST = 20 };
	for (size_t i = 0; i < fleet->diags.count && i < MOST; i++) {
		const struct diag *diag = &fleet->diags.items[i];
		if (diag->severity == DIAG_NOTE)
			continue;
		log_at(agent->log, diag->severity == DIAG_ERROR ? LEVEL_ERROR : LEVEL_WARN, "render",
		       "declaration is at fault", log_string("source", source_name(feed->source)),
		       log_span("file", diag->file), log_int("line", diag->line), log_int("column", diag->column),
		       log_span("object", diag->object), log_span("field", diag->path), log_string("code", diag->code),
		       log_span("error", diag->message), log_span("hint", diag->hint));
	}
}

static void note_first_error(struct source_state *state, const struct fleet *fleet)
{
	state->first_error[0] = '\0';
	for (size_t i = 0; i < fleet->diags.count; i++) {
		const struct diag *diag = &fleet->diags.items[i];
		if (diag->severity != DIAG_ERROR)
			continue;
		snprintf(state->first_error, sizeof state->first_error, "%.*s:%u:%u: %.*s: %.*s", SPAN_ARG(diag->file),
			 diag->line, diag->column, SPAN_ARG(diag->object), SPAN_ARG(diag->message));
		return;
	}
}

static void note_render(struct feed *feed, const struct snapshot *snapshot)
{
	struct source_state *state = &feed->state;
	const struct fleet *fleet = snapshot->fleet;
	pthread_mutex_lock(&feed->agent->lock);
	state->is_loaded = true;
	state->is_incomplete = fleet->is_incomplete;
	state->clusters = fleet->cluster_count;
	state->documents = snapshot->document_count;
	state->errors = fleet->diags.error_count;
	state->warnings = fleet->diags.warning_count;
	state->changed_wall_ms = clock_wall_ms();
	state->changes++;
	note_first_error(state, fleet);
	pthread_mutex_unlock(&feed->agent->lock);
}

/* An empty tree is a mistake far more often than an order to destroy everything; so is one with nothing for us in it. An API
 * server that has listed everything makes no such mistake. */
static bool is_worth_having(const struct feed *feed, const struct snapshot *snapshot, struct fail *fail)
{
	const struct fleet *fleet = snapshot->fleet;
	if (source_kind(feed->source) == SOURCE_KUBERNETES)
		return true;
	if (fleet->cluster_count + fleet->raw_count + fleet->connection_count > 0 || fleet->is_incomplete ||
	    fleet->diags.error_count > 0)
		return true;
	return fail_set(fail, FAIL_NOT_FOUND,
			"%s holds %s; the last good state stays. Check the path and the ref of the source",
			source_name(feed->source),
			snapshot->document_count == 0 ? "no document" : "documents, but none that declares something for Omni");
}

/* What is kept instead of rendered is no end in itself: once the source has come to rest, everything is rendered, and
 * whatever a renderer may have been made to say is forgotten. */
static void plan_whole(struct feed *feed, const struct snapshot *snapshot)
{
	enum { REST_MS = 60000, MOST_MS = 600000 };
	int64_t now_ms = clock_monotonic_ms();
	bool is_whole = snapshot->rendered_files == snapshot->input_count;
	if (is_whole || feed->spliced_ms == 0)
		feed->spliced_ms = is_whole ? 0 : now_ms;
	int64_t latest_ms = feed->spliced_ms + MOST_MS;
	feed->whole_ms = is_whole ? 0 : now_ms + REST_MS < latest_ms ? now_ms + REST_MS : latest_ms;
}

/* Nothing new, rendered as a whole. */
static bool is_confirmed(struct feed *feed, const struct snapshot *snapshot)
{
	const struct snapshot *before = feed->current;
	if (before == NULL || feed->whole_ms == 0 || strcmp(before->revision, snapshot->revision) != 0)
		return false;
	if (snapshot_same(before, snapshot))
		return true;
	log_error(feed->agent->log, "render", "what was kept differs from what rendering everything gives, which counts; please report it",
		  log_string("source", source_name(feed->source)), log_string("revision", snapshot->revision));
	return false;
}

static void tell_revision(struct feed *feed, const struct snapshot *snapshot)
{
	struct agent *agent = feed->agent;
	log_info(agent->log, "source", "new revision", log_string("source", source_name(feed->source)),
		 log_string("revision", snapshot->revision), log_int("clusters", (int64_t)snapshot->fleet->cluster_count),
		 log_int("errors", (int64_t)snapshot->fleet->diags.error_count), log_int("files", (int64_t)snapshot->input_count),
		 log_int("rendered", (int64_t)snapshot->rendered_files));
	log_diags(agent, feed, snapshot->fleet);
	note_render(feed, snapshot);
}

static bool render_confined(void *ctx, struct tree *tree, const struct fleet_options *options, const struct fleet_taker *taker,
			    struct arena *arena, struct fleet **out, struct fail *fail)
{
	struct feed *feed = ctx;
	return sandbox_render_by(&feed->agent->sandbox, &feed->child, tree, options, taker, arena, out, 0, fail);
}

static bool render(struct feed *feed, const struct source_result *result, bool may_splice, struct fail *fail)
{
	struct agent *agent = feed->agent;
	struct snapshot *snapshot = NULL;
	struct settings settings;
	struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	const struct renderer renderer = {render_confined, feed};
	agent->counters.renders++;
	feed_settings(agent, &settings);
	rules_take_settings(&settings, &options);
	/* Only this thread ever puts another one there. */
	if (!snapshot_render(&renderer, &options, result->tree, feed->current, may_splice, &snapshot, fail) ||
	    !is_worth_having(feed, snapshot, fail)) {
		agent->counters.render_errors++;
		snapshot_unref(snapshot);
		return false;
	}
	snapshot->source = feed->index;
	snprintf(snapshot->revision, sizeof snapshot->revision, "%s", result->revision);
	if (!is_confirmed(feed, snapshot))
		tell_revision(feed, snapshot);
	plan_whole(feed, snapshot);
	publish(feed, snapshot);
	loop_post(agent->loop, desired_update_in_loop, agent);
	return true;
}

static void note_poll(struct feed *feed, const struct source_result *result, int64_t begin_ms, const struct fail *fail)
{
	struct agent *agent = feed->agent;
	struct source_state *state = &feed->state;
	pthread_mutex_lock(&agent->lock);
	bool is_new = fail != NULL && strcmp(state->error, fail->text) != 0;
	bool is_better = fail == NULL && state->error[0] != '\0';
	state->polls++;
	state->polled_wall_ms = clock_wall_ms();
	if (result->revision[0] != '\0')
		snprintf(state->revision, sizeof state->revision, "%s", result->revision);
	snprintf(state->error, sizeof state->error, "%.*s", (int)sizeof state->error - 1, fail == NULL ? "" : fail->text);
	state->failures += fail != NULL;
	if (fail == NULL)
		feed->good_poll_ms = begin_ms;
	pthread_mutex_unlock(&agent->lock);
	if (is_new)
		log_error(agent->log, "source", "cannot be read; the last good state stays",
			  log_string("source", source_name(feed->source)), log_fail(fail));
	if (is_better)
		log_info(agent->log, "source", "can be read again", log_string("source", source_name(feed->source)));
}

static void poll_source(struct feed *feed, bool may_keep, struct source_result *out)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	const struct source_known *known = may_keep ? snapshot_known(feed->current, &arena) : NULL;
	source_poll_with(feed->source, known, 0, feed->cancel_fd, out);
	arena_done(&arena);
}

/* What a tree names in memory may be another by the time that it is read: then it is looked at again, and read at once. */
static bool poll_and_render(struct feed *feed, bool is_whole, struct source_result *result, struct fail *fail)
{
	enum { TRIES = 5 };
	for (unsigned i = 0;; i++) {
		poll_source(feed, !is_whole && i == 0, result);
		if (result->verdict != SOURCE_CHANGED || render(feed, result, !is_whole, fail))
			return true;
		source_forget(feed->source);
		if (fail->code != FAIL_CONFLICT || i >= TRIES)
			return false;
		source_tree_unref(result->tree);
		result->tree = NULL;
	}
}

static void poll_once(struct feed *feed, struct schedule *schedule)
{
	struct agent *agent = feed->agent;
	pthread_mutex_lock(&agent->lock);
	bool forget = feed->forget;
	feed->forget = false;
	pthread_mutex_unlock(&agent->lock);
	struct source_result result = {0};
	struct fail fail = {0};
	int64_t begin_ms = clock_monotonic_ms();
	bool is_whole = forget || (feed->whole_ms != 0 && feed->whole_ms <= begin_ms);
	if (forget)
		source_forget(feed->source);
	else if (is_whole)
		source_again(feed->source);
	bool is_rendered = poll_and_render(feed, is_whole, &result, &fail);
	if (result.verdict == SOURCE_FAILED) {
		note_poll(feed, &result, begin_ms, &result.fail);
	} else if (!is_rendered) {
		note_poll(feed, &result, begin_ms, &fail);
		result.verdict = SOURCE_FAILED;
	} else {
		note_poll(feed, &result, begin_ms, NULL);
	}
	if (is_whole && result.verdict == SOURCE_FAILED && feed->whole_ms != 0)
		feed->whole_ms = clock_monotonic_ms() + source_interval_ms(feed->source);
	source_tree_unref(result.tree);
	schedule_polled(schedule, clock_monotonic_ms(), &result);
	loop_post(agent->loop, desired_update_in_loop, agent);
}

static void drain(int fd)
{
	uint64_t count;
	if (read(fd, &count, sizeof count) < 0 && errno != EAGAIN && errno != EINTR)
		abort();
}

/* What is watched of an API server is in memory: soon it is read, and rendered. */
static void start_renderer(struct feed *feed)
{
	if (feed->child == NULL && source_kind(feed->source) == SOURCE_KUBERNETES)
		feed->child = sandbox_child_start();
}

static void stop_renderer(struct feed *feed)
{
	sandbox_child_stop(feed->child);
	feed->child = NULL;
}

/* Until something is due; false: stop. */
static bool wait_for_turn(struct feed *feed, struct schedule *schedule)
{
	for (;;) {
		int64_t now_ms = clock_monotonic_ms(), wait = schedule_wait_ms(schedule, now_ms);
		if (feed->whole_ms != 0 && feed->whole_ms - now_ms < wait && schedule->failures == 0)
			wait = feed->whole_ms - now_ms;
		if (wait <= 0)
			return true;
		struct pollfd fds[] = {{feed->cancel_fd, POLLIN, 0}, {feed->wake_fd, POLLIN, 0}, {source_fd(feed->source), POLLIN, 0}};
		int count = poll(fds, 3, wait > 60000 ? 60000 : (int)wait);
		if (fds[0].revents != 0)
			return false;
		if (count > 0 && fds[1].revents != 0) {
			drain(feed->wake_fd);
			schedule_hint(schedule, clock_monotonic_ms());
		}
		if (count > 0 && fds[2].revents != 0 && source_drain(feed->source)) {
			schedule_hint(schedule, clock_monotonic_ms());
			start_renderer(feed);
		}
	}
}

static void *feed_main(void *argument)
{
	struct feed *feed = argument;
	struct schedule schedule;
	feeds_settle_rules(feed->agent);
	schedule_init_for(&schedule, feed->source, clock_monotonic_ms(), (uint64_t)clock_wall_ms() + feed->index);
	do {
		poll_once(feed, &schedule);
		stop_renderer(feed);
	} while (wait_for_turn(feed, &schedule));
	stop_renderer(feed);
	return NULL;
}

static struct source_options source_options(const struct settings *settings)
{
	return (struct source_options){
		.cache_dir = settings->cache_dir,
		.interval_ms = settings->interval_ms,
		.user = settings->git_username,
		.token_file = settings->git_token_file,
		.token_env = settings->git_token_env,
		.ssh_key_file = settings->ssh_key_file,
		.ssh_passphrase_file = settings->ssh_passphrase_file,
		.known_hosts = settings->known_hosts,
		.ca_file = settings->ca_file,
		.verify_keys = settings->verify_keys,
	};
}

static bool feed_start(struct agent *agent, struct feed *feed, const char *url, struct fail *fail)
{
	struct source_options options = source_options(agent->settings);
	cluster_api_take_options(agent, &options);
	feed->agent = agent;
	feed->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	feed->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (feed->cancel_fd < 0 || feed->wake_fd < 0)
		return fail_errno(fail, errno, "starting the source %s", url);
	if (!source_open(url, &options, &feed->source, fail))
		return fail_wrap(fail, "--source"); /* the message names it, without what may be a password */
	snprintf(feed->state.name, sizeof feed->state.name, "%s", source_name(feed->source));
	return true;
}

bool feeds_start(struct agent *agent, struct fail *fail)
{
	const struct string_list *urls = &agent->settings->source;
	agent->feeds = ARENA_ARRAY(agent->arena, struct feed, urls->count);
	for (size_t i = 0; i < urls->count; i++) {
		agent->feeds[i].index = (unsigned)i;
		if (!feed_start(agent, &agent->feeds[i], urls->items[i], fail))
			return false;
		agent->feed_count++;
	}
	for (size_t i = 0; i < agent->feed_count; i++)
		if (!(agent->feeds[i].is_started = pthread_create(&agent->feeds[i].thread, NULL, feed_main, &agent->feeds[i]) == 0))
			return fail_set(fail, FAIL_IO, "cannot start a thread for the source %s", urls->items[i]);
	return true;
}

static void signal_fd(int fd)
{
	uint64_t one = 1;
	if (write(fd, &one, sizeof one) < 0 && errno != EAGAIN)
		abort();
}

void feeds_cancel(struct agent *agent)
{
	for (size_t i = 0; i < agent->feed_count; i++)
		signal_fd(agent->feeds[i].cancel_fd);
}

void feeds_stop(struct agent *agent)
{
	feeds_cancel(agent);
	for (size_t i = 0; i < agent->feed_count; i++) {
		struct feed *feed = &agent->feeds[i];
		if (feed->is_started)
			pthread_join(feed->thread, NULL);
		source_free(feed->source);
		snapshot_unref(feed->current);
		snapshot_unref(feed->taken);
		close(feed->cancel_fd);
		close(feed->wake_fd);
	}
	agent->feed_count = 0;
}

void feed_poll_now(struct feed *feed, bool forget)
{
	pthread_mutex_lock(&feed->agent->lock);
	feed->forget = feed->forget || forget;
	pthread_mutex_unlock(&feed->agent->lock);
	signal_fd(feed->wake_fd);
}
