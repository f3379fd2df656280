#include "agent/plan/apply_int.h"

#include "agent/plan/internal.h"
#include "base/clock.h"

enum { PROGRESS_DONE = 1, PROGRESS_STARTED = 2, PROGRESS_TORN = 4 };
enum { LAG_FIRST_MS = 10, LAG_LONGEST_MS = 500, LAG_MAX_MS = 10000 };

int64_t apply_deadline(const struct applier *a)
{
	int64_t until_ms = a->options->until_ms == NULL ? INT64_MAX : a->options->until_ms(a->options->ctx);
	int64_t deadline_ms = a->options->call_timeout_ms > 0 ? clock_monotonic_ms() + a->options->call_timeout_ms : 0;
	if (until_ms == INT64_MAX || (deadline_ms != 0 && deadline_ms < until_ms))
		return deadline_ms;
	return until_ms > 0 ? until_ms : 1; /* 0 is the store's default */
}

static size_t index_of(const struct applier *a, const struct plan_op *op)
{
	return (size_t)(op - a->plan->ops);
}

void apply_tell(struct applier *a, const struct plan_op *op, enum apply_event_kind what, const struct fail *fail)
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

bool apply_is_known_done(const struct applier *a, const struct plan_op *op)
{
	return a->options->progress != NULL && (a->options->progress[index_of(a, op)] & PROGRESS_DONE);
}

void apply_set_done(struct applier *a, const struct plan_op *op)
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

void apply_note_holders(struct applier *a, const struct plan_op *op, const struct resource *held)
{
	struct apply_op_result *result = &a->out->ops[index_of(a, op)];
	result->holders = apply_holders(a->scratch, held);
	result->since = arena_copy(a->scratch, held->updated);
}

void apply_set_waiting(struct applier *a, const struct plan_op *op)
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

void apply_set_failed(struct applier *a, const struct plan_op *op, struct fail *fail, enum apply_op_state state)
{
	fail_wrap(fail, "cannot %s %s(%.*s)", plan_op_name(op->kind), op->type->name, SPAN_ARG(op->id));
	struct apply_op_result *result = &a->out->ops[index_of(a, op)];
	*result = (struct apply_op_result){.state = state, .fail = keep_fail(a, fail)};
	apply_tell(a, op, APPLY_OP_FAILED, result->fail);
	a->is_broken |= state == APPLY_OP_BROKEN;
	if (a->out->state == APPLY_FAILED)
		return;
	a->out->state = APPLY_FAILED;
	a->out->fail = *fail;
	a->out->failed_op = op;
}

bool apply_skip_locked(struct applier *a, const struct plan_op *op)
{
	struct fail fail;
	if (op->locked == NULL)
		return false;
	fail_set(&fail, FAIL_PRECONDITION, "%s", op->locked);
	a->out->locked++;
	apply_set_failed(a, op, &fail, APPLY_OP_LOCKED);
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
	if (a->options->content.len > 0)
		labels_set(arena, annotations, span_of(ANNOTATION_APPLIED_CONTENT), a->options->content);
	else
		labels_remove(annotations, span_of(ANNOTATION_APPLIED_CONTENT));
	if (a->options->revision.len > 0)
		labels_set(arena, annotations, span_of(ANNOTATION_APPLIED_REVISION), a->options->revision);
}

static bool is_annotated(const struct applier *a, const struct resource *cluster)
{
	struct span content = a->options->content;
	return span_eq(label_value(&cluster->annotations, ANNOTATION_OWNER), a->options->owner) &&
	       (content.len == 0 || span_eq(label_value(&cluster->annotations, ANNOTATION_APPLIED_CONTENT), content)) &&
	       span_eq(label_value(&cluster->annotations, ANNOTATION_APPLIED_HASH), a->options->template_hash);
}

struct resource *apply_outgoing(struct applier *a, const struct plan_op *op)
{
	struct resource *copy = resource_copy(&a->reads, op->desired);
	if (op->type == OMNI_CLUSTER && annotates(a))
		annotate(a, &a->reads, copy);
	return copy;
}

/* --- reading what was refused --------------------------------------------------------------------------------------- */

bool apply_get_fresh(struct applier *a, const struct omni_type *type, struct span id, uint64_t stale,
		      struct resource **out, struct fail *fail)
{
	int64_t pause_ms = LAG_FIRST_MS;
	for (int64_t waited_ms = 0;; waited_ms += pause_ms, pause_ms *= 2) {
		struct fail local = {0};
		bool is_there = a->store->ops->get(a->store, &a->reads, type, id, apply_deadline(a), out, &local);
		bool is_fresh = is_there ? (*out)->version != stale : local.code != FAIL_NOT_FOUND || stale != APPLY_MUST_EXIST;
		if (is_fresh || waited_ms >= LAG_MAX_MS) {
			if (!is_there)
				*fail = local;
			return is_there;
		}
		pause_ms = pause_ms > LAG_LONGEST_MS ? LAG_LONGEST_MS : pause_ms;
		clock_sleep_ms(pause_ms);
	}
}

/* --- a step ------------------------------------------------------------------------------------------------------- */

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
	for (unsigned try = 0; try < APPLY_WRITE_TRIES; try++) {
		struct resource *held;
		fail = (struct fail){0};
		if (!apply_get_fresh(a, OMNI_CLUSTER, cluster->id, stale, &held, &fail))
			break;
		if (is_annotated(a, held) || held->phase != RESOURCE_RUNNING)
			return;
		annotate(a, &a->reads, held);
		if (a->store->ops->update(a->store, &a->reads, held, apply_deadline(a), NULL, &fail))
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
		if (apply_skip_locked(a, &a->plan->ops[i]))
			continue;
		apply_tell(a, &a->plan->ops[i], APPLY_STARTED, NULL);
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
	else if (apply_clear_places(&a) && apply_write_all(&a) && apply_destroy_all(&a) && out->state == APPLY_DONE)
		record(&a);
	if (out->state == APPLY_DONE && out->waiting > 0)
		out->state = APPLY_WAITING;
	arena_done(&a.reads);
}
