/* Looks after one OmniSecretSync: a Secret from here, copied into a workload cluster. While a watch of the copy lives, and shows it as
 * it was left, a look asks the workload cluster nothing. */
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/secret_sync_int.h"
#include "agent/handlers/secret_sync_told.h"
#include "agent/kube/retry.h"
#include "base/clock.h"
#include "crds/kinds.h"

enum {
	LOOK_MS = 20 * 1000,
	NET_MS = 10 * 60 * 1000,    /* while the copy is watched: the watch is asked, not the cluster */
	INTERVAL_MS = 5 * 60 * 1000, /* while it may not be */
	BEGINS_MS = 5 * 1000,	     /* a watch that has just begun */
	WAIT_MS = 5 * 1000,
};

/* A copy that never rests, whoever makes it so, is looked at so often, beyond the first few times. */
#define WAKES_PER_SECOND 0.5
enum { WAKES_AT_ONCE = 10 };

/* What is known of the copy between two looks: which way leads to it, and that it was as it has to be. */
struct sync_memory {
	struct workload *workload; /* NULL: nothing is watched */
	struct handler_waker *waker;
	char *ns, *name;
	bool has_begun;
	struct bucket wakes; /* the client's thread alone, as is_late */
	bool is_late;	     /* it is going to be woken */
	uint64_t wanted; /* what it had to be when it was looked at last; 0: it was not */
	char *version, *uid;
};

/* --- memory --------------------------------------------------------------------------------------------------------------------- */

static void wake_late(void *ctx)
{
	struct sync_memory *memory = ctx;
	memory->is_late = false;
	handler_wake(memory->waker);
}

static void wake(void *ctx, struct span ns, struct span name)
{
	struct sync_memory *memory = ctx;
	(void)ns, (void)name;
	if (memory->is_late)
		return;
	int64_t wait_ms = bucket_take(&memory->wakes, WAKES_PER_SECOND, WAKES_AT_ONCE, clock_monotonic_ms());
	if (wait_ms == 0) {
		handler_wake(memory->waker);
		return;
	}
	memory->is_late = true;
	kube_post(workload_client(memory->workload), wait_ms, wake_late, memory);
}

static void forget_copy(struct sync_memory *memory)
{
	free(memory->version);
	free(memory->uid);
	memory->version = memory->uid = NULL;
	memory->wanted = 0;
}

static void unwatch(struct sync_memory *memory)
{
	forget_copy(memory);
	if (memory->workload == NULL)
		return;
	secret_store_unwatch(workload_secrets(memory->workload), span_of(memory->ns), span_of(memory->name), wake, memory);
	kube_unpost(workload_client(memory->workload), wake_late, memory);
	workload_put(memory->workload);
	handler_waker_drop(memory->waker);
	free(memory->ns);
	free(memory->name);
	*memory = (struct sync_memory){0};
}

static char *copy_of(struct span text)
{
	char *copy = strndup(text.ptr == NULL ? "" : text.ptr, text.len);
	if (copy == NULL)
		abort();
	return copy;
}

/* Takes over the use of the workload. Whatever leads to another copy is let go of: a rotated kubeconfig, another target. */
static void watch(const struct handler_call *call, struct sync_memory *memory, struct workload *workload, struct secret_name target)
{
	bool is_same = memory->workload != NULL && memory->workload == workload && span_is(target.ns, memory->ns) && span_is(target.name, memory->name);
	if (is_same) {
		workload_put(workload);
		return;
	}
	unwatch(memory);
	*memory = (struct sync_memory){
		.workload = workload, .waker = handler_waker_use(call->waker), .ns = copy_of(target.ns), .name = copy_of(target.name)};
	secret_store_watch(workload_secrets(workload), target.ns, target.name, wake, memory);
}

static void remember(struct sync_memory *memory, uint64_t wanted, const struct sync_result *result)
{
	forget_copy(memory);
	memory->wanted = wanted;
	memory->version = copy_of(result->version);
	memory->uid = copy_of(result->uid);
}

static void forget(void *ctx)
{
	struct sync_memory *memory = ctx;
	if (memory != NULL)
		unwatch(memory);
	free(memory);
}

static struct sync_memory *memory_of(const struct handler_call *call)
{
	if (*call->memory == NULL && (*call->memory = calloc(1, sizeof(struct sync_memory))) == NULL)
		abort();
	return *call->memory;
}

/* --- the workload cluster ------------------------------------------------------------------------------------------------------- */

struct way {
	const struct handler_call *call;
	struct workload *workload;
};

static bool make_namespace(void *ctx, struct span ns, int64_t deadline_ms, struct fail *fail)
{
	const struct way *way = ctx;
	struct fail why = {0};
	json_t *body = json_pack("{s:s, s:s, s:{s:s%}}", "apiVersion", "v1", "kind", "Namespace", "metadata", "name", ns.ptr, ns.len);
	const struct kube_request request = {
		.method = "POST", .path = "/api/v1/namespaces?fieldManager=" KUBE_FIELD_MANAGER, .body = body, .deadline_ms = deadline_ms};
	bool is_fine = kube_call(workload_client(way->workload), &request, NULL, &why) || why.code == FAIL_EXISTS;
	json_decref(body);
	if (!is_fine)
		*fail = why;
	return is_fine;
}

static bool may_act(void *ctx)
{
	const struct way *way = ctx;
	const struct handler_env *env = way->call->env;
	return env->may_act(env->ctx, way->call->object);
}

/* --- one look -------------------------------------------------------------------------------------------------------------------- */

static uint64_t digest_of(const struct stored_secret *wanted)
{
	struct text text;
	char *labels = json_dumps(wanted->labels, JSON_SORT_KEYS), *annotations = json_dumps(wanted->annotations, JSON_SORT_KEYS);
	text_init(&text, TEXT_NO_LIMIT);
	text_addf(&text, "%s\n%s\n%.*s", labels, annotations, SPAN_ARG(wanted->type)); /* the content's hash is an annotation */
	uint64_t digest = digest_local(text_span(&text));
	text_done(&text);
	free(labels);
	free(annotations);
	return digest;
}

static bool is_known_good(const struct sync_memory *memory, const struct sync_job *job, uint64_t wanted)
{
	struct span version;
	return memory->wanted == wanted && job->former.name.len == 0 &&
	       secret_store_seen(job->world->secrets, job->spec->target.ns, job->spec->target.name, job->arena, &version) &&
	       span_is(version, memory->version);
}

static int64_t next_look_ms(struct sync_memory *memory, const struct sync_job *job)
{
	struct span version;
	bool is_live = secret_store_seen(job->world->secrets, job->spec->target.ns, job->spec->target.name, job->arena, &version);
	bool begins = !memory->has_begun;
	memory->has_begun = true;
	return begins ? BEGINS_MS : is_live ? NET_MS : INTERVAL_MS;
}

static void work(const struct sync_tale *tale, struct sync_job *job, struct sync_memory *memory)
{
	struct sync_result result = {.end = SYNC_DONE};
	uint64_t wanted = digest_of(job->wanted);
	job->held_uid = span_of(memory->uid);
	if (!is_known_good(memory, job, wanted)) {
		sync_carry_out(job, &result);
		if (result.end == SYNC_DONE || result.end == SYNC_LEFT_OVER)
			remember(memory, wanted, &result);
		else if (result.is_removed || result.end == SYNC_CONFLICT)
			forget_copy(memory);
		else
			memory->wanted = 0;
	}
	tale->out->again_ms = result.end == SYNC_WAITING ? WAIT_MS : next_look_ms(memory, job);
	sync_tell_result(tale, job, &result, workload_expires_s(memory->workload));
}

static struct secret_name former_place(const struct handler_object *object, struct secret_name target)
{
	struct secret_name former = {mark_text(object->status, "targetNamespace"), mark_text(object->status, "targetSecretRef")};
	bool is_same = span_eq(former.ns, target.ns) && span_eq(former.name, target.name);
	return former.ns.len == 0 || former.name.len == 0 || is_same ? (struct secret_name){0} : former;
}

static bool read_source(const struct sync_tale *tale, struct stored_secret *source)
{
	const struct handler_call *call = tale->call;
	struct span ns = call->object->ns, name = tale->spec->source;
	struct fail why = {0};
	outcome_watch(tale->out, ns, name);
	if (secret_store_read(call->env->secrets, ns, name, call->deadline_ms, call->arena, source, &why))
		return true;
	if (why.code == FAIL_NOT_FOUND)
		sync_tell_trouble(tale, "MissingSecret", "source Secret \"%.*s/%.*s\" does not exist", SPAN_ARG(ns), SPAN_ARG(name));
	else
		sync_tell_trouble(tale, why.code == FAIL_INVALID ? "ValidationFailed" : "SyncFailed", "get source Secret \"%.*s/%.*s\": %s",
				  SPAN_ARG(ns), SPAN_ARG(name), why.text);
	tale->out->has_failed = fail_is_retryable(why.code) || why.code == FAIL_DENIED || why.code == FAIL_UNAUTHENTICATED;
	return false;
}

static void look_after(const struct sync_tale *tale)
{
	const struct handler_call *call = tale->call;
	struct sync_memory *memory = memory_of(call);
	struct stored_secret source = {0}, wanted;
	struct workload *workload;
	if (!sync_tell_cluster(tale) || !read_source(tale, &source))
		return;
	stored_secret_drop(&source);
	if (!handler_way_in(call, "Synced", &workload, tale->out)) {
		sync_tell_no_way(tale);
		return;
	}
	watch(call, memory, workload, tale->spec->target);
	struct way way = {call, workload};
	const struct sync_world world = {workload_secrets(workload), make_namespace, may_act, &way};
	struct sync_job job = {
		.world = &world, .spec = tale->spec, .owner = tale->owner, .arena = call->arena, .deadline_ms = call->deadline_ms,
		.wanted = &wanted, .former = former_place(call->object, tale->spec->target)};
	sync_shape(call->arena, &tale->owner, tale->spec, &source, &wanted);
	work(tale, &job, memory);
}

static void delete_it(const struct sync_tale *tale)
{
	const struct handler_call *call = tale->call;
	struct sync_memory *memory = memory_of(call);
	const struct secret_name places[2] = {tale->spec->target, former_place(call->object, tale->spec->target)};
	struct workload *workload;
	if (tale->spec->keeps) {
		tale->out->is_gone = true;
		return;
	}
	if (!handler_way_in(call, "Synced", &workload, tale->out)) {
		sync_tell_no_way(tale);
		return;
	}
	struct way way = {call, workload};
	const struct sync_world world = {workload_secrets(workload), make_namespace, may_act, &way};
	const struct sync_job job = {
		.world = &world, .spec = tale->spec, .owner = tale->owner, .arena = call->arena, .deadline_ms = call->deadline_ms,
		.held_uid = span_of(memory->uid)};
	struct sync_result result;
	sync_remove(&job, places, places[1].name.len > 0 ? 2 : 1, &result);
	sync_tell_removed(tale, &result);
	workload_put(workload);
}

static void look(const struct handler_call *call, struct handler_outcome *out)
{
	const struct handler_object *object = call->object;
	struct sync_spec spec;
	const struct sync_tale tale = {call, out, &spec, {object->uid, object->ns, object->name, object->cluster.name}};
	const char *fault = sync_spec_read(object, &spec);
	if (object->is_deleted)
		delete_it(&tale);
	else if (fault != NULL)
		sync_tell_trouble(&tale, "ValidationFailed", "%s", fault);
	else
		look_after(&tale);
}

const struct handler HANDLER_SYNC = {&KIND_SECRET_SYNC, LOOK_MS, look, forget};
