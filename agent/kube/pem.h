/* Are these certificates and keys? Told before anything connects, in words that help. */
#ifndef AGENT_KUBE_PEM_H
#define AGENT_KUBE_PEM_H

#include "agent/kube/credential.h"
#include "base/timestamp.h"

/* Authorities that can be read; a certificate with its own key, which has no password. */
bool pem_check(const struct identity *identity, struct fail *fail) __attribute__((warn_unused_result));
/* Until when the first certificate is good, Unix seconds; 0: it cannot be read. */
int64_t pem_ends_s(struct span certificate);
/* When, as text. */
bool pem_has_expired(const struct secret *certificate, int64_t wall_ms, char out[TIMESTAMP_SIZE]);

#endif
