/* How calls fail. The server tells by a number and a text, and some numbers mean several things; one of them, "invalid
 * signature", means everything that can be wrong with a key, so we find out what we can. */
#include <stdio.h>

#include "agent/omni/remote_int.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/utf8.h"

#define BREAK_GLASS_HINT "this Omni hands out no break-glass configurations: its operator has to switch that on"

/* First match; method and text NULL: any. What `hint` says goes in front of the server's own words. */
static const struct rule {
	enum grpc_code code;
	const char *method, *text;
	enum fail_code fail;
	const char *hint;
} rules[] = {
	{GRPC_FAILED_PRECONDITION, NULL, "EULA has not been accepted", FAIL_DENIED,
	 "the terms of use have to be accepted first, in Omni's web page"},
	{GRPC_FAILED_PRECONDITION, "Update", NULL, FAIL_CONFLICT, NULL},
	{GRPC_FAILED_PRECONDITION, "Destroy", "conflict", FAIL_CONFLICT, NULL},
	{GRPC_FAILED_PRECONDITION, "Watch", NULL, FAIL_PRECONDITION, "the bookmark cannot be used"},
	{GRPC_INVALID_ARGUMENT, NULL, "failed to validate: ", FAIL_INVALID, NULL},
	{GRPC_INVALID_ARGUMENT, "Update", "is not in phase", FAIL_PRECONDITION, NULL},
	{GRPC_PERMISSION_DENIED, NULL, "is owned by", FAIL_DENIED, NULL},
	{GRPC_PERMISSION_DENIED, NULL, "insufficient role", FAIL_DENIED,
	 "the role of the service account is too low: reading needs Reader, everything else Operator"},
	{GRPC_PERMISSION_DENIED, "Kubeconfig", "not allowed", FAIL_DENIED, BREAK_GLASS_HINT},
	{GRPC_PERMISSION_DENIED, "Talosconfig", "not allowed", FAIL_DENIED, BREAK_GLASS_HINT},
	{GRPC_UNKNOWN, NULL, "is not in phase", FAIL_PRECONDITION, NULL},
	{GRPC_UNKNOWN, NULL, "failed to validate: ", FAIL_INVALID, NULL},
	{GRPC_UNKNOWN, "Create", "owner is already set", FAIL_DENIED, NULL},
	{GRPC_UNKNOWN, "Kubeconfig", "ClusterUUIDs.omni.sidero.dev", FAIL_NOT_FOUND, "there is no such cluster in Omni"},
	{GRPC_UNKNOWN, NULL, "request is too large", FAIL_TOO_BIG, "one resource holds about 1.5 MB"},
	{GRPC_RESOURCE_EXHAUSTED, NULL, "larger than max", FAIL_TOO_BIG, "that is more than a message or a resource holds"},
};

static const enum fail_code fail_codes[GRPC_CODES] = {
	[GRPC_OK] = FAIL_PROTOCOL,
	[GRPC_CANCELLED] = FAIL_CANCELLED,
	[GRPC_UNKNOWN] = FAIL_UNAVAILABLE,
	[GRPC_INVALID_ARGUMENT] = FAIL_INVALID,
	[GRPC_DEADLINE_EXCEEDED] = FAIL_TIMEOUT,
	[GRPC_NOT_FOUND] = FAIL_NOT_FOUND,
	[GRPC_ALREADY_EXISTS] = FAIL_EXISTS,
	[GRPC_PERMISSION_DENIED] = FAIL_DENIED,
	[GRPC_RESOURCE_EXHAUSTED] = FAIL_UNAVAILABLE,
	[GRPC_FAILED_PRECONDITION] = FAIL_PRECONDITION,
	[GRPC_ABORTED] = FAIL_UNAVAILABLE,
	[GRPC_OUT_OF_RANGE] = FAIL_INVALID,
	[GRPC_UNIMPLEMENTED] = FAIL_UNSUPPORTED,
	[GRPC_INTERNAL] = FAIL_UNAVAILABLE,
	[GRPC_UNAVAILABLE] = FAIL_UNAVAILABLE,
	[GRPC_DATA_LOSS] = FAIL_PROTOCOL,
	[GRPC_UNAUTHENTICATED] = FAIL_UNAUTHENTICATED,
};

bool remote_is_transient(const struct grpc_status *status)
{
	if (status->is_permanent)
		return false;
	return status->code == GRPC_UNAVAILABLE || status->code == GRPC_ABORTED ||
	       (status->code == GRPC_INTERNAL && status->is_local); /* a server that stops ends streams without a status */
}

struct span remote_words(struct arena *arena, struct span text)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;
	for (size_t size; text.len > 0; text = (struct span){text.ptr + size, text.len - size}) {
		uint32_t c;
		size = utf8_decode(text, &c);
		bool is_plain = c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c != UTF8_BAD);
		if (is_plain)
			memcpy(out + len, text.ptr, size);
		else
			out[len] = '?';
		len += is_plain ? size : 1;
	}
	return span_trim((struct span){out, len});
}

/* --- clocks ------------------------------------------------------------------------------------------------------------ */

/* Answers of the API have no date, but a header that is no base64 makes the server answer in plain HTTP. */
static void ask_clock(struct remote_store *store)
{
	enum { PATIENCE_MS = 3000, AGAIN_MS = 60000 };
	int64_t now_ms = clock_monotonic_ms();
	struct grpc_header header = {SPAN("x-clock-bin"), SPAN("!")};
	struct grpc_request request = {.method = COSI_SERVICE "Get", .headers = &header, .header_count = 1,
				       .deadline_ms = now_ms + PATIENCE_MS};
	struct grpc_status status = {0};
	struct arena arena;
	struct span message;
	if (store->clock.asked_ms != 0 && now_ms - store->clock.asked_ms < AGAIN_MS)
		return;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!grpc_call(store->channel, &arena, &request, &message, &status) && status.server_ms != 0)
		store->clock = (struct remote_clock){.is_known = true, .ahead_ms = clock_wall_ms() - status.server_ms};
	store->clock.asked_ms = now_ms;
	arena_done(&arena);
}

/* What is probably wrong with a signature. */
static void explain_signature(struct remote_store *store, bool may_ask, char *out, size_t size)
{
	enum { ALLOWED_MS = 295000, MINUTE_MS = 60000 };
	pthread_mutex_lock(&store->lock);
	if (may_ask)
		ask_clock(store);
	struct remote_clock clock = store->clock;
	pthread_mutex_unlock(&store->lock);
	int64_t off_ms = clock.ahead_ms < 0 ? -clock.ahead_ms : clock.ahead_ms;
	if (clock.is_known && off_ms > ALLOWED_MS)
		snprintf(out, size, "the clock of this machine is %lld minutes %s Omni's, five are allowed: set it right (NTP)",
			 (long long)((off_ms + MINUTE_MS / 2) / MINUTE_MS), clock.ahead_ms < 0 ? "behind" : "ahead of");
	else
		snprintf(out, size,
			 "%sthe key is unknown to %s: it belongs to another instance, or the account or the key was removed",
			 clock.is_known ? "" : "the clock of this machine is off by more than five minutes, or ", store->url);
}

static bool fail_unauthenticated(struct remote_store *store, struct span words, bool may_ask, struct fail *fail)
{
	char why[300];
	explain_signature(store, may_ask, why, sizeof why);
	return fail_set(fail, FAIL_UNAUTHENTICATED, "Omni refuses the key \"%.*s\" (%s): %s (the server says \"%.*s\")",
			SPAN_ARG(service_key_name(store->key)), service_key_fingerprint(store->key), why, SPAN_ARG(words));
}

/* --- all the rest ------------------------------------------------------------------------------------------------------ */

static const struct rule *rule_for(const char *method, const struct grpc_status *status)
{
	const char *slash = strrchr(method, '/');
	const char *name = slash == NULL ? method : slash + 1;
	for (size_t i = 0; i < COUNT_OF(rules); i++)
		if (rules[i].code == status->code && (rules[i].method == NULL || strcmp(rules[i].method, name) == 0) &&
		    (rules[i].text == NULL || span_contains(status->text, rules[i].text)))
			return &rules[i];
	return NULL;
}

bool remote_fail(struct remote_store *store, const char *method, const struct grpc_status *status, bool may_ask,
		 struct fail *fail)
{
	struct arena arena;
	if (fail == NULL)
		return false;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct span words = remote_words(&arena, status->text);
	const struct rule *rule = status->is_local ? NULL : rule_for(method, status);
	enum fail_code code = rule != NULL ? rule->fail
			      : (unsigned)status->code < GRPC_CODES ? fail_codes[status->code] : FAIL_PROTOCOL;
	if (status->code == GRPC_UNAUTHENTICATED && !status->is_local)
		fail_unauthenticated(store, words, may_ask, fail);
	else if (words.len == 0)
		fail_set(fail, code, "%s ended with %s", store->url, grpc_code_name(status->code));
	else
		fail_set(fail, code, "%s%s%.*s", rule != NULL && rule->hint != NULL ? rule->hint : "",
			 rule != NULL && rule->hint != NULL ? ": " : "", SPAN_ARG(words));
	arena_done(&arena);
	return false;
}
