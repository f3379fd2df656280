/* The thread that writes: object after object is looked at, and what it needs is sent without waiting for the answer, up to a
 * number of requests at once, never two about one object. */
#include "agent/controller/internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "crds/kinds.h"

enum { AT_ONCE = 32, CALL_TIMEOUT_MS = 30000, LINGER_MS = RESTRAINT_MS, UNSYNCED_MS = 1000 };

#define METADATA_ONLY "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

/* A request that is under way. */
struct op {
	struct controller *controller;
	struct subject *subject; /* its turn is busy until the answer: so it stays */
	struct step step;
	char uid[40];
	char *path; /* of the object */
	bool is_fresh; /* it is only read again after a conflict */
	uint64_t applied;
};

/* --- answers, on the client's thread ------------------------------------------------------------------------------------------- */

static void count_write(struct controller *controller, enum step_kind kind)
{
	struct controller_counts *counts = &controller->counts;
	counts->status_writes += kind == STEP_STATUS;
	counts->annotation_writes += kind == STEP_ANNOTATE;
	counts->finalizer_writes += kind == STEP_FINALIZE || kind == STEP_RELEASE;
}

static bool is_gone(const struct op *op, const struct fail *fail)
{
	return op->step.kind == STEP_RELEASE && fail->code == FAIL_NOT_FOUND;
}

/* Once, until it is another failure. */
static bool is_new_complaint(struct subject *subject, const struct fail *fail)
{
	return subject_complains(subject, digest_local(span_of(fail->text))) && fail->code != FAIL_CANCELLED;
}

/* Its connection may go by now. */
static void release_subject(struct controller *controller, struct subject *subject)
{
	subject->is_released = true;
	if (subject->parent != NULL)
		wake_subject(controller, subject->parent, usual_class(subject->parent), 0);
}

/* The server is not there now: that stands in the log once, and not for every object. */
static bool is_passing(const struct fail *fail)
{
	return fail->code == FAIL_UNAVAILABLE || fail->code == FAIL_TIMEOUT || fail->code == FAIL_CANCELLED;
}

static void take_answer(struct op *op, const json_t *answer)
{
	struct controller *controller = op->controller;
	struct subject *subject = op->subject;
	const struct event_about about = {subject->kind->name, subject_ns(subject), subject_name(subject), span_of(op->uid)};
	if (subject_is(subject, span_of(op->uid)) && op->step.kind == STEP_RELEASE) {
		release_subject(controller, subject);
	} else if (subject_is(subject, span_of(op->uid)) && answer != NULL) {
		subject_take_answer(subject, answer, clock_monotonic_ms());
		if (op->applied != 0) {
			subject->applied = op->applied;
			subject->applied_to = patch_digest(json_object_get(answer, "status"));
		}
	}
	subject_complains(subject, 0);
	count_write(controller, op->step.kind);
	events_add(controller, &about, op->step.events, op->step.event_count);
}

static void take_secret(struct op *op, const struct fail *fail, bool is_there)
{
	struct cluster_life *life = op->subject->life;
	life->secret_asked_ms = clock_monotonic_ms();
	if (is_there || fail->code == FAIL_NOT_FOUND)
		life->is_secret_gone = !is_there;
}

static void free_op(struct op *op)
{
	step_done(&op->step);
	free(op->path);
	free(op);
}

/* Its turn is over. */
static void rest(struct controller *controller, struct subject *subject)
{
	if (subject->is_there) {
		subject_rest(subject);
		return;
	}
	turns_drop(&controller->turns, &subject->turn);
	subject_drop_unused(&controller->subjects, subject);
}

/* The object's turn is over; unlocks. */
static void finish(struct op *op, enum turn_result result)
{
	struct controller *controller = op->controller;
	struct subject *subject = op->subject;
	bool gives_up = controller->is_ending && result == TURN_FAILED;
	turns_give(&controller->turns, &subject->turn, gives_up ? TURN_DONE : result, clock_monotonic_ms());
	rest(controller, subject);
	pthread_cond_broadcast(&controller->wake);
	free_op(op);
	release_user(controller);
}

static void on_fresh(void *ctx, json_t *answer, const struct fail *fail)
{
	struct op *op = ctx;
	struct subject *subject = op->subject;
	(void)fail;
	pthread_mutex_lock(&op->controller->lock);
	if (answer != NULL && subject_is(subject, span_of(op->uid)))
		subject_take_answer(subject, answer, clock_monotonic_ms());
	finish(op, TURN_CONFLICT);
}

/* What the cache has is older than what is there: it is read, and everything decided on anew. */
static void read_again(struct op *op)
{
	const struct kube_request request = {.method = "GET", .path = op->path, .deadline_ms = clock_monotonic_ms() + CALL_TIMEOUT_MS};
	kube_start(op->controller->options.client, &request, on_fresh, op);
}

static void on_answer(void *ctx, json_t *answer, const struct fail *fail)
{
	struct op *op = ctx;
	struct controller *controller = op->controller;
	bool is_fine = answer != NULL && (fail == NULL || fail->code == FAIL_NONE);
	pthread_mutex_lock(&controller->lock);
	if (op->step.kind == STEP_SECRET) {
		take_secret(op, fail, is_fine);
		finish(op, TURN_AGAIN);
		return;
	}
	if (is_fine || is_gone(op, fail)) {
		take_answer(op, answer);
		finish(op, TURN_AGAIN);
		return;
	}
	if (fail->code == FAIL_CONFLICT) {
		controller->counts.conflicts++;
		pthread_mutex_unlock(&controller->lock);
		read_again(op);
		return;
	}
	controller->counts.failures++;
	if (is_new_complaint(op->subject, fail))
		log_at(controller->options.log, is_passing(fail) ? LEVEL_DEBUG : LEVEL_WARN, "kubernetes", "an object cannot be written; tried again",
			 log_string("kind", op->subject->kind->name), log_span("namespace", subject_ns(op->subject)),
			 log_span("name", subject_name(op->subject)), log_fail(fail));
	finish(op, TURN_FAILED);
}

/* --- requests -------------------------------------------------------------------------------------------------------------------- */

static char *copy_text(struct span text)
{
	char *copy = strndup(text.ptr, text.len);
	if (copy == NULL)
		abort();
	return copy;
}

static struct op *op_new(struct controller *controller, struct look *look, const struct step *step)
{
	struct op *op = calloc(1, sizeof *op);
	if (op == NULL)
		abort();
	*op = (struct op){.controller = controller, .subject = look->subject, .step = *step};
	snprintf(op->uid, sizeof op->uid, "%.*s", SPAN_ARG(look->uid));
	op->path = copy_text(span_of(kube_object_path(&look->arena, look->subject->kind, subject_ns(look->subject), subject_name(look->subject), "")));
	if (step->kind == STEP_STATUS && patch_is_apply(&step->patch))
		op->applied = patch_digest(step->patch.body);
	return op;
}

/* The Secret of the connection: whether it is there, and nothing of what is in it. False: it names none. */
static struct span secret_path(struct look *look)
{
	const struct subject *connection = look->subject->parent;
	if (connection == NULL || connection->facts == NULL || connection->facts->secret.len == 0)
		return SPAN("");
	return arena_spanf(&look->arena, "/api/v1/namespaces/%.*s/secrets/%.*s", SPAN_ARG(subject_ns(look->subject)),
			   SPAN_ARG(connection->facts->secret));
}

/* The lock is held; unlocks meanwhile. */
static void start(struct controller *controller, struct look *look, const struct step *step)
{
	struct op *op = op_new(controller, look, step);
	struct span secret = step->kind == STEP_SECRET ? secret_path(look) : (struct span){0};
	const struct patch *patch = &op->step.patch;
	struct kube_request request = {.method = "GET", .path = secret.ptr, .accept = METADATA_ONLY,
				       .deadline_ms = clock_monotonic_ms() + CALL_TIMEOUT_MS};
	if (step->kind != STEP_SECRET)
		request = (struct kube_request){.method = "PATCH", .body = patch->body, .content_type = patch->content_type,
						.path = arena_spanf(&look->arena, "%s%s%s", op->path, patch->subresource, patch->query).ptr,
						.deadline_ms = request.deadline_ms};
	controller->users++;
	pthread_mutex_unlock(&controller->lock);
	kube_start(controller->options.client, &request, on_answer, op);
	pthread_mutex_lock(&controller->lock);
}

/* --- one object after the other ----------------------------------------------------------------------------------------------------- */

/* Looked at, and nothing is under way. */
static void leave(struct controller *controller, struct subject *subject, int64_t again_ms)
{
	turns_give(&controller->turns, &subject->turn, TURN_DONE, clock_monotonic_ms());
	if (again_ms > 0 && !controller->is_ending)
		wake_subject(controller, subject, usual_class(subject), again_ms);
	rest(controller, subject);
}

static void act(struct controller *controller, struct look *look)
{
	struct subject *subject = look->subject;
	struct step step;
	look_decide(controller, look, &step);
	if (step.kind == STEP_NONE)
		leave(controller, subject, step.again_ms);
	else
		start(controller, look, &step);
}

/* The lock is held; unlocks meanwhile. The subject is busy: it stays until its turn is given back. */
static void handle(struct controller *controller, struct subject *subject)
{
	const struct controller_options *options = &controller->options;
	struct look look = {.subject = subject};
	pthread_mutex_unlock(&controller->lock);
	bool is_synced = kube_cache_is_synced(options->cache, NULL);
	if (is_synced)
		look_begin(controller, subject, &look);
	pthread_mutex_lock(&controller->lock);
	if (!is_synced)
		leave(controller, subject, UNSYNCED_MS);
	else if (!look.is_there || !look.may_write)
		leave(controller, subject, 0);
	else
		act(controller, &look);
	if (look.is_requested) {
		pthread_mutex_unlock(&controller->lock);
		options->requested(options->ctx, look.object.ns, look.object.name);
		pthread_mutex_lock(&controller->lock);
	}
	look_done(&look);
}

static bool is_over(const struct controller *controller, int64_t next_ms)
{
	int64_t now_ms = clock_monotonic_ms();
	if (!controller->is_ending)
		return false;
	bool is_idle = next_ms > now_ms + LINGER_MS && controller->turns.busy == 0 && controller->posts == NULL && controller->posting == 0;
	return is_idle || !controller->is_synced || now_ms >= controller->ends_ms;
}

static void wait_until(struct controller *controller, int64_t at_ms)
{
	struct timespec until = {at_ms / 1000, (long)(at_ms % 1000) * 1000000L};
	if (at_ms == INT64_MAX)
		pthread_cond_wait(&controller->wake, &controller->lock);
	else
		pthread_cond_timedwait(&controller->wake, &controller->lock, &until);
}

void *writer_run(void *argument)
{
	struct controller *controller = argument;
	pthread_mutex_lock(&controller->lock);
	for (;;) {
		int64_t next_ms = INT64_MAX, now_ms = clock_monotonic_ms();
		struct turn *turn = NULL;
		events_send(controller);
		/* What was to be written soon is written before the end. */
		if (controller->is_synced && controller->turns.busy < AT_ONCE)
			turn = turns_take(&controller->turns, controller->is_ending ? now_ms + LINGER_MS : now_ms, &next_ms);
		if (turn != NULL)
			handle(controller, (struct subject *)turn);
		else if (is_over(controller, next_ms))
			break;
		else
			wait_until(controller, controller->is_ending && controller->ends_ms < next_ms ? controller->ends_ms : next_ms);
	}
	pthread_mutex_unlock(&controller->lock);
	return NULL;
}
