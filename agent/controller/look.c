/* One object, and all that is known about it: gathered without the lock, judged with it. */
#include "agent/controller/internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "crds/kinds.h"

/* --- gathering ---------------------------------------------------------------------------------------------------------------- */

static struct subject *find_without_facts(struct controller *controller, const struct kube_object *object)
{
	struct subject *subject = subject_find(&controller->subjects, object->kind, object->ns, object->name);
	bool has_facts = subject != NULL && subject->facts != NULL &&
			 memcmp(subject->facts->content_id, object->content_id, KUBE_CONTENT_ID) == 0;
	return has_facts ? NULL : subject;
}

/* A document is read when it is another one. */
static void refresh_facts(struct controller *controller, const struct kube_object *object)
{
	pthread_mutex_lock(&controller->lock);
	bool is_needed = find_without_facts(controller, object) != NULL;
	pthread_mutex_unlock(&controller->lock);
	if (!is_needed)
		return;
	struct facts *facts = facts_read(object);
	pthread_mutex_lock(&controller->lock);
	struct subject *subject = find_without_facts(controller, object);
	if (subject != NULL) {
		free(subject->facts);
		subject->facts = facts;
		facts = NULL;
	}
	pthread_mutex_unlock(&controller->lock);
	free(facts);
}

/* What it belongs to: an OmniCluster for parts, an OmniConnection for an OmniCluster. */
static void gather_parent(struct controller *controller, struct look *look)
{
	struct kube_object parent;
	struct span name = {0};
	const struct kind *kind = NULL;
	pthread_mutex_lock(&controller->lock);
	if (look->subject->parent != NULL) {
		kind = look->subject->parent->kind;
		name = arena_copy(&look->arena, subject_name(look->subject->parent));
	}
	pthread_mutex_unlock(&controller->lock);
	if (kind != NULL && kube_cache_find(controller->options.cache, kind, subject_ns(look->subject), name, &look->arena, &parent))
		refresh_facts(controller, &parent);
}

/* By which replicas share the work. */
static struct span key_of(struct look *look)
{
	const struct subject *subject = look->subject, *parent = subject->parent;
	const struct facts *facts = subject->kind == &KIND_CLUSTER ? subject->facts
				  : parent != NULL && parent->kind == &KIND_CLUSTER ? parent->facts
										    : NULL;
	if (facts != NULL)
		return arena_copy(&look->arena, facts->name);
	bool is_part = subject->kind != &KIND_CLUSTER && subject->kind != &KIND_CONNECTION;
	return arena_copy(&look->arena, subject_name(is_part && parent != NULL ? parent : subject));
}

void look_begin(struct controller *controller, struct subject *subject, struct look *look)
{
	const struct controller_options *options = &controller->options;
	*look = (struct look){.subject = subject};
	arena_init(&look->arena, ARENA_NO_LIMIT);
	look->is_there = kube_cache_find(options->cache, subject->kind, subject_ns(subject), subject_name(subject), &look->arena, &look->object);
	if (!look->is_there)
		return;
	refresh_facts(controller, &look->object);
	gather_parent(controller, look);
	pthread_mutex_lock(&controller->lock);
	look->key = key_of(look);
	pthread_mutex_unlock(&controller->lock);
	look->may_write = options->may_write == NULL || options->may_write(options->ctx, look->key);
}

void look_done(struct look *look)
{
	arena_done(&look->arena);
}

/* --- judging --------------------------------------------------------------------------------------------------------------------- */

static void judge_cluster(struct controller *controller, struct look *look, const struct view *object, struct step *out)
{
	struct subject *subject = look->subject;
	struct cluster_life *life = subject->life;
	const struct subject *connection = subject->parent;
	struct unit_report *told = told_unpack(life);
	struct cluster_view view = {
		.object = *object, .has_connection = connection != NULL && connection->is_there,
		.connection_leaves = connection != NULL && connection->is_there && connection->is_deleted,
		.endpoint = connection != NULL && connection->facts != NULL ? connection->facts->endpoint : (struct span){0},
		.control_planes = subject_count_children(subject, &KIND_CONTROL_PLANE), .declared = life->declared, .told = told,
		.is_done = life->is_done, .is_waiting = life->is_waiting, .why = span_of(life->why),
		.names_secret = connection != NULL && connection->facts != NULL && connection->facts->secret.len > 0,
		.secret_asked_ms = life->secret_asked_ms, .is_secret_gone = life->is_secret_gone,
		.grace_ms = controller->options.grace_ms};
	bool asks = false;
	if (!object->seen->is_deleted)
		view.requested = requests_take(controller, subject, object->seen, &asks);
	if (!cluster_misses_something(&view))
		life->missing_since_ms = 0;
	else if (life->missing_since_ms == 0)
		life->missing_since_ms = object->now_ms;
	view.missing_since_ms = life->missing_since_ms;
	look->is_requested = asks;
	decide_cluster(&view, out);
	free(told);
}

static void judge_part(struct controller *controller, const struct subject *subject, const struct view *object, struct step *out)
{
	const struct subject *cluster = subject->parent;
	const struct part_view view = {
		.object = *object, .cluster = cluster == NULL ? (struct span){0} : subject_name(cluster),
		.has_cluster = cluster != NULL && cluster->is_there,
		.declared = cluster == NULL ? NULL : cluster->life->declared};
	/* Its faults are not known before the first fleet is: they may be in its status. */
	if (controller->fleet_number == 0 && view.has_cluster && json_object_size(object->seen->status) > 0)
		return;
	decide_part(&view, out);
}

static void judge_handled(const struct subject *subject, const struct view *object, struct step *out)
{
	const struct handled_told *told = subject->handled;
	json_t *status = told == NULL ? NULL : json_loadb(told->status, told->status_len, 0, NULL);
	const struct handled_view view = {.object = *object, .told = status, .is_gone = told != NULL && told->is_gone};
	decide_handled(&view, out);
	json_decref(status);
}

static bool needs_connection(const struct subject *cluster)
{
	return cluster->is_there && !cluster->is_released && (!cluster->is_deleted || cluster->has_finalizer);
}

static void judge_connection(struct look *look, const struct view *object, struct step *out)
{
	const struct subject *subject = look->subject;
	struct connection_view view = {.object = *object, .way = subject->way == NULL ? NULL : &subject->way->way};
	struct span *users = NULL;
	size_t cap = 0;
	for (const struct subject *child = subject->children; object->seen->is_deleted && child != NULL; child = child->next_sibling)
		if (needs_connection(child))
			ARENA_PUSH(&look->arena, users, view.user_count, cap) = subject_name(child);
	view.users = users;
	decide_connection(&view, out);
}

/* --- restraint --------------------------------------------------------------------------------------------------------------------- */

/* Statuses and annotations of one object: a few as quickly as they come, and then one in so long. */
enum { WRITE_BURST = 10, WRITE_REFILL_MS = RESTRAINT_MS };

static bool take_token(struct subject *subject, int64_t now_ms, int64_t *out_wait_ms)
{
	uint32_t passed_ms = (uint32_t)now_ms - subject->tokens_ms, more = passed_ms / WRITE_REFILL_MS;
	if (!subject->has_tokens || more >= (uint32_t)WRITE_BURST - subject->tokens) {
		subject->has_tokens = true;
		subject->tokens = WRITE_BURST;
		subject->tokens_ms = (uint32_t)now_ms;
	} else {
		subject->tokens = (unsigned char)(subject->tokens + more);
		subject->tokens_ms += more * WRITE_REFILL_MS;
	}
	if (subject->tokens == 0) {
		*out_wait_ms = WRITE_REFILL_MS - (int64_t)((uint32_t)now_ms - subject->tokens_ms);
		return false;
	}
	subject->tokens--;
	return true;
}

/* At the end nothing waits: what is written then is the last of it. */
static void restrain(const struct controller *controller, struct subject *subject, int64_t now_ms, struct step *step)
{
	int64_t wait_ms = 0;
	bool may_wait = (step->kind == STEP_STATUS || step->kind == STEP_ANNOTATE) && !controller->is_ending;
	if (!may_wait || take_token(subject, now_ms, &wait_ms))
		return;
	step_done(step);
	step->kind = STEP_NONE;
	if (step->again_ms == 0 || wait_ms < step->again_ms)
		step->again_ms = wait_ms;
}

void look_decide(struct controller *controller, struct look *look, struct step *out)
{
	struct subject *subject = look->subject;
	int64_t now_ms = clock_monotonic_ms();
	const json_t *answer = echo_object(subject_echo(subject), now_ms);
	struct seen seen;
	*out = (struct step){0};
	if (subject->facts == NULL || subject->is_released)
		return; /* gone: the cache says so soon */
	if (answer != NULL)
		seen_take_answer(&seen, answer);
	else
		seen_take_cached(&seen, &look->object);
	const struct view view = {.kind = subject->kind, .ns = subject_ns(subject), .name = subject_name(subject), .seen = &seen,
				  .facts = subject->facts, .applied = subject->applied, .applied_to = subject->applied_to,
				  .now_ms = now_ms, .now_s = clock_wall_ms() / 1000};
	look->uid = arena_copy(&look->arena, seen.uid);
	if (subject->kind == &KIND_CLUSTER)
		judge_cluster(controller, look, &view, out);
	else if (subject->kind == &KIND_CONNECTION)
		judge_connection(look, &view, out);
	else if (subject_is_part(subject))
		judge_part(controller, subject, &view, out);
	else
		judge_handled(subject, &view, out);
	restrain(controller, subject, now_ms, out);
	seen_done(&seen);
}
