/* Our statuses beside those that the Go operator wrote in the same situations: tests/golden/conditions/CASE/recorded.json has
 * its status before and after, expected.json what ours becomes from the same state before. Every field and condition that
 * both have is the same, but for the differences listed here, which are meant. */
#include <stdio.h>
#include <stdlib.h>

#include "agent/report/conditions.h"
#include "base/cleanup.h"
#include "base/timestamp.h"
#include "crds/kinds.h"
#include "tests/unit/golden.h"
#include "tests/unit/status_judge.h"
#include "tests/unit/test.h"

#define ROOT "tests/golden/conditions/"

struct scene {
	const char *name;
	enum status_cluster_stage stage;
	enum unit_phase phase;
	bool is_confirmed, is_final, suspends;
	enum health health;
	const char *message, *code; /* of the unit, of its health */
	size_t control_planes;
	struct diag fault; /* severity DIAG_ERROR is 0: one when it has a message */
	const char *errors; /* what Omni refused */
	bool has_cluster, is_up, is_passing, is_deleting;
	const char *text; /* trouble; cluster that is waited for; connection that is missing */
	const char *kstatus, *argo;
	const char *differs[6]; /* what is not as the operator has it; the reasons stand in docs/conditions.md */
};

#define FAULT(o, p, c, m) {.object = {o, sizeof o - 1}, .path = {p, sizeof p - 1}, .code = c, .message = {m, sizeof m - 1}}
#define SYNCED .stage = STATUS_UNIT, .phase = UNIT_IN_SYNC, .control_planes = 1
#define WORKING SYNCED, .health = HEALTH_NOT_READY, .code = "MachineSetPhase", .kstatus = "InProgress"
#define REFUSED                                                                                                        \
	"[{\"severity\": \"error\", \"file\": \"omni/omniclusters/harbor.json\", \"line\": 1, \"object\": \"OmniCluster/harbor\", "  \
	"\"path\": \"spec.talos.version\", \"code\": \"UnknownTalosVersion\", \"message\": \"Omni knows no Talos 1.99.0\", "           \
	"\"hint\": \"the newest is 1.13.5\"}]"

static const struct scene scenes[] = {
	{"connection-ready", .is_up = true, .kstatus = "Current", .argo = "Healthy"},
	{"connection-secret-missing", .text = "MissingSecret \"late-key\": secrets \"late-key\" not found", .kstatus = "Failed",
	 .argo = "Degraded"},
	{"connection-key-missing", .text = "secret omni/late-key missing key \"serviceAccountKey\"", .kstatus = "Failed",
	 .argo = "Degraded"},
	{"connection-repaired", .is_up = true, .kstatus = "Current", .argo = "Healthy"},
	{"connection-refused", .is_passing = true, .kstatus = "InProgress", .argo = "Progressing",
	 .text = "list Omni clusters: rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while "
		 "dialing: dial tcp 127.0.0.1:9: connect: connection refused\"",
	 .differs = {"Stalled.status"}},
	{"connection-deleting", .is_up = true, .is_deleting = true, .text = "harbor", .kstatus = "Failed", .argo = "Degraded"},
	{"cluster-alone", .stage = STATUS_AT_FAULT, .kstatus = "InProgress", .argo = "Progressing"},
	{"cluster-applied", WORKING, .argo = "Progressing"},
	{"cluster-ready", SYNCED, .is_confirmed = true, .health = HEALTH_READY, .kstatus = "Current", .argo = "Healthy",
	 .differs = {"lastSyncTime", "lastSyncOutput"}},
	{"cluster-patched", WORKING, .argo = "Progressing"},
	{"cluster-patched-ready", SYNCED, .is_confirmed = true, .health = HEALTH_READY, .kstatus = "Current", .argo = "Healthy",
	 .differs = {"lastSyncTime", "lastSyncOutput"}},
	{"cluster-scaled-down", WORKING, .argo = "Progressing"},
	{"cluster-two-control-planes", .stage = STATUS_AT_FAULT, .control_planes = 2, .kstatus = "Failed", .argo = "Degraded",
	 .differs = {"Synced"}},
	{"cluster-manifest-twice", .stage = STATUS_AT_FAULT, .control_planes = 1, .kstatus = "Failed", .argo = "Degraded",
	 .fault = FAULT("OmniCluster/harbor", "spec.kubernetes.manifests[1].name", "DuplicateManifest", "the name \"a\" is used twice"),
	 .differs = {"Synced", "Validated.message", "Ready.message"}},
	{"cluster-reserved-name", .stage = STATUS_AT_FAULT, .control_planes = 1, .kstatus = "Failed", .argo = "Degraded",
	 .fault = FAULT("OmniWorkers/harbor-deck", "spec.workerSetName", "ReservedName", "workerSetName is reserved by Omni"),
	 .differs = {"Synced", "Validated.message", "Ready.message"}},
	{"cluster-bad-patch", .stage = STATUS_AT_FAULT, .control_planes = 1, .kstatus = "Failed", .argo = "Degraded",
	 .fault = FAULT("OmniCluster/harbor", "spec.patches[0].inline.machine.sysctlz", "UnknownField",
			"unknown field \"sysctlz\"\nof a machine configuration"),
	 .differs = {"Synced", "Validated.message", "Ready.message"}},
	{"cluster-refused", .stage = STATUS_UNIT, .phase = UNIT_FAILED, .is_final = true, .control_planes = 1, .errors = REFUSED,
	 .message = "InvalidArgument: spec.talos.version", .kstatus = "Failed", .argo = "Degraded",
	 .differs = {"Synced.message", "Ready.message", "lastSyncOutput"}},
	{"cluster-suspended", .stage = STATUS_UNIT, .phase = UNIT_SUSPENDED, .suspends = true, .control_planes = 1,
	 .message = "suspended by the declaration", .kstatus = "Current", .argo = "Suspended", .differs = {"Ready", "Validated"}},
	{"cluster-resumed", WORKING, .argo = "Progressing"},
	{"cluster-drift-healed", WORKING, .argo = "Progressing"},
	{"cluster-connection-missing", .stage = STATUS_NO_CONNECTION, .text = "nobody2", .control_planes = 1,
	 .kstatus = "InProgress", .argo = "Progressing"},
	{"cluster-key-broken", .stage = STATUS_UNIT, .phase = UNIT_FAILED, .is_final = true, .control_planes = 1,
	 .message = "error syncing template: failed to decode service account key from options: invalid character 'o' in literal "
		    "null (expecting 'u')",
	 .kstatus = "Failed", .argo = "Degraded"},
	{"cluster-key-repaired", SYNCED, .is_confirmed = true, .health = HEALTH_READY, .kstatus = "Current", .argo = "Healthy"},
	{"cluster-workers-gone", SYNCED, .is_confirmed = true, .health = HEALTH_READY, .kstatus = "Current", .argo = "Healthy"},
	{"part-control-plane", .has_cluster = true, .kstatus = "Current", .argo = "Healthy"},
	{"part-workers", .has_cluster = true, .kstatus = "Current", .argo = "Healthy"},
	{"part-machine", .has_cluster = true, .kstatus = "Current", .argo = "Healthy"},
	{"part-without-cluster", .kstatus = "InProgress", .argo = "Progressing"},
	{"part-attached-again", .has_cluster = true, .kstatus = "Current", .argo = "Healthy"},
};

/* --- facts from a recording ----------------------------------------------------------------------------------------- */

struct bench {
	const struct scene *scene;
	json_t *recorded;
	const json_t *before, *after;
	const struct kind *kind;
	struct status_object object;
	struct unit_report unit;
	struct diag fault;
	const struct diag *faults[1];
	struct span names[4];
};

static struct span text_of(const json_t *object, const char *name)
{
	return span_of(member_of(object, name));
}

static int64_t time_of(const json_t *object, const char *name)
{
	int64_t ms;
	return timestamp_parse(text_of(object, name), &ms) ? ms : 0;
}

static struct bench *setup(const struct scene *scene)
{
	char path[256];
	json_error_t error;
	struct bench *bench = test_calloc(1, sizeof *bench);
	snprintf(path, sizeof path, ROOT "%s/recorded.json", scene->name);
	bench->scene = scene;
	bench->recorded = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	if (bench->recorded == NULL)
		fail_msg("%s: %s", path, error.text);
	bench->before = json_object_get(bench->recorded, "before");
	bench->after = json_object_get(bench->recorded, "after");
	bench->kind = kind_find(text_of(bench->recorded, "kind"));
	bench->object = (struct status_object){.ns = text_of(bench->recorded, "namespace"),
					       .name = text_of(bench->recorded, "name"),
					       .generation = json_integer_value(json_object_get(bench->recorded, "generation")),
					       .observed = bench->before,
					       .now_s = time_of(bench->recorded, "now") / 1000};
	bench->fault = scene->fault;
	bench->faults[0] = &bench->fault;
	return bench;
}

static void teardown(struct bench *bench)
{
	json_decref(bench->recorded);
	test_free(bench);
}

static void copy(char *out, size_t size, struct span text)
{
	snprintf(out, size, "%.*s", SPAN_ARG(text));
}

static void fill_unit(struct bench *bench)
{
	const struct scene *scene = bench->scene;
	struct unit_state *state = &bench->unit.state;
	struct unit_texts *texts = &bench->unit.texts;
	state->phase = scene->phase;
	state->is_declared = true;
	state->is_confirmed = scene->is_confirmed;
	state->is_final = scene->is_final;
	state->changed_wall_ms = time_of(bench->after, "lastAttemptTime");
	state->applied_wall_ms = json_object_get(bench->after, "lastSyncOutput") == NULL || scene->phase != UNIT_IN_SYNC
				       ? 0 : time_of(bench->after, "lastSyncTime");
	copy(texts->message, sizeof texts->message, span_of(scene->message == NULL ? "" : scene->message));
	copy(state->template_hash, sizeof state->template_hash, text_of(bench->after, "templateHash"));
	copy(state->applied_hash, sizeof state->applied_hash, text_of(bench->after, "templateHash"));
	if (state->applied_wall_ms != 0)
		copy(texts->applied_output, sizeof texts->applied_output, text_of(bench->after, "lastSyncOutput"));
	copy(texts->applied_revision, sizeof texts->applied_revision, SPAN("kubernetes@4711"));
	bench->unit.errors = (char *)scene->errors;
	if (scene->health == HEALTH_UNKNOWN)
		return;
	state->omni = (struct unit_health){.health = scene->health, .machines_wanted = 5, .machines = 5, .machines_connected = 5,
					   .machines_healthy = scene->health == HEALTH_READY ? 5 : 4, .sets = 2, .sets_ready = 1};
	copy(state->omni.phase, sizeof state->omni.phase, SPAN("RUNNING"));
	if (scene->health == HEALTH_READY)
		return;
	copy(state->omni.code, sizeof state->omni.code, span_of(scene->code));
	copy(state->omni.reason, sizeof state->omni.reason, SPAN("harbor-deck is being reconfigured"));
}

static json_t *cluster_status(struct bench *bench)
{
	const struct scene *scene = bench->scene;
	const json_t *machine = json_array_get(json_object_get(bench->after, "machineRefs"), 0);
	const json_t *workers = json_array_get(json_object_get(bench->after, "workersRefs"), 0);
	struct span connection = scene->text == NULL ? text_of(bench->after, "connectionRef") : span_of(scene->text);
	fill_unit(bench);
	bench->names[0] = span_of(json_string_value(workers));
	bench->names[1] = span_of(json_string_value(machine));
	struct status_cluster facts = {
		.object = bench->object,
		.stage = scene->stage,
		.unit = scene->stage == STATUS_UNIT ? &bench->unit : NULL,
		.cluster = text_of(bench->after, "clusterName"),
		.connection = connection,
		.endpoint = text_of(bench->after, "endpoint"),
		.template_hash = text_of(bench->after, "templateHash"),
		.control_plane = scene->stage == STATUS_UNIT ? text_of(bench->after, "controlPlaneRef") : SPAN(""),
		.workers = &bench->names[0], .worker_count = workers != NULL,
		.machines = &bench->names[1], .machine_count = machine != NULL,
		.control_planes = scene->control_planes,
		.diags = bench->faults, .diag_count = scene->fault.message.len > 0,
		.suspends = scene->suspends,
	};
	return status_of_cluster(&facts);
}

static json_t *part_status(struct bench *bench)
{
	const char *name = json_object_get(bench->after, "machineID") != NULL ? "machineID" : "workerSetName";
	struct status_part facts = {.object = bench->object, .kind = bench->kind->name,
				    .cluster_ref = text_of(bench->after, "clusterRef"),
				    .effective_name = text_of(bench->after, name), .has_cluster = bench->scene->has_cluster};
	return status_of_part(&facts);
}

static json_t *connection_status(struct bench *bench)
{
	const struct scene *scene = bench->scene;
	bench->names[0] = span_of(scene->text);
	struct status_connection facts = {.object = bench->object, .endpoint = text_of(bench->after, "endpoint"),
					  .url = text_of(bench->after, "endpoint"), .is_tried = true, .is_up = scene->is_up,
					  .is_passing = scene->is_passing, .is_deleting = scene->is_deleting,
					  .waits_for = bench->names, .waits_for_count = scene->is_deleting ? 1 : 0};
	if (!scene->is_up)
		facts.trouble = span_of(scene->text);
	else
		facts.version = SPAN("v1.9.3"), facts.identity = SPAN("omniops@serviceaccount.omni"), facts.key_expires_s = 1826810335;
	return status_of_connection(&facts);
}

static json_t *status_of_scene(struct bench *bench)
{
	return bench->kind == &KIND_CLUSTER ? cluster_status(bench)
	     : bench->kind == &KIND_CONNECTION ? connection_status(bench) : part_status(bench);
}

/* --- beside the operator -------------------------------------------------------------------------------------------- */

static bool is_meant(const struct scene *scene, const char *what)
{
	char type[64];
	snprintf(type, sizeof type, "%.*s", (int)strcspn(what, "."), what);
	for (size_t i = 0; i < COUNT_OF(scene->differs) && scene->differs[i] != NULL; i++)
		if (strcmp(scene->differs[i], what) == 0 || strcmp(scene->differs[i], type) == 0)
			return true;
	return false;
}

/* Ours may say more behind what the operator says. */
static bool says_the_same(const char *name, const json_t *theirs, const json_t *ours)
{
	if (strcmp(name, "message") != 0)
		return json_equal(theirs, ours);
	struct span text = span_trim(span_of(json_string_value(theirs)));
	return ours != NULL && strncmp(json_string_value(ours), text.ptr, text.len) == 0;
}

struct differences {
	size_t count;
	char list[8][64];
};

static void compare(struct differences *found, const char *prefix, const json_t *theirs, const json_t *ours)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)theirs, name, value) {
		if (strcmp(name, "conditions") == 0 || says_the_same(name, value, json_object_get(ours, name)))
			continue;
		assert_true(found->count < COUNT_OF(found->list));
		snprintf(found->list[found->count++], sizeof *found->list, "%s%s", prefix, name);
	}
}

/* What only ours has is an extension by the tables; the operator never filled lastStatusOutput. */
static void find_more(struct differences *found, const struct bench *bench, const json_t *status)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)status, name, value) {
		const struct field *field = schema_field(bench->kind->status, span_of(name));
		if (json_object_get(bench->after, name) == NULL && (field == NULL || (field->flags & FIELD_OURS) == 0) &&
		    strcmp(name, "lastStatusOutput") != 0)
			snprintf(found->list[found->count++], sizeof *found->list, "%s", name);
	}
}

static void every_meant_difference_is_there(const struct scene *scene, const struct differences *found)
{
	for (size_t i = 0; i < COUNT_OF(scene->differs) && scene->differs[i] != NULL; i++) {
		bool is_there = false;
		for (size_t j = 0; j < found->count; j++)
			is_there |= strncmp(found->list[j], scene->differs[i], strlen(scene->differs[i])) == 0;
		if (!is_there)
			fail_msg("%s: %s does not differ", scene->name, scene->differs[i]);
	}
}

static void is_as_the_operator_has_it(struct bench *bench, const json_t *status)
{
	const struct scene *scene = bench->scene;
	struct differences found = {0};
	size_t i;
	const json_t *theirs;
	compare(&found, "", bench->after, status);
	find_more(&found, bench, status);
	json_array_foreach(json_object_get(bench->after, "conditions"), i, theirs) {
		char prefix[64];
		snprintf(prefix, sizeof prefix, "%s.", member_of(theirs, "type"));
		compare(&found, prefix, theirs, condition_of(status, member_of(theirs, "type")));
	}
	for (size_t j = 0; j < found.count; j++)
		if (!is_meant(scene, found.list[j]))
			fail_msg("%s: %s is not as the operator has it: %s", scene->name, found.list[j],
				 json_dumps(status, JSON_INDENT(2)));
	every_meant_difference_is_there(scene, &found);
}

/* Conditions of ours are those of kstatus, and what docs/conditions.md names. */
static void has_no_strange_condition(const struct bench *bench, const json_t *status)
{
	static const char *const conditions[] = {"Reconciling", "Stalled", "Suspended", "Validated", "KeyExpiring"};
	for (size_t i = 0; i < json_array_size(json_object_get(status, "conditions")); i++) {
		const char *type = member_of(json_array_get(json_object_get(status, "conditions"), i), "type");
		bool is_known = condition_of(bench->after, type) != NULL;
		for (size_t j = 0; j < COUNT_OF(conditions); j++)
			is_known |= strcmp(type, conditions[j]) == 0;
		if (!is_known)
			fail_msg("%s: nobody knows %s", bench->scene->name, type);
	}
}

static void is_stable(struct bench *bench, const json_t *status)
{
	bench->object.observed = status;
	bench->object.now_s += 1000;
	json_t *again = status_of_scene(bench);
	if (!json_equal(status, again))
		fail_msg("%s: is written again: %s", bench->scene->name, json_dumps(again, JSON_INDENT(2)));
	json_decref(again);
}

static void recorded_situations(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(scenes); i++) {
		struct bench *bench = setup(&scenes[i]);
		char folder[256];
		json_t *status = status_of_scene(bench);
		struct text text;
		char *dump = json_dumps(status, JSON_INDENT(2));
		text_init(&text, TEXT_NO_LIMIT);
		text_addf(&text, "%s\n", dump);
		snprintf(folder, sizeof folder, ROOT "%s", scenes[i].name);
		golden_compare(folder, "expected.json", text_span(&text));
		is_as_the_operator_has_it(bench, status);
		has_no_strange_condition(bench, status);
		status_validate(bench->kind, status);
		assert_string_equal(status_kstatus(status, bench->object.generation), scenes[i].kstatus);
		assert_string_equal(status_argo(status, bench->object.generation, scenes[i].suspends), scenes[i].argo);
		is_stable(bench, status);
		text_done(&text);
		free(dump);
		json_decref(status);
		teardown(bench);
	}
}

static void every_recording_has_a_scene(void **state)
{
	struct arena arena;
	char **names;
	(void)state;
	arena_init(&arena, ARENA_NO_LIMIT);
	assert_int_equal(golden_cases(&arena, ROOT, &names), COUNT_OF(scenes));
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_situations),
		cmocka_unit_test(every_recording_has_a_scene),
	};
	return RUN_TESTS(tests);
}
