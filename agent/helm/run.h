/* The Helm program, run confined. Helm is started through this program again (helm_child_main), which builds the walls and then
 * becomes Helm: an environment from nothing, directories of its own, resource limits, no new privileges, no capabilities, Landlock
 * (files: its own directories; network: the port of the API server) as far as the kernel has it, a seccomp list of what it must
 * not do. kubeconfig and values are sealed memory files, never on disk and never in arguments; what Helm writes goes into a
 * memory file, because Helm dies of a broken pipe in the middle of its work.
 *
 * One action at a time for one release: who acts holds its lock (helm_lock), whose open file the process inherits. When the agent is
 * killed, Helm is let finish, and keeps the lock until then: so a lock that cannot be had means that an action is under way,
 * and a pending release whose lock is free has nobody who works on it.
 *
 * Whether an action succeeded is only to be learned from the records of the release (records.h): an exit status of 0 may leave a
 * pending release, and an action that was killed may have succeeded. What is here is the colour of the message. */
#ifndef AGENT_HELM_RUN_H
#define AGENT_HELM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/span.h"

/* First thing in main: this process is to become Helm. -1: it is not; otherwise the exit status of a failed start. */
int helm_child_main(int argc, char **argv);

/* --- the program ---------------------------------------------------------------------------------------------------- */

struct helm;

enum helm_walls { HELM_WALLS_AUTO, HELM_WALLS_REQUIRE, HELM_WALLS_OFF }; /* Landlock and seccomp: as there are; all; none */

struct helm_options {
	const char *program;   /* --helm; NULL: "helm" in PATH; copied */
	const char *cache_dir; /* made when missing; copied */
	enum helm_walls walls;
	unsigned max_processes; /* at the same time; 0: 4, or as many as there are processors; never more than two for a cluster */
	struct log *log;
};

/* Looks at nothing yet but the directory. */
bool helm_new(const struct helm_options *options, struct helm **out, struct fail *fail) __attribute__((warn_unused_result));
void helm_free(struct helm *helm); /* nobody is in a call any more; NULL is fine */

struct helm_version {
	unsigned major, minor; /* 3.13 and later, 4 */
	char path[4096];       /* absolute */
};

/* Asked once of a program, and again when its file is another one. NOT_FOUND: there is none; DENIED: others may change it;
 * UNSUPPORTED: a version that is not known. Each says what to do. */
bool helm_version(struct helm *helm, struct helm_version *out, struct fail *fail) __attribute__((warn_unused_result));

/* --- what to do ----------------------------------------------------------------------------------------------------- */

enum helm_verb {
	HELM_INSTALL,
	HELM_UPGRADE,	/* values are always reset to what is given */
	HELM_UNINSTALL, /* that it is not there is an error */
	HELM_ROLLBACK,
	HELM_PREVIEW_INSTALL, /* what it would do, nothing is changed: the release as JSON in helm_result.output, with "manifest" */
	HELM_PREVIEW_UPGRADE, /* and "hooks"; may hold secrets */
};

enum helm_apply { HELM_APPLY_DEFAULT, HELM_APPLY_CLIENT, HELM_APPLY_SERVER }; /* Helm 4; 3 has only the client's */

struct helm_label {
	const char *name, *value; /* on the record of the release, where Helm has it (3.13) */
};

/* Fields as those of an OmniHelmRelease; what does not belong to a verb is left out. */
struct helm_action {
	enum helm_verb verb;
	const char *release, *ns;
	int64_t timeout_ns; /* of each wait inside; 0: 5 min */
	bool create_namespace, wait, wait_for_jobs, atomic, disable_hooks, skip_crds;
	int64_t max_history; /* 0: 10 */
	int64_t revision;    /* of rollback: to which; 0: the one before */
	bool replace;	     /* install: although there are records of one that is uninstalled */
	enum helm_apply apply;
	bool force_conflicts; /* Helm 4: fields of others are taken; makes it HELM_APPLY_SERVER */
	bool take_ownership;  /* objects that exist and are not of this release */
	const struct helm_label *labels;
	size_t label_count;
	const char *description; /* of the record; NULL: Helm's own */
};

enum { HELM_ARGUMENTS_MAX = 40 };

/* The arguments behind the program's name, NULL at the end; files are where helm_run puts them. A pure function. INVALID: names
 * that could be taken for something else. */
bool helm_arguments(const struct helm_action *action, unsigned major, struct arena *arena, const char *out[HELM_ARGUMENTS_MAX],
		    struct fail *fail) __attribute__((warn_unused_result));

/* As long as it may take before it counts as stuck: Helm's timeout is for each wait, and hooks wait, too. */
int64_t helm_limit_ms(const struct helm_action *action, size_t hooks);

/* --- the lock of a release ------------------------------------------------------------------------------------------ */

struct helm_lock {
	int fd;
	char name[65]; /* of its files */
};

#define HELM_LOCK_NONE ((struct helm_lock){.fd = -1})

/* cluster: whatever tells clusters apart and stays. CONFLICT: an action is under way, of another worker, of another process, or of
 * an agent that is gone. Never waits. */
bool helm_lock(struct helm *helm, struct span cluster, struct span ns, struct span release, struct helm_lock *out, struct fail *fail)
	__attribute__((warn_unused_result));
void helm_unlock(struct helm_lock *lock); /* of one that is not held, too */

/* --- one run -------------------------------------------------------------------------------------------------------- */

struct helm_run {
	struct helm_action action;
	struct span cluster;	/* as for helm_lock: discovery is cached for each cluster by itself */
	struct span server;	/* its https://host:port; where the network can be confined, only there */
	struct span kubeconfig; /* of workload_kubeconfig: one that names no file and no program */
	struct span values;	/* JSON that Helm's YAML reader takes; empty: {} */
	int chart_fd;		/* of charts_open, stays the caller's; -1: uninstall, rollback */
	const struct helm_lock *lock; /* of this release, held; NULL: only for previews */
	int64_t limit_ms;	/* as long as the process may run: helm_limit_ms; then it is ended */
	int64_t begin_by_ms;	/* CLOCK_MONOTONIC: too many others run until then: TIMEOUT */
	int cancel_fd;		/* readable: the agent ends; -1: none */
	const struct span *secrets; /* texts that must not be told, beside those of the kubeconfig's form */
	size_t secret_count;
};

enum helm_end {
	HELM_EXITED,	/* by itself: status */
	HELM_KILLED,	/* by a signal that is not ours: status */
	HELM_TIMED_OUT, /* limit_ms: ended by us */
	HELM_CANCELLED, /* cancel_fd: ended by us; Helm has marked the release as failed, mostly */
	HELM_LEFT,	/* cancel_fd: it cannot be ended without harm (atomic, uninstall, rollback), goes on and has the lock */
};

struct helm_result {
	enum helm_end end;
	int status;	    /* exit status, or signal */
	struct span error;  /* what went wrong, in words that are the same for the same fault; empty: nothing did. At most */
			    /* HELM_ERROR_MAX bytes of UTF-8 */
	struct span output; /* of previews */
	int64_t took_ms;
};

enum { HELM_ERROR_MAX = 8192, HELM_OUTPUT_MAX = 64 << 20 };

/* False: nothing was started, so nothing changed: there is no program (see helm_version), the walls that are required are not
 * there, TIMEOUT, a fault of this machine. True: read the records. Blocks as long as the process runs. */
bool helm_run(struct helm *helm, const struct helm_run *run, struct arena *arena, struct helm_result *out, struct fail *fail)
	__attribute__((warn_unused_result));

/* The same from what Helm wrote to its standard error: from the last line that begins with "Error: " to the end, without that and
 * without what differs from run to run or must not be told. A pure function. */
struct span helm_error_text(struct span written, const struct span *secrets, size_t secret_count, struct arena *arena);

#endif
