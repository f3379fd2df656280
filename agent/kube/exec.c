#include "agent/kube/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/kube/exec_wire.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"

enum { OUTPUT_MAX = 1 << 20, COMPLAINT_MAX = 400, PATIENCE_MS = 100 };

struct exec_run {
	const struct kube_config *config;
	void (*wake)(void *ctx);
	void *ctx;
	pthread_t thread;
	int stop_fd; /* readable: give up */
	atomic_bool has_ended;

	/* the thread's until it has ended */
	struct arena arena;
	pid_t pid;
	int out_fd, err_fd;
	struct secret output; /* of OUTPUT_MAX bytes, so far output_len */
	size_t output_len;
	struct text complaint; /* the end of standard error */
	struct exec_result result;
	bool is_fine;
	struct fail fail;
};

void exec_result_done(struct exec_result *result)
{
	secret_done(&result->token);
	secret_done(&result->cert);
	secret_done(&result->key);
}

/* --- start ---------------------------------------------------------------------------------------------------------------- */

static const char *command_of(const struct exec_run *run)
{
	return run->config->exec->command;
}

static bool refuse(struct exec_run *run, const char *what)
{
	const char *hint = run->config->exec->install_hint;
	fail_set(&run->fail, FAIL_UNAUTHENTICATED, "the program that gets the credentials, \"%s\", %s%s%.300s", command_of(run), what,
		 hint == NULL ? "" : "; ", hint == NULL ? "" : hint);
	return false;
}

static bool refuse_start(struct exec_run *run, int error)
{
	struct fail why = {0};
	fail_errno(&why, error, "cannot be started");
	return refuse(run, why.text);
}

static bool spawn(struct exec_run *run, int out_fd, int err_fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	char **argv = exec_arguments(&run->arena, run->config->exec);
	char **environment = exec_environment(&run->arena, run->config, environ);
	int error = posix_spawnp(&run->pid, command_of(run), &actions, &attributes, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return error == 0 || refuse_start(run, error);
}

static bool start(struct exec_run *run)
{
	int out[2], err[2];
	if (pipe2(out, O_CLOEXEC) != 0)
		return refuse_start(run, errno);
	if (pipe2(err, O_CLOEXEC) != 0) {
		int error = errno;
		close(out[0]);
		close(out[1]);
		return refuse_start(run, error);
	}
	bool is_fine = spawn(run, out[1], err[1]);
	close(out[1]);
	close(err[1]);
	run->out_fd = out[0];
	run->err_fd = err[0];
	return is_fine;
}

/* --- what it says ----------------------------------------------------------------------------------------------------------- */

static void close_end(int *fd)
{
	close(*fd);
	*fd = -1;
}

static bool take_output(struct exec_run *run)
{
	ssize_t got = read(run->out_fd, run->output.ptr + run->output_len, OUTPUT_MAX - run->output_len);
	if (got == 0)
		close_end(&run->out_fd);
	run->output_len += got > 0 ? (size_t)got : 0;
	return run->output_len < OUTPUT_MAX;
}

static void take_complaint(struct exec_run *run)
{
	char bytes[4096];
	ssize_t got = read(run->err_fd, bytes, sizeof bytes);
	if (got == 0)
		close_end(&run->err_fd);
	if (got <= 0)
		return;
	text_add(&run->complaint, (struct span){bytes, (size_t)got});
	if (run->complaint.len > 2 * COMPLAINT_MAX) {
		char *tail = run->complaint.ptr + run->complaint.len - COMPLAINT_MAX;
		memmove(run->complaint.ptr, tail, COMPLAINT_MAX);
		run->complaint.len = COMPLAINT_MAX;
		run->complaint.ptr[COMPLAINT_MAX] = '\0';
	}
}

/* Until both are closed: by then it has ended, or is about to. */
static bool listen_to(struct exec_run *run)
{
	int64_t until_ms = clock_monotonic_ms() + EXEC_DEADLINE_MS;
	while (run->out_fd >= 0 || run->err_fd >= 0) {
		struct pollfd fds[] = {{run->out_fd, POLLIN, 0}, {run->err_fd, POLLIN, 0}, {run->stop_fd, POLLIN, 0}};
		int64_t left_ms = until_ms - clock_monotonic_ms();
		if (left_ms <= 0)
			return refuse(run, "did not end within 60 seconds");
		if (poll(fds, COUNT_OF(fds), (int)left_ms) < 0 && errno != EINTR)
			return refuse_start(run, errno);
		if (fds[2].revents != 0)
			return refuse(run, "was stopped");
		if (fds[0].revents != 0 && !take_output(run))
			return refuse(run, "wrote more than 1 MiB");
		if (fds[1].revents != 0)
			take_complaint(run);
	}
	return true;
}

/* --- the end ---------------------------------------------------------------------------------------------------------------- */

static bool read_status(struct exec_run *run, int status)
{
	struct text what, shown;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	text_init(&what, 4 * COMPLAINT_MAX);
	text_init(&shown, 4 * COMPLAINT_MAX);
	exec_add_complaint(&shown, text_span(&run->complaint), COMPLAINT_MAX);
	if (WIFEXITED(status))
		text_addf(&what, "ended with status %d", WEXITSTATUS(status));
	else
		text_addf(&what, "was ended by signal %d", WTERMSIG(status));
	text_addf(&what, "%s%s", shown.len > 0 ? ": " : "", shown.ptr);
	refuse(run, what.ptr);
	text_done(&what);
	text_done(&shown);
	return false;
}

/* Once it has closed its output it gets a moment to go by itself; what it started goes with it. */
static bool wait_for(struct exec_run *run, bool is_fine)
{
	int status = 0;
	pid_t found = 0;
	for (int i = 0; is_fine && i < PATIENCE_MS && (found = waitpid(run->pid, &status, WNOHANG)) == 0; i++)
		clock_sleep_ms(i < 10 ? 1 : 10);
	kill(-run->pid, SIGKILL);
	if (found == 0)
		while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
			;
	return is_fine && read_status(run, status);
}

static void *drive(void *ctx)
{
	struct exec_run *run = ctx;
	bool has_begun = start(run);
	run->is_fine = has_begun && wait_for(run, listen_to(run)) &&
		       exec_read_output((struct span){run->output.ptr, run->output_len}, run->config->exec, &run->result, &run->fail);
	atomic_store(&run->has_ended, true);
	run->wake(run->ctx);
	return NULL;
}

struct exec_run *exec_start(const struct kube_config *config, void (*wake)(void *ctx), void *ctx)
{
	static const char room[OUTPUT_MAX];
	struct exec_run *run = calloc(1, sizeof *run);
	if (run == NULL)
		abort();
	*run = (struct exec_run){.config = config, .wake = wake, .ctx = ctx, .out_fd = -1, .err_fd = -1};
	arena_init(&run->arena, ARENA_NO_LIMIT);
	text_init(&run->complaint, TEXT_NO_LIMIT);
	secret_set(&run->output, (struct span){room, sizeof room});
	run->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (run->stop_fd < 0 || pthread_create(&run->thread, NULL, drive, run) != 0)
		abort();
	return run;
}

bool exec_has_ended(struct exec_run *run)
{
	return atomic_load(&run->has_ended);
}

static void free_run(struct exec_run *run)
{
	pthread_join(run->thread, NULL);
	int *fds[] = {&run->out_fd, &run->err_fd, &run->stop_fd};
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		if (*fds[i] >= 0)
			close_end(fds[i]);
	exec_result_done(&run->result);
	secret_done(&run->output);
	text_done(&run->complaint);
	arena_done(&run->arena);
	free(run);
}

bool exec_end(struct exec_run *run, struct exec_result *out, struct fail *fail)
{
	bool is_fine = run->is_fine;
	*fail = run->fail;
	*out = run->result;
	run->result = (struct exec_result){0};
	free_run(run);
	return is_fine;
}

void exec_kill(struct exec_run *run)
{
	uint64_t one = 1;
	if (run == NULL)
		return;
	while (write(run->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
	free_run(run);
}
