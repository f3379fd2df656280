#include "agent/plan/apply.h"

#include "agent/plan/internal.h"
#include "base/clock.h"

enum { PROGRESS_DONE = 1, PROGRESS_STARTED = 2, PROGRESS_TORN = 4 };
enum { WRITE_TRIES = 4, LAG_FIRST_MS = 10, LAG_LONGEST_MS = 500, LAG_MAX_MS = 10000 };

struct applier {
	struct omni_store *store;
	struct arena *scratch; /* of the result */
	struct arena reads;    /* of this step only */
	const struct plan *plan;
	const struct apply_options *options;
	struct apply_result *out;
	bool is_broken; /* something failed that was not a lock */
};

static int64_t deadline(const struct applier *a)
{
	return a->options->call_timeout_ms > 0 ? clock_monotonic_ms() + a->options->call_timeout_ms : 0;
}

static size_t index_of(const struct applier *a, const struct plan_op *op)
{
	return (size_t)(op - a->plan->ops);
}

static void tell(struct applier *a, const struct plan_op *op, enum apply_event_kind what, const struct fail *fail)
{
	unsigned char *progress = a->options->progress != NULL ? &a->options->progress[index_of(a, op)] : NULL;
	unsigned char flag = what == APPLY_STARTED ? PROGRESS_STARTED : what == APPLY_TEARING_DOWN ? PROGRESS_TORN : 0;
	if (progress != NULL && flag != 0 && (*progress & flag))
		return;
	if (progress != NULL)
		*progress |= flag;
	struct apply_event event = {op, what, fail};
	if (a->options->on_event != NULL)
		a->options->on_event(a->options->ctx, &event);
}

static bool is_known_done(const struct applier *a, const struct plan_op *op)
{
	return a->options->progress != NULL && (a->options->progress[index_of(a, op)] & PROGRESS_DONE);
}

static void set_done(struct applier *a, const struct plan_op *op)
{
	a->out->ops[index_of(a, op)].state = APPLY_OP_DONE;
	a->out->done++;
	if (a->options->progress != NULL)
		a->options->progress[index_of(a, op)] |= PROGRESS_DONE;
}

struct span apply_holders(struct arena *arena, const struct resource *resource)
{
	struct span holders = SPAN("");
	for (size_t i = 0; i < resource->finalizer_count; i++)
		holders = arena_spanf(arena, "%.*s%s%.*s", SPAN_ARG(holders), i > 0 ? ", " : "",
				      SPAN_ARG(resource->finalizers[i]));
	return holders;
}

static void note_holders(struct applier *a, const struct plan_op *op, const struct resource *held)
{
	struct apply_op_result *result = &a->out->ops[index_of(a, op)];
	result->holders = apply_holders(a->scratch, held);
	result->since = arena_copy(a->scratch, held->updated);
}

static void set_waiting(struct applier *a, const struct plan_op *op)
{
	a->out->ops[index_of(a, op)].state = APPLY_OP_WAITING;
	a->out->waiting++;
}

static const struct fail *keep_fail(struct applier *a, const struct fail *fail)
{
	struct fail *copy = ARENA_NEW(a->scratch, struct fail);
	*copy = *fail;
	return copy;
}

static void set_failed(struct applier *a, const struct plan_op *op, struct fail *fail, enum apply_op_state state)
{
	fail_wrap(fail, "cannot %s %s(%.*s)", plan_op_name(op->kind), op->type->name, SPAN_ARG(op->id));
	struct apply_op_result *result = &a->out->ops[index_of(a, op)];
	*result = (struct apply_op_result){.state = state, .fail = keep_fail(a, fail)};
	tell(a, op, APPLY_OP_FAILED, result->fail);
	a->is_broken |= state == APPLY_OP_BROKEN;
	if (a->out->state == APPLY_FAILED)
		return;
	a->out->state = APPLY_FAILED;
	a->out->fail = *fail;
	a->out->failed_op = op;
}

/* Omni would refuse it: said without asking. The others go on. */
static bool skip_locked(struct applier *a, const struct plan_op *op)
{
	struct fail fail;
	if (op->locked == NULL)
		return false;
	fail_set(&fail, FAIL_PRECONDITION, "%s", op->locked);
	a->out->locked++;
	set_failed(a, op, &fail, APPLY_OP_LOCKED);
	return true;
}

/* --- annotations of the Cluster ----------------------------------------------------------------------------------- */

static bool annotates(const struct applier *a)
{
	return a->options->owner.len > 0 && a->plan->cluster.len > 0 && !a->plan->is_delete;
}

static void annotate(struct applier *a, struct arena *arena, struct resource *cluster)
{
	struct labels *annotations = &cluster->annotations;
	labels_set(arena, annotations, span_of(ANNOTATION_OWNER), a->options->owner);
	if (a->options->template_hash.len > 0)
		labels_set(arena, annotations, span_of(ANNOTATION_APPLIED_HASH), a->options->template_hash);
	if (a->options->revision.len > 0)
		labels_set(arena, annotations, span_of(ANNOTATION_APPLIED_REVISION), a->options->revision);
}

static bool is_annotated(const struct applier *a, const struct resource *cluster)
{
	return span_eq(label_value(&cluster->annotations, ANNOTATION_OWNER), a->options->owner) &&
	       span_eq(label_value(&cluster->annotations, ANNOTATION_APPLIED_HASH), a->options->template_hash);
}

/* What is sent for an operation. */
static struct resource *outgoing(struct applier *a, const struct plan_op *op)
{
	struct resource *copy = resource_copy(&a->reads, op->desired);
	if (op->type == OMNI_CLUSTER && annotates(a))
		annotate(a, &a->reads, copy);
	return copy;
}

/* --- creates and updates ------------------------------------------------------------------------------------------ */

static bool get(struct applier *a, const struct plan_op *op, struct resource **out, struct fail *fail)
{
	return a->store->ops->get(a->store, &a->reads, op->type, op->id, deadline(a), out, fail);
}

/* What must exist, since Omni just said so, and has another version than this. */
enum { MUST_EXIST = 0 };

/* Omni answers reads from a cache that may lag behind what it just refused: read until the version is not the stale one,
 * or the cache has had its time. */
static bool get_fresh(struct applier *a, const struct omni_type *type, struct span id, uint64_t stale,
		      struct resource **out, struct fail *fail)
{
	int64_t pause_ms = LAG_FIRST_MS;
	for (int64_t waited_ms = 0;; waited_ms += pause_ms, pause_ms *= 2) {
		struct fail local = {0};
		bool is_there = a->store->ops->get(a->store, &a->reads, type, id, deadline(a), out, &local);
		bool is_fresh = is_there ? (*out)->version != stale : local.code != FAIL_NOT_FOUND || stale != MUST_EXIST;
		if (is_fresh || waited_ms >= LAG_MAX_MS) {
			if (!is_there)
				*fail = local;
			return is_there;
		}
		pause_ms = pause_ms > LAG_LONGEST_MS ? LAG_LONGEST_MS : pause_ms;
		clock_sleep_ms(pause_ms);
	}
}

/* Somebody was there before us: perhaps we ourselves, in an earlier life. */
static bool settle_create(struct applier *a, const struct plan_op *op, struct fail *fail)
{
	struct resource *held;
	struct fail local = {0};
	if (!get_fresh(a, op->type, op->id, MUST_EXIST, &held, &local))
		return fail_set(fail, FAIL_CONFLICT, "it exists already, and cannot be read (%s): plan again", local.text);
	if (plan_same(op->desired, held))
		return true;
	return fail_set(fail, FAIL_CONFLICT, "somebody else made it meanwhile: plan again");
}

static bool write_create(struct applier *a, const struct plan_op *op, bool *out_wrote, struct fail *fail)
{
	struct fail local = {0};
	if (a->store->ops->create(a->store, &a->reads, outgoing(a, op), deadline(a), NULL, &local)) {
		*out_wrote = true;
		return true;
	}
	if (local.code == FAIL_EXISTS)
		return settle_create(a, op, fail);
	*fail = local;
	return false;
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
	if (!get_fresh(a, op->type, op->id, sent->version, &held, &local))
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

static bool write_update(struct applier *a, const struct plan_op *op, bool *out_wrote, struct fail *fail)
{
	struct resource *sent = outgoing(a, op);
	for (unsigned try = 0; try < WRITE_TRIES; try++) {
		struct fail local = {0};
		bool is_done = false;
		if (a->store->ops->update(a->store, &a->reads, sent, deadline(a), NULL, &local)) {
			*out_wrote = true;
			return true;
		}
		*fail = local;
		if (local.code == FAIL_NOT_FOUND)
			return fail_set(fail, FAIL_CONFLICT, "somebody else destroyed it meanwhile: plan again");
		if (local.code != FAIL_CONFLICT)
			return false;
		if (!settle_update(a, op, sent, &is_done, fail))
			return false;
		if (is_done)
			return true;
	}
	return false;
}

/* False: stop here. */
static bool write_op(struct applier *a, const struct plan_op *op)
{
	struct fail fail = {0};
	bool wrote = false;
	if (is_known_done(a, op)) {
		set_done(a, op);
		return true;
	}
	if (skip_locked(a, op))
		return true;
	tell(a, op, APPLY_STARTED, NULL);
	bool is_good = op->kind == PLAN_CREATE ? write_create(a, op, &wrote, &fail) : write_update(a, op, &wrote, &fail);
	if (!is_good) {
		set_failed(a, op, &fail, APPLY_OP_BROKEN);
		return false;
	}
	set_done(a, op);
	if (wrote)
		tell(a, op, APPLY_WRITTEN, NULL);
	return true;
}

static bool write_all(struct applier *a)
{
	for (size_t i = 0; i < a->plan->count; i++)
		if (a->plan->ops[i].kind != PLAN_DESTROY && !write_op(a, &a->plan->ops[i]))
			return false;
	return true;
}

/* --- destroys ----------------------------------------------------------------------------------------------------- */

enum gone { GONE, LEAVING, STUCK };

static enum gone finish_destroy(struct applier *a, const struct plan_op *op, struct fail *fail)
{
	struct fail local = {0};
	if (a->store->ops->destroy(a->store, op->type, op->id, deadline(a), &local) || local.code == FAIL_NOT_FOUND)
		return GONE;
	if (local.code == FAIL_PRECONDITION || local.code == FAIL_CONFLICT)
		return LEAVING; /* a finalizer came back, or somebody else is at it: look again later */
	*fail = local;
	return STUCK;
}

static enum gone begin_destroy(struct applier *a, const struct plan_op *op, struct fail *fail)
{
	struct fail local = {0};
	bool is_ready = false;
	bool is_good = a->store->ops->teardown(a->store, op->type, op->id, deadline(a), &is_ready, &local);
	if (!is_good && local.code == FAIL_NOT_FOUND)
		return GONE;
	if (!is_good && local.code != FAIL_PRECONDITION && local.code != FAIL_CONFLICT) {
		*fail = local;
		return STUCK;
	}
	tell(a, op, APPLY_TEARING_DOWN, NULL);
	return is_good && is_ready ? finish_destroy(a, op, fail) : LEAVING;
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

static enum gone step_destroy(struct applier *a, const struct plan_op *op, struct fail *fail)
{
	struct resource *held;
	struct fail local = {0};
	if (!get(a, op, &held, &local)) {
		if (local.code == FAIL_NOT_FOUND)
			return GONE;
		*fail = local;
		return STUCK;
	}
	if (!is_planned_one(op, held)) {
		fail_set(fail, FAIL_CONFLICT, "it belongs to somebody else now: plan again");
		return STUCK;
	}
	if (held->phase == RESOURCE_RUNNING)
		return begin_destroy(a, op, fail);
	note_holders(a, op, held);
	tell(a, op, APPLY_TEARING_DOWN, NULL);
	return held->finalizer_count == 0 ? finish_destroy(a, op, fail) : LEAVING;
}

static void destroy_op(struct applier *a, const struct plan_op *op)
{
	struct fail fail = {0};
	if (is_known_done(a, op)) {
		set_done(a, op);
		return;
	}
	if (skip_locked(a, op))
		return;
	tell(a, op, APPLY_STARTED, NULL);
	switch (step_destroy(a, op, &fail)) {
	case GONE:
		set_done(a, op);
		tell(a, op, APPLY_DESTROYED, NULL);
		break;
	case LEAVING:
		set_waiting(a, op);
		break;
	case STUCK:
		set_failed(a, op, &fail, APPLY_OP_BROKEN);
		break;
	}
}

/* One phase begins when the one before is through. A lock in one does not hold back the next. */
static bool destroy_all(struct applier *a)
{
	unsigned phase = 0;
	for (size_t i = 0; i < a->plan->count; i++) {
		const struct plan_op *op = &a->plan->ops[i];
		if (op->kind != PLAN_DESTROY)
			continue;
		if (op->phase != phase && (a->out->waiting > 0 || a->is_broken))
			return false;
		phase = op->phase;
		destroy_op(a, op);
	}
	return a->out->waiting == 0;
}

/* --- a step ------------------------------------------------------------------------------------------------------- */

/* What stands where something has to be made and is on its way out: everything else waits until it is gone. */
static bool clear_places(struct applier *a)
{
	for (size_t i = 0; i < a->plan->count; i++) {
		const struct plan_op *op = &a->plan->ops[i];
		struct resource *held;
		struct fail fail = {0};
		if (op->kind != PLAN_CREATE || op->actual == NULL || is_known_done(a, op))
			continue;
		if (!get(a, op, &held, &fail)) {
			if (fail.code == FAIL_NOT_FOUND)
				continue;
			set_failed(a, op, &fail, APPLY_OP_BROKEN);
			continue;
		}
		if (held->phase == RESOURCE_RUNNING)
			continue;
		note_holders(a, op, held);
		enum gone gone = held->finalizer_count > 0 ? LEAVING : finish_destroy(a, op, &fail);
		if (gone == LEAVING)
			set_waiting(a, op);
		else if (gone == STUCK)
			set_failed(a, op, &fail, APPLY_OP_BROKEN);
	}
	return a->out->waiting == 0 && a->out->state != APPLY_FAILED;
}

static bool writes_cluster(const struct applier *a)
{
	for (size_t i = 0; i < a->plan->count; i++)
		if (a->plan->ops[i].type == OMNI_CLUSTER)
			return true;
	return false;
}

/* The record of what was applied, where no operation carried it. A locked cluster keeps its old one. */
static void record(struct applier *a)
{
	const struct resource *cluster = a->plan->actual_cluster;
	struct fail fail = {0};
	uint64_t stale = UINT64_MAX; /* none */
	if (!annotates(a) || cluster == NULL || writes_cluster(a) || is_annotated(a, cluster) ||
	    labels_get(&cluster->annotations, OMNI_ANNOTATION_CLUSTER_LOCKED) != NULL)
		return;
	for (unsigned try = 0; try < WRITE_TRIES; try++) {
		struct resource *held;
		fail = (struct fail){0};
		if (!get_fresh(a, OMNI_CLUSTER, cluster->id, stale, &held, &fail))
			break;
		if (is_annotated(a, held) || held->phase != RESOURCE_RUNNING)
			return;
		annotate(a, &a->reads, held);
		if (a->store->ops->update(a->store, &a->reads, held, deadline(a), NULL, &fail))
			return;
		if (fail.code != FAIL_CONFLICT)
			break;
		stale = held->version;
	}
	fail_wrap(&fail, "cannot record what was applied on Cluster \"%.*s\"", SPAN_ARG(cluster->id));
	a->out->state = APPLY_FAILED;
	a->out->fail = fail;
}

static void rehearse(struct applier *a)
{
	for (size_t i = 0; i < a->plan->count; i++) {
		if (skip_locked(a, &a->plan->ops[i]))
			continue;
		tell(a, &a->plan->ops[i], APPLY_STARTED, NULL);
		a->out->ops[i].state = APPLY_OP_DONE;
		a->out->done++;
	}
}

/* The gate has blocked such a plan; whoever comes here all the same goes no further. */
static bool is_refused(struct applier *a)
{
	for (size_t i = 0; i < a->plan->conflict_count; i++)
		if (!a->plan->conflicts[i].is_partial)
			return !fail_set(&a->out->fail, FAIL_CONFLICT, "%.*s", SPAN_ARG(a->plan->conflicts[i].text));
	return false;
}

void apply_step(struct omni_store *store, struct arena *scratch, const struct plan *plan,
		const struct apply_options *options, struct apply_result *out)
{
	struct applier a = {.store = store, .scratch = scratch, .plan = plan, .options = options, .out = out};
	*out = (struct apply_result){.state = APPLY_DONE};
	out->ops = ARENA_ARRAY(scratch, struct apply_op_result, plan->count + 1);
	arena_init(&a.reads, ARENA_NO_LIMIT);
	if (is_refused(&a))
		out->state = APPLY_FAILED;
	else if (options->dry_run)
		rehearse(&a);
	else if (clear_places(&a) && write_all(&a) && destroy_all(&a) && out->state == APPLY_DONE)
		record(&a);
	if (out->state == APPLY_DONE && out->waiting > 0)
		out->state = APPLY_WAITING;
	arena_done(&a.reads);
}
