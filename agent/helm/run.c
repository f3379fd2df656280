/* One run of Helm, from the lock of its release to what is to be told of it. */
#include "agent/helm/run.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "agent/helm/run_int.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"
#include "render/load.h"

enum { PROCESSES_DEFAULT = 4, SECRETS_OF_CONFIG = 4, ERRORS_MAX = 64 << 10 };

/* --- the program ---------------------------------------------------------------------------------------------------- */

static unsigned default_processes(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	return processors < 1 ? 1 : processors > PROCESSES_DEFAULT ? PROCESSES_DEFAULT : (unsigned)processors;
}

static void init_monotonic(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attributes);
	pthread_condattr_destroy(&attributes);
}

bool helm_new(const struct helm_options *options, struct helm **out, struct fail *fail)
{
	char dir[4096];
	for (size_t i = 0; i < 2; i++) {
		snprintf(dir, sizeof dir, "%s/%s", options->cache_dir, i == 0 ? "run" : "locks");
		if (!files_make_dirs(dir, 0700, fail))
			return fail_wrap(fail, "the cache of Helm");
	}
	struct helm *helm = calloc(1, sizeof *helm);
	if (helm == NULL)
		abort();
	helm->dir = realpath(options->cache_dir, NULL);
	helm->program = options->program == NULL ? NULL : strdup(options->program);
	helm->walls = options->walls;
	helm->log = options->log;
	helm->max = options->max_processes == 0 ? default_processes() : options->max_processes > BUSY_MAX ? BUSY_MAX : options->max_processes;
	pthread_mutex_init(&helm->lock, NULL);
	pthread_mutex_init(&helm->probing, NULL);
	init_monotonic(&helm->freed);
	if (helm->dir == NULL) {
		helm_free(helm);
		return fail_errno(fail, errno, "the cache of Helm (%s)", options->cache_dir);
	}
	run_dirs_expire(helm);
	*out = helm;
	return true;
}

void helm_free(struct helm *helm)
{
	if (helm == NULL)
		return;
	pthread_mutex_destroy(&helm->lock);
	pthread_mutex_destroy(&helm->probing);
	pthread_cond_destroy(&helm->freed);
	free(helm->program);
	free(helm->dir);
	free(helm);
}

/* --- the lock of a release ------------------------------------------------------------------------------------------ */

bool helm_lock(struct helm *helm, struct span cluster, struct span ns, struct span release, struct helm_lock *out, struct fail *fail)
{
	char path[4096];
	struct helm_lock lock = HELM_LOCK_NONE;
	run_name(cluster, ns, release, lock.name);
	snprintf(path, sizeof path, "%s/locks/%s", helm->dir, lock.name);
	lock.fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lock.fd < 0)
		return fail_errno(fail, errno, "the lock of a release (%s)", path);
	if (flock(lock.fd, LOCK_EX | LOCK_NB) != 0) {
		int saved = errno;
		close(lock.fd);
		if (saved != EWOULDBLOCK)
			return fail_errno(fail, saved, "the lock of a release (%s)", path);
		return fail_set(fail, FAIL_CONFLICT, "Helm still works on this release, begun by this agent or by the one before it");
	}
	*out = lock;
	return true;
}

void helm_unlock(struct helm_lock *lock)
{
	if (lock->fd >= 0)
		close(lock->fd);
	*lock = HELM_LOCK_NONE;
}

/* --- not too many at once ------------------------------------------------------------------------------------------- */

static struct busy *busy_of(struct helm *helm, const char *cluster)
{
	struct busy *idle = NULL;
	for (size_t i = 0; i < BUSY_MAX; i++) {
		if (helm->busy[i].count > 0 && strcmp(helm->busy[i].cluster, cluster) == 0)
			return &helm->busy[i];
		if (helm->busy[i].count == 0 && idle == NULL)
			idle = &helm->busy[i];
	}
	return idle;
}

static bool take_place(struct helm *helm, const char *cluster)
{
	struct busy *busy = busy_of(helm, cluster);
	if (helm->running >= helm->max || busy == NULL || busy->count >= BUSY_EACH)
		return false;
	snprintf(busy->cluster, sizeof busy->cluster, "%s", cluster);
	busy->count++;
	helm->running++;
	return true;
}

static bool has_signal(int fd)
{
	struct pollfd wanted = {fd, POLLIN, 0};
	return fd >= 0 && poll(&wanted, 1, 0) > 0;
}

static bool enter(struct helm *helm, const char *cluster, const struct helm_run *run, struct fail *fail)
{
	enum { LOOK_MS = 200 }; /* cancel_fd wakes nobody who waits here */
	pthread_mutex_lock(&helm->lock);
	bool is_in, is_cancelled = false, is_late = false;
	while (!(is_in = take_place(helm, cluster))) {
		int64_t now_ms = clock_monotonic_ms();
		is_late = now_ms >= run->begin_by_ms;
		is_cancelled = has_signal(run->cancel_fd);
		if (is_late || is_cancelled)
			break;
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_MS * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&helm->freed, &helm->lock, &until);
	}
	pthread_mutex_unlock(&helm->lock);
	if (is_in)
		return true;
	return is_cancelled ? fail_set(fail, FAIL_CANCELLED, "the agent ends")
			    : fail_set(fail, FAIL_TIMEOUT, "too many Helm processes ran until now (%u are allowed, %d for one cluster)", helm->max, BUSY_EACH);
}

static void leave(struct helm *helm, const char *cluster)
{
	pthread_mutex_lock(&helm->lock);
	busy_of(helm, cluster)->count--;
	helm->running--;
	pthread_cond_broadcast(&helm->freed);
	pthread_mutex_unlock(&helm->lock);
}

/* --- one run -------------------------------------------------------------------------------------------------------- */

struct job {
	struct helm *helm;
	const struct helm_run *run;
	struct arena *arena;
	struct helm_version version;
	char run_dir[4096], kube_dir[4096];
	const char *arguments[HELM_ARGUMENTS_MAX];
	int dir, kubeconfig, values, errors, output;
	bool is_preview;
};

static bool is_preview(const struct helm_action *action)
{
	return action->verb == HELM_PREVIEW_INSTALL || action->verb == HELM_PREVIEW_UPGRADE;
}

/* 0: unknown, then the network is not confined. */
static uint16_t port_of(struct span server)
{
	int64_t port;
	if (!span_starts(server, "https://") && !span_starts(server, "http://"))
		return 0;
	bool is_tls = span_starts(server, "https://");
	struct span host = span_before(span_behind(span_behind(server, '/'), '/'), '/');
	const char *colon = host.len == 0 ? NULL : memrchr(host.ptr, ':', host.len);
	if (colon == NULL || memchr(colon, ']', (size_t)(host.ptr + host.len - colon)) != NULL)
		return is_tls ? 443 : 80;
	struct span digits = {colon + 1, (size_t)(host.ptr + host.len - colon) - 1};
	return span_int(digits, 1, UINT16_MAX, &port) ? (uint16_t)port : 0;
}

static bool prepare_dirs(struct job *job, const char *cluster, struct fail *fail)
{
	const struct helm_lock *lock = job->run->lock;
	if (!run_kube_dir(job->helm, cluster, job->kube_dir, fail))
		return false;
	return lock != NULL ? run_dir_make(job->helm, lock->name, job->run_dir, fail)
			    : run_dir_make_own(job->helm, "preview", job->run_dir, &job->dir, fail);
}

static bool prepare_files(struct job *job, struct fail *fail)
{
	struct span values = job->run->values.len == 0 ? SPAN("{}") : job->run->values;
	return run_memory("kubeconfig", job->run->kubeconfig, &job->kubeconfig, fail) &&
	       (job->run->chart_fd < 0 || run_memory("values", values, &job->values, fail)) &&
	       run_memory("errors", SPAN(""), &job->errors, fail) &&
	       (!job->is_preview || run_memory("output", SPAN(""), &job->output, fail));
}

static bool start(struct job *job, pid_t *out_pid, int *out_pidfd, struct fail *fail)
{
	const struct helm_run *run = job->run;
	struct run_child child = {.program = job->version.path, .run_dir = job->run_dir, .kube_dir = job->kube_dir,
				  .arguments = job->arguments, .walls = job->helm->walls, .port = port_of(run->server),
				  .dies_with_us = job->is_preview};
	child.fds[STDIN_FILENO] = -1;
	child.fds[STDOUT_FILENO] = job->output;
	child.fds[STDERR_FILENO] = job->errors;
	child.fds[HELM_FD_KUBECONFIG] = job->kubeconfig;
	child.fds[HELM_FD_VALUES] = job->values;
	child.fds[HELM_FD_LOCK] = run->lock == NULL ? -1 : run->lock->fd;
	child.fds[HELM_FD_CHART] = run->chart_fd;
	return run_spawn(&child, out_pid, out_pidfd, fail);
}

/* Of the kubeconfig, what must never be told. */
static size_t secrets_of_config(struct span kubeconfig, struct arena *arena, struct span out[SECRETS_OF_CONFIG])
{
	static const char *const keys[SECRETS_OF_CONFIG] = {"token", "password", "client-key-data", "client-certificate-data"};
	struct node root;
	size_t count = 0;
	if (!load_one(arena, kubeconfig, LOAD_KUBERNETES, &root, NULL))
		return 0;
	const struct node *users = node_get(&root, "users");
	const struct node *user = node_is(users, NODE_SEQ) && users->len > 0 ? node_get(&users->items[0], "user") : NULL;
	for (size_t i = 0; i < SECRETS_OF_CONFIG; i++) {
		struct span text = node_text(node_get(user, keys[i]));
		if (text.len > 0)
			out[count++] = text;
	}
	return count;
}

static struct span error_of(const struct job *job, struct span prefix)
{
	const struct helm_run *run = job->run;
	struct span *secrets = ARENA_ARRAY(job->arena, struct span, run->secret_count + SECRETS_OF_CONFIG);
	if (run->secret_count > 0)
		memcpy(secrets, run->secrets, run->secret_count * sizeof *secrets);
	size_t count = run->secret_count + secrets_of_config(run->kubeconfig, job->arena, secrets + run->secret_count);
	struct span written = run_memory_read(job->errors, ERRORS_MAX, true, job->arena);
	struct span error = run_error_text(written, secrets, count, span_of(job->run_dir), job->arena);
	if (prefix.len == 0 || error.len == 0)
		return prefix.len == 0 ? error : prefix;
	return arena_spanf(job->arena, "%.*s: %.*s", SPAN_ARG(prefix), SPAN_ARG(error));
}

static struct span describe(const struct job *job, const struct helm_result *result)
{
	struct arena *arena = job->arena;
	switch (result->end) {
	case HELM_EXITED:
		if (result->status == 0)
			return SPAN("");
		return error_of(job, result->status == 1 ? SPAN("") : arena_spanf(arena, "Helm ended with status %d", result->status));
	case HELM_KILLED:
		return error_of(job, arena_spanf(arena, "Helm was killed by signal %d (%s)", result->status, strsignal(result->status)));
	case HELM_TIMED_OUT:
		return error_of(job, arena_spanf(arena, "Helm did not end within %lld s and was ended", (long long)(job->run->limit_ms / 1000)));
	case HELM_CANCELLED:
		return error_of(job, SPAN("Helm was ended, because the agent ends"));
	case HELM_LEFT:
		return SPAN("the agent ends, and leaves Helm at its work");
	}
	return SPAN("");
}

static bool take_result(struct job *job, int64_t started_ms, struct helm_result *out, struct fail *fail)
{
	out->took_ms = clock_monotonic_ms() - started_ms;
	out->output = SPAN("");
	if (out->end == HELM_EXITED && out->status == CHILD_FAILED) {
		struct span why = error_of(job, SPAN(""));
		return fail_set(fail, FAIL_UNSUPPORTED, "Helm could not be started: %.*s", SPAN_ARG(why));
	}
	out->error = describe(job, out);
	if (out->end == HELM_EXITED && out->status != 0 && out->error.len == 0)
		out->error = SPAN("Helm failed, and did not say why");
	if (job->is_preview && out->end == HELM_EXITED && out->status == 0)
		out->output = run_memory_read(job->output, HELM_OUTPUT_MAX, false, job->arena);
	return true;
}

static bool go(struct job *job, struct helm_result *out, struct fail *fail)
{
	const struct helm_run *run = job->run;
	const struct helm_action *action = &run->action;
	bool is_caught = (action->verb == HELM_INSTALL || action->verb == HELM_UPGRADE) && !action->atomic;
	CLEANUP(close_fd) int pidfd = -1;
	pid_t pid = -1;
	int64_t started_ms = clock_monotonic_ms();
	if (!start(job, &pid, &pidfd, fail))
		return false;
	struct run_watch watch = {.pid = pid, .pidfd = pidfd, .cancel_fd = run->cancel_fd, .deadline_ms = started_ms + run->limit_ms,
				  .can_terminate = is_caught, .may_leave = !job->is_preview};
	run_wait(&watch, &out->end, &out->status);
	return take_result(job, started_ms, out, fail);
}

static bool prepare_and_go(struct job *job, const char *cluster, struct helm_result *out, struct fail *fail)
{
	struct helm_result result = {0};
	bool ok = prepare_dirs(job, cluster, fail) && prepare_files(job, fail) && go(job, &result, fail);
	close_fd(&job->kubeconfig);
	close_fd(&job->values);
	close_fd(&job->errors);
	close_fd(&job->output);
	if (result.end != HELM_LEFT && job->run_dir[0] != '\0')
		run_dir_remove(job->run_dir);
	close_fd(&job->dir);
	if (ok)
		*out = result;
	return ok;
}

static bool check(const struct helm_run *run, struct fail *fail)
{
	bool wants_chart = run->action.verb != HELM_UNINSTALL && run->action.verb != HELM_ROLLBACK;
	if (run->kubeconfig.len == 0 || wants_chart != (run->chart_fd >= 0) || (run->lock == NULL && !is_preview(&run->action)) ||
	    (run->lock != NULL && run->lock->fd < 0))
		return fail_set(fail, FAIL_BUG, "Helm is called without what it needs");
	return true;
}

bool helm_run(struct helm *helm, const struct helm_run *run, struct arena *arena, struct helm_result *out, struct fail *fail)
{
	char cluster[DIGEST_HEX_SIZE];
	struct job job = {.helm = helm, .run = run, .arena = arena, .dir = -1, .kubeconfig = -1, .values = -1, .errors = -1, .output = -1,
			  .is_preview = is_preview(&run->action)};
	if (!check(run, fail) || !helm_version(helm, &job.version, fail) ||
	    !helm_arguments(&run->action, job.version.major, arena, job.arguments, fail))
		return false;
	run_name(run->cluster, SPAN("cluster"), SPAN(""), cluster);
	if (!enter(helm, cluster, run, fail))
		return false;
	bool ok = prepare_and_go(&job, cluster, out, fail);
	leave(helm, cluster);
	return ok;
}
