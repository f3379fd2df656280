/* The way of a Lease: read, judge (lease_rules.c), write, wait. All of it runs on the client's thread, one request at a time;
 * `lock` guards what other threads look at. */
#include "agent/kube/lease.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/lease_rules.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/timestamp.h"

#define ANNOTATION_WANTED "omni.texashpc.com/wanted-by"

struct lease {
	struct kube_client *client;
	struct lease_options options;
	struct lease_times times;
	char *collection, *path, *ns, *name, *identity;
	int64_t begin_ms;
	_Atomic int64_t until_ms;
	/* client's thread */
	struct lease_view view;
	int64_t next_ms;      /* when to look; INT64_MAX: a request is under way */
	int64_t sent_ms;      /* when that began */
	int64_t yield_ms;     /* until then what was promised to ourselves holds; 0: not giving it away */
	bool was_held;
	enum fail_code told;
	pthread_mutex_t lock;
	json_t *record; /* as last seen; NULL: there is none */
	char holder[LEASE_NAME_MAX];
	bool is_stopped;
};

static void look(void *ctx);

static void look_at(struct lease *lease, int64_t at_ms)
{
	int64_t now_ms = clock_monotonic_ms();
	lease->next_ms = at_ms;
	kube_post(lease->client, at_ms > now_ms ? at_ms - now_ms : 0, look, lease);
}

/* --- the record ----------------------------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *member, const char *name)
{
	const char *text = json_string_value(json_object_get(json_object_get(object, member), name));
	return text == NULL ? "" : text;
}

static const char *wanted_by(const json_t *record)
{
	const char *text = json_string_value(json_object_get(json_object_get(json_object_get(record, "metadata"), "annotations"), ANNOTATION_WANTED));
	return text == NULL ? "" : text;
}

/* What changed counts from now: clocks of others are not trusted. */
static void take_record(struct lease *lease, json_t *record)
{
	struct lease_view *view = &lease->view;
	const char *version = text_of(record, "metadata", "resourceVersion");
	int64_t duration_s = (int64_t)json_integer_value(json_object_get(json_object_get(record, "spec"), "leaseDurationSeconds"));
	if (!view->exists || strcmp(view->version, version) != 0)
		view->seen_ms = clock_monotonic_ms();
	view->exists = record != NULL;
	view->duration_ms = duration_s > 0 ? duration_s * 1000 : lease->times.duration_ms;
	snprintf(view->version, sizeof view->version, "%s", version);
	snprintf(view->holder, sizeof view->holder, "%s", text_of(record, "spec", "holderIdentity"));
	snprintf(view->wanted_by, sizeof view->wanted_by, "%s", wanted_by(record));
	pthread_mutex_lock(&lease->lock);
	json_decref(lease->record);
	lease->record = record == NULL ? NULL : json_deep_copy(record);
	snprintf(lease->holder, sizeof lease->holder, "%s", view->holder);
	pthread_mutex_unlock(&lease->lock);
}

static json_t *micro_time(void)
{
	char text[TIMESTAMP_SIZE];
	timestamp_format(clock_wall_ms(), TIMESTAMP_MICROSECONDS, text);
	return json_string(text);
}

/* What others wrote into the record stays; the whole of it is written with the version that was seen. */
static json_t *record_for(struct lease *lease, const char *holder)
{
	pthread_mutex_lock(&lease->lock);
	json_t *record = lease->record == NULL ? json_pack("{s:s,s:s,s:{s:s,s:s}}", "apiVersion", "coordination.k8s.io/v1", "kind", "Lease",
							   "metadata", "name", lease->name, "namespace", lease->ns)
					       : json_deep_copy(lease->record);
	pthread_mutex_unlock(&lease->lock);
	json_t *spec = json_object_get(record, "spec"), *metadata = json_object_get(record, "metadata");
	bool is_new_holder = strcmp(text_of(record, "spec", "holderIdentity"), lease->identity) != 0 && *holder != '\0';
	if (spec == NULL)
		json_object_set_new(record, "spec", spec = json_object());
	json_int_t changes = json_integer_value(json_object_get(spec, "leaseTransitions"));
	json_object_set_new(spec, "holderIdentity", json_string(holder));
	json_object_set_new(spec, "leaseDurationSeconds", json_integer(*holder == '\0' ? 1 : lease->times.duration_ms / 1000));
	json_object_set_new(spec, "renewTime", micro_time());
	json_object_set_new(spec, "leaseTransitions", json_integer(changes + (is_new_holder && lease->view.exists)));
	if (is_new_holder)
		json_object_set_new(spec, "acquireTime", micro_time());
	if (is_new_holder || *holder == '\0')
		json_object_del(json_object_get(metadata, "annotations"), ANNOTATION_WANTED);
	json_object_del(metadata, "managedFields");
	return record;
}

/* --- holding it ----------------------------------------------------------------------------------------------------- */

static void tell(struct lease *lease)
{
	bool is_held = lease_until_ms(lease) > clock_monotonic_ms();
	if (is_held != lease->was_held && lease->options.log != NULL)
		log_info(lease->options.log, "lease", is_held ? "taken: this replica acts" : "not held any more: this replica only watches",
			 log_string("lease", lease->name), log_string("holder", lease->view.holder));
	bool is_news = is_held != lease->was_held;
	lease->was_held = is_held;
	if (is_news)
		lease->options.changed(lease->options.ctx);
}

/* Not renewed in time: told when it ends, not when somebody asks. */
static void on_end(void *ctx)
{
	tell(ctx);
}

static void hold(struct lease *lease)
{
	int64_t until_ms = lease->sent_ms + lease->times.renew_ms;
	pthread_mutex_lock(&lease->lock);
	bool may_hold = !lease->is_stopped && lease->yield_ms == 0;
	if (may_hold)
		atomic_store(&lease->until_ms, until_ms);
	pthread_mutex_unlock(&lease->lock);
	if (may_hold)
		kube_post(lease->client, until_ms - clock_monotonic_ms() + 1, on_end, lease);
}

/* What was begun under it may go on until the time that it was good for; only then it is given away. */
static void begin_yield(struct lease *lease)
{
	lease->yield_ms = atomic_exchange(&lease->until_ms, 0);
	if (lease->yield_ms < clock_monotonic_ms())
		lease->yield_ms = clock_monotonic_ms();
	look_at(lease, lease->yield_ms + 1);
}

/* --- requests ------------------------------------------------------------------------------------------------------- */

static void trouble(struct lease *lease, const struct fail *fail)
{
	if (fail->code != lease->told && fail->code != FAIL_CANCELLED && lease->options.log != NULL)
		log_warn(lease->options.log, "lease", "cannot be read or written; tried again", log_string("lease", lease->name),
			 log_fail(fail));
	lease->told = fail->code;
	look_at(lease, clock_monotonic_ms() + lease->times.retry_ms / 2);
}

static void send(struct lease *lease, const char *method, const char *path, json_t *body, const char *type,
		 void (*done)(void *ctx, json_t *answer, const struct fail *fail))
{
	lease->next_ms = INT64_MAX;
	lease->sent_ms = clock_monotonic_ms();
	struct kube_request request = {.method = method, .path = path, .body = body, .content_type = type,
				       .deadline_ms = lease->sent_ms + lease->times.retry_ms, .max_bytes = 1 << 20};
	kube_start(lease->client, &request, done, lease);
	json_decref(body);
}

static void judge(struct lease *lease, bool was_read);

static void on_read(void *ctx, json_t *answer, const struct fail *fail)
{
	struct lease *lease = ctx;
	if (answer == NULL && fail->code != FAIL_NOT_FOUND) {
		trouble(lease, fail);
		return;
	}
	lease->told = FAIL_NONE;
	take_record(lease, answer);
	judge(lease, true);
}

static void read_it(struct lease *lease)
{
	send(lease, "GET", lease->path, NULL, NULL, on_read);
}

/* Somebody was quicker: what it says now counts. */
static void on_written(void *ctx, json_t *answer, const struct fail *fail)
{
	struct lease *lease = ctx;
	if (answer == NULL && (fail->code == FAIL_CONFLICT || fail->code == FAIL_EXISTS || fail->code == FAIL_NOT_FOUND)) {
		lease->view.version[0] = '\0';
		read_it(lease);
		return;
	}
	if (answer == NULL) {
		trouble(lease, fail);
		return;
	}
	lease->told = FAIL_NONE;
	take_record(lease, answer);
	if (strcmp(lease->view.holder, lease->identity) == 0)
		hold(lease);
	else
		lease->yield_ms = 0; /* given away */
	tell(lease);
	look_at(lease, clock_monotonic_ms() + lease->times.retry_ms);
}

static void on_asked(void *ctx, json_t *answer, const struct fail *fail)
{
	struct lease *lease = ctx;
	if (answer == NULL) {
		trouble(lease, fail);
		return;
	}
	take_record(lease, answer);
	look_at(lease, clock_monotonic_ms() + lease->times.retry_ms / 2);
}

static void ask_for_it(struct lease *lease)
{
	json_t *patch = json_pack("{s:{s:s,s:{s:s}}}", "metadata", "resourceVersion", lease->view.version, "annotations", ANNOTATION_WANTED,
				  lease->identity);
	send(lease, "PATCH", lease->path, patch, KUBE_MERGE, on_asked);
}

/* Nothing is taken unread: what we remember may be old. */
static void judge(struct lease *lease, bool was_read)
{
	int64_t again_ms = 0;
	enum lease_step step = lease_next(&lease->view, &lease->times, lease->identity, lease->options.is_preferred, lease->begin_ms,
					  clock_monotonic_ms(), &again_ms);
	if (!was_read && step != LEASE_RENEW && step != LEASE_YIELD)
		read_it(lease);
	else if (step == LEASE_YIELD && lease->yield_ms == 0)
		begin_yield(lease);
	else if (step == LEASE_YIELD)
		send(lease, "PUT", lease->path, record_for(lease, ""), NULL, on_written);
	else if (step == LEASE_RENEW || step == LEASE_TAKE)
		send(lease, "PUT", lease->path, record_for(lease, lease->identity), NULL, on_written);
	else if (step == LEASE_CREATE)
		send(lease, "POST", lease->collection, record_for(lease, lease->identity), NULL, on_written);
	else if (step == LEASE_ASK)
		ask_for_it(lease);
	else
		look_at(lease, again_ms);
	tell(lease);
}

static void look(void *ctx)
{
	struct lease *lease = ctx;
	if (clock_monotonic_ms() < lease->next_ms)
		return; /* it was put off, or a request is under way */
	lease->next_ms = INT64_MAX;
	pthread_mutex_lock(&lease->lock);
	bool is_stopped = lease->is_stopped;
	pthread_mutex_unlock(&lease->lock);
	if (!is_stopped)
		judge(lease, false);
}

/* --- entry ---------------------------------------------------------------------------------------------------------- */

static char *copy(const char *text)
{
	char *copied = strdup(text);
	if (copied == NULL)
		abort();
	return copied;
}

struct lease *lease_new(struct kube_client *client, const struct lease_options *options)
{
	struct lease *lease = calloc(1, sizeof *lease);
	if (lease == NULL)
		abort();
	*lease = (struct lease){.client = client, .options = *options, .times = lease_times_of(options->duration_ms),
				.ns = copy(options->ns), .name = copy(options->name), .identity = copy(options->identity),
				.begin_ms = clock_monotonic_ms()};
	if (asprintf(&lease->collection, "/apis/coordination.k8s.io/v1/namespaces/%s/leases", lease->ns) < 0 ||
	    asprintf(&lease->path, "%s/%s", lease->collection, lease->name) < 0)
		abort();
	pthread_mutex_init(&lease->lock, NULL);
	look_at(lease, lease->begin_ms);
	return lease;
}

int64_t lease_until_ms(const struct lease *lease)
{
	return atomic_load(&lease->until_ms);
}

void lease_holder(struct lease *lease, char *out, size_t size)
{
	pthread_mutex_lock(&lease->lock);
	snprintf(out, size, "%s", lease->holder);
	pthread_mutex_unlock(&lease->lock);
}

void lease_stop(struct lease *lease)
{
	pthread_mutex_lock(&lease->lock);
	lease->is_stopped = true;
	pthread_mutex_unlock(&lease->lock);
}

/* A renewal may just be on its way: the next version is tried then. */
bool lease_release(struct lease *lease, int64_t deadline_ms, struct fail *fail)
{
	enum { TRIES = 3 };
	struct fail local;
	fail = fail == NULL ? &local : fail;
	atomic_store(&lease->until_ms, 0);
	for (int i = 0; i < TRIES; i++) {
		json_t *record = NULL;
		struct kube_request get = {.method = "GET", .path = lease->path, .deadline_ms = deadline_ms, .max_bytes = 1 << 20};
		if (!kube_call(lease->client, &get, &record, fail))
			return fail->code == FAIL_NOT_FOUND;
		bool is_ours = strcmp(text_of(record, "spec", "holderIdentity"), lease->identity) == 0;
		pthread_mutex_lock(&lease->lock);
		json_decref(lease->record);
		lease->record = record;
		pthread_mutex_unlock(&lease->lock);
		if (!is_ours)
			return true;
		struct kube_request put = {.method = "PUT", .path = lease->path, .body = record_for(lease, ""), .deadline_ms = deadline_ms,
					   .max_bytes = 1 << 20};
		bool ok = kube_call(lease->client, &put, NULL, fail);
		json_decref(put.body);
		if (ok || fail->code != FAIL_CONFLICT)
			return ok;
	}
	return false;
}

void lease_free(struct lease *lease)
{
	if (lease == NULL)
		return;
	json_decref(lease->record);
	pthread_mutex_destroy(&lease->lock);
	free(lease->collection);
	free(lease->path);
	free(lease->ns);
	free(lease->name);
	free(lease->identity);
	free(lease);
}
