#include "agent/source/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

static bool spawn_self(struct channel *channel, const char *argument, int child_fd, struct fail *fail)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_adddup2(&actions, child_fd, CHANNEL_FD);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	char *argv[] = {(char[]){"omniops"}, (char *)(uintptr_t)argument, NULL};
	char *environment[] = {NULL};
	int error = posix_spawn(&channel->pid, "/proc/self/exe", &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error == 0 ? true : fail_errno(fail, error, "cannot start %s (/proc/self/exe)", channel->what);
}

bool channel_start(struct channel *channel, const char *argument, const char *what, struct fail *fail)
{
	int pair[2];
	*channel = (struct channel){-1, -1, what};
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return fail_errno(fail, errno, "cannot start %s: socketpair", what);
	bool ok = spawn_self(channel, argument, pair[1], fail);
	close(pair[1]);
	if (!ok) {
		close(pair[0]);
		return false;
	}
	channel->fd = pair[0];
	return true;
}

/* How did it end? Only called when the socket is closed on the other side. */
static bool fail_ended(struct channel *channel, struct fail *fail)
{
	int status = 0;
	pid_t pid = channel->pid;
	close(channel->fd);
	channel->fd = channel->pid = -1;
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return fail_set(fail, FAIL_UNAVAILABLE, "%s ended early", channel->what);
	if (WIFEXITED(status))
		return fail_set(fail, FAIL_UNAVAILABLE, "%s ended early with status %d", channel->what,
				WEXITSTATUS(status));
	int number = WTERMSIG(status);
	if (number == SIGSYS)
		return fail_set(fail, FAIL_DENIED,
				"%s was killed because it made a system call that is forbidden to it", channel->what);
	if (number == SIGXCPU)
		return fail_set(fail, FAIL_TOO_BIG, "%s used up its processor time", channel->what);
	if (number == SIGABRT)
		return fail_set(fail, FAIL_TOO_BIG, "%s ran out of memory or gave up on an internal fault",
				channel->what);
	return fail_set(fail, FAIL_BUG, "%s was killed by signal %d (%s)", channel->what, number,
			strsignal(number));
}

/* Wait until the socket is ready for `events`. */
static bool wait_ready(const struct channel *channel, short events, struct patience patience, struct fail *fail)
{
	for (;;) {
		int64_t left_ms = patience.deadline_ms - clock_monotonic_ms();
		if (left_ms <= 0)
			return fail_set(fail, FAIL_TIMEOUT, "%s did not finish in time", channel->what);
		struct pollfd fds[] = {{channel->fd, events, 0}, {patience.cancel_fd, POLLIN, 0}};
		int ready = poll(fds, COUNT_OF(fds), left_ms > 60000 ? 60000 : (int)left_ms);
		if (ready < 0 && errno != EINTR)
			return fail_errno(fail, errno, "poll");
		if (ready > 0 && fds[1].revents != 0)
			return fail_set(fail, FAIL_CANCELLED, "%s was stopped", channel->what);
		if (ready > 0 && fds[0].revents != 0)
			return true;
	}
}

/* Everything or nothing; on failure the child is stopped, because the stream is broken. */
static bool transfer(struct channel *channel, char *bytes, size_t count, bool is_send, struct patience patience,
		     struct fail *fail)
{
	size_t done = 0;
	while (done < count) {
		ssize_t moved = is_send ? send(channel->fd, bytes + done, count - done, MSG_NOSIGNAL | MSG_DONTWAIT)
					: recv(channel->fd, bytes + done, count - done, MSG_DONTWAIT);
		if (moved > 0) {
			done += (size_t)moved;
		} else if (moved == 0 || (errno != EAGAIN && errno != EINTR)) {
			return fail_ended(channel, fail);
		} else if (!wait_ready(channel, is_send ? POLLOUT : POLLIN, patience, fail)) {
			channel_stop(channel);
			return false;
		}
	}
	return true;
}

static void put_header(char header[CHANNEL_HEADER], uint8_t type, uint64_t length)
{
	header[0] = (char)type;
	memcpy(header + 1, &length, sizeof length);
}

bool channel_send(struct channel *channel, uint8_t type, struct span message, struct patience patience,
		  struct fail *fail)
{
	char header[CHANNEL_HEADER];
	if (channel->fd < 0)
		return fail_set(fail, FAIL_UNAVAILABLE, "%s is gone", channel->what);
	put_header(header, type, message.len);
	return transfer(channel, header, sizeof header, true, patience, fail) &&
	       transfer(channel, (char *)(uintptr_t)message.ptr, message.len, true, patience, fail);
}

bool channel_receive(struct channel *channel, struct arena *arena, size_t max_bytes, struct patience patience,
		     uint8_t *out_type, struct span *out_message, struct fail *fail)
{
	char header[CHANNEL_HEADER];
	uint64_t length;
	if (channel->fd < 0)
		return fail_set(fail, FAIL_UNAVAILABLE, "%s is gone", channel->what);
	if (!transfer(channel, header, sizeof header, false, patience, fail))
		return false;
	memcpy(&length, header + 1, sizeof length);
	char *bytes = length > max_bytes ? NULL : arena_try_alloc(arena, (size_t)length + 1);
	if (bytes == NULL) {
		channel_stop(channel);
		return fail_set(fail, FAIL_TOO_BIG, "%s answers with %llu bytes, more than the limit of %zu",
				channel->what, (unsigned long long)length, max_bytes);
	}
	if (!transfer(channel, bytes, (size_t)length, false, patience, fail))
		return false;
	*out_type = (uint8_t)header[0];
	*out_message = (struct span){bytes, (size_t)length};
	return true;
}

void channel_stop(struct channel *channel)
{
	if (channel->fd >= 0)
		close(channel->fd);
	if (channel->pid > 0) {
		kill(channel->pid, SIGKILL);
		while (waitpid(channel->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	channel->fd = channel->pid = -1;
}
