#include "agent/controller/step.h"

#include "agent/controller/finalizers.h"
#include "agent/report/conditions.h"

enum { EXPIRY_LOOK_MS = 3600 * 1000 };

void step_done(struct step *step)
{
	json_decref(step->patch.body);
	step->patch.body = NULL;
}

/* A schema of another version drops what it does not know. */
static bool is_in_vain(const struct view *view, const struct patch *patch)
{
	return patch_is_apply(patch) && view->applied != 0 && view->applied == patch_digest(patch->body) &&
	       view->applied_to == patch_digest(view->seen->status);
}

void step_towards(const struct view *view, json_t *desired, struct step *out)
{
	out->patch = patch_status(view->seen, view->kind, view->name, desired);
	if (is_in_vain(view, &out->patch)) {
		step_done(out);
	} else if (out->patch.body != NULL) {
		out->kind = STEP_STATUS;
		out->event_count = status_events(view->kind->name, view->seen->status, desired, out->events);
	}
	json_decref(desired);
}

void step_finalize(const struct view *view, struct step *out)
{
	out->kind = STEP_FINALIZE;
	out->patch = patch_finalizers(view->seen, finalizers_with(view->seen->finalizers));
}

void step_release(const struct view *view, struct step *out)
{
	out->kind = STEP_RELEASE;
	out->patch = patch_finalizers(view->seen, finalizers_without(view->seen->finalizers));
}

/* --- parts ---------------------------------------------------------------------------------------------------------------- */

/* Those of the cluster that name it: "OmniWorkers/name". */
static size_t take_diags(const struct part_view *view, struct arena *arena, const struct diag ***out)
{
	const struct controller_cluster *declared = view->declared;
	size_t count = 0, all = declared == NULL ? 0 : declared->diag_count;
	struct span kind = span_of(view->object.kind->name);
	const struct diag **diags = ARENA_ARRAY(arena, const struct diag *, all + 1);
	for (size_t i = 0; i < all; i++) {
		struct span object = declared->diags[i]->object;
		if (span_eq(span_before(object, '/'), kind) && span_eq(span_behind(object, '/'), view->object.name))
			diags[count++] = declared->diags[i];
	}
	*out = diags;
	return count;
}

void decide_part(const struct part_view *view, struct step *out)
{
	const struct view *object = &view->object;
	struct arena arena;
	const struct diag **diags;
	*out = (struct step){0};
	if (object->seen->is_deleted)
		return;
	arena_init(&arena, ARENA_NO_LIMIT);
	size_t diag_count = take_diags(view, &arena, &diags);
	const struct status_part facts = {
		.object = {.ns = object->ns, .name = object->name, .generation = object->seen->generation,
			   .observed = object->seen->status, .now_s = object->now_s},
		.kind = object->kind->name, .cluster_ref = view->cluster, .effective_name = object->facts->name,
		.has_cluster = view->has_cluster, .diags = diags, .diag_count = diag_count};
	step_towards(object, status_of_part(&facts), out);
	arena_done(&arena);
}

/* --- what handlers look after ------------------------------------------------------------------------------------------- */

void decide_handled(const struct handled_view *view, struct step *out)
{
	const struct seen *seen = view->object.seen;
	*out = (struct step){0};
	if (seen->is_deleted && !seen->has_finalizer)
		return;
	if (seen->is_deleted && (view->is_gone || view->object.facts->orphan))
		step_release(&view->object, out);
	else if (!seen->has_finalizer)
		step_finalize(&view->object, out);
	else if (view->told != NULL)
		step_towards(&view->object, json_incref((json_t *)view->told), out);
}

/* --- connections ------------------------------------------------------------------------------------------------------------ */

static json_t *status_for(const struct connection_view *view)
{
	const struct view *object = &view->object;
	static const struct controller_way nothing;
	const struct controller_way *way = view->way == NULL ? &nothing : view->way;
	const struct status_connection facts = {
		.object = {.ns = object->ns, .name = object->name, .generation = object->seen->generation,
			   .observed = object->seen->status, .now_s = object->now_s},
		.endpoint = object->facts->endpoint, .url = way->url, .is_tried = way->is_tried, .is_up = way->is_up,
		.is_passing = way->is_passing, .trouble = way->trouble, .version = way->version, .identity = way->identity,
		.key_expires_s = way->key_expires_s, .waits_for = view->users, .waits_for_count = view->user_count,
		.is_deleting = object->seen->is_deleted};
	return status_of_connection(&facts);
}

void decide_connection(const struct connection_view *view, struct step *out)
{
	const struct seen *seen = view->object.seen;
	*out = (struct step){0};
	if (seen->is_deleted && !seen->has_finalizer)
		return;
	if (seen->is_deleted && view->user_count == 0)
		step_release(&view->object, out);
	else if (!seen->has_finalizer)
		step_finalize(&view->object, out);
	else
		step_towards(&view->object, status_for(view), out);
	if (view->way != NULL && view->way->key_expires_s != 0)
		out->again_ms = EXPIRY_LOOK_MS; /* what is said of that changes by itself */
}
