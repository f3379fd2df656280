/* A careful client: nothing that a server stumbles over can leave this program, whatever it is asked to do and however
 * often it has to try. There is no server here: this file takes the place of a channel's thread (agent/grpc/drive.c), so
 * that a store, its calls and their retries are the real ones up to the header lines and the bytes that libcurl would be
 * given. Every attempt is examined, and chance answers. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/grpc/internal.h"
#include "agent/omni/management.h"
#include "agent/omni/proto/cosi.pb-c.h"
#include "agent/omni/remote_int.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/unit/auth_make.h"
#include "tests/unit/careful_examine.h"
#include "tests/unit/test.h"

/* One call at a time: who asks waits, so nothing here needs a lock. */
static struct examined wire;
static uint64_t seed;

static unsigned chance(unsigned sides)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % sides;
}

/* --- time: deadlines are real, pauses take none, and every look at the calendar may be another second ------------------- */

/* Ten seconds behind: when a pause ends has passed already where it is waited for, and a call has fifty seconds left. */
int64_t clock_monotonic_ms(void)
{
	enum { BEHIND_MS = 10000 };
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - BEHIND_MS;
}

int64_t clock_wall_ms(void)
{
	static _Atomic int64_t looks;
	return AUTH_NOW_S * INT64_C(1000) + 300 * looks++;
}

void clock_sleep_ms(int64_t ms)
{
	(void)ms;
}

/* --- answering ---------------------------------------------------------------------------------------------------------- */

static void publish(struct call *call, const uint8_t *message, size_t len)
{
	struct frame_list fresh = {0};
	char head[FRAME_HEAD];
	frame_head(len, head);
	if (!frame_feed(&call->reader, head, sizeof head, &fresh, &call->problem) ||
	    !frame_feed(&call->reader, (const char *)message, len, &fresh, &call->problem))
		abort();
	call->messages += fresh.messages;
	if (fresh.first != NULL)
		call_publish(call, &fresh);
}

static void answer_resource(struct call *call, const char *ns, const char *type, const char *id)
{
	static char none[] = "", owner[] = "SomeController", running[] = "running", leaving[] = "tearingDown";
	static uint8_t version_spec[] = "\x0a\6v1.9.3\x12\3rig\x18\2";
	Cosi__Resource__Metadata metadata = COSI__RESOURCE__METADATA__INIT;
	Cosi__Resource__Spec spec = COSI__RESOURCE__SPEC__INIT;
	Cosi__Resource__Resource resource = COSI__RESOURCE__RESOURCE__INIT;
	Cosi__Resource__ResourceResponse response = COSI__RESOURCE__RESOURCE_RESPONSE__INIT;
	char version[24];
	uint8_t bytes[4096];
	snprintf(version, sizeof version, "%u", chance(9) + 1);
	metadata.namespace_ = (char *)(uintptr_t)ns;
	metadata.type = (char *)(uintptr_t)type;
	metadata.id = (char *)(uintptr_t)id;
	metadata.version = version;
	metadata.owner = chance(4) == 0 ? owner : none;
	metadata.phase = chance(3) == 0 ? leaving : running;
	if (strncmp(type, "SysVersions.", 12) == 0)
		spec.proto_spec = (ProtobufCBinaryData){sizeof version_spec - 1, version_spec};
	resource.metadata = &metadata;
	resource.spec = &spec;
	response.resource = &resource;
	publish(call, bytes, cosi__resource__resource_response__pack(&response, bytes));
}

static const char *last_part(const char *method)
{
	return strrchr(method, '/') + 1;
}

static void answer_well(struct call *call)
{
	const char *method = last_part(call->method);
	const uint8_t *bytes = (const uint8_t *)text_span(&call->frame).ptr + FRAME_HEAD;
	size_t len = text_span(&call->frame).len - FRAME_HEAD;
	if (strcmp(method, "Get") == 0) {
		Cosi__Resource__NameRequest *request = cosi__resource__name_request__unpack(NULL, len, bytes);
		answer_resource(call, request->namespace_, request->type, request->id);
		cosi__resource__name_request__free_unpacked(request, NULL);
	} else if (strcmp(method, "Create") == 0) {
		Cosi__Resource__CreateRequest *request = cosi__resource__create_request__unpack(NULL, len, bytes);
		const Cosi__Resource__Metadata *metadata = request->resource->metadata;
		answer_resource(call, metadata->namespace_, metadata->type, metadata->id);
		cosi__resource__create_request__free_unpacked(request, NULL);
	} else if (strcmp(method, "Update") == 0) {
		Cosi__Resource__UpdateRequest *request = cosi__resource__update_request__unpack(NULL, len, bytes);
		const Cosi__Resource__Metadata *metadata = request->new_resource->metadata;
		answer_resource(call, metadata->namespace_, metadata->type, metadata->id);
		cosi__resource__update_request__free_unpacked(request, NULL);
	} else if (strcmp(method, "List") != 0) {
		publish(call, bytes, 0);
	}
}

/* Refusals of a server, and losses on the way; `again`: the channel itself tries once more. */
static const struct refusal {
	const char *method, *text;
	enum grpc_code code;
	bool is_local, was_sent, again;
} refusals[] = {
	{NULL, "fault", GRPC_UNAVAILABLE, .was_sent = true},
	{NULL, "fault", GRPC_UNAVAILABLE, .is_local = true, .was_sent = true},
	{NULL, "fault", GRPC_ABORTED, .was_sent = true},
	{NULL, "fault", GRPC_INTERNAL, .is_local = true, .was_sent = true},
	{NULL, "refused stream", GRPC_UNAVAILABLE, .is_local = true, .again = true},
	{NULL, "doesn't exist", GRPC_NOT_FOUND, .is_local = false},
	{"Create", "already exists", GRPC_ALREADY_EXISTS, .is_local = false},
	{"Update", "update conflict", GRPC_FAILED_PRECONDITION, .is_local = false},
	{"Update", "is not in phase", GRPC_INVALID_ARGUMENT, .is_local = false},
	{"Teardown", "unknown method Teardown", GRPC_UNIMPLEMENTED, .is_local = false},
	{"Teardown", "update conflict", GRPC_FAILED_PRECONDITION, .is_local = false},
	{NULL, "invalid signature", GRPC_UNAUTHENTICATED, .is_local = false},
};

static const struct refusal *choose(const struct call *call)
{
	const struct refusal *row = &refusals[chance(COUNT_OF(refusals))];
	bool is_for_this = row->method == NULL || strcmp(row->method, last_part(call->method)) == 0;
	return is_for_this && chance(2) == 0 ? row : NULL;
}

static void serve(struct call *call)
{
	struct grpc_status status = {0};
	const struct refusal *row = NULL;
	for (int try = 0; try < ATTEMPTS_MAX; try++) {
		if (!attempt_prepare(call, &status))
			break;
		examine(&wire, call);
		row = wire.fault[0] == '\0' ? choose(call) : &refusals[5];
		if (row == NULL || !row->again)
			break;
	}
	if (row != NULL) {
		text_reset(&call->text);
		text_adds(&call->text, row->text);
		status = (struct grpc_status){.code = row->code, .is_local = row->is_local, .was_sent = row->was_sent};
	} else if (status.code == GRPC_OK) {
		answer_well(call);
	}
	count_end(call->channel, call, &status);
	call_end(call, &status);
	call_release(call);
}

/* --- what agent/grpc/drive.c has for the rest of its room ------------------------------------------------------------------ */

CURLM *channel_new_multi(const struct grpc_channel *channel)
{
	(void)channel;
	return curl_multi_init();
}

void channel_finish(struct grpc_channel *channel, struct call *call, const struct grpc_status *status)
{
	(void)channel, (void)call, (void)status;
	abort();
}

bool channel_begin(struct grpc_channel *channel, struct call *call)
{
	(void)channel, (void)call;
	abort();
}

/* One call at a time, in the order in which they come. */
void *channel_drive(void *ctx)
{
	struct grpc_channel *channel = ctx;
	for (bool is_open = true; is_open;) {
		pthread_mutex_lock(&channel->lock);
		struct call *call = list_take(&channel->incoming);
		is_open = !channel->is_closing || call != NULL;
		channel->is_idle = call == NULL;
		pthread_mutex_unlock(&channel->lock);
		if (call != NULL) {
			serve(call);
		} else if (is_open) {
			struct pollfd wake = {.fd = channel->wake_fd, .events = POLLIN};
			uint64_t count;
			poll(&wake, 1, 100);
			if (wake.revents != 0 && read(channel->wake_fd, &count, sizeof count) < 0)
				count = 0;
		}
	}
	return NULL;
}

/* --- asking for everything ---------------------------------------------------------------------------------------------- */

static const char *const identities[] = {"ci", "infra-provider:x", "a.b-c_d@example.com"};

static struct omni_store *open_store(const char *identity)
{
	enum { CALL_MS = 60000 };
	struct omni_store *store = NULL;
	struct fail fail = {0};
	struct text key;
	text_init(&key, TEXT_NO_LIMIT);
	auth_text(identity, auth_example_armor, &key);
	struct omni_store_options options = {.key = text_span(&key), .call_timeout_ms = CALL_MS};
	if (!remote_store_open("https://127.0.0.1:1", &options, &store, &fail))
		fail_msg("%s", fail.text);
	text_done(&key);
	return store;
}

/* Mostly a name; sometimes what is none, or what has to be told apart from one. */
static struct span odd_text(struct arena *arena)
{
	static const struct span odd[] = {
		SPAN(""), SPAN(" "), SPAN("a b"), SPAN("a\nb"), SPAN("a\r\nx-sidero-signature: siderov1"), SPAN("\0"), SPAN("\x7f"),
		SPAN("\xff\xfe"), SPAN("\xc3\xa4"), SPAN("undefined"), SPAN("-1"), SPAN("../x"), SPAN("a:b"), SPAN("%00"), SPAN("\"\\"),
	};
	if (chance(3) != 0)
		return arena_spanf(arena, "name-%u", chance(100));
	if (chance(8) != 0)
		return odd[chance(COUNT_OF(odd))];
	size_t len = chance(3000);
	char *bytes = arena_alloc(arena, len + 1);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(chance(4) == 0 ? chance(256) : 'a');
	return (struct span){bytes, len};
}

static const struct omni_type *any_type(void)
{
	const struct omni_type *type = NULL;
	while (type == NULL || (type->flags & OMNI_USER) == 0)
		type = omni_type_at(chance(64));
	return type;
}

static struct resource *any_resource(struct arena *arena)
{
	static const uint64_t versions[] = {0, 1, 7, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
	struct resource *made = resource_new(arena, any_type(), odd_text(arena));
	made->version = versions[chance(COUNT_OF(versions))];
	made->phase = chance(3) == 0 ? RESOURCE_TEARING_DOWN : RESOURCE_RUNNING;
	made->spec = (struct node){.kind = NODE_MAP};
	if (chance(4) == 0)
		made->owner = odd_text(arena);
	for (unsigned i = chance(4); i > 0; i--)
		labels_set(arena, chance(2) == 0 ? &made->labels : &made->annotations, odd_text(arena), odd_text(arena));
	if (chance(4) == 0) {
		made->finalizers = ARENA_ARRAY(arena, struct span, 1);
		made->finalizers[made->finalizer_count++] = odd_text(arena);
	}
	return made;
}

static struct omni_query *any_query(struct arena *arena)
{
	struct omni_query *query = ARENA_NEW(arena, struct omni_query);
	struct omni_term *term = ARENA_NEW(arena, struct omni_term);
	*term = (struct omni_term){.key = odd_text(arena), .op = (enum omni_term_op)chance(7), .invert = chance(2) == 0};
	term->values = ARENA_ARRAY(arena, struct span, 1);
	term->values[0] = odd_text(arena);
	term->value_count = chance(4) != 0;
	*query = (struct omni_query){term, 1, 1};
	return query;
}

/* The answer has to be there before anything else is asked. */
static bool ask_watch(struct omni_store *store, struct arena *arena, const struct omni_type *type, struct fail *fail)
{
	struct omni_watch *watch = NULL;
	struct omni_event event;
	bool has = false;
	if (!store->ops->watch(store, type, chance(2) == 0 ? SPAN("") : SPAN("\0\1place"), &watch, fail))
		return false;
	while (!has) {
		struct pollfd wake = {.fd = watch->ops->fd(watch), .events = POLLIN};
		if (poll(&wake, 1, 10000) != 1 || !watch->ops->next(watch, arena, &event, &has, fail))
			abort();
	}
	watch->ops->close(watch);
	return true;
}

static void ask_many(struct omni_store *store, struct arena *arena)
{
	struct omni_op ops[40] = {0};
	size_t count = chance(COUNT_OF(ops));
	for (size_t i = 0; i < count; i++) {
		struct resource *resource = any_resource(arena);
		ops[i] = (struct omni_op){.kind = (enum omni_op_kind)chance(OMNI_DESTROY + 1), .type = resource->type, .id = resource->id,
					  .query = chance(2) == 0 ? NULL : any_query(arena), .resource = resource};
	}
	omni_batch(store, arena, ops, count, 0);
}

static bool ask_once(struct omni_store *store, struct arena *arena, struct fail *fail)
{
	const struct omni_store_ops *ops = store->ops;
	struct resource *resource = any_resource(arena), *out;
	struct resource_list list = {0};
	struct span yaml, groups[] = {odd_text(arena)};
	struct omni_kubeconfig_request config = {chance(3), odd_text(arena), odd_text(arena), groups, chance(2), 60};
	struct omni_talosconfig_request talos = {odd_text(arena), chance(2)};
	bool ready;
	switch (chance(9)) {
	case 0: return ops->create(store, arena, resource, 0, chance(2) == 0 ? NULL : &out, fail);
	case 1:
	case 2: return ops->update(store, arena, resource, 0, chance(2) == 0 ? NULL : &out, fail);
	case 3: return ops->teardown(store, resource->type, resource->id, 0, &ready, fail);
	case 4: return ops->destroy(store, resource->type, resource->id, 0, fail);
	case 5: return ops->list(store, arena, resource->type, chance(2) == 0 ? NULL : any_query(arena), 0, &list, fail);
	case 6: return chance(2) == 0 ? ops->kubeconfig(store, arena, &config, 0, &yaml, fail)
				      : ops->talosconfig(store, arena, &talos, 0, &yaml, fail);
	case 7: return ask_watch(store, arena, resource->type, fail);
	default: ask_many(store, arena); return true;
	}
}

static void ask(unsigned times, const char *identity)
{
	struct omni_store *store = open_store(identity);
	struct remote_store *remote = remote_of(store);
	wire.identity = identity;
	for (unsigned i = 0; i < times && wire.fault[0] == '\0'; i++) {
		struct arena arena;
		struct fail fail = {0};
		arena_init(&arena, ARENA_NO_LIMIT);
		if (chance(8) == 0)
			remote->has_no_teardown = !remote->has_no_teardown; /* a server that was exchanged */
		if (!ask_once(store, &arena, &fail) && fail.text[0] == '\0')
			snprintf(wire.fault, sizeof wire.fault, "a failure without a word");
		arena_done(&arena);
	}
	omni_store_close(store);
	if (wire.fault[0] != '\0')
		fail_msg("%s", wire.fault);
}

static void no_request_breaks_a_server(void **state)
{
	enum { TIMES = 600 };
	unsigned char secret[32];
	(void)state;
	for (unsigned i = 0; i < sizeof secret; i++)
		secret[i] = (unsigned char)i;
	seed = 20260101;
	wire = (struct examined){.key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, sizeof secret)};
	for (size_t i = 0; i < COUNT_OF(identities); i++)
		ask(TIMES, identities[i]);
	EVP_PKEY_free(wire.key);
	assert_true(wire.creates > 100 && wire.updates > 100 && wire.names > 100 && wire.lists > 100 && wire.watches > 100);
	assert_true(wire.retries > 100 && wire.teardowns_by_update > 20 && wire.management > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(no_request_breaks_a_server)};
	return RUN_TESTS(tests);
}
