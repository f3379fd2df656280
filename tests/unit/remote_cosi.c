#include "tests/unit/remote_cosi.h"

#include <poll.h>
#include <stdio.h>

#include "tests/unit/remote_rig.h"
#include "tests/unit/test.h"

enum { PATIENCE_MS = 5000 };

void cosi_begin(struct cosi *cosi)
{
	*cosi = (struct cosi){.store = rig_open(NULL), .type = omni_type_find(SPAN("MachineLabels.omni.sidero.dev"))};
	arena_init(&cosi->arena, ARENA_NO_LIMIT);
	arena_init(&cosi->scratch, ARENA_NO_LIMIT);
}

void cosi_end(struct cosi *cosi)
{
	omni_store_close(cosi->store);
	arena_done(&cosi->arena);
	arena_done(&cosi->scratch);
}

struct resource *cosi_new(struct cosi *cosi, const char *id)
{
	return resource_new(&cosi->arena, cosi->type, arena_copy(&cosi->arena, span_of(id)));
}

void cosi_add_finalizer_to(struct cosi *cosi, struct resource *resource, const char *name)
{
	struct span *all = ARENA_ARRAY(&cosi->arena, struct span, resource->finalizer_count + 1);
	for (size_t i = 0; i < resource->finalizer_count; i++)
		if (span_is(all[i] = resource->finalizers[i], name))
			return;
	all[resource->finalizer_count++] = arena_copy(&cosi->arena, span_of(name));
	resource->finalizers = all;
}

/* --- operations -------------------------------------------------------------------------------------------------------- */

static bool call(struct cosi *cosi, const char *method, struct span message, struct span *out)
{
	struct remote_call request = {method, message, .deadline_ms = 0};
	cosi->fail = (struct fail){0};
	return remote_call(remote_of(cosi->store), &cosi->arena, &request, out, NULL, &cosi->fail);
}

static bool call_for_one(struct cosi *cosi, const char *method, struct span message, struct resource **out)
{
	struct cosi_reader reader = {.type = cosi->type, .scratch = &cosi->scratch};
	struct resource *unused;
	struct span answer;
	return call(cosi, method, message, &answer) &&
	       cosi_decode_resource(&reader, &cosi->arena, answer, out == NULL ? &unused : out, &cosi->fail);
}

bool cosi_get(struct cosi *cosi, const char *id, struct resource **out)
{
	return call_for_one(cosi, COSI_SERVICE "Get", cosi_encode_get(&cosi->arena, cosi->type, span_of(id)), out);
}

struct listing {
	struct cosi *cosi;
	struct resource_list *out;
};

static void begin_list(void *ctx)
{
	((struct listing *)ctx)->out->count = 0;
}

static bool take(void *ctx, struct span message)
{
	struct listing *listing = ctx;
	struct cosi *cosi = listing->cosi;
	struct cosi_reader reader = {.type = cosi->type, .scratch = &cosi->scratch};
	struct resource *found;
	if (!cosi_decode_resource(&reader, &cosi->arena, message, &found, &cosi->fail))
		return false;
	resource_push(&cosi->arena, listing->out, found);
	return true;
}

bool cosi_list(struct cosi *cosi, const struct cosi_filter *filter, struct resource_list *out)
{
	struct listing listing = {cosi, out};
	struct remote_taker taker = {begin_list, take, &listing};
	struct remote_call request = {COSI_SERVICE "List", .deadline_ms = 0};
	*out = (struct resource_list){0};
	cosi->fail = (struct fail){0};
	return cosi_encode_list(&cosi->arena, cosi->type, filter, &request.message, &cosi->fail) &&
	       remote_call_many(remote_of(cosi->store), &cosi->arena, &request, &taker, &cosi->fail);
}

bool cosi_create(struct cosi *cosi, const struct resource *resource, struct resource **out)
{
	struct span message;
	return cosi_encode_create(&cosi->arena, resource, &message, &cosi->fail) &&
	       call_for_one(cosi, COSI_SERVICE "Create", message, out);
}

bool cosi_update(struct cosi *cosi, const struct resource *resource, enum cosi_phase expected, struct resource **out)
{
	struct span message;
	return cosi_encode_update(&cosi->arena, resource, expected, &message, &cosi->fail) &&
	       call_for_one(cosi, COSI_SERVICE "Update", message, out);
}

bool cosi_teardown(struct cosi *cosi, const char *id, const char *owner, bool *out_ready)
{
	struct span answer;
	return call(cosi, COSI_SERVICE "Teardown",
		    cosi_encode_destroy(&cosi->arena, cosi->type, span_of(id), span_of(owner)), &answer) &&
	       cosi_decode_teardown(&cosi->scratch, answer, out_ready, &cosi->fail);
}

bool cosi_destroy(struct cosi *cosi, const char *id, const char *owner)
{
	struct span answer;
	return call(cosi, COSI_SERVICE "Destroy",
		    cosi_encode_destroy(&cosi->arena, cosi->type, span_of(id), span_of(owner)), &answer);
}

/* --- read, change, write ------------------------------------------------------------------------------------------------ */

static bool is_equal(const struct resource *a, const struct resource *b)
{
	bool same = a->finalizer_count == b->finalizer_count && a->phase == b->phase && span_eq(a->owner, b->owner) &&
		    labels_equal(&a->labels, &b->labels) && labels_equal(&a->annotations, &b->annotations) &&
		    node_equal(&a->spec, &b->spec);
	for (size_t i = 0; same && i < a->finalizer_count; i++)
		same = span_eq(a->finalizers[i], b->finalizers[i]);
	return same;
}

static bool is_in(const struct resource *held, enum cosi_phase expected)
{
	return expected == COSI_ANY_PHASE || (held->phase == RESOURCE_RUNNING) == (expected == COSI_RUNNING);
}

bool cosi_update_with_conflicts(struct cosi *cosi, const char *id, enum cosi_phase expected, cosi_change change, void *ctx,
				struct resource **out)
{
	for (unsigned try = 1;; try++) {
		struct resource *held, *wanted;
		if (!cosi_get(cosi, id, &held))
			return false;
		if (!is_in(held, expected))
			return fail_set(&cosi->fail, FAIL_PRECONDITION, "in another phase");
		wanted = resource_copy(&cosi->arena, held);
		if (!change(ctx, cosi, wanted))
			return fail_set(&cosi->fail, FAIL_CANCELLED, "changed its mind");
		if (is_equal(held, wanted)) {
			if (out != NULL)
				*out = held;
			return true;
		}
		if (cosi_update(cosi, wanted, expected, out))
			return true;
		if (cosi->fail.code != FAIL_CONFLICT || !remote_pause(remote_of(cosi->store), try, 5, 100, INT64_MAX))
			return false;
	}
}

static bool add(void *ctx, struct cosi *cosi, struct resource *resource)
{
	cosi_add_finalizer_to(cosi, resource, ctx);
	return true;
}

static bool take_off(void *ctx, struct cosi *cosi, struct resource *resource)
{
	size_t kept = 0;
	(void)cosi;
	for (size_t i = 0; i < resource->finalizer_count; i++)
		if (!span_is(resource->finalizers[i], ctx))
			resource->finalizers[kept++] = resource->finalizers[i];
	resource->finalizer_count = kept;
	return true;
}

bool cosi_add_finalizer(struct cosi *cosi, const char *id, const char *name)
{
	return cosi_update_with_conflicts(cosi, id, COSI_ANY_PHASE, add, (void *)(uintptr_t)name, NULL);
}

bool cosi_remove_finalizer(struct cosi *cosi, const char *id, const char *name)
{
	return cosi_update_with_conflicts(cosi, id, COSI_ANY_PHASE, take_off, (void *)(uintptr_t)name, NULL);
}

bool cosi_modify(struct cosi *cosi, const char *id, const char *owner, enum cosi_phase expected, cosi_change change,
		 void *ctx, struct resource **out)
{
	struct resource *held;
	if (cosi_get(cosi, id, &held)) {
		if (!span_is(held->owner, owner))
			return fail_set(&cosi->fail, FAIL_DENIED, "of another owner");
		return cosi_update_with_conflicts(cosi, id, expected, change, ctx, out);
	}
	if (cosi->fail.code != FAIL_NOT_FOUND)
		return false;
	held = cosi_new(cosi, id);
	held->owner = span_of(owner);
	if (!change(ctx, cosi, held))
		return fail_set(&cosi->fail, FAIL_CANCELLED, "changed its mind");
	return cosi_create(cosi, held, out);
}

/* --- watches ------------------------------------------------------------------------------------------------------------ */

void cosi_open(struct cosi *cosi, const struct cosi_watch *watch, struct cosi_stream *out)
{
	struct grpc_request request = {.method = COSI_SERVICE "Watch"};
	*out = (struct cosi_stream){0};
	if (!cosi_encode_watch(&cosi->arena, cosi->type, watch, &request.message, &cosi->fail))
		fail_msg("%s", cosi->fail.text);
	out->stream = grpc_stream_open(remote_of(cosi->store)->channel, &request);
}

static bool take_message(struct cosi *cosi, struct cosi_stream *stream)
{
	struct pollfd poll_fd = {grpc_stream_fd(stream->stream), POLLIN, 0};
	for (;;) {
		struct grpc_status status = {0};
		struct span message;
		switch (grpc_stream_take(stream->stream, &cosi->arena, &message, &status)) {
		case GRPC_MESSAGE:
			stream->events.rest = message;
			stream->messages++;
			return true;
		case GRPC_END:
			stream->code = status.code;
			remote_fail(remote_of(cosi->store), COSI_SERVICE "Watch", &status, false, &cosi->fail);
			return false;
		default:
			if (poll(&poll_fd, 1, PATIENCE_MS) != 1)
				fail_msg("nothing came");
		}
	}
}

bool cosi_next(struct cosi *cosi, struct cosi_stream *stream, struct cosi_event *out)
{
	struct cosi_reader reader = {.type = cosi->type, .scratch = &cosi->scratch};
	for (;;) {
		struct span bytes;
		bool has = false;
		assert_true(cosi_events_next(&stream->events, &bytes, &has, &cosi->fail));
		if (has) {
			if (!cosi_decode_event(&reader, &cosi->arena, bytes, true, out, &cosi->fail))
				fail_msg("%s", cosi->fail.text);
			return true;
		}
		if (!take_message(cosi, stream))
			return false;
	}
}

void cosi_close(struct cosi_stream *stream)
{
	grpc_stream_close(stream->stream);
}
