#include "tests/unit/careful_examine.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/auth/sign.h"
#include "agent/omni/cosi.h"
#include "agent/omni/proto/cosi.pb-c.h"
#include "base/cleanup.h"
#include "tests/unit/auth_make.h"

static bool wrong(struct examined *seen, const struct call *call, const char *what)
{
	if (seen->fault[0] == '\0')
		snprintf(seen->fault, sizeof seen->fault, "%s, attempt %u: %s", call->method, call->attempts, what);
	return false;
}

#define REQUIRE(condition)                                                                                             \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			return wrong(seen, call, #condition);                                                                \
	} while (0)

/* The only value of a header; empty: it is not there, or there are several. */
static struct span value_of(const struct call *call, const char *name)
{
	struct span found = {0};
	size_t count = 0, len = strlen(name);
	for (size_t i = 0; i < call->line_count; i++) {
		struct span line = span_of(call->lines[i].data);
		if (line.len < len + 2 || strncasecmp(line.ptr, name, len) != 0 || line.ptr[len] != ':')
			continue;
		found = (struct span){line.ptr + len + 2, line.len - len - 2};
		count++;
	}
	return count == 1 ? found : (struct span){0};
}

static bool examine_payload(struct examined *seen, const struct call *call, struct span payload)
{
	json_t *root = json_loadb(payload.ptr, payload.len, JSON_REJECT_DUPLICATES, NULL);
	const char *method = json_string_value(json_object_get(root, "method"));
	bool is_this = method != NULL && strcmp(method, call->method) == 0;
	bool has_headers = json_is_object(json_object_get(root, "headers"));
	json_decref(root);
	REQUIRE(is_this);
	REQUIRE(has_headers);
	return true;
}

static bool examine_lines(struct examined *seen, const struct call *call)
{
	for (size_t i = 0; i < call->line_count; i++)
		for (const char *c = call->lines[i].data; *c != '\0'; c++)
			REQUIRE(*c >= 0x20 && *c < 0x7f);
	struct span stamp = value_of(call, "x-sidero-timestamp"), payload = value_of(call, "x-sidero-payload"),
		    signature = value_of(call, "x-sidero-signature");
	REQUIRE(stamp.len == 10 && strspn(stamp.ptr, "0123456789") == stamp.len);
	REQUIRE(payload.len > 0 && signature.len > 0);
	REQUIRE(sign_is_well_formed(signature));
	REQUIRE(span_starts(signature, "siderov1 "));
	struct span identity = {signature.ptr + 9, strlen(seen->identity)};
	REQUIRE(signature.len > identity.len + 10 && span_is(identity, seen->identity) && identity.ptr[identity.len] == ' ');
	REQUIRE(auth_verify(seen->key, payload, signature));
	return examine_payload(seen, call, payload);
}

static bool is_given(const char *text)
{
	return text != NULL && text[0] != '\0';
}

static bool examine_resource(struct examined *seen, const struct call *call, const Cosi__Resource__Resource *resource)
{
	REQUIRE(resource != NULL && resource->metadata != NULL && resource->spec != NULL);
	const Cosi__Resource__Metadata *metadata = resource->metadata;
	REQUIRE(is_given(metadata->namespace_) && is_given(metadata->type) && is_given(metadata->id));
	REQUIRE(strlen(metadata->id) <= COSI_ID_MAX);
	REQUIRE(strcmp(metadata->phase, "running") == 0 || strcmp(metadata->phase, "tearingDown") == 0);
	return true;
}

static bool examine_create(struct examined *seen, const struct call *call, struct span message)
{
	Cosi__Resource__CreateRequest *request = cosi__resource__create_request__unpack(NULL, message.len, (const uint8_t *)message.ptr);
	REQUIRE(request != NULL);
	bool is_fine = examine_resource(seen, call, request->resource) &&
		       (request->options != NULL || wrong(seen, call, "no options")) &&
		       (strcmp(request->resource->metadata->version, "undefined") == 0 || wrong(seen, call, "a version"));
	cosi__resource__create_request__free_unpacked(request, NULL);
	seen->creates++;
	return is_fine;
}

/* "0" would be fine for a server; nothing that exists has it. */
static bool is_version(const char *text)
{
	return text[0] >= '1' && text[0] <= '9' && strspn(text, "0123456789") == strlen(text) && strtoull(text, NULL, 10) <= INT64_MAX &&
	       strlen(text) <= 19;
}

static bool examine_update(struct examined *seen, const struct call *call, struct span message)
{
	Cosi__Resource__UpdateRequest *request = cosi__resource__update_request__unpack(NULL, message.len, (const uint8_t *)message.ptr);
	REQUIRE(request != NULL);
	const Cosi__Resource__UpdateOptions *options = request->options;
	bool is_fine = examine_resource(seen, call, request->new_resource) && (options != NULL || wrong(seen, call, "no options")) &&
		       (is_version(request->new_resource->metadata->version) || wrong(seen, call, "no version")) &&
		       (options->has_expected_phase_case != 0 || wrong(seen, call, "no phase is expected"));
	seen->updates++;
	seen->teardowns_by_update += is_fine && strcmp(options->expected_phase, "running") == 0 &&
				    strcmp(request->new_resource->metadata->phase, "tearingDown") == 0;
	cosi__resource__update_request__free_unpacked(request, NULL);
	return is_fine;
}

static bool examine_name(struct examined *seen, const struct call *call, struct span message)
{
	if (value_of(call, "x-clock-bin").len > 0) { /* asks for the time: refused before anything is read */
		REQUIRE(message.len == 0);
		return true;
	}
	Cosi__Resource__NameRequest *request = cosi__resource__name_request__unpack(NULL, message.len, (const uint8_t *)message.ptr);
	REQUIRE(request != NULL);
	bool is_fine = is_given(request->namespace_) && is_given(request->type) && is_given(request->id) && request->options != NULL;
	cosi__resource__name_request__free_unpacked(request, NULL);
	seen->names++;
	return is_fine || wrong(seen, call, "a name without namespace, type, ID or options");
}

static bool examine_terms(size_t count, Cosi__Resource__LabelQuery **queries)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < queries[i]->n_terms; j++) {
			const Cosi__Resource__LabelTerm *term = queries[i]->terms[j];
			if (term->op != COSI__RESOURCE__LABEL_TERM__OPERATION__EXISTS && term->op != COSI__RESOURCE__LABEL_TERM__OPERATION__IN &&
			    term->n_value == 0)
				return false;
		}
	return true;
}

static bool examine_list(struct examined *seen, const struct call *call, struct span message)
{
	Cosi__Resource__ListRequest *request = cosi__resource__list_request__unpack(NULL, message.len, (const uint8_t *)message.ptr);
	REQUIRE(request != NULL);
	bool is_fine = is_given(request->type) && request->options != NULL &&
		       examine_terms(request->options->n_label_query, request->options->label_query);
	cosi__resource__list_request__free_unpacked(request, NULL);
	seen->lists++;
	return is_fine || wrong(seen, call, "a list without type or options, or a term without a value");
}

static bool examine_watch(struct examined *seen, const struct call *call, struct span message)
{
	Cosi__Resource__WatchRequest *request = cosi__resource__watch_request__unpack(NULL, message.len, (const uint8_t *)message.ptr);
	REQUIRE(request != NULL);
	const Cosi__Resource__WatchOptions *options = request->options;
	bool is_fine = is_given(request->type) && request->api_version == 1 && options != NULL &&
		       (options->has_start_from_bookmark_case == 0 ||
			(!options->bootstrap_contents && !options->bootstrap_bookmark && options->tail_events == 0));
	cosi__resource__watch_request__free_unpacked(request, NULL);
	seen->watches++;
	return is_fine || wrong(seen, call, "a watch that a server stumbles over");
}

void examine(struct examined *seen, const struct call *call)
{
	static const struct {
		const char *method;
		bool (*examine)(struct examined *seen, const struct call *call, struct span message);
	} rows[] = {
		{"Create", examine_create}, {"Update", examine_update},	  {"Get", examine_name},   {"Destroy", examine_name},
		{"Teardown", examine_name}, {"List", examine_list}, {"Watch", examine_watch},
	};
	struct span frame = text_span(&call->frame);
	char head[FRAME_HEAD];
	seen->attempts++;
	seen->retries += call->attempts > 1;
	if (!examine_lines(seen, call))
		return;
	frame_head(frame.len - FRAME_HEAD, head);
	if (frame.len < FRAME_HEAD || memcmp(head, frame.ptr, FRAME_HEAD) != 0) {
		wrong(seen, call, "a frame whose length is another one");
		return;
	}
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(strrchr(call->method, '/') + 1, rows[i].method) == 0) {
			rows[i].examine(seen, call, (struct span){frame.ptr + FRAME_HEAD, frame.len - FRAME_HEAD});
			return;
		}
	seen->management++;
}
