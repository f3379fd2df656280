/* Waiting for Helm, and ending it. Helm catches SIGTERM in install and upgrade and marks the release as failed; with a roll-back of
 * its own it would do two things at once, and the other commands die of it at once: those are killed, and what they leave behind
 * is found in the records. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "agent/helm/run_int.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { GRACE_MS = 30000, CANCEL_GRACE_MS = 5000, POLL_MAX_MS = 60000 };

enum seen { SEEN_END, SEEN_CANCEL, SEEN_DEADLINE };

static enum seen wait_for(int pidfd, int cancel_fd, int64_t deadline_ms)
{
	for (;;) {
		int64_t left_ms = deadline_ms - clock_monotonic_ms();
		struct pollfd fds[] = {{pidfd, POLLIN, 0}, {cancel_fd, POLLIN, 0}};
		int ready = poll(fds, COUNT_OF(fds), left_ms <= 0 ? 0 : left_ms > POLL_MAX_MS ? POLL_MAX_MS : (int)left_ms);
		if (ready > 0 && fds[0].revents != 0)
			return SEEN_END;
		if (ready > 0 && fds[1].revents != 0)
			return SEEN_CANCEL;
		if (left_ms <= 0)
			return SEEN_DEADLINE;
	}
}

static void signal_group(const struct run_watch *watch, int number)
{
	/* Not reaped yet, so the number is nobody else's. */
	if (kill(-watch->pid, number) != 0)
		pidfd_send_signal(watch->pidfd, number, NULL, 0);
}

static void reap(const struct run_watch *watch, siginfo_t *out)
{
	while (waitid(P_PIDFD, (id_t)watch->pidfd, out, WEXITED) != 0 && errno == EINTR)
		;
}

static bool ends_within(const struct run_watch *watch, int64_t grace_ms)
{
	return wait_for(watch->pidfd, -1, clock_monotonic_ms() + grace_ms) == SEEN_END;
}

void run_wait(const struct run_watch *watch, enum helm_end *out_end, int *out_status)
{
	siginfo_t info = {0};
	enum seen seen = wait_for(watch->pidfd, watch->cancel_fd, watch->deadline_ms);
	bool is_cancel = seen == SEEN_CANCEL;
	if (seen != SEEN_END && watch->can_terminate) {
		signal_group(watch, SIGTERM);
		if (!ends_within(watch, is_cancel ? CANCEL_GRACE_MS : GRACE_MS) && !is_cancel)
			signal_group(watch, SIGKILL);
	} else if (seen != SEEN_END && !(is_cancel && watch->may_leave)) {
		signal_group(watch, SIGKILL);
	}
	if (is_cancel && watch->may_leave && wait_for(watch->pidfd, -1, 0) != SEEN_END) {
		*out_end = HELM_LEFT;
		*out_status = 0;
		return;
	}
	reap(watch, &info);
	*out_status = info.si_status;
	if (seen == SEEN_END)
		*out_end = info.si_code == CLD_EXITED ? HELM_EXITED : HELM_KILLED;
	else
		*out_end = is_cancel ? HELM_CANCELLED : HELM_TIMED_OUT;
}
