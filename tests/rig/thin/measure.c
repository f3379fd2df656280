/* measure RUNS INPUT PROGRAM [ARGUMENT…]: runs the program that often with INPUT on standard input and its output thrown
 * away, and prints the shortest time from start to exit in microseconds and the most memory of any run in KiB. Exits with 1
 * when a run fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void run(const char *input, char **argv)
{
	int in = open(input, O_RDONLY | O_CLOEXEC), out = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(126);
	execv(argv[0], argv);
	_exit(127);
}

static long microseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000L + now.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
	long best = -1, memory = 0;
	if (argc < 4)
		return 2;
	for (long left = strtol(argv[1], NULL, 10); left > 0; left--) {
		struct rusage usage;
		int status;
		long start = microseconds();
		pid_t child = fork();
		if (child == 0)
			run(argv[2], argv + 3);
		if (child < 0 || wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
			return 1;
		long took = microseconds() - start;
		best = best < 0 || took < best ? took : best;
		memory = usage.ru_maxrss > memory ? usage.ru_maxrss : memory;
	}
	printf("%ld %ld\n", best, memory);
	return 0;
}
