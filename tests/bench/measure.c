/* measure RUNS COMMAND…: runs it that many times, its output thrown away, and prints what the best run took:
 * CPU time of user and system, wall time, and the peak of resident memory, in microseconds and KiB. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static long long micros(struct timeval t)
{
	return t.tv_sec * 1000000LL + t.tv_usec;
}

static long long now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	long long cpu = -1, wall = -1, memory = -1;
	int runs = argc > 2 ? atoi(argv[1]) : 0;
	posix_spawn_file_actions_t actions;
	if (runs < 1 || posix_spawn_file_actions_init(&actions) != 0 ||
	    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) != 0) {
		fprintf(stderr, "usage: measure RUNS COMMAND…\n");
		return 2;
	}
	for (int i = 0; i < runs; i++) {
		struct rusage usage;
		pid_t pid;
		int status = 1;
		long long begin = now();
		/* spawned, not forked: the peak of memory must not be that of this process */
		if (posix_spawnp(&pid, argv[2], &actions, NULL, argv + 2, environ) != 0 || wait4(pid, &status, 0, &usage) != pid) {
			perror(argv[2]);
			return 1;
		}
		long long taken = now() - begin, used = micros(usage.ru_utime) + micros(usage.ru_stime);
		if (status != 0) {
			fprintf(stderr, "%s failed\n", argv[2]);
			return 1;
		}
		cpu = cpu < 0 || used < cpu ? used : cpu;
		wall = wall < 0 || taken < wall ? taken : wall;
		memory = memory < 0 || usage.ru_maxrss < memory ? usage.ru_maxrss : memory;
	}
	printf("%lld %lld %lld\n", cpu, wall, memory);
	return 0;
}
