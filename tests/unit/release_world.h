/* A small world for looks at a release: an API server that is a list of records, and a count of all that was asked. For one
 * test program at a time: it takes the place of the clients. */
#ifndef TESTS_UNIT_RELEASE_WORLD_H
#define TESTS_UNIT_RELEASE_WORLD_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/helm_release_int.h"
#include "agent/helm/records_int.h"
#include "agent/kube/follow.h"
#include "agent/kube/json_read.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"
#include "tests/unit/fake_clock.h"
#include "tests/unit/test.h"

enum { NOW = 1800000000, RECORDS = 16 };

struct kept_record {
	enum release_status status;
	char hash[64], action[64], values[256], version[32];
	int64_t began_s;
};

enum helm_deed { HELM_SUCCEEDS, HELM_FAILS, HELM_FAILS_UNSEEN, HELM_DIES, HELM_ROLLS_BACK, HELM_LIES };

static struct {
	struct kept_record records[RECORDS];
	size_t count;
	enum helm_deed deed;
	struct fail unreachable, way_fault, chart_fault;
	bool is_locked, may_watch, is_open, is_ready_other, has_other;
	struct kube_stream_callbacks stream;
	void *stream_ctx;
	const char *chart_version, *chart_digest, *secret_values;
	int64_t now_s, expires_s;
	unsigned lists, gets, puts, others, runs, finds, watches, wakes;
	char last_values[256];
	struct helm_action last_action;
} world;

/* --- the cluster -------------------------------------------------------------------------------------------------------------- */

static json_t *labels_of(size_t at)
{
	const struct kept_record *r = &world.records[at];
	json_t *labels = json_pack("{s:s, s:s, s:s}", "owner", "helm", "name", "web", "status", release_status_name(r->status));
	if (r->hash[0] != '\0')
		json_object_set_new(labels, RELEASE_HASH_LABEL, json_string(r->hash));
	if (r->action[0] != '\0')
		json_object_set_new(labels, RELEASE_ACTION_LABEL, json_string(r->action));
	return labels;
}

static json_t *metadata_of(size_t at)
{
	char name[64];
	snprintf(name, sizeof name, "sh.helm.release.v1.web.v%zu", at + 1);
	return json_pack("{s:s, s:o}", "name", name, "labels", labels_of(at));
}

static json_t *list_all(void)
{
	json_t *items = json_array();
	for (size_t i = 0; i < world.count; i++)
		if (world.records[i].status != RELEASE_UNKNOWN || world.records[i].version[0] != '\0')
			json_array_append_new(items, json_pack("{s:o}", "metadata", metadata_of(i)));
	return json_pack("{s:{s:s}, s:o}", "metadata", "resourceVersion", "5", "items", items);
}

static json_t *whole(size_t at)
{
	const struct record_limits limits = RECORD_LIMITS;
	const struct kept_record *r = &world.records[at];
	CLEANUP(text_done) struct text json;
	CLEANUP(text_done) struct text packed;
	char time[64] = "2020-01-01T00:00:00Z";
	struct fail fail = {0};
	text_init(&json, TEXT_NO_LIMIT);
	text_init(&packed, TEXT_NO_LIMIT);
	if (r->began_s > 0)
		snprintf(time, sizeof time, "2027-01-15T07:%02d:00Z", (int)(r->began_s / 60 % 60));
	text_addf(&json, "{\"name\":\"web\",\"info\":{\"last_deployed\":\"%s\",\"status\":\"%s\"},\"chart\":{\"metadata\":{\"name\":"
			 "\"greeting\",\"version\":\"%s\"}},\"config\":%s,\"version\":%zu}",
		  time, release_status_name(r->status), r->version, r->values[0] == '\0' ? "{}" : r->values, at + 1);
	assert_true(record_pack(text_span(&json), &limits, &packed, &fail));
	return json_pack("{s:o, s:{s:s}}", "metadata", metadata_of(at), "data", "release", packed.ptr);
}

static bool answer_record(const struct kube_request *request, const char *number, json_t **out)
{
	size_t at = (size_t)strtoul(number, NULL, 10) - 1;
	if (strcmp(request->method, "PUT") == 0) {
		const json_t *labels = json_object_get(json_object_get(request->body, "metadata"), "labels");
		world.puts++;
		world.records[at].status = release_status_of(kube_json_text(labels, "status"));
		world.records[at].hash[0] = world.records[at].action[0] = '\0';
		return true;
	}
	world.gets++;
	*out = whole(at);
	return true;
}

bool kube_call(struct kube_client *client, const struct kube_request *request, json_t **out, struct fail *fail)
{
	const char *number = strstr(request->path, "/sh.helm.release.v1.web.v");
	(void)client;
	if (world.unreachable.code != FAIL_NONE) {
		*fail = world.unreachable;
		return false;
	}
	if (number != NULL)
		return answer_record(request, number + strlen("/sh.helm.release.v1.web.v"), out);
	if (strstr(request->path, "labelSelector=owner") == NULL) {
		world.others++;
		return fail_set(fail, FAIL_NOT_FOUND, "not there");
	}
	world.lists++;
	*out = list_all();
	return true;
}

const char *kube_client_url(const struct kube_client *client)
{
	(void)client;
	return "https://cluster";
}

const char *kube_client_namespace(const struct kube_client *client)
{
	(void)client;
	return "apps";
}

struct kube_stream *kube_stream_open(struct kube_client *client, const char *path, int64_t silence_ms,
				     const struct kube_stream_callbacks *callbacks, void *ctx)
{
	(void)client, (void)path, (void)silence_ms;
	world.watches++;
	world.stream = *callbacks;
	world.stream_ctx = ctx;
	if (world.may_watch)
		callbacks->opened(ctx);
	else
		callbacks->end(ctx, &(struct fail){.code = FAIL_DENIED});
	world.is_open = world.may_watch;
	return NULL;
}

void kube_stream_close(struct kube_stream *stream)
{
	(void)stream;
	world.is_open = false;
}

uint64_t follow_seed(void)
{
	return 7;
}

static void say_changed(void)
{
	if (world.is_open)
		world.stream.line(world.stream_ctx, SPAN("{\"type\":\"MODIFIED\",\"object\":{}}"));
}

/* --- the way there, Secrets ------------------------------------------------------------------------------------------------------- */

static int workload_mark;

bool handler_way_in(const struct handler_call *call, const char *own, struct workload **out, struct handler_outcome *outcome)
{
	(void)call;
	if (world.way_fault.code != FAIL_NONE) {
		outcome_condition(outcome, own, false, "MissingSecret", "%s", world.way_fault.text);
		outcome_condition(outcome, "Ready", false, "MissingSecret", "%s", world.way_fault.text);
		return false;
	}
	*out = (struct workload *)&workload_mark;
	return true;
}

struct kube_client *workload_client(struct workload *workload)
{
	return (struct kube_client *)workload;
}

void workload_put(struct workload *workload)
{
	(void)workload;
}

const char *workload_server(const struct workload *workload)
{
	(void)workload;
	return "https://cluster";
}

int64_t workload_expires_s(const struct workload *workload)
{
	(void)workload;
	return world.expires_s;
}

bool workload_kubeconfig(const struct workload *workload, struct span ns, struct arena *arena, struct span *out, struct fail *fail)
{
	(void)workload, (void)ns, (void)arena, (void)fail;
	*out = SPAN("{}");
	return true;
}

bool secret_store_read(struct secret_store *store, struct span ns, struct span name, int64_t deadline_ms, struct arena *arena,
		       struct stored_secret *out, struct fail *fail)
{
	(void)store, (void)ns, (void)name, (void)deadline_ms, (void)arena;
	if (world.secret_values == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "there is none");
	*out = (struct stored_secret){0};
	return true;
}

bool secret_store_seen(struct secret_store *store, struct span ns, struct span name, struct arena *arena, struct span *out_version)
{
	(void)store, (void)ns, (void)name, (void)arena;
	*out_version = SPAN("1");
	return true;
}

void stored_secret_drop(struct stored_secret *secret)
{
	(void)secret;
}

struct span stored_secret_value(const struct stored_secret *secret, struct span key)
{
	(void)secret;
	return span_is(key, "values.yaml") ? span_of(world.secret_values) : (struct span){0};
}

void handler_wake(struct handler_waker *waker)
{
	(void)waker;
	world.wakes++;
}

struct handler_waker *handler_waker_use(struct handler_waker *waker)
{
	return waker;
}

void handler_waker_drop(struct handler_waker *waker)
{
	(void)waker;
}

#endif
