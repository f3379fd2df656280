/* What Omni's server refused, as diagnostics: one for each error of its list, at the object, the field and the line that
 * caused it. A pure function of the refused operation and the text of the failure. The whole text is told: what is known
 * gets a code, a place and a hint, what is not known stands at the object as it was said. Only values
 * of patches, manifests and jobs are left out, because they may be secrets.
 *
 * Places come from the expected resource: its own, and those of the values in its spec (node_placed). */
#ifndef AGENT_PLAN_REFUSAL_H
#define AGENT_PLAN_REFUSAL_H

#include "agent/plan/plan.h"
#include "base/fail.h"
#include "render/diag.h"

struct refusal {
	const char *action; /* "create", "update", "destroy", … */
	const struct omni_type *type;
	struct span id;
	const struct resource *desired; /* with the place that it comes from; NULL: it was to be destroyed */
	const struct cluster *cluster;	/* whose head stands for what has no place of its own; may be NULL */
	const struct node *document;	/* of a raw resource: the root of what declares it; may be NULL */
};

/* False, and nothing is added, when the failure says nothing about the resource: the trouble lay on the way to Omni. */
bool refusal_explain(const struct refusal *refusal, const struct fail *fail, struct diag_list *out);

/* The same for an operation of a plan; `op` NULL: the record on the Cluster. */
bool refusal_explain_op(const struct plan_op *op, const struct cluster *cluster, const struct fleet *fleet,
			const struct fail *fail, struct diag_list *out);

/* "file:line:column: object: path: message (and 2 more)": one line for logs and states; the message without hint. */
void refusal_brief(struct text *out, const struct diag_list *list);

#endif
