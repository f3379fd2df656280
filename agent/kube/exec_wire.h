/* What a program that gets credentials is given, and how it is read. Pure functions. */
#ifndef AGENT_KUBE_EXEC_WIRE_H
#define AGENT_KUBE_EXEC_WIRE_H

#include "agent/kube/exec.h"
#include "base/text.h"

char **exec_arguments(struct arena *arena, const struct kube_exec *exec);
/* That of this process, what the kubeconfig adds, and KUBERNETES_EXEC_INFO. */
char **exec_environment(struct arena *arena, const struct kube_config *config, char *const *own);
/* The last line of what it complained of, at most so many bytes. */
void exec_add_complaint(struct text *out, struct span complaint, size_t max_bytes);

#endif
