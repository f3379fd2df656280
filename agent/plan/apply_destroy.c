/* Destroys: phase after phase; inside of one, all that have to go are looked at together, then torn down, then destroyed. */
#include "agent/plan/apply_int.h"
#include "agent/plan/internal.h"

/* What is to be done next about a resource, or how far it is. */
enum stage { TO_GET, TO_TEAR_DOWN, TO_DESTROY, GONE, LEAVING, STUCK };

struct leaver {
	const struct plan_op *op;
	enum stage stage;
	struct fail *fail; /* STUCK */
};

struct group {
	struct leaver leavers[APPLY_GROUP];
	size_t count;
};

static enum stage stuck(struct applier *a, struct leaver *leaver, enum fail_code code, struct span text)
{
	leaver->fail = ARENA_NEW(&a->reads, struct fail);
	fail_set(leaver->fail, code, "%.*s", SPAN_ARG(text));
	return STUCK;
}

/* The resource that was planned to go, and not one of somebody else under the same ID? */
static bool is_planned_one(const struct plan_op *op, const struct resource *held)
{
	return held->owner.len == op->actual->owner.len &&
	       span_eq(label_value(&held->labels, OMNI_LABEL_CLUSTER),
		       label_value(&op->actual->labels, OMNI_LABEL_CLUSTER)) &&
	       span_eq(label_value(&held->labels, OMNI_LABEL_MACHINE_SET),
		       label_value(&op->actual->labels, OMNI_LABEL_MACHINE_SET));
}

static enum stage after_get(struct applier *a, struct leaver *leaver, const struct omni_op *call)
{
	if (call->code == FAIL_NOT_FOUND)
		return GONE;
	if (call->code != FAIL_NONE)
		return stuck(a, leaver, call->code, call->text);
	if (!is_planned_one(leaver->op, call->found))
		return stuck(a, leaver, FAIL_CONFLICT, SPAN("it belongs to somebody else now: plan again"));
	if (call->found->phase == RESOURCE_RUNNING)
		return TO_TEAR_DOWN;
	apply_note_holders(a, leaver->op, call->found);
	apply_tell(a, leaver->op, APPLY_TEARING_DOWN, NULL);
	return call->found->finalizer_count == 0 ? TO_DESTROY : LEAVING;
}

static enum stage after_teardown(struct applier *a, struct leaver *leaver, const struct omni_op *call)
{
	if (call->code == FAIL_NOT_FOUND)
		return GONE;
	if (call->code != FAIL_NONE && call->code != FAIL_PRECONDITION && call->code != FAIL_CONFLICT)
		return stuck(a, leaver, call->code, call->text);
	apply_tell(a, leaver->op, APPLY_TEARING_DOWN, NULL);
	return call->code == FAIL_NONE && call->is_ready ? TO_DESTROY : LEAVING;
}

static enum stage after_destroy(struct applier *a, struct leaver *leaver, const struct omni_op *call)
{
	if (call->code == FAIL_NONE || call->code == FAIL_NOT_FOUND)
		return GONE;
	if (call->code == FAIL_PRECONDITION || call->code == FAIL_CONFLICT)
		return LEAVING; /* a finalizer came back, or somebody else is at it: look again later */
	return stuck(a, leaver, call->code, call->text);
}

/* Everybody who is at this stage. */
static void run_stage(struct applier *a, struct group *group, enum stage stage)
{
	static const struct {
		enum omni_op_kind kind;
		enum stage (*after)(struct applier *a, struct leaver *leaver, const struct omni_op *call);
	} steps[] = {
		[TO_GET] = {OMNI_GET, after_get},
		[TO_TEAR_DOWN] = {OMNI_TEARDOWN, after_teardown},
		[TO_DESTROY] = {OMNI_DESTROY, after_destroy},
	};
	struct omni_op calls[APPLY_GROUP];
	struct leaver *who[APPLY_GROUP];
	size_t count = 0;
	for (size_t i = 0; i < group->count; i++) {
		struct leaver *leaver = &group->leavers[i];
		if (leaver->stage != stage)
			continue;
		calls[count] = (struct omni_op){.kind = steps[stage].kind, .type = leaver->op->type, .id = leaver->op->id};
		who[count++] = leaver;
	}
	omni_batch(a->store, &a->reads, calls, count, apply_deadline(a));
	for (size_t i = 0; i < count; i++)
		who[i]->stage = steps[stage].after(a, who[i], &calls[i]);
}

static void run_group(struct applier *a, struct group *group)
{
	run_stage(a, group, TO_GET);
	run_stage(a, group, TO_TEAR_DOWN);
	run_stage(a, group, TO_DESTROY);
	for (size_t i = 0; i < group->count; i++) {
		const struct leaver *leaver = &group->leavers[i];
		if (leaver->stage == GONE) {
			apply_set_done(a, leaver->op);
			apply_tell(a, leaver->op, APPLY_DESTROYED, NULL);
		} else if (leaver->stage == LEAVING) {
			apply_set_waiting(a, leaver->op);
		} else {
			apply_set_failed(a, leaver->op, leaver->fail, APPLY_OP_BROKEN);
		}
	}
	group->count = 0;
}

/* One phase begins when the one before is through. A lock in one does not hold back the next. */
bool apply_destroy_all(struct applier *a)
{
	struct group group = {.count = 0};
	unsigned phase = 0;
	for (size_t i = 0; i < a->plan->count; i++) {
		const struct plan_op *op = &a->plan->ops[i];
		if (op->kind != PLAN_DESTROY)
			continue;
		if (op->phase != phase || group.count == APPLY_GROUP)
			run_group(a, &group);
		if (op->phase != phase && (a->out->waiting > 0 || a->is_broken))
			return false;
		phase = op->phase;
		if (apply_is_known_done(a, op)) {
			apply_set_done(a, op);
		} else if (!apply_skip_locked(a, op)) {
			apply_tell(a, op, APPLY_STARTED, NULL);
			group.leavers[group.count++] = (struct leaver){op, TO_GET, NULL};
		}
	}
	run_group(a, &group);
	return a->out->waiting == 0;
}

/* --- places ------------------------------------------------------------------------------------------------------------- */

/* The last push: nobody holds it any more. */
static enum stage push(struct applier *a, struct leaver *place)
{
	struct omni_op destroy = {.kind = OMNI_DESTROY, .type = place->op->type, .id = place->op->id};
	omni_op_run(a->store, &a->reads, &destroy, apply_deadline(a));
	return after_destroy(a, place, &destroy);
}

static void clear_place(struct applier *a, struct leaver *place, const struct omni_op *call)
{
	if (call->code == FAIL_NOT_FOUND || (call->code == FAIL_NONE && call->found->phase == RESOURCE_RUNNING))
		return;
	if (call->code != FAIL_NONE) {
		place->stage = stuck(a, place, call->code, call->text);
	} else {
		apply_note_holders(a, place->op, call->found);
		place->stage = call->found->finalizer_count > 0 ? LEAVING : push(a, place);
	}
	if (place->stage == LEAVING)
		apply_set_waiting(a, place->op);
	else if (place->stage == STUCK)
		apply_set_failed(a, place->op, place->fail, APPLY_OP_BROKEN);
}

static void clear_group(struct applier *a, struct group *group)
{
	struct omni_op calls[APPLY_GROUP];
	for (size_t i = 0; i < group->count; i++)
		calls[i] = (struct omni_op){.kind = OMNI_GET, .type = group->leavers[i].op->type, .id = group->leavers[i].op->id};
	omni_batch(a->store, &a->reads, calls, group->count, apply_deadline(a));
	for (size_t i = 0; i < group->count; i++)
		clear_place(a, &group->leavers[i], &calls[i]);
	group->count = 0;
}

/* What stands where something has to be made and is on its way out: everything else waits until it is gone. */
bool apply_clear_places(struct applier *a)
{
	struct group group = {.count = 0};
	for (size_t i = 0; i < a->plan->count; i++) {
		const struct plan_op *op = &a->plan->ops[i];
		if (op->kind != PLAN_CREATE || op->actual == NULL || apply_is_known_done(a, op))
			continue;
		if (group.count == APPLY_GROUP)
			clear_group(a, &group);
		group.leavers[group.count++] = (struct leaver){op, TO_GET, NULL};
	}
	clear_group(a, &group);
	return a->out->waiting == 0 && a->out->state != APPLY_FAILED;
}
