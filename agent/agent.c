/* The life of the agent: start, run until a signal or until all is settled, stop within ten seconds. */
#include "agent/agent.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/cluster_api.h"
#include "agent/link.h"
#include "agent/run.h"
#include "agent/told.h"
#include "base/clock.h"

enum { STOP_S = 9, WRITE_END_MS = 2000, WORK_END_MS = 8000, STATUS_END_MS = 1000, TURN_MS = 5000, SETTLE_CHECK_MS = 50 };

static void stop(struct agent *agent)
{
	agent->is_stopping = true;
	queue_stop(agent->queue);
	loop_stop(agent->loop);
}

void agent_reload(struct agent *agent)
{
	for (size_t i = 0; i < agent->link_count; i++)
		link_state_look(agent->links[i]->state);
	for (size_t i = 0; i < agent->feed_count; i++)
		feed_poll_now(&agent->feeds[i], true);
	desired_look(agent, NULL, true);
}

struct signals {
	struct agent *agent;
	int fd;
};

static void on_signal(void *ctx)
{
	struct signals *signals = ctx;
	struct agent *agent = signals->agent;
	struct signalfd_siginfo info;
	while (read(signals->fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGHUP) {
			log_info(agent->log, "agent", "reading all sources again");
			agent_reload(agent);
			continue;
		}
		log_info(agent->log, "agent", "stopping", log_int("signal", (int64_t)info.ssi_signo));
		if (agent->settings->once) /* whether all is well is not known */
			agent->exit_code = EXIT_ERROR;
		stop(agent);
	}
}

static bool watch_signals(struct signals *signals, struct fail *fail)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* before the first thread */
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0)
		return fail_errno(fail, errno, "watching signals");
	return loop_add_fd(signals->agent->loop, signals->fd, on_signal, signals, fail);
}

/* --- --once -------------------------------------------------------------------------------------------------------- */

static bool all_polled(struct agent *agent)
{
	bool all = true;
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->feed_count; i++)
		all = all && agent->feeds[i].state.polls > 0 && agent->feeds[i].taken == agent->feeds[i].current;
	all = all && !agent->has_doubtful_absence;
	pthread_mutex_unlock(&agent->lock);
	return all;
}

static int verdict_of(struct agent *agent)
{
	int code = EXIT_OK;
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->feed_count; i++)
		if (agent->feeds[i].state.error[0] != '\0' || agent->feeds[i].state.errors > 0)
			code = EXIT_ERROR;
	for (size_t i = 0; i < agent->unit_count && code != EXIT_ERROR; i++) {
		enum unit_phase phase = agent->units[i]->state.phase;
		if (agent->units[i]->is_retired)
			continue;
		if (phase == UNIT_FAILED || phase == UNIT_FROZEN || (phase == UNIT_PENDING && agent->units[i]->state.is_declared))
			code = EXIT_ERROR;
		else if (phase == UNIT_HELD || phase == UNIT_OUT_OF_SYNC)
			code = EXIT_HELD;
	}
	pthread_mutex_unlock(&agent->lock);
	return code;
}

/* Nothing waits or runs, except what failed and is only going to be tried again. */
static bool is_settled(struct agent *agent)
{
	enum { TRIES = 3 };
	if (!all_polled(agent))
		return false;
	size_t busy = queue_busy(agent->queue);
	bool all_open = true;
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->unit_count; i++) {
		const struct unit_state *state = &agent->units[i]->state;
		bool is_hopeless = state->phase == UNIT_FAILED && (state->is_final || state->failures >= TRIES);
		if (is_hopeless && agent->units[i]->link->is_ready && busy > 0)
			busy--;
	}
	for (size_t i = 0; i < agent->link_count; i++)
		all_open = all_open && (agent->links[i]->is_ready || (agent->links[i]->store == NULL && agent->links[i]->error[0] != '\0'));
	pthread_mutex_unlock(&agent->lock);
	return busy == 0 && all_open;
}

static void on_settle_timer(void *ctx)
{
	struct agent *agent = ctx;
	bool is_late = clock_monotonic_ms() - agent->started_ms > agent->settings->timeout_ms;
	if (!is_settled(agent) && !is_late) {
		loop_timer_set(agent->timer, clock_monotonic_ms() + SETTLE_CHECK_MS);
		return;
	}
	agent->exit_code = is_late ? EXIT_ERROR : verdict_of(agent);
	if (is_late)
		log_error(agent->log, "agent", "not settled in time (--timeout)");
	stop(agent);
}

/* --- start and stop ------------------------------------------------------------------------------------------------ */

/* With a remote Omni they wait more than they work; more than these would cost memory and gain little. */
static unsigned worker_count(const struct settings *settings)
{
	enum { REMOTE_WORKERS = 4 };
	unsigned cores = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	bool is_remote = settings->omni != NULL && !span_starts(span_of(settings->omni), "dir:");
	if (settings->workers > 0)
		return (unsigned)settings->workers;
	return is_remote && cores < REMOTE_WORKERS ? REMOTE_WORKERS : cores;
}

static bool start(struct agent *agent, struct signals *signals, struct fail *fail)
{
	const struct settings *settings = agent->settings;
	enum sandbox_mode mode = SANDBOX_AUTO;
	if (settings->sandbox != NULL)
		sandbox_mode_parse(span_of(settings->sandbox), &mode);
	if (!watch_signals(signals, fail) || !sandbox_init(&agent->sandbox, mode, fail))
		return false;
	unsigned workers = worker_count(settings);
	agent->queue = queue_new(workers, reconcile, agent);
	log_info(agent->log, "agent", "started", log_string("version", OMNIOPS_VERSION), log_int("workers", workers),
		 log_string("sandbox", agent->sandbox.layers_text), log_string("gate", plan_risk_name(agent->gate)));
	return http_start(agent, fail) && cluster_api_start(agent, fail) && feeds_start(agent, fail);
}

/* Whatever hangs, at the end of the time the process ends; the next start goes on from what Omni says, so that is no
 * failure: only what was known before counts. */
static void end_well(int signal)
{
	(void)signal;
	_exit(EXIT_OK);
}

static void end_badly(int signal)
{
	(void)signal;
	_exit(EXIT_ERROR);
}

static void end_held(int signal)
{
	(void)signal;
	_exit(EXIT_HELD);
}

static void limit_time(int exit_code)
{
	struct sigaction action = {.sa_handler = exit_code == EXIT_OK ? end_well : exit_code == EXIT_HELD ? end_held : end_badly};
	sigset_t set;
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGTERM, &action, NULL); /* asked a second time: at once */
	sigaction(SIGINT, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	alarm(STOP_S);
}

/* Reading can be done again; what is being written should rather be known to be done, but is not waited for long. */
static void wind_down(struct agent *agent)
{
	cluster_api_wind_down(agent, clock_monotonic_ms() + WORK_END_MS);
	for (size_t i = 0; i < agent->link_count; i++) {
		struct omni_store *store = agent->links[i]->store;
		if (store != NULL && store->ops->wind_down != NULL)
			store->ops->wind_down(store, clock_monotonic_ms() + WRITE_END_MS);
	}
}

static void finish(struct agent *agent)
{
	agent->is_stopping = true;
	limit_time(agent->exit_code);
	http_stop(agent->http);
	feeds_cancel(agent);
	wind_down(agent);
	/* Workers use what belongs to feeds and links: they end first. */
	int64_t end_ms = clock_monotonic_ms() + WORK_END_MS;
	bool has_ended = agent->queue == NULL || queue_free(agent->queue, end_ms);
	if (!has_ended || !cluster_api_end_handlers(agent, end_ms)) {
		log_warn(agent->log, "agent", "a call did not end in time; left to the next start");
		_exit(agent->exit_code);
	}
	feeds_stop(agent);
	cluster_api_finish(agent, clock_monotonic_ms() + STATUS_END_MS);
	for (size_t i = 0; i < agent->unit_count; i++) {
		unit_free(agent->units[i]);
	}
	for (size_t i = 0; i < agent->link_count; i++)
		link_free(agent->links[i]);
	cluster_api_free(agent);
	free(agent->units);
	alarm(0);
}

static void on_resync(void *ctx)
{
	struct agent *agent = ctx;
	desired_look(agent, NULL, false);
	loop_timer_set(agent->resync_timer, clock_monotonic_ms() + agent->settings->resync_ms);
}

static void on_turn(void *ctx)
{
	struct agent *agent = ctx;
	desired_look_in_turn(agent);
	loop_timer_set(agent->turn_timer, clock_monotonic_ms() + TURN_MS);
}

/* A pass over a fleet needs a hundred times what is kept of it: large blocks are mapped, so that they go back at once, and
 * threads share one heap, so that what one freed the next uses; without that each keeps its own peak. */
static void spare_memory(void)
{
	enum { MAPPED_FROM = 256 << 10 };
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
}

static void on_tidy(void *ctx)
{
	(void)ctx;
	malloc_trim(0);
}

static void set_timers(struct agent *agent)
{
	int64_t now = clock_monotonic_ms();
	if (agent->settings->once)
		loop_timer_set(agent->timer, now + SETTLE_CHECK_MS);
	if (agent->settings->resync_ms > 0)
		loop_timer_set(agent->resync_timer, now + agent->settings->resync_ms);
	if (agent->cluster_api != NULL)
		loop_timer_set(agent->turn_timer, now + TURN_MS);
}

bool agent_run(struct agent *agent, struct fail *fail)
{
	struct signals signals = {agent, -1};
	spare_memory();
	pthread_mutex_init(&agent->lock, NULL);
	agent->started_ms = clock_monotonic_ms();
	if (!loop_new(&agent->loop, fail))
		return false;
	agent->timer = loop_timer_new(agent->loop, on_settle_timer, agent);
	agent->resync_timer = loop_timer_new(agent->loop, on_resync, agent);
	agent->turn_timer = loop_timer_new(agent->loop, on_turn, agent);
	agent->tidy_timer = loop_timer_new(agent->loop, on_tidy, agent);
	agent->annotate_timer = loop_timer_new(agent->loop, annotate_on_timer, agent);
	bool has_begun = start(agent, &signals, fail);
	if (has_begun) {
		set_timers(agent);
		loop_run(agent->loop);
	}
	finish(agent);
	if (signals.fd >= 0)
		close(signals.fd);
	loop_free(agent->loop);
	pthread_mutex_destroy(&agent->lock);
	return has_begun;
}
