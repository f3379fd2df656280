/* Inside the making of differences: diff.c walks trees, diff_text.c compares texts. */
#ifndef AGENT_PLAN_DIFF_H
#define AGENT_PLAN_DIFF_H

#include "agent/plan/plan.h"
#include "base/text.h"

struct differ {
	struct arena *arena;   /* of the results */
	struct arena *scratch; /* for the time of one operation */
	struct plan_op *op;
	struct span secret_key;
	struct text path;
};

enum { DIFF_MAX = 200, DIFF_DEPTH_MAX = 64 };

/* Appends one difference at differ->path. A NULL text is an absent side. */
void diff_add(struct differ *differ, const struct span *before, const struct span *after);

/* Two trees; NULL: absent. Everything is hidden when is_secret. */
void diff_nodes(struct differ *differ, const struct node *before, const struct node *after, bool is_secret,
		unsigned depth);

/* Two contents, by meaning where both are YAML, else by lines. The path so far names the field. */
void diff_content(struct differ *differ, struct span before, struct span after);

/* The text of a value as it may be shown. */
struct span diff_show(struct differ *differ, struct span value, bool is_secret);

static inline void diff_path_cut(struct differ *differ, size_t len)
{
	differ->path.len = len;
	differ->path.ptr[len] = '\0';
}

#endif
