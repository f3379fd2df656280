/* The child's side of a channel, and the way into it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/source/channel.h"
#include "agent/source/source.h"
#include "base/cleanup.h"

void child_prepare(void)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < CHANNEL_FD; fd++)
		if (null_fd < 0 || dup2(null_fd, fd) < 0)
			close(fd);
	if (syscall(SYS_close_range, CHANNEL_FD + 1, ~0u, 0) != 0)
		for (int fd = CHANNEL_FD + 1; fd < 65536; fd++)
			close(fd);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static bool write_all(const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t written = write(CHANNEL_FD, bytes, count);
		if (written <= 0 && errno != EINTR)
			return false;
		if (written > 0) {
			bytes += written;
			count -= (size_t)written;
		}
	}
	return true;
}

static bool read_all(char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t got = read(CHANNEL_FD, bytes, count);
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		if (got > 0) {
			bytes += got;
			count -= (size_t)got;
		}
	}
	return true;
}

bool child_send(uint8_t type, struct span message)
{
	char header[CHANNEL_HEADER] = {(char)type};
	uint64_t length = message.len;
	memcpy(header + 1, &length, sizeof length);
	return write_all(header, sizeof header) && write_all(message.ptr, message.len);
}

bool child_receive(size_t max_bytes, uint8_t *out_type, struct span *out_message)
{
	char header[CHANNEL_HEADER];
	uint64_t length;
	if (!read_all(header, sizeof header))
		return false;
	memcpy(&length, header + 1, sizeof length);
	if (length > max_bytes)
		return false;
	char *bytes = malloc((size_t)length + 1);
	if (bytes == NULL)
		abort();
	if (!read_all(bytes, (size_t)length)) {
		free(bytes);
		return false;
	}
	bytes[length] = '\0';
	*out_type = (uint8_t)header[0];
	*out_message = (struct span){bytes, (size_t)length};
	return true;
}

/* Somebody typed the hidden word: there is no socket of ours. */
static bool has_channel(void)
{
	int type = 0;
	socklen_t size = sizeof type;
	return getsockopt(CHANNEL_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

int source_child_main(int argc, char **argv)
{
	static const struct {
		const char *argument;
		int (*run)(void);
	} modes[] = {
		{CHILD_ARGUMENT_GIT, child_git_main},
		{CHILD_ARGUMENT_RENDER, child_render_main},
		{CHILD_ARGUMENT_PROBE, child_probe_main},
	};
	for (size_t i = 0; argc == 2 && i < COUNT_OF(modes); i++) {
		if (strcmp(argv[1], modes[i].argument) != 0 || !has_channel())
			continue;
		child_prepare();
		return modes[i].run();
	}
	return -1;
}
