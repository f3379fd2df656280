/* Starting this program as what is to become Helm. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "agent/helm/run_int.h"
#include "base/cleanup.h"
#include "base/files.h"

/* --- memory files --------------------------------------------------------------------------------------------------- */

bool run_memory(const char *name, struct span content, int *out_fd, struct fail *fail)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return fail_errno(fail, errno, "cannot make a memory file for Helm");
	bool ok = content.len == 0 || (files_write_all(fd, content, name, fail) && fchmod(fd, 0400) == 0 &&
				       fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0);
	if (!ok) {
		close(fd);
		return content.len > 0 && fail != NULL && fail->code != FAIL_NONE ? false : fail_errno(fail, errno, "cannot seal a memory file");
	}
	*out_fd = fd;
	return true;
}

struct span run_memory_read(int fd, size_t max_bytes, bool from_end, struct arena *arena)
{
	struct stat seen;
	if (fstat(fd, &seen) != 0 || seen.st_size <= 0)
		return SPAN("");
	size_t size = (size_t)seen.st_size, len = size < max_bytes ? size : max_bytes, done = 0;
	off_t from = from_end ? (off_t)(size - len) : 0;
	char *bytes = arena_bytes(arena, len + 1);
	while (done < len) {
		ssize_t got = pread(fd, bytes + done, len - done, from + (off_t)done);
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	bytes[done] = '\0';
	return (struct span){bytes, done};
}

/* --- what Helm finds ------------------------------------------------------------------------------------------------ */

enum { VARIABLES_MAX = 32 };

/* Below the directory of the run. HELM_NO_PLUGINS turns off commands only: a getter is a plugin, too, so there is a directory
 * without any. */
static const char *const private_variables[][2] = {
	{"PATH", "bin"}, {"HOME", "home"}, {"TMPDIR", "tmp"}, {"XDG_CACHE_HOME", "cache"}, {"XDG_CONFIG_HOME", "config"},
	{"XDG_DATA_HOME", "data"}, {"HELM_CACHE_HOME", "cache"}, {"HELM_CONFIG_HOME", "config"}, {"HELM_DATA_HOME", "data"},
	{"HELM_PLUGINS", "plugins"}, {"HELM_REPOSITORY_CACHE", "cache/repository"}, {"HELM_CONTENT_CACHE", "cache/content"},
	{"HELM_REPOSITORY_CONFIG", "config/repositories.yaml"}, {"HELM_REGISTRY_CONFIG", "config/registry.json"},
	{"DOCKER_CONFIG", "docker"},
};
static const char *const fixed_variables[] = {
	"HELM_DRIVER=secret", "HELM_NO_PLUGINS=1", "HELM_MAX_HISTORY=10", "NO_COLOR=1", "GOMAXPROCS=2", "GOMEMLIMIT=512MiB",
};

static void make_environment(const struct run_child *child, struct arena *arena, char *out[VARIABLES_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < COUNT_OF(private_variables); i++)
		out[count++] = arena_string(arena, arena_spanf(arena, "%s=%s/%s", private_variables[i][0], child->run_dir, private_variables[i][1]));
	for (size_t i = 0; i < COUNT_OF(fixed_variables); i++)
		out[count++] = arena_string(arena, span_of(fixed_variables[i]));
	out[count++] = arena_string(arena, arena_spanf(arena, "KUBECACHEDIR=%s", child->kube_dir));
	out[count] = NULL;
}

static void make_arguments(const struct run_child *child, struct arena *arena, char *out[CHILD_PROGRAM + HELM_ARGUMENTS_MAX + 2])
{
	static const char *const walls[] = {[HELM_WALLS_AUTO] = "auto", [HELM_WALLS_REQUIRE] = "require", [HELM_WALLS_OFF] = "off"};
	size_t count = 0;
	out[count++] = arena_string(arena, SPAN("omniops"));
	out[count++] = arena_string(arena, SPAN(HELM_CHILD_ARGUMENT));
	out[count++] = arena_string(arena, span_of(walls[child->walls]));
	out[count++] = arena_string(arena, span_of(child->dies_with_us ? CHILD_ENDS : CHILD_STAYS));
	out[count++] = arena_string(arena, arena_spanf(arena, "%u", child->port));
	out[count++] = arena_string(arena, span_of(child->run_dir));
	out[count++] = arena_string(arena, span_of(child->kube_dir));
	out[count++] = arena_string(arena, span_of(child->program));
	for (size_t i = 0; child->arguments[i] != NULL && i < HELM_ARGUMENTS_MAX; i++)
		out[count++] = arena_string(arena, span_of(child->arguments[i]));
	out[count] = NULL;
}

/* --- the process ---------------------------------------------------------------------------------------------------- */

/* Out of the way of the numbers that they get. */
static bool lift(const int fds[HELM_FD_LAST + 1], int lifted[HELM_FD_LAST + 1], struct fail *fail)
{
	for (int i = 0; i <= HELM_FD_LAST; i++) {
		lifted[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, HELM_FD_LAST + 1);
		if (fds[i] >= 0 && lifted[i] < 0)
			return fail_errno(fail, errno, "cannot hand over a file to Helm");
	}
	return true;
}

static void add_descriptors(posix_spawn_file_actions_t *actions, const int lifted[HELM_FD_LAST + 1])
{
	for (int i = 0; i <= HELM_FD_LAST; i++) {
		if (lifted[i] >= 0)
			posix_spawn_file_actions_adddup2(actions, lifted[i], i);
		else if (i <= STDERR_FILENO)
			posix_spawn_file_actions_addopen(actions, i, "/dev/null", i == STDIN_FILENO ? O_RDONLY : O_WRONLY, 0);
		else
			posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDONLY, 0); /* nothing else gets the number */
	}
}

static int spawn(const struct run_child *child, const int lifted[HELM_FD_LAST + 1], pid_t *out_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	struct arena arena;
	char *argv[CHILD_PROGRAM + HELM_ARGUMENTS_MAX + 2], *environment[VARIABLES_MAX], cwd[4096 + 8];
	arena_init(&arena, ARENA_NO_LIMIT);
	make_arguments(child, &arena, argv);
	make_environment(child, &arena, environment);
	snprintf(cwd, sizeof cwd, "%s/cwd", child->run_dir);
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	add_descriptors(&actions, lifted);
	posix_spawn_file_actions_addchdir_np(&actions, cwd);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
	int error = posix_spawn(out_pid, "/proc/self/exe", &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	arena_done(&arena);
	return error;
}

bool run_spawn(const struct run_child *child, pid_t *out_pid, int *out_pidfd, struct fail *fail)
{
	int lifted[HELM_FD_LAST + 1];
	pid_t pid = -1;
	for (size_t i = 0; i < COUNT_OF(lifted); i++)
		lifted[i] = -1;
	bool ok = lift(child->fds, lifted, fail);
	int error = ok ? spawn(child, lifted, &pid) : 0;
	for (size_t i = 0; i < COUNT_OF(lifted); i++)
		if (lifted[i] >= 0)
			close(lifted[i]);
	if (error != 0)
		return fail_errno(fail, error, "cannot start the child that becomes Helm (/proc/self/exe)");
	if (!ok)
		return false;
	int pidfd = pidfd_open(pid, 0);
	if (pidfd < 0) {
		int saved = errno;
		kill(-pid, SIGKILL);
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return fail_errno(fail, saved, "cannot watch Helm: pidfd_open");
	}
	*out_pid = pid;
	*out_pidfd = pidfd;
	return true;
}
