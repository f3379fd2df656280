/* Brings a copy in line. The order makes sure that nothing is lost, whatever breaks in between: what the copy has to be is known
 * before anything is touched; one that has to be replaced is removed only when the cluster would take the new one; one that moved is
 * removed only when the new one stands. Whoever changes it at the same time is noticed by uid and version, and looked at again. */
#include <string.h>

#include "agent/handlers/secret_sync_int.h"

enum { ROUNDS_MAX = 6 };

static bool may_act(const struct sync_job *job, struct sync_result *out)
{
	if (job->world->may_act(job->world->ctx))
		return true;
	out->end = SYNC_BARRED;
	return false;
}

static void fail_with(struct sync_result *out, const struct fail *why, const char *verb, const struct stored_secret *secret)
{
	out->end = SYNC_FAILED;
	out->why = *why;
	fail_wrap(&out->why, "%s workload Secret \"%.*s/%.*s\"", verb, SPAN_ARG(secret->ns), SPAN_ARG(secret->name));
}

/* --- steps; true: look again, false: *out says how it ended ------------------------------------------------------------------------ */

static bool ends_well(struct sync_result *out, enum sync_step done, const struct stored_secret *now)
{
	out->end = SYNC_DONE;
	out->done = out->is_removed ? SYNC_REPLACE : done;
	out->is_removed = false;
	out->uid = now->uid;
	out->version = now->resource_version;
	return false;
}

static bool make_namespace(const struct sync_job *job, struct sync_result *out)
{
	struct span ns = job->wanted->ns;
	out->why = (struct fail){0};
	if (job->world->make_namespace(job->world->ctx, ns, job->deadline_ms, &out->why))
		return true;
	out->end = SYNC_FAILED;
	fail_wrap(&out->why, "create workload namespace \"%.*s\"", SPAN_ARG(ns));
	return false;
}

static bool create(const struct sync_job *job, bool *has_namespace, struct sync_result *out)
{
	struct stored_secret fresh = *job->wanted;
	struct fail why = {0};
	if (!may_act(job, out))
		return false;
	out->was_tried = true;
	if (secret_store_write(job->world->secrets, &fresh, job->deadline_ms, job->arena, &why))
		return ends_well(out, SYNC_CREATE, &fresh);
	if (why.code == FAIL_EXISTS)
		return true;
	if (why.code == FAIL_NOT_FOUND && job->spec->makes_namespace && !*has_namespace) {
		*has_namespace = true;
		return make_namespace(job, out);
	}
	fail_with(out, &why, "create", job->wanted);
	return false;
}

static bool update(const struct sync_job *job, const struct stored_secret *there, struct sync_result *out)
{
	struct stored_secret merged;
	struct fail why = {0};
	if (!may_act(job, out))
		return false;
	sync_merge(job->arena, job->wanted, there, &merged);
	out->was_tried = true;
	if (secret_store_write(job->world->secrets, &merged, job->deadline_ms, job->arena, &why))
		return ends_well(out, SYNC_UPDATE, &merged);
	if (why.code == FAIL_CONFLICT || why.code == FAIL_NOT_FOUND)
		return true;
	fail_with(out, &why, "update", job->wanted);
	return false;
}

/* Under another name, and without making it: the name itself is taken. */
static bool would_be_taken(const struct sync_job *job, struct fail *why)
{
	enum { KEPT = 230 };
	struct stored_secret probe = *job->wanted;
	struct span kept = {probe.name.ptr, probe.name.len < KEPT ? probe.name.len : KEPT};
	probe.name = arena_spanf(job->arena, "%.*s-omniops-probe", SPAN_ARG(kept));
	return secret_store_try(job->world->secrets, &probe, job->deadline_ms, why);
}

static bool replace(const struct sync_job *job, const struct stored_secret *there, struct sync_result *out)
{
	struct fail why = {0};
	if (!would_be_taken(job, &why)) {
		fail_with(out, &why, "replace", job->wanted);
		fail_wrap(&out->why, "the Secret that is there stays, since the cluster does not take the new one");
		return false;
	}
	if (!may_act(job, out))
		return false;
	if (secret_store_remove(job->world->secrets, there->ns, there->name, there->uid, job->deadline_ms, &why)) {
		out->is_removed = true;
		return true;
	}
	if (why.code == FAIL_CONFLICT)
		return true;
	fail_with(out, &why, "delete", there);
	return false;
}

/* --- one look ---------------------------------------------------------------------------------------------------------------------- */

/* Also without any mark, when it is the one that was written before, and nobody else has put his mark on it. */
static bool is_ours(const struct sync_job *job, const struct stored_secret *secret)
{
	bool was_ours = job->held_uid.len > 0 && span_eq(job->held_uid, secret->uid) && mark_text(secret->labels, SYNC_UID).len == 0;
	return was_ours || sync_is_ours(&job->owner, secret);
}

static bool stop(struct sync_result *out, enum sync_end end, const struct stored_secret *there, struct arena *arena)
{
	out->end = end;
	out->other = arena_copy(arena, mark_text(there->annotations, SYNC_NAME));
	return false;
}

static bool take_step(const struct sync_job *job, const struct stored_secret *there, bool *has_namespace, struct sync_result *out)
{
	switch (sync_decide(job->wanted, there, there != NULL && is_ours(job, there))) {
	case SYNC_NOTHING:
		return ends_well(out, out->was_tried ? SYNC_UPDATE : SYNC_NOTHING, there);
	case SYNC_CREATE:
		return create(job, has_namespace, out);
	case SYNC_UPDATE:
		return update(job, there, out);
	case SYNC_REPLACE:
		return replace(job, there, out);
	case SYNC_WAIT:
		return stop(out, SYNC_WAITING, there, job->arena);
	case SYNC_REFUSE:
		break;
	}
	return stop(out, SYNC_CONFLICT, there, job->arena);
}

/* Nothing that somebody else does at the same time holds this up for long. */
static void bring_in_line(const struct sync_job *job, struct sync_result *out)
{
	bool has_namespace = false, goes_on = true;
	for (unsigned round = 0; goes_on && round < ROUNDS_MAX; round++) {
		struct stored_secret there = {0};
		struct fail why = {0};
		bool is_there = secret_store_read(job->world->secrets, job->wanted->ns, job->wanted->name, job->deadline_ms, job->arena, &there, &why);
		if (!is_there && why.code != FAIL_NOT_FOUND) {
			fail_with(out, &why, "get", job->wanted);
			return;
		}
		goes_on = take_step(job, is_there ? &there : NULL, &has_namespace, out);
		stored_secret_drop(&there);
	}
	if (!goes_on)
		return;
	fail_with(out, &(struct fail){FAIL_CONFLICT, "somebody else changes it all the time"}, "write", job->wanted);
}

/* --- what has to go ---------------------------------------------------------------------------------------------------------------- */

/* Only what is this object's; *removed: it was there. */
static bool remove_copy(const struct sync_job *job, struct secret_name place, bool *removed, struct fail *fail)
{
	struct stored_secret there = {.ns = place.ns, .name = place.name};
	struct fail why = {0};
	*removed = false;
	if (!secret_store_read(job->world->secrets, place.ns, place.name, job->deadline_ms, job->arena, &there, &why)) {
		if (why.code == FAIL_NOT_FOUND || why.code == FAIL_INVALID) /* of a name that cannot be there was none */
			return true;
		*fail = why;
		return fail_wrap(fail, "get workload Secret \"%.*s/%.*s\"", SPAN_ARG(place.ns), SPAN_ARG(place.name));
	}
	bool must_go = is_ours(job, &there) && !there.is_deleted;
	bool is_fine = !must_go || secret_store_remove(job->world->secrets, place.ns, place.name, there.uid, job->deadline_ms, &why);
	stored_secret_drop(&there);
	*removed = must_go && is_fine;
	if (is_fine)
		return true;
	*fail = why;
	return fail_wrap(fail, "delete workload Secret \"%.*s/%.*s\"", SPAN_ARG(place.ns), SPAN_ARG(place.name));
}

static void remove_former(const struct sync_job *job, struct sync_result *out)
{
	if (job->former.name.len == 0 || job->spec->keeps || out->end != SYNC_DONE)
		return;
	if (!may_act(job, out))
		return;
	if (!remove_copy(job, job->former, &out->is_former_removed, &out->why))
		out->end = SYNC_LEFT_OVER;
}

void sync_carry_out(const struct sync_job *job, struct sync_result *out)
{
	*out = (struct sync_result){.done = SYNC_NOTHING};
	bring_in_line(job, out);
	remove_former(job, out);
}

void sync_remove(const struct sync_job *job, const struct secret_name *places, size_t count, struct sync_result *out)
{
	*out = (struct sync_result){.end = SYNC_DONE};
	for (size_t i = 0; i < count && may_act(job, out); i++) {
		bool removed;
		if (!remove_copy(job, places[i], &removed, &out->why)) {
			out->end = SYNC_FAILED;
			return;
		}
		out->is_removed |= removed;
	}
}
