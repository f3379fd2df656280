/* The life of the agent: start, run until a signal or until all is settled, stop within ten seconds. */
#include "agent/agent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/command.h"
#include "base/clock.h"

enum { STOP_MS = 10000, SETTLE_CHECK_MS = 50 };

static void stop(struct agent *agent)
{
	agent->is_stopping = true;
	queue_stop(agent->queue);
	loop_stop(agent->loop);
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
			for (size_t i = 0; i < agent->feed_count; i++)
				feed_poll_now(&agent->feeds[i], true);
			continue;
		}
		log_info(agent->log, "agent", "stopping", log_int("signal", (int64_t)info.ssi_signo));
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
		all = all && agent->feeds[i].state.polls > 0 && agent->feeds[i].taken == agent->feeds[i].published;
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
		if (phase == UNIT_FAILED || phase == UNIT_FROZEN)
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
	if (!all_polled(agent))
		return false;
	size_t busy = queue_busy(agent->queue);
	pthread_mutex_lock(&agent->lock);
	for (size_t i = 0; i < agent->unit_count; i++)
		if (agent->units[i]->state.phase == UNIT_FAILED && agent->units[i]->state.failures >= 3 && busy > 0)
			busy--;
	pthread_mutex_unlock(&agent->lock);
	return busy == 0;
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

static bool start(struct agent *agent, struct signals *signals, struct fail *fail)
{
	const struct settings *settings = agent->settings;
	enum sandbox_mode mode = SANDBOX_AUTO;
	if (settings->sandbox != NULL)
		sandbox_mode_parse(span_of(settings->sandbox), &mode);
	if (!sandbox_init(&agent->sandbox, mode, fail) || !watch_signals(signals, fail))
		return false;
	size_t cores = (size_t)sysconf(_SC_NPROCESSORS_ONLN);
	size_t connections = settings->connection.count + 1;
	unsigned workers = settings->workers > 0 ? (unsigned)settings->workers : (unsigned)(cores + connections - 1);
	/* Every other connection keeps a worker whatever this one does. */
	unsigned limit = workers > connections - 1 ? workers - (unsigned)(connections - 1) : 1;
	agent->queue = queue_new(workers, limit, reconcile, agent);
	log_info(agent->log, "agent", "started", log_string("version", OMNIOPS_VERSION), log_int("workers", workers),
		 log_string("sandbox", agent->sandbox.layers_text), log_string("gate", plan_risk_name(agent->gate)));
	return http_start(agent, fail) && feeds_start(agent, fail);
}

static void finish(struct agent *agent)
{
	int64_t deadline_ms = clock_monotonic_ms() + STOP_MS;
	agent->is_stopping = true;
	http_stop(agent->http);
	feeds_stop(agent);
	bool all_ended = agent->queue == NULL || queue_free(agent->queue, deadline_ms - 1000);
	if (!all_ended) {
		log_warn(agent->log, "agent", "a call did not end in time; left to the next start");
		_exit(agent->exit_code == 0 ? EXIT_ERROR : agent->exit_code);
	}
	for (size_t i = 0; i < agent->link_count; i++) {
		watcher_free(agent->links[i]->watcher);
		omni_store_close(agent->links[i]->store);
		free(agent->links[i]->connection);
		free(agent->links[i]->url);
		free(agent->links[i]);
	}
	for (size_t i = 0; i < agent->unit_count; i++) {
		snapshot_unref(agent->units[i]->desired.snapshot);
		snapshot_unref(agent->units[i]->good.snapshot);
		run_free(agent->units[i]->ongoing);
		free(agent->units[i]->name);
		free(agent->units[i]);
	}
	free(agent->units);
}

int agent_run(struct agent *agent)
{
	struct signals signals = {agent, -1};
	struct fail fail;
	pthread_mutex_init(&agent->lock, NULL);
	agent->started_ms = clock_monotonic_ms();
	if (!loop_new(&agent->loop, &fail))
		return command_error(&fail);
	agent->timer = loop_timer_new(agent->loop, on_settle_timer, agent);
	if (!start(agent, &signals, &fail)) {
		agent->exit_code = command_error(&fail);
	} else {
		if (agent->settings->once)
			loop_timer_set(agent->timer, clock_monotonic_ms() + SETTLE_CHECK_MS);
		loop_run(agent->loop);
	}
	finish(agent);
	if (signals.fd >= 0)
		close(signals.fd);
	loop_free(agent->loop);
	pthread_mutex_destroy(&agent->lock);
	return agent->exit_code;
}
