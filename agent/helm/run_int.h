/* What the parts of running Helm share. Private to run*.c. */
#ifndef AGENT_HELM_RUN_INT_H
#define AGENT_HELM_RUN_INT_H

#include <pthread.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "agent/helm/run.h"
#include "base/digest.h"

/* Descriptors of Helm, beside the usual three. */
#define HELM_FD_KUBECONFIG 3
#define HELM_FD_VALUES 4
#define HELM_FD_LOCK 5
#define HELM_FD_CHART 6
#define HELM_FD_LAST 6
#define HELM_FD_TEXT(fd) #fd
#define HELM_FD_PATH(fd) "/proc/self/fd/" HELM_FD_TEXT(fd)

/* omniops __helm WALLS END PORT RUN-DIRECTORY KUBE-DIRECTORY PROGRAM ARGUMENT… */
#define HELM_CHILD_ARGUMENT "__helm"
enum { CHILD_WALLS = 2, CHILD_END, CHILD_PORT, CHILD_RUN, CHILD_KUBE, CHILD_PROGRAM };
#define CHILD_ENDS "die"   /* with the agent */
#define CHILD_STAYS "stay" /* when the agent ends */
enum { CHILD_FAILED = 125 }; /* exit status: Helm was not started, standard error says why */

struct busy {
	char cluster[DIGEST_HEX_SIZE];
	unsigned count;
};

enum { BUSY_MAX = 64, BUSY_EACH = 2 };

struct helm {
	char *program, *dir; /* program NULL: looked for in PATH */
	enum helm_walls walls;
	struct log *log;
	pthread_mutex_t lock;
	pthread_cond_t freed;
	unsigned running, max;
	struct busy busy[BUSY_MAX];
	pthread_mutex_t probing; /* one asks the program, others wait for what it says */
	bool is_known;
	struct stat seen;
	struct helm_version version;
	unsigned own_dirs; /* for their names */
};

/* --- run_dirs.c --- */
/* The directory DIR/run/NAME with all that Helm wants to have, empty. Removes what was left in it. */
bool run_dir_make(const struct helm *helm, const char *name, char out[4096], struct fail *fail);
void run_dir_remove(const char *path);
/* The same by a name that nobody else has, for what ends with us: held until *out_fd is closed. */
bool run_dir_make_own(struct helm *helm, const char *prefix, char out[4096], int *out_fd, struct fail *fail);
/* DIR/kube/CLUSTER, made when missing. */
bool run_kube_dir(const struct helm *helm, const char *cluster, char out[4096], struct fail *fail);
void run_name(struct span a, struct span b, struct span c, char out[DIGEST_HEX_SIZE]);
/* Removes caches of clusters that nobody asked for in a week, and directories whose owner is gone. */
void run_dirs_expire(const struct helm *helm);

/* --- run_spawn.c --- */
struct run_child {
	const char *program, *run_dir, *kube_dir;
	const char *const *arguments; /* NULL at the end */
	enum helm_walls walls;
	uint16_t port; /* 0: any */
	bool dies_with_us;
	int fds[HELM_FD_LAST + 1]; /* what becomes descriptor 1 … HELM_FD_LAST; -1: /dev/null, or none */
};
/* A process of its own session; *out_pidfd is readable when it has ended. */
bool run_spawn(const struct run_child *child, pid_t *out_pid, int *out_pidfd, struct fail *fail);

/* Memory that can be read again and again by its path; sealed when it has content. */
bool run_memory(const char *name, struct span content, int *out_fd, struct fail *fail);
/* What was written into it, at most so many bytes of its beginning, or of its end. */
struct span run_memory_read(int fd, size_t max_bytes, bool from_end, struct arena *arena);

/* --- run_watch.c --- */
struct run_watch {
	pid_t pid;
	int pidfd, cancel_fd;
	int64_t deadline_ms;
	bool can_terminate; /* SIGTERM makes it mark the release as failed; otherwise it is killed, or left */
	bool may_leave;	    /* when cancelled */
};
/* Until the process has ended, or is left. */
void run_wait(const struct run_watch *watch, enum helm_end *out_end, int *out_status);

/* --- run_error.c --- */
struct span run_error_text(struct span written, const struct span *secrets, size_t secret_count, struct span dir, struct arena *arena);

#endif
