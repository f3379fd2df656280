/* Webhooks of Git hosts. They are hints: a genuine one makes a source look now, its content is never believed. */
#ifndef AGENT_WEBHOOK_H
#define AGENT_WEBHOOK_H

#include <stdbool.h>

#include "agent/source/source.h"
#include "base/span.h"

/* X-Hub-Signature-256 (GitHub, Gitea, Forgejo: "sha256=" and hex), X-Hub-Signature (Bitbucket: the same),
 * X-Gitea-Signature (hex), X-Gitlab-Token (the secret itself). header(ctx, name) gives a header or NULL. Compared in
 * constant time; the first header that is there decides. */
bool webhook_is_genuine(struct span secret, const char *(*header)(void *ctx, const char *name), void *ctx,
			struct span body);

/* Does the body name a repository address of this source? A body that names none concerns every source. */
bool webhook_concerns(struct span body, const struct source *source);

#endif
