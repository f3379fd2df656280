/* Are these certificates and keys? Told before anything connects, in words that help. */
#ifndef AGENT_KUBE_PEM_H
#define AGENT_KUBE_PEM_H

#include "agent/kube/credential.h"
#include "base/timestamp.h"

/* Authorities that can be read; a certificate with its own key, which has no password. */
bool pem_check(const struct identity *identity, struct fail *fail) __attribute__((warn_unused_result));
/* When, as text. */
bool pem_has_expired(const struct secret *certificate, int64_t wall_ms, char out[TIMESTAMP_SIZE]);

#endif
