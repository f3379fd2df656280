/* The way into the cluster, and what the records there say. With a quiet watch nothing is asked at all. */
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/helm_release_int.h"
#include "agent/handlers/marks.h"
#include "agent/helm/version.h"
#include "base/clock.h"
#include "base/digest.h"

enum { WATCH_PAUSE_MS = 30 * 1000 }; /* between two watches, where servers end them at once */

/* --- the way in ------------------------------------------------------------------------------------------------------------- */

static void on_change(void *waker)
{
	handler_wake(waker);
}

static void let_go(struct release_memory *memory)
{
	record_watch_free(memory->watch);
	memory->watch = NULL;
	memory->watched_ms = 0;
	workload_put(memory->workload);
	memory->workload = NULL;
	free(memory->known);
	memory->known = NULL;
}

/* A digest of its Secret as the watch on it has it; 0: only reading tells. */
static uint64_t digest_way(struct release_look *look)
{
	const struct handler_call *call = look->call;
	struct span name = spec_text(call->object, "kubeconfigSecretRef.name"), key = spec_text(call->object, "kubeconfigSecretRef.key");
	struct span version;
	outcome_watch(look->out, call->object->ns, name);
	if (!secret_store_seen(call->env->secrets, call->object->ns, name, look->arena, &version) || version.len == 0)
		return 0;
	return digest_local(arena_spanf(look->arena, "%.*s/%.*s/%.*s", SPAN_ARG(name), SPAN_ARG(key), SPAN_ARG(version)));
}

bool release_way_in(struct release_look *look)
{
	struct release_memory *memory = look->memory;
	struct workload *workload;
	uint64_t inputs = digest_way(look);
	bool is_known = memory->workload != NULL && inputs != 0 && inputs == memory->workload_inputs;
	if (!is_known) {
		if (!handler_way_in(look->call, "Released", &workload, look->out)) {
			let_go(memory);
			return false;
		}
		if (memory->workload != NULL && workload == memory->workload) {
			workload_put(workload); /* one use is enough */
		} else {
			let_go(memory);
			memory->workload = workload;
		}
		memory->workload_inputs = inputs;
	}
	look->client = workload_client(memory->workload);
	return true;
}

/* --- records ---------------------------------------------------------------------------------------------------------------- */

static void watch_from(struct release_look *look)
{
	struct release_memory *memory = look->memory;
	int64_t now_ms = clock_monotonic_ms();
	if (memory->watch != NULL && !record_watch_has_ended(memory->watch))
		return;
	if (memory->watched_ms != 0 && now_ms - memory->watched_ms < WATCH_PAUSE_MS) {
		if (look->out->again_ms == 0 || look->out->again_ms > WATCH_PAUSE_MS)
			look->out->again_ms = WATCH_PAUSE_MS;
		return;
	}
	record_watch_free(memory->watch);
	memory->watched_ms = now_ms;
	memory->watch = record_watch_new(look->client, records_path(look->arena, look->spec.ns, look->spec.release),
					 look->records.resource_version, on_change, memory->waker);
}

bool release_list(struct release_look *look, bool must_ask, struct fail *fail)
{
	struct release_memory *memory = look->memory;
	bool was_quiet = record_watch_was_quiet(memory->watch);
	look->has_latest = false;
	look->damage = NULL;
	if (was_quiet && memory->known != NULL && !must_ask) {
		look->records = *memory->known;
		return true;
	}
	int64_t deadline_ms = clock_monotonic_ms() + RELEASE_CALL_MS;
	if (!records_list(look->client, look->spec.ns, look->spec.release, deadline_ms, look->arena, &look->records, fail))
		return false;
	free(memory->known);
	memory->known = records_copy(&look->records);
	watch_from(look);
	return true;
}

bool release_read_latest(struct release_look *look, struct fail *fail)
{
	const struct record_head *head = records_latest(&look->records);
	struct fail why = {0};
	if (look->has_latest || look->damage != NULL || head == NULL)
		return true;
	int64_t deadline_ms = clock_monotonic_ms() + RELEASE_CALL_MS;
	look->has_latest = record_get(look->client, look->spec.ns, head->secret, deadline_ms, look->arena, &look->latest, &why);
	if (look->has_latest)
		return true;
	if (why.code != FAIL_INVALID && why.code != FAIL_TOO_BIG) {
		*fail = why;
		return false;
	}
	look->damage = arena_spanf(look->arena, "%s", why.text).ptr;
	return true;
}

static bool is_version(const struct release_look *look)
{
	struct span have = look->latest.chart_version, want = look->has_chart || look->resolved.len > 0 ? look->resolved : look->spec.version;
	struct version_range range;
	return version_equal(want, have) ||
	       (!version_is_exact(want) && version_range_parse(want, &range, NULL) && version_range_has(&range, have));
}

/* The chart's own name; of a chart that could not be found, the last part of what is declared. */
static bool is_chart(const struct release_look *look)
{
	struct span name = look->spec.chart, part;
	if (look->has_chart)
		return span_eq(look->chart.name, look->latest.chart_name);
	for (struct span rest = name; span_next(&rest, '/', &part);)
		name = part;
	return span_eq(span_before(span_before(name, '@'), ':'), look->latest.chart_name);
}

static bool is_same_content(struct release_look *look)
{
	return look->has_latest && look->latest.status == RELEASE_DEPLOYED && is_chart(look) && is_version(look) &&
	       values_equal(look->values, look->latest.config);
}

bool release_is_same(struct release_look *look, bool *out, struct fail *fail)
{
	struct release_memory *memory = look->memory;
	const struct record_head *head = records_latest(&look->records);
	*out = false;
	if (head == NULL || head->status != RELEASE_DEPLOYED)
		return true;
	if (look->hash.len > 0 && span_eq(head->hash, look->hash))
		return *out = true;
	if (look->hash.len > 0 && head->revision == memory->same_revision && span_is(look->hash, memory->same_hash))
		return *out = true;
	if (head->hash.len > 0 && look->hash.len > 0)
		return true; /* made by an agent, of something else */
	if (!release_need_inputs(look) || !release_read_latest(look, fail))
		return false;
	*out = is_same_content(look);
	if (*out && look->hash.len > 0) {
		memory->same_revision = head->revision;
		memcpy(memory->same_hash, memory->hash, sizeof memory->same_hash);
	}
	return true;
}
