/* A program that gets credentials (client.authentication.k8s.io): run in a process group of its own, with a deadline and bounded
 * output, by a thread that does nothing else. What it writes to standard output is never shown. */
#ifndef AGENT_KUBE_EXEC_H
#define AGENT_KUBE_EXEC_H

#include "agent/kube/config.h"
#include "base/secret.h"

enum { EXEC_DEADLINE_MS = 60000 };

struct exec_result {
	struct secret token, cert, key; /* empty: it gave none */
	int64_t expires_wall_ms;	/* 0: it does not say */
};
void exec_result_done(struct exec_result *result);

struct exec_run;
/* The configuration must outlive it. `wake` is called by its thread once it has ended. */
struct exec_run *exec_start(const struct kube_config *config, void (*wake)(void *ctx), void *ctx);
bool exec_has_ended(struct exec_run *run);
/* Of one that has ended; frees it. UNAUTHENTICATED, with what to do. */
bool exec_end(struct exec_run *run, struct exec_result *out, struct fail *fail) __attribute__((warn_unused_result));
/* Ends and frees it. NULL is fine. */
void exec_kill(struct exec_run *run);

/* What a program wrote. Pure. */
bool exec_read_output(struct span json, const struct kube_exec *exec, struct exec_result *out, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
