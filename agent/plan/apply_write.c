/* Creates and updates: consecutive ones of one kind and one type go to Omni together; between types the order of the plan
 * holds. */
#include "agent/plan/apply_int.h"
#include "agent/plan/internal.h"

struct group {
	const struct plan_op *ops[APPLY_GROUP];
	struct omni_op calls[APPLY_GROUP];
	struct resource *sent[APPLY_GROUP];
	size_t count;
};

/* Somebody was there before us: perhaps we ourselves, in an earlier life. */
static bool settle_create(struct applier *a, const struct plan_op *op, struct fail *fail)
{
	struct resource *held;
	struct fail local = {0};
	if (!apply_get_fresh(a, op->type, op->id, APPLY_MUST_EXIST, &held, &local))
		return fail_set(fail, FAIL_CONFLICT, "it exists already, and cannot be read (%s): plan again", local.text);
	if (plan_same(op->desired, held))
		return true;
	return fail_set(fail, FAIL_CONFLICT, "somebody else made it meanwhile: plan again");
}

static bool end_create(struct applier *a, const struct plan_op *op, const struct omni_op *call, bool *out_wrote,
		       struct fail *fail)
{
	*out_wrote = call->code == FAIL_NONE;
	if (*out_wrote)
		return true;
	return call->code == FAIL_EXISTS ? settle_create(a, op, fail) : omni_op_failure(call, fail);
}

/* Nothing but version, dates and finalizers moved since the plan: Omni's controllers do that all the time. */
static bool is_untouched(const struct plan_op *op, const struct resource *held)
{
	const struct resource *planned = op->actual;
	return held->phase == planned->phase && span_eq(held->owner, planned->owner) &&
	       labels_equal(&held->labels, &planned->labels) &&
	       labels_equal(&held->annotations, &planned->annotations) && node_equal(&held->spec, &planned->spec);
}

static bool settle_update(struct applier *a, const struct plan_op *op, struct resource *sent, bool *out_done,
			  struct fail *fail)
{
	struct resource *held;
	struct fail local = {0};
	if (!apply_get_fresh(a, op->type, op->id, sent->version, &held, &local))
		return fail_set(fail, FAIL_CONFLICT, "it changed meanwhile, and cannot be read (%s): plan again", local.text);
	*out_done = plan_same(op->desired, held);
	if (*out_done)
		return true;
	if (!is_untouched(op, held))
		return fail_set(fail, FAIL_CONFLICT, "somebody else changed it meanwhile: plan again");
	sent->version = held->version;
	sent->finalizers = held->finalizers;
	sent->finalizer_count = held->finalizer_count;
	sent->wire = held->wire;
	return true;
}

/* From the answer to the first attempt on. */
static bool end_update(struct applier *a, const struct plan_op *op, struct resource *sent, struct omni_op *call, bool *out_wrote,
		       struct fail *fail)
{
	for (unsigned try = 1;; try++) {
		bool is_done = false;
		*out_wrote = call->code == FAIL_NONE;
		if (*out_wrote)
			return true;
		if (call->code == FAIL_NOT_FOUND)
			return fail_set(fail, FAIL_CONFLICT, "somebody else destroyed it meanwhile: plan again");
		if (call->code != FAIL_CONFLICT || try == APPLY_WRITE_TRIES)
			return omni_op_failure(call, fail);
		if (!settle_update(a, op, sent, &is_done, fail))
			return false;
		if (is_done)
			return true;
		omni_op_run(a->store, &a->reads, call, apply_deadline(a));
	}
}

static void add(struct applier *a, struct group *group, const struct plan_op *op)
{
	struct resource *sent = apply_outgoing(a, op);
	group->ops[group->count] = op;
	group->sent[group->count] = sent;
	group->calls[group->count++] =
		(struct omni_op){.kind = op->kind == PLAN_CREATE ? OMNI_CREATE : OMNI_UPDATE, .type = op->type, .resource = sent};
	apply_tell(a, op, APPLY_STARTED, NULL);
}

static bool is_away(enum fail_code code)
{
	return code == FAIL_UNAVAILABLE || code == FAIL_TIMEOUT || code == FAIL_CANCELLED;
}

/* False: stop here. All of the group were asked for, and all are told of. */
static bool write_group(struct applier *a, struct group *group)
{
	bool is_good = true;
	omni_batch(a->store, &a->reads, group->calls, group->count, apply_deadline(a));
	for (size_t i = 0; i < group->count; i++) {
		const struct plan_op *op = group->ops[i];
		struct fail fail = {0};
		bool wrote = false;
		bool is_done = op->kind == PLAN_CREATE ? end_create(a, op, &group->calls[i], &wrote, &fail)
						       : end_update(a, op, group->sent[i], &group->calls[i], &wrote, &fail);
		if (!is_done) {
			/* That Omni is away is said once; the others are as if they had not been begun. */
			if (is_good || !is_away(fail.code))
				apply_set_failed(a, op, &fail, APPLY_OP_BROKEN);
			is_good = false;
			continue;
		}
		apply_set_done(a, op);
		if (wrote)
			apply_tell(a, op, APPLY_WRITTEN, NULL);
	}
	group->count = 0;
	return is_good;
}

static bool fits(const struct group *group, const struct plan_op *op)
{
	return group->count == 0 || (group->count < APPLY_GROUP && group->ops[0]->kind == op->kind && group->ops[0]->type == op->type);
}

bool apply_write_all(struct applier *a)
{
	struct group group = {.count = 0};
	for (size_t i = 0; i < a->plan->count; i++) {
		const struct plan_op *op = &a->plan->ops[i];
		if (op->kind == PLAN_DESTROY)
			continue;
		if (!fits(&group, op) && !write_group(a, &group))
			return false;
		if (apply_is_known_done(a, op))
			apply_set_done(a, op);
		else if (!apply_skip_locked(a, op))
			add(a, &group, op);
	}
	return write_group(a, &group);
}
