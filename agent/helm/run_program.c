/* Which program Helm is, that nobody else can change it, and which version it has. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/helm/run_int.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { PROBE_MS = 30000, PROBE_TEXT_MAX = 4096, OLDEST_OF_3 = 13, MAJOR_NEWEST = 4 };

/* --- where ---------------------------------------------------------------------------------------------------------- */

static bool find_in(struct span path, char out[PATH_MAX])
{
	struct span dir;
	char name[PATH_MAX];
	while (span_next(&path, ':', &dir))
		if (dir.len > 0 && dir.ptr[0] == '/' && snprintf(name, sizeof name, "%.*s/helm", SPAN_ARG(dir)) < (int)sizeof name &&
		    access(name, X_OK) == 0 && realpath(name, out) != NULL)
			return true;
	return false;
}

static bool find_program(const struct helm *helm, char out[PATH_MAX], struct fail *fail)
{
	if (helm->program != NULL) {
		if (realpath(helm->program, out) == NULL)
			return fail_errno(fail, errno, "Helm (--helm=%s)", helm->program);
		return true;
	}
	const char *path = getenv("PATH");
	if (path == NULL || !find_in(span_of(path), out))
		return fail_set(fail, FAIL_NOT_FOUND, "there is no program \"helm\" in PATH: install Helm 4 or 3.13, or say where it is with --helm=FILE");
	return true;
}

/* --- whose ---------------------------------------------------------------------------------------------------------- */

static bool check_owner(const char *what, const struct stat *seen, mode_t others, struct fail *fail)
{
	if (seen->st_uid != 0 && seen->st_uid != geteuid())
		return fail_set(fail, FAIL_DENIED, "%s belongs to user %u: Helm has to belong to root or to the user of the agent", what,
				(unsigned)seen->st_uid);
	if ((seen->st_mode & others) != 0)
		return fail_set(fail, FAIL_DENIED, "%s can be changed by others (mode %04o): chmod go-w", what, (unsigned)seen->st_mode & 07777);
	return true;
}

static bool check_folder(const char *path, struct fail *fail)
{
	char folder[PATH_MAX];
	struct stat seen;
	const char *slash = strrchr(path, '/');
	snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	if (stat(folder, &seen) != 0)
		return fail_errno(fail, errno, "%s", folder);
	return check_owner(folder, &seen, S_IWOTH, fail);
}

static bool check_program(const char *path, struct stat *out, struct fail *fail)
{
	if (stat(path, out) != 0)
		return fail_errno(fail, errno, "Helm (%s)", path);
	if (!S_ISREG(out->st_mode) || (out->st_mode & S_IXUSR) == 0 || access(path, X_OK) != 0)
		return fail_set(fail, FAIL_DENIED, "Helm (%s) is no program that can be executed", path);
	return check_owner(path, out, S_IWGRP | S_IWOTH, fail) && check_folder(path, fail);
}

/* --- which version -------------------------------------------------------------------------------------------------- */

static bool next_number(struct span *text, unsigned *out)
{
	size_t len = 0;
	int64_t value;
	while (len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9')
		len++;
	if (!span_int((struct span){text->ptr, len}, 0, 9999, &value))
		return false;
	*text = (struct span){text->ptr + len, text->len - len};
	*out = (unsigned)value;
	return true;
}

/* "v4.2.3+g1234567", "v3.22"; programs that somebody built from the sources have no patch number. */
static bool parse_version(struct span text, struct helm_version *out)
{
	text = span_trim(text);
	if (span_starts(text, "v"))
		text = (struct span){text.ptr + 1, text.len - 1};
	if (!next_number(&text, &out->major) || text.len == 0 || text.ptr[0] != '.')
		return false;
	text = (struct span){text.ptr + 1, text.len - 1};
	return next_number(&text, &out->minor) && (text.len == 0 || strchr(".+-", text.ptr[0]) != NULL);
}

static bool judge_version(struct span said, struct helm_version *out, struct fail *fail)
{
	if (!parse_version(said, out))
		return fail_set(fail, FAIL_UNSUPPORTED, "%s does not say which version it is; is it Helm?", out->path);
	if (out->major < 3 || out->major > MAJOR_NEWEST || (out->major == 3 && out->minor < OLDEST_OF_3))
		return fail_set(fail, FAIL_UNSUPPORTED, "%s is Helm %u.%u: what is known here is Helm 4, and 3 from 3.%d on", out->path, out->major,
				out->minor, OLDEST_OF_3);
	return true;
}

static bool run_probe(const struct helm *helm, struct helm_version *out, const char *run_dir, const char *kube_dir, struct arena *arena,
		      struct fail *fail)
{
	static const char *const arguments[] = {"version", "--template={{.Version}}", NULL};
	struct run_child child = {.program = out->path, .run_dir = run_dir, .kube_dir = kube_dir, .arguments = arguments,
				  .walls = helm->walls, .dies_with_us = true, .fds = {-1, -1, -1, -1, -1, -1, -1}};
	CLEANUP(close_fd) int said = -1;
	CLEANUP(close_fd) int errors = -1;
	CLEANUP(close_fd) int pidfd = -1;
	pid_t pid;
	enum helm_end end;
	int status;
	if (!run_memory("version", SPAN(""), &said, fail) || !run_memory("errors", SPAN(""), &errors, fail))
		return false;
	child.fds[STDOUT_FILENO] = said;
	child.fds[STDERR_FILENO] = errors;
	if (!run_spawn(&child, &pid, &pidfd, fail))
		return false;
	run_wait(&(struct run_watch){.pid = pid, .pidfd = pidfd, .cancel_fd = -1, .deadline_ms = clock_monotonic_ms() + PROBE_MS}, &end, &status);
	if (end != HELM_EXITED || status != 0) {
		struct span why = helm_error_text(run_memory_read(errors, PROBE_TEXT_MAX, true, arena), NULL, 0, arena);
		return fail_set(fail, FAIL_UNSUPPORTED, "%s does not say its version (%s %d): %.*s", out->path,
				end == HELM_EXITED ? "exit status" : "signal", status, SPAN_ARG(why));
	}
	return judge_version(run_memory_read(said, PROBE_TEXT_MAX, false, arena), out, fail);
}

static bool probe(struct helm *helm, struct helm_version *out, struct fail *fail)
{
	char run_dir[4096], kube_dir[4096];
	struct arena arena;
	CLEANUP(close_fd) int dir_fd = -1;
	if (!run_kube_dir(helm, "none", kube_dir, fail) || !run_dir_make_own(helm, "version", run_dir, &dir_fd, fail))
		return false;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = run_probe(helm, out, run_dir, kube_dir, &arena, fail);
	arena_done(&arena);
	run_dir_remove(run_dir);
	return ok;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static bool ask(struct helm *helm, const struct stat *seen, struct helm_version *out, struct fail *fail)
{
	if (helm->is_known && is_same_file(&helm->seen, seen) && strcmp(helm->version.path, out->path) == 0) {
		*out = helm->version;
		return true;
	}
	if (!probe(helm, out, fail))
		return false;
	helm->version = *out;
	helm->seen = *seen;
	helm->is_known = true;
	log_info(helm->log, "helm", "program found", log_string("program", out->path), log_int("major", out->major), log_int("minor", out->minor));
	return true;
}

bool helm_version(struct helm *helm, struct helm_version *out, struct fail *fail)
{
	char path[PATH_MAX];
	struct helm_version found = {0};
	struct stat seen;
	if (!find_program(helm, path, fail) || !check_program(path, &seen, fail))
		return false;
	snprintf(found.path, sizeof found.path, "%s", path);
	pthread_mutex_lock(&helm->probing);
	bool ok = ask(helm, &seen, &found, fail);
	pthread_mutex_unlock(&helm->probing);
	if (ok)
		*out = found;
	return ok;
}
