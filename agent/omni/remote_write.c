/* Writes. A connection may break when the server has done what was asked and before it said so; then the same is sent
 * again, and a refusal of the second may mean that the first one counted: what is there now decides.
 *
 * Reads may lag behind writes for some milliseconds (the server answers them from a cache), so what must have changed is
 * read again until it has. */
#include "agent/omni/remote_int.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { LAG_FIRST_MS = 10, LAG_LONGEST_MS = 500, LAG_TRIES = 8, RACE_TRIES = 24 };

static bool decode(struct arena *arena, const struct omni_type *type, struct span answer, struct resource **out,
		   struct fail *fail)
{
	struct arena work;
	struct fail local = {0};
	arena_init(&work, ARENA_NO_LIMIT);
	struct cosi_reader reader = {.type = type, .scratch = &work};
	bool ok = cosi_decode_resource(&reader, arena, answer, out, &local);
	arena_done(&work);
	return ok || fail_set(fail, local.code, "%s", local.text);
}

/* Apart from what controllers add: finalizers and versions. */
static bool is_same(const struct resource *sent, const struct resource *held)
{
	return sent->phase == held->phase && span_eq(sent->owner, held->owner) && labels_equal(&sent->labels, &held->labels) &&
	       labels_equal(&sent->annotations, &held->annotations) && node_equal(&sent->spec, &held->spec);
}

/* Reads until the version is another one than `stale`. */
static bool read_fresh(struct omni_store *base, struct arena *arena, const struct resource *sent, uint64_t stale,
		       int64_t deadline_ms, struct resource **out)
{
	for (unsigned try = 1; try <= LAG_TRIES; try++) {
		struct fail fail = {0};
		if (remote_get(base, arena, sent->type, sent->id, deadline_ms, out, &fail) && (*out)->version != stale)
			return true;
		if ((fail.code != FAIL_NONE && fail.code != FAIL_NOT_FOUND) ||
		    !remote_pause(remote_of(base), try, LAG_FIRST_MS, LAG_LONGEST_MS, deadline_ms))
			return false;
	}
	return false;
}

/* The write that was refused: had an earlier attempt done it? */
static bool was_done(struct omni_store *base, struct arena *arena, const struct resource *sent, int64_t deadline_ms,
		     struct resource **out_new)
{
	struct resource *held;
	if (!read_fresh(base, arena, sent, sent->version, deadline_ms, &held) || !is_same(sent, held))
		return false;
	if (out_new != NULL)
		*out_new = held;
	return true;
}

static bool send_write(struct omni_store *base, struct arena *arena, const struct resource *resource,
		       const struct remote_call *call, enum fail_code refusal, struct resource **out_new, struct fail *fail)
{
	struct remote_store *store = remote_of(base);
	struct span answer;
	struct fail local = {0};
	bool maybe_done = false;
	if (!remote_call(store, arena, call, &answer, &maybe_done, &local)) {
		if (maybe_done && local.code == refusal && was_done(base, arena, resource, call->deadline_ms, out_new))
			return true;
		return fail_set(fail, local.code, "%s", local.text);
	}
	return out_new == NULL || decode(arena, resource->type, answer, out_new, fail);
}

bool remote_create_call(struct arena *arena, const struct resource *resource, int64_t deadline_ms, struct remote_call *out,
			struct fail *fail)
{
	struct resource sent = *resource;
	sent.version = 0;
	*out = (struct remote_call){COSI_SERVICE "Create", .deadline_ms = deadline_ms, .is_write = true};
	return cosi_encode_create(arena, &sent, &out->message, fail);
}

bool remote_create_end(struct omni_store *base, struct arena *arena, const struct resource *resource,
		       const struct remote_call *call, struct resource **out_new, struct fail *fail)
{
	struct resource sent = *resource;
	sent.version = 0;
	return send_write(base, arena, &sent, call, FAIL_EXISTS, out_new, fail);
}

bool remote_create(struct omni_store *base, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct remote_call call;
	deadline_ms = remote_deadline(remote_of(base), deadline_ms);
	base->write_calls++;
	return remote_check(remote_of(base), deadline_ms, fail) && remote_create_call(arena, resource, deadline_ms, &call, fail) &&
	       remote_create_end(base, arena, resource, &call, out_new, fail);
}

static bool update_call(struct arena *arena, const struct resource *resource, enum cosi_phase expected, int64_t deadline_ms,
			struct remote_call *out, struct fail *fail)
{
	*out = (struct remote_call){COSI_SERVICE "Update", .deadline_ms = deadline_ms, .is_write = true};
	return cosi_encode_update(arena, resource, expected, &out->message, fail);
}

bool remote_update_call(struct arena *arena, const struct resource *resource, int64_t deadline_ms, struct remote_call *out,
			struct fail *fail)
{
	enum cosi_phase expected = resource->phase == RESOURCE_RUNNING ? COSI_RUNNING : COSI_TEARING_DOWN;
	return update_call(arena, resource, expected, deadline_ms, out, fail);
}

bool remote_update_end(struct omni_store *base, struct arena *arena, const struct resource *resource,
		       const struct remote_call *call, struct resource **out_new, struct fail *fail)
{
	return send_write(base, arena, resource, call, FAIL_CONFLICT, out_new, fail);
}

bool remote_update(struct omni_store *base, struct arena *arena, const struct resource *resource, int64_t deadline_ms,
		   struct resource **out_new, struct fail *fail)
{
	struct remote_call call;
	deadline_ms = remote_deadline(remote_of(base), deadline_ms);
	base->write_calls++;
	return remote_check(remote_of(base), deadline_ms, fail) && remote_update_call(arena, resource, deadline_ms, &call, fail) &&
	       remote_update_end(base, arena, resource, &call, out_new, fail);
}

/* --- teardown ---------------------------------------------------------------------------------------------------------- */

/* Servers before Omni 1.8: by an update, against everybody else who changes it meanwhile. */
static bool teardown_by_update(struct omni_store *base, struct arena *arena, const struct omni_type *type, struct span id,
			       int64_t deadline_ms, bool *out_ready, struct fail *fail)
{
	for (unsigned try = 1;; try++) {
		struct resource *held;
		struct remote_call call;
		struct fail local = {0};
		if (!remote_get(base, arena, type, id, deadline_ms, &held, fail))
			return false;
		if (held->owner.len > 0)
			return fail_set(fail, FAIL_DENIED, "%s(%.*s) is owned by \"%.*s\"", type->name, SPAN_ARG(id),
					SPAN_ARG(held->owner));
		*out_ready = held->finalizer_count == 0;
		if (held->phase == RESOURCE_TEARING_DOWN)
			return true;
		held->phase = RESOURCE_TEARING_DOWN;
		if (update_call(arena, held, COSI_RUNNING, deadline_ms, &call, &local) &&
		    remote_update_end(base, arena, held, &call, NULL, &local))
			return true;
		bool may_retry = local.code == FAIL_CONFLICT || local.code == FAIL_PRECONDITION;
		if (!may_retry || try == RACE_TRIES ||
		    !remote_pause(remote_of(base), try, LAG_FIRST_MS, LAG_LONGEST_MS, deadline_ms))
			return fail_set(fail, local.code, "%s", local.text);
	}
}

/* Somebody else was quicker: it is torn down all the same. */
static bool look_for_finalizers(struct omni_store *base, struct arena *arena, const struct omni_type *type, struct span id,
				int64_t deadline_ms, bool *out_ready, struct fail *fail)
{
	struct resource *held;
	if (!remote_get(base, arena, type, id, deadline_ms, &held, fail))
		return false;
	*out_ready = held->finalizer_count == 0;
	return true;
}

struct remote_call remote_teardown_call(struct arena *arena, const struct omni_type *type, struct span id, int64_t deadline_ms)
{
	return (struct remote_call){COSI_SERVICE "Teardown", cosi_encode_destroy(arena, type, id, SPAN("")),
				    .deadline_ms = deadline_ms, .is_write = true};
}

bool remote_teardown_end(struct omni_store *base, struct arena *arena, const struct omni_type *type, struct span id,
			 const struct remote_call *call, bool *out_ready, struct fail *fail)
{
	struct remote_store *store = remote_of(base);
	struct span answer;
	struct fail local = {0};
	bool maybe_done = false;
	if (remote_call(store, arena, call, &answer, &maybe_done, &local))
		return cosi_decode_teardown(arena, answer, out_ready, fail);
	if (local.code == FAIL_NOT_FOUND && maybe_done) {
		*out_ready = true; /* torn down, and gone already */
		return true;
	}
	if (local.code == FAIL_PRECONDITION)
		return look_for_finalizers(base, arena, type, id, call->deadline_ms, out_ready, fail);
	if (local.code != FAIL_UNSUPPORTED)
		return fail_set(fail, local.code, "%s", local.text);
	store->has_no_teardown = true;
	return teardown_by_update(base, arena, type, id, call->deadline_ms, out_ready, fail);
}

bool remote_teardown(struct omni_store *base, const struct omni_type *type, struct span id, int64_t deadline_ms,
		     bool *out_ready, struct fail *fail)
{
	struct remote_store *store = remote_of(base);
	struct arena arena;
	deadline_ms = remote_deadline(store, deadline_ms);
	base->write_calls++;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct remote_call call = remote_teardown_call(&arena, type, id, deadline_ms);
	bool ok = cosi_check_id(id, fail) && remote_check(store, deadline_ms, fail) &&
		  (store->has_no_teardown ? teardown_by_update(base, &arena, type, id, deadline_ms, out_ready, fail)
					  : remote_teardown_end(base, &arena, type, id, &call, out_ready, fail));
	arena_done(&arena);
	return ok;
}

struct remote_call remote_destroy_call(struct arena *arena, const struct omni_type *type, struct span id, int64_t deadline_ms)
{
	return (struct remote_call){COSI_SERVICE "Destroy", cosi_encode_destroy(arena, type, id, SPAN("")),
				    .deadline_ms = deadline_ms, .is_write = true};
}

bool remote_destroy_end(struct omni_store *base, struct arena *arena, const struct remote_call *call, struct fail *fail)
{
	struct span answer;
	struct fail local = {0};
	bool maybe_done = false;
	if (remote_call(remote_of(base), arena, call, &answer, &maybe_done, &local) ||
	    (local.code == FAIL_NOT_FOUND && maybe_done))
		return true;
	return fail_set(fail, local.code, "%s", local.text);
}

bool remote_destroy(struct omni_store *base, const struct omni_type *type, struct span id, int64_t deadline_ms,
		    struct fail *fail)
{
	struct remote_store *store = remote_of(base);
	struct arena arena;
	deadline_ms = remote_deadline(store, deadline_ms);
	base->write_calls++;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct remote_call call = remote_destroy_call(&arena, type, id, deadline_ms);
	bool ok = cosi_check_id(id, fail) && remote_check(store, deadline_ms, fail) && remote_destroy_end(base, &arena, &call, fail);
	arena_done(&arena);
	return ok;
}
