/* A Helm that is none: it tells what it finds, and tries what it must not do. What it does stands in the description of the
 * release, as words with blanks between them, since nothing else of its own reaches it:
 *
 *   tell            arguments, environment, descriptors, limits, directory; to standard error
 *   read FILE, write FILE, run FILE, connect PORT, unix FILE, mount, signal PID
 *                   tries it, and tells "DONE what" or "REFUSED what: why"
 *   say TEXT        one line "Error: TEXT" with '_' for blanks
 *   flood           writes to standard error until it is stopped
 *   sleep SECONDS   deaf to SIGTERM: deaf SECONDS
 *   exit STATUS, die SIGNAL
 *
 * Only words of the C library: it is no part of the program that it serves. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void told(bool ok, const char *what, const char *argument)
{
	if (ok)
		fprintf(stderr, "DONE %s %s\n", what, argument);
	else
		fprintf(stderr, "REFUSED %s %s: %s\n", what, argument, strerror(errno));
}

static void tell_file(int fd)
{
	char path[64], target[512], content[256];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	ssize_t len = readlink(path, target, sizeof target - 1);
	target[len < 0 ? 0 : len] = '\0';
	fprintf(stderr, "FD %d %s %o", fd, target, (unsigned)(fcntl(fd, F_GET_SEALS) < 0 ? 0 : fcntl(fd, F_GET_SEALS)));
	/* twice, by its path: as Helm reads its kubeconfig */
	for (int i = 0; i < 2 && fd > 2; i++) {
		int again = open(path, O_RDONLY);
		ssize_t got = again < 0 ? -1 : read(again, content, sizeof content - 1);
		content[got < 0 ? 0 : got] = '\0';
		content[strcspn(content, "\n")] = '\0';
		fprintf(stderr, " [%s]", again < 0 ? strerror(errno) : content);
		if (again >= 0)
			close(again);
	}
	fprintf(stderr, "\n");
}

static void tell(int argc, char **argv)
{
	char cwd[4096];
	for (int i = 0; i < argc; i++)
		fprintf(stderr, "ARG %s\n", argv[i]);
	for (char **variable = environ; *variable != NULL; variable++)
		fprintf(stderr, "ENV %s\n", *variable);
	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			tell_file(fd);
	static const struct {
		const char *name;
		int resource;
	} limits[] = {{"core", RLIMIT_CORE}, {"file", RLIMIT_FSIZE}, {"files", RLIMIT_NOFILE}};
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		struct rlimit limit;
		getrlimit((__rlimit_resource_t)limits[i].resource, &limit);
		fprintf(stderr, "LIMIT %s %llu\n", limits[i].name, (unsigned long long)limit.rlim_max);
	}
	int pid = (int)getpid();
	fprintf(stderr, "CWD %s\n", getcwd(cwd, sizeof cwd) == NULL ? "" : cwd);
	fprintf(stderr, "PRIVILEGES %d SESSION %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), getsid(0) == pid && getpgrp() == pid);
}

static void try_read(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY);
	told(fd >= 0 && read(fd, &byte, 1) >= 0, "read", path);
}

static void try_write(const char *path)
{
	told(open(path, O_WRONLY | O_CREAT, 0600) >= 0, "write", path);
}

static void try_run(const char *path)
{
	pid_t child = fork();
	if (child == 0) {
		execl(path, path, (char *)NULL);
		told(false, "run", path);
		_exit(0);
	}
	int status;
	while (child > 0 && wait(&status) < 0 && errno == EINTR)
		;
}

static void try_connect(const char *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(port, NULL, 10)),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	told(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "connect", port);
}

static void try_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	told(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0, "unix", path);
}

static void try_mount(const char *path)
{
	told(mount("none", path, "tmpfs", 0, NULL) == 0, "mount", path);
}

static void try_signal(const char *pid)
{
	told(kill((pid_t)strtol(pid, NULL, 10), 0) == 0, "signal", pid);
}

static void say(const char *words)
{
	fprintf(stderr, "Error: ");
	for (const char *c = words; *c != '\0'; c++)
		fputc(*c == '_' ? ' ' : *c, stderr);
	fputc('\n', stderr);
}

static void flood(const char *unused)
{
	static const char line[] = "this is one of very many lines that nobody wants to read\n";
	(void)unused;
	for (;;)
		if (write(STDERR_FILENO, line, sizeof line - 1) < 0)
			return;
}

static void sleep_s(const char *seconds)
{
	for (unsigned left = (unsigned)strtoul(seconds, NULL, 10); left > 0;)
		left = sleep(left);
}

static void be_deaf(const char *seconds)
{
	signal(SIGTERM, SIG_IGN);
	sleep_s(seconds);
}

static void leave(const char *status)
{
	exit((int)strtol(status, NULL, 10));
}

static void die(const char *number)
{
	raise((int)strtol(number, NULL, 10));
}

static const struct {
	const char *word;
	void (*act)(const char *argument);
} acts[] = {
	{"read", try_read}, {"write", try_write}, {"run", try_run}, {"connect", try_connect}, {"unix", try_unix}, {"mount", try_mount},
	{"signal", try_signal}, {"say", say}, {"flood", flood}, {"sleep", sleep_s}, {"deaf", be_deaf}, {"exit", leave}, {"die", die},
};

static void follow(int argc, char **argv, char *words)
{
	char *rest = NULL;
	for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		if (strcmp(word, "tell") == 0) {
			tell(argc, argv);
			continue;
		}
		const char *argument = strtok_r(NULL, " ", &rest);
		for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
			if (strcmp(acts[i].word, word) == 0)
				acts[i].act(argument == NULL ? "" : argument);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "version") == 0) {
		printf("v4.2");
		return 0;
	}
	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], "--description=", 14) == 0)
			follow(argc, argv, strdup(argv[i] + 14));
	return 0;
}
