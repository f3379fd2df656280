/* The process that becomes Helm: this program, started with HELM_CHILD_ARGUMENT and with the environment, the descriptors and the
 * directory that Helm is to have. It builds the walls and executes Helm; what goes wrong before is written where Helm would
 * write. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "agent/helm/run_int.h"
#include "agent/helm/run_walls.h"
#include "base/cleanup.h"

static int give_up(const char *what, const char *why)
{
	dprintf(STDERR_FILENO, "Error: %s%s%s\n", what, why == NULL ? "" : ": ", why == NULL ? "" : why);
	return CHILD_FAILED;
}

/* Descriptors beyond ours are nobody's business; those that are meant stay open when Helm is executed. */
static void close_rest(void)
{
	if (syscall(SYS_close_range, HELM_FD_LAST + 1, ~0u, 0) != 0)
		for (int fd = HELM_FD_LAST + 1; fd < 65536; fd++)
			close(fd);
}

static const char *build_walls(const struct walls *walls, bool is_required)
{
	bool has_landlock = walls_landlock(walls), has_calls = walls_calls();
	if (!is_required || (has_landlock && has_calls))
		return NULL;
	return !has_landlock ? "Landlock (it needs Linux 5.13)" : "seccomp (a container must allow it)";
}

static int become_helm(char **argv)
{
	int64_t port;
	if (!span_int(span_of(argv[CHILD_PORT]), 0, UINT16_MAX, &port))
		return -1;
	struct walls walls = {argv[CHILD_PROGRAM], argv[CHILD_RUN], argv[CHILD_KUBE], (uint16_t)port};
	bool is_required = strcmp(argv[CHILD_WALLS], "require") == 0, has_none = strcmp(argv[CHILD_WALLS], "off") == 0;
	if (strcmp(argv[CHILD_END], CHILD_ENDS) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		return give_up("Helm cannot be tied to the agent", strerror(errno));
	close_rest();
	walls_limits();
	if (!walls_privileges())
		return give_up("Helm is not started with privileges that it could regain", strerror(errno));
	const char *missing = has_none ? NULL : build_walls(&walls, is_required);
	if (missing != NULL)
		return give_up("this machine does not have what is required to confine Helm", missing);
	execve(walls.program, argv + CHILD_PROGRAM, environ);
	return give_up(walls.program, strerror(errno));
}

int helm_child_main(int argc, char **argv)
{
	if (argc <= CHILD_PROGRAM || strcmp(argv[1], HELM_CHILD_ARGUMENT) != 0)
		return -1;
	return become_helm(argv);
}
