/* Objects of a release that are not what it says any more, or not where it says. */
#include <stdlib.h>
#include <string.h>

#include "agent/handlers/helm_release_int.h"
#include "agent/helm/drift.h"
#include "base/cleanup.h"
#include "base/clock.h"

enum { DRIFT_EVERY_MS = 10 * 60 * 1000, DRIFT_DEADLINE_MS = 120 * 1000 };

static struct drift_request request_of(const struct release_look *look)
{
	return (struct drift_request){.client = look->client, .release = look->spec.release, .ns = look->spec.ns,
				      .manifest = look->latest.manifest, .deadline_ms = clock_monotonic_ms() + DRIFT_DEADLINE_MS};
}

static void set_text(char **place, const char *text)
{
	free(*place);
	*place = text == NULL || *text == '\0' ? NULL : strdup(text);
}

static void set_found(struct release_memory *memory, const char *text)
{
	set_text(&memory->drift, text);
	set_text(&memory->drift_trouble, NULL);
}

static void take(struct release_look *look, const struct drift_result *found)
{
	struct release_memory *memory = look->memory;
	bool was_told = memory->drift != NULL && strcmp(memory->drift, found->text.ptr) == 0;
	if (found->missing + found->changed == 0) {
		memory->drift_generations = found->state;
		set_found(memory, NULL);
		return;
	}
	memory->drift_generations = 0;
	set_found(memory, found->text.ptr);
	if (!was_told)
		outcome_event(look->out, "Warning", "Drifted", "DetectDrift", "Helm release \"%.*s\" has drifted: %s", SPAN_ARG(look->spec.release),
			      found->text.ptr);
}

/* In time, or when the revision is another one. */
static bool is_due(struct release_look *look, int64_t revision)
{
	struct release_memory *memory = look->memory;
	int64_t now_ms = clock_monotonic_ms(), left_ms = memory->drift_checked_ms + DRIFT_EVERY_MS - now_ms;
	bool is_now = memory->drift_checked_ms == 0 || left_ms <= 0 || revision != memory->drift_revision || look->is_asked_for;
	if (is_now)
		left_ms = DRIFT_EVERY_MS;
	if (look->out->again_ms == 0 || look->out->again_ms > left_ms)
		look->out->again_ms = left_ms;
	return is_now;
}

void release_check_drift(struct release_look *look)
{
	struct release_memory *memory = look->memory;
	const struct record_head *latest = records_latest(&look->records);
	struct drift_result found = {0};
	struct fail fail = {0};
	if (look->spec.drift == DRIFT_OFF) {
		set_found(memory, NULL);
		return;
	}
	if (!is_due(look, latest->revision) || !release_read_latest(look, &fail) || !look->has_latest)
		return;
	struct drift_request request = request_of(look);
	request.known = latest->revision == memory->drift_revision ? memory->drift_generations : 0;
	memory->drift_checked_ms = clock_monotonic_ms();
	memory->drift_revision = latest->revision;
	if (drift_find(&request, look->arena, &found, &fail)) {
		take(look, &found);
		text_done(&found.text);
		return;
	}
	set_text(&memory->drift_trouble, arena_spanf(look->arena, "drift cannot be looked for: %.500s", fail.text).ptr);
}

bool release_check_places(struct release_look *look)
{
	const struct record_head *latest = records_latest(&look->records);
	struct span elsewhere = span_of(kube_client_namespace(look->client)), found = {0};
	struct fail fail = {0};
	elsewhere = elsewhere.len > 0 ? elsewhere : SPAN("default");
	if (latest == NULL || latest->instance.len > 0 || span_eq(elsewhere, look->spec.ns))
		return true;
	if (!release_read_latest(look, &fail)) {
		release_tell_fault(look, "", &fail);
		return false;
	}
	struct drift_request request = request_of(look);
	if (!look->has_latest || !drift_misplaced(&request, elsewhere, look->arena, &found, &fail)) {
		if (fail.code != FAIL_NONE)
			release_tell_fault(look, "where the release's objects are cannot be found out: ", &fail);
		return fail.code == FAIL_NONE;
	}
	if (found.len == 0)
		return true;
	release_tell(look, false, "ObjectsMisplaced",
		     "%.*s of the release is in the namespace \"%.*s\", which its kubeconfig names, and not in \"%.*s\", where the release is: "
		     "an upgrade would make a second one. Move the objects, or uninstall the release and let it be installed again",
		     SPAN_ARG(found), SPAN_ARG(elsewhere), SPAN_ARG(look->spec.ns));
	return false;
}
