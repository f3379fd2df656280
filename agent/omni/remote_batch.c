/* Several operations for about the price of one round trip: a window of first attempts is under way while they are ended one
 * after the other by the same functions that make single ones, so whatever goes wrong is dealt with in one place. */
#include "agent/omni/remote_int.h"

enum { IN_FLIGHT_MAX = 32 };

/* False: it cannot be asked at all, op says why. Left to itself is what may need more than its call. */
static bool prepare(struct remote_store *store, struct arena *arena, struct omni_op *op, int64_t deadline_ms,
		    struct remote_call *call)
{
	struct fail fail = {0};
	bool has_id = op->kind == OMNI_GET || op->kind == OMNI_TEARDOWN || op->kind == OMNI_DESTROY;
	bool ok = !has_id || cosi_check_id(op->id, &fail);
	if (!ok) {
		omni_op_fail(op, arena, &fail);
		return false;
	}
	switch (op->kind) {
	case OMNI_GET:
		*call = remote_get_call(arena, op->type, op->id, deadline_ms);
		break;
	case OMNI_LIST:
		ok = remote_list_call(arena, op->type, op->query, deadline_ms, call, &fail);
		break;
	case OMNI_CREATE:
		ok = remote_create_call(arena, op->resource, deadline_ms, call, &fail);
		break;
	case OMNI_UPDATE:
		ok = remote_update_call(arena, op->resource, deadline_ms, call, &fail);
		break;
	case OMNI_TEARDOWN:
		*call = remote_teardown_call(arena, op->type, op->id, deadline_ms);
		break;
	case OMNI_DESTROY:
		*call = remote_destroy_call(arena, op->type, op->id, deadline_ms);
		break;
	}
	if (!ok)
		omni_op_fail(op, arena, &fail);
	else if (op->kind != OMNI_TEARDOWN || !store->has_no_teardown)
		remote_begin(store, call, op->kind == OMNI_LIST);
	return ok;
}

static bool finish(struct omni_store *base, struct arena *arena, struct omni_op *op, const struct remote_call *call,
		   struct fail *fail)
{
	struct remote_store *store = remote_of(base);
	switch (op->kind) {
	case OMNI_GET:
		return remote_get_end(store, arena, call, op->type, op->id, &op->found, fail);
	case OMNI_LIST:
		return remote_list_end(store, arena, call, op->type, &op->list, fail);
	case OMNI_CREATE:
		return remote_create_end(base, arena, op->resource, call, NULL, fail);
	case OMNI_UPDATE:
		return remote_update_end(base, arena, op->resource, call, NULL, fail);
	case OMNI_TEARDOWN:
		return call->flight == NULL
			       ? remote_teardown(base, op->type, op->id, call->deadline_ms, &op->is_ready, fail)
			       : remote_teardown_end(base, arena, op->type, op->id, call, &op->is_ready, fail);
	case OMNI_DESTROY:
		return remote_destroy_end(base, arena, call, fail);
	}
	return fail_set(fail, FAIL_BUG, "no such operation");
}

static void count_op(struct omni_store *base, const struct omni_op *op, const struct remote_call *call)
{
	if (op->kind == OMNI_GET || op->kind == OMNI_LIST)
		base->read_calls++;
	else if (call->flight != NULL)
		base->write_calls++; /* else by what it is left to */
}

static void refuse_all(struct arena *arena, struct omni_op *ops, size_t count, const struct fail *fail)
{
	for (size_t i = 0; i < count; i++)
		omni_op_fail(&ops[i], arena, fail);
}

void remote_batch(struct omni_store *base, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms)
{
	struct remote_store *store = remote_of(base);
	struct remote_call calls[IN_FLIGHT_MAX] = {0};
	struct fail fail = {0};
	bool is_away = false; /* the server: nobody waits for it more than once */
	deadline_ms = remote_deadline(store, deadline_ms);
	if (!remote_check(store, deadline_ms, &fail)) {
		refuse_all(arena, ops, count, &fail);
		return;
	}
	for (size_t begun = 0, ended = 0; ended < count; ended++) {
		for (; begun < count && begun - ended < IN_FLIGHT_MAX && !(is_away && begun > ended); begun++) {
			ops[begun].code = FAIL_NONE;
			if (prepare(store, arena, &ops[begun], deadline_ms, &calls[begun % IN_FLIGHT_MAX]))
				count_op(base, &ops[begun], &calls[begun % IN_FLIGHT_MAX]);
		}
		struct remote_call *call = &calls[ended % IN_FLIGHT_MAX];
		struct omni_op *op = &ops[ended];
		call->is_only_try = is_away;
		fail = (struct fail){0};
		if (op->code == FAIL_NONE && !finish(base, arena, op, call, &fail))
			omni_op_fail(op, arena, &fail);
		is_away |= fail.code == FAIL_UNAVAILABLE || fail.code == FAIL_TIMEOUT;
	}
}
