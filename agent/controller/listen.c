/* What the cache tells: who is there, what belongs to what, and whose turn it is therefore. On the client's thread. */
#include "agent/controller/internal.h"

#include <string.h>

#include "crds/kinds.h"

enum { SETTLE_MS = 20 }; /* changes that come together are looked at together */

bool controller_admits(const struct kube_object *object)
{
	return object->has_finalizer || object->has_legacy_finalizer;
}

static bool is_looked_after(const struct controller *controller, const struct kind *kind)
{
	return kind == &KIND_CLUSTER || kind == &KIND_CONNECTION || kind == &KIND_CONTROL_PLANE || kind == &KIND_WORKERS ||
	       kind == &KIND_MACHINE || (controller->options.is_handled != NULL && controller->options.is_handled(kind));
}

static const struct kind *parent_kind(const struct kind *kind)
{
	return kind == &KIND_CLUSTER ? &KIND_CONNECTION : kind == &KIND_CONNECTION ? NULL : &KIND_CLUSTER;
}

/* --- one object ----------------------------------------------------------------------------------------------------------- */

static bool same_id(const unsigned char *a, const unsigned char *b)
{
	return memcmp(a, b, KUBE_CONTENT_ID) == 0;
}

/* Its parts say whether it is there, its connection waits for it, and what it is connected by may have to be known to it. */
static void wake_family(struct controller *controller, struct subject *subject, bool children)
{
	struct subject *parent = subject->parent;
	if (children)
		wake_children(controller, subject);
	if (parent != NULL)
		wake_subject(controller, parent, usual_class(parent), SETTLE_MS);
}

static void take_now(struct controller *controller, struct subject *subject, const struct kube_object *old,
		     const struct kube_object *now)
{
	bool is_own = echo_is_own(subject_echo(subject), now->resource_version);
	bool was_there = subject->is_there, was_deleted = subject->is_deleted, had_finalizer = subject->has_finalizer;
	bool is_other = !subject_is(subject, now->uid);
	if (is_other && subject->uid != 0)
		subject_renew(subject, now->uid);
	else if (is_other)
		subject_identify(subject, now->uid);
	subject_see(subject, now->resource_version);
	subject->is_there = true;
	subject->is_deleted = now->deleted_s != 0;
	subject->has_finalizer = controller_admits(now);
	struct subject *parent = subject->parent;
	subject_refer(&controller->subjects, subject, parent_kind(now->kind), now->reference);
	if (parent != NULL && parent != subject->parent)
		wake_subject(controller, parent, usual_class(parent), SETTLE_MS);
	if (!was_there || is_other || was_deleted != subject->is_deleted || had_finalizer != subject->has_finalizer ||
	    parent != subject->parent || old == NULL || !same_id(old->content_id, now->content_id))
		wake_family(controller, subject, !was_there || is_other || subject->kind == &KIND_CONNECTION);
	if (!is_own || is_other)
		wake_subject(controller, subject, usual_class(subject), subject->has_finalizer ? SETTLE_MS : 0);
}

static void take_gone(struct controller *controller, struct subject *subject)
{
	subject->is_there = subject->is_deleted = subject->has_finalizer = false;
	subject_renew(subject, SPAN(""));
	wake_family(controller, subject, true);
	subject_refer(&controller->subjects, subject, NULL, SPAN(""));
	if (subject->turn.state != TURN_BUSY)
		turns_drop(&controller->turns, &subject->turn);
	subject_drop_unused(&controller->subjects, subject);
}

/* Whether a cluster may enter the tree, and whether it is ordered: for whoever waits for that. */
static bool is_news(const struct kube_object *old, const struct kube_object *now)
{
	const struct kube_object *one = now != NULL ? now : old;
	if (one->kind == &KIND_CONNECTION)
		return old == NULL || now == NULL || !same_id(old->content_id, now->content_id);
	if (one->kind != &KIND_CLUSTER)
		return false;
	if (old == NULL || now == NULL)
		return controller_admits(one);
	return controller_admits(old) != controller_admits(now) || (old->deleted_s != 0) != (now->deleted_s != 0) ||
	       !span_eq(old->uid, now->uid) || (now->deleted_s != 0 && !same_id(old->content_id, now->content_id));
}

static void take(struct controller *controller, const struct kube_object *old, const struct kube_object *now)
{
	const struct kube_object *one = now != NULL ? now : old;
	struct subject *subject = now != NULL ? subject_get(&controller->subjects, one->kind, one->ns, one->name)
					      : subject_find(&controller->subjects, one->kind, one->ns, one->name);
	if (now != NULL)
		take_now(controller, subject, old, now);
	else if (subject != NULL)
		take_gone(controller, subject);
}

/* --- for the cache ------------------------------------------------------------------------------------------------------------ */

static void tell_changed(struct controller *controller)
{
	if (controller->options.changed != NULL)
		controller->options.changed(controller->options.ctx);
}

static void on_changed(void *ctx, const struct kube_object *old, const struct kube_object *now)
{
	struct controller *controller = ctx;
	const struct kube_object *one = now != NULL ? now : old;
	if (!is_looked_after(controller, one->kind))
		return;
	pthread_mutex_lock(&controller->lock);
	take(controller, old, now);
	pthread_mutex_unlock(&controller->lock);
	if (is_news(old, now))
		tell_changed(controller);
}

static void on_synced(void *ctx, bool is_synced)
{
	struct controller *controller = ctx;
	pthread_mutex_lock(&controller->lock);
	controller->is_synced = is_synced;
	if (is_synced)
		wake_all(controller);
	pthread_mutex_unlock(&controller->lock);
	tell_changed(controller);
}

/* Under the cache's lock, so that nothing older is told afterwards. */
static bool take_first(void *ctx, const struct kube_object *object)
{
	struct controller *controller = ctx;
	pthread_mutex_lock(&controller->lock);
	if (is_looked_after(controller, object->kind))
		take(controller, NULL, object);
	pthread_mutex_unlock(&controller->lock);
	return true;
}

void listen_begin(struct controller *controller)
{
	struct kube_cache *cache = controller->options.cache;
	kube_cache_listen(cache, &(struct kube_listener){on_changed, on_synced, controller});
	kube_cache_each(cache, NULL, take_first, controller);
	if (kube_cache_is_synced(cache, NULL))
		on_synced(controller, true);
}
