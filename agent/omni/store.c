#include "agent/omni/remote_int.h"
#include "base/clock.h"

bool omni_store_open(const char *url, const struct omni_store_options *options, struct omni_store **out,
		     struct fail *fail)
{
	static const char *const remote[] = {"https:", "http:", "grpc:"};
	enum { PREFIX = 4 };
	struct span text = span_of(url);
	if (span_starts(text, "dir:") && text.len > PREFIX)
		return dir_store_open(url + PREFIX, out, fail);
	for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
		if (span_starts(text, remote[i]))
			return remote_store_open(url, options, out, fail);
	return fail_set(fail, FAIL_INVALID, "\"%.200s\" names no Omni: write https://HOST[:PORT] or dir:PATH", url);
}

void omni_store_close(struct omni_store *store)
{
	if (store != NULL)
		store->ops->close(store);
}

/* --- several at once ---------------------------------------------------------------------------------------------------- */

void omni_op_fail(struct omni_op *op, struct arena *arena, const struct fail *fail)
{
	op->code = fail->code == FAIL_NONE ? FAIL_BUG : fail->code;
	op->text = arena_copy(arena, span_of(fail->text));
	op->found = NULL;
	op->list = (struct resource_list){0};
}

bool omni_op_failure(const struct omni_op *op, struct fail *fail)
{
	return fail_set(fail, op->code, "%.*s", SPAN_ARG(op->text));
}

void omni_op_run(struct omni_store *store, struct arena *arena, struct omni_op *op, int64_t deadline_ms)
{
	const struct omni_store_ops *ops = store->ops;
	struct fail fail = {0};
	bool ok = false;
	op->code = FAIL_NONE;
	if (deadline_ms != 0 && clock_monotonic_ms() >= deadline_ms) {
		fail_set(&fail, FAIL_TIMEOUT, "%s: no time is left for it", store->name);
		omni_op_fail(op, arena, &fail);
		return;
	}
	switch (op->kind) {
	case OMNI_GET:
		ok = ops->get(store, arena, op->type, op->id, deadline_ms, &op->found, &fail);
		break;
	case OMNI_LIST:
		ok = ops->list(store, arena, op->type, op->query, deadline_ms, &op->list, &fail);
		break;
	case OMNI_CREATE:
		ok = ops->create(store, arena, op->resource, deadline_ms, NULL, &fail);
		break;
	case OMNI_UPDATE:
		ok = ops->update(store, arena, op->resource, deadline_ms, NULL, &fail);
		break;
	case OMNI_TEARDOWN:
		ok = ops->teardown(store, op->type, op->id, deadline_ms, &op->is_ready, &fail);
		break;
	case OMNI_DESTROY:
		ok = ops->destroy(store, op->type, op->id, deadline_ms, &fail);
		break;
	}
	if (!ok)
		omni_op_fail(op, arena, &fail);
}

void omni_batch(struct omni_store *store, struct arena *arena, struct omni_op *ops, size_t count, int64_t deadline_ms)
{
	if (store->ops->batch != NULL && count > 1) {
		store->ops->batch(store, arena, ops, count, deadline_ms);
		return;
	}
	for (size_t i = 0; i < count; i++)
		omni_op_run(store, arena, &ops[i], deadline_ms);
}
