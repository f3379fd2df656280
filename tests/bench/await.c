/* How long until a file of the store is written by somebody else?
 *
 *   await drift FILE NEW      puts NEW in the place of FILE, and waits until FILE is replaced
 *   await change FILE PID     sends SIGHUP to PID, and waits until FILE is replaced
 *
 * Prints microseconds; fails after ten seconds. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { LIMIT_S = 10, PAUSE_NS = 200000 };

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static ino_t inode(const char *path)
{
	struct stat info;
	return stat(path, &info) == 0 ? info.st_ino : 0;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: await drift|change FILE NEW|PID\n");
		return 2;
	}
	const char *file = argv[2];
	bool is_drift = strcmp(argv[1], "drift") == 0;
	ino_t before = inode(is_drift ? argv[3] : file);
	long long begin = now();
	if (is_drift ? rename(argv[3], file) != 0 : kill(atoi(argv[3]), SIGHUP) != 0) {
		perror(argv[3]);
		return 1;
	}
	while (inode(file) == before) {
		struct timespec pause = {0, PAUSE_NS};
		if (now() - begin > LIMIT_S * 1000000LL)
			return 1;
		nanosleep(&pause, NULL);
	}
	printf("%lld\n", now() - begin);
	return 0;
}
