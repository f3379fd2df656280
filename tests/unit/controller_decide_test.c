/* What has to be done about an object, for every state that it can be in; above all how a deletion ends. */
#include <stdlib.h>
#include <string.h>

#include "agent/controller/step.h"
#include "crds/kinds.h"
#include "tests/unit/test.h"

static const int64_t NOW_MS = 100000;

/* One cluster and what is known of it; tests change it. */
static struct world {
	struct seen seen;
	struct cluster_view view;
	struct controller_cluster declared;
	struct unit_report told;
	struct step step;
	struct facts facts; /* last: its texts are of any size */
} w;

static void set_hash(char out[DIGEST_HEX_SIZE], char c)
{
	memset(out, c, DIGEST_HEX_SIZE - 1);
	out[DIGEST_HEX_SIZE - 1] = '\0';
}

static int start(void **state)
{
	(void)state;
	memset(&w, 0, sizeof w);
	w.seen = (struct seen){.status = json_object(), .annotations = json_object(), .finalizers = json_array(),
			       .uid = SPAN("u"), .version = SPAN("7"), .generation = 3, .has_finalizer = true};
	json_array_append_new(w.seen.finalizers, json_string(KUBE_FINALIZER));
	w.facts.name = SPAN("pier-in-omni");
	w.facts.connection = SPAN("lab");
	w.declared = (struct controller_cluster){.ns = SPAN("edge"), .object = SPAN("pier"), .cluster = SPAN("pier-in-omni"),
						 .control_plane = SPAN("pier-cp"), .generation = 3};
	set_hash(w.declared.template_hash, 'a');
	w.told.state.phase = UNIT_IN_SYNC;
	w.told.state.is_confirmed = w.told.state.is_declared = true;
	w.told.state.omni.health = HEALTH_READY;
	set_hash(w.told.state.template_hash, 'a');
	set_hash(w.told.state.applied_hash, 'a');
	w.view = (struct cluster_view){.has_connection = true, .names_secret = true, .endpoint = SPAN("https://omni.example.com"),
				       .control_planes = 1, .declared = &w.declared, .told = &w.told, .grace_ms = 30000};
	w.view.object = (struct view){.kind = &KIND_CLUSTER, .ns = SPAN("edge"), .name = SPAN("pier"), .seen = &w.seen,
				      .facts = &w.facts, .now_ms = NOW_MS, .now_s = 1700000000};
	return 0;
}

static int end(void **state)
{
	(void)state;
	step_done(&w.step);
	seen_done(&w.seen);
	return 0;
}

static const struct step *decide(void)
{
	step_done(&w.step);
	decide_cluster(&w.view, &w.step);
	return &w.step;
}

static json_t *condition_in(json_t *status, const char *type)
{
	json_t *list = json_object_get(status, "conditions");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_object_get(json_array_get(list, i), "type")), type) == 0)
			return json_array_get(list, i);
	return NULL;
}

/* "False SyncFailed" */
static const char *said(const char *type)
{
	static char text[200];
	json_t *condition = condition_in(json_object_get(w.step.patch.body, "status"), type);
	if (condition == NULL)
		return "nothing";
	snprintf(text, sizeof text, "%s %s", json_string_value(json_object_get(condition, "status")),
		 json_string_value(json_object_get(condition, "reason")));
	return text;
}

static const char *message(const char *type)
{
	json_t *condition = condition_in(json_object_get(w.step.patch.body, "status"), type);
	return condition == NULL ? "" : json_string_value(json_object_get(condition, "message"));
}

static json_int_t observed_generation(void)
{
	return json_integer_value(json_object_get(json_object_get(w.step.patch.body, "status"), "observedGeneration"));
}

/* As if it had been written. */
static void accept(void)
{
	json_object_update(w.seen.status, json_object_get(w.step.patch.body, "status"));
}

static void is_being_deleted(void)
{
	w.seen.is_deleted = true;
	w.view.declared = NULL;
	w.view.told = NULL;
}

static const char *event(void)
{
	return w.step.event_count == 0 ? "none" : w.step.events[0].reason;
}

/* --- declared ------------------------------------------------------------------------------------------------------------- */

static void the_finalizer_comes_before_everything(void **state)
{
	(void)state;
	json_array_clear(w.seen.finalizers);
	w.seen.has_finalizer = false;
	assert_int_equal(decide()->kind, STEP_FINALIZE);
	assert_int_equal(json_array_size(json_object_get(json_object_get(w.step.patch.body, "metadata"), "finalizers")), 1);
}

static void what_is_in_sync_is_told_once(void **state)
{
	(void)state;
	assert_int_equal(decide()->kind, STEP_STATUS);
	assert_string_equal(said("Ready"), "True Synced");
	assert_int_equal(observed_generation(), 3);
	assert_string_equal(event(), "Synced");
	assert_int_equal(w.step.event_count, 2);
	accept();
	const struct step *next = decide();
	assert_int_equal(next->kind, STEP_ANNOTATE);
	json_object_update(w.seen.annotations, json_object_get(json_object_get(w.step.patch.body, "metadata"), "annotations"));
	assert_int_equal(decide()->kind, STEP_NONE);
	assert_int_equal(w.step.again_ms, 0);
}

/* The generation that was rendered, not the newest. */
static void a_generation_is_observed_when_it_was_rendered(void **state)
{
	(void)state;
	w.seen.generation = 4;
	decide();
	assert_int_equal(observed_generation(), 3);
	w.declared.generation = 4;
	decide();
	assert_int_equal(observed_generation(), 4);
}

static void what_was_told_of_another_template_is_not_true_of_this_one(void **state)
{
	(void)state;
	decide();
	accept();
	w.seen.generation = w.declared.generation = 4;
	set_hash(w.declared.template_hash, 'b');
	decide();
	assert_string_equal(said("Ready"), "Unknown Progressing");
	assert_int_equal(observed_generation(), 4);
}

static void without_a_connection_it_says_so(void **state)
{
	(void)state;
	w.view.has_connection = false;
	w.view.declared = NULL;
	w.view.told = NULL;
	decide();
	assert_string_equal(said("Ready"), "False MissingConnection");
}

static void a_restart_tells_nothing_before_something_is_known(void **state)
{
	(void)state;
	decide();
	accept();
	decide();
	json_object_update(w.seen.annotations, json_object_get(json_object_get(w.step.patch.body, "metadata"), "annotations"));
	w.view.declared = NULL;
	w.view.told = NULL;
	assert_int_equal(decide()->kind, STEP_NONE);
	w.view.declared = &w.declared;
	assert_int_equal(decide()->kind, STEP_NONE);
}

static void what_the_server_does_not_keep_is_not_sent_for_ever(void **state)
{
	(void)state;
	decide();
	w.view.object.applied = patch_digest(w.step.patch.body);
	w.view.object.applied_to = patch_digest(w.seen.status);
	assert_int_not_equal(decide()->kind, STEP_STATUS);
	json_object_set_new(w.seen.status, "clusterName", json_string("somebody wrote"));
	assert_int_equal(decide()->kind, STEP_STATUS);
}

/* --- deletion ---------------------------------------------------------------------------------------------------------------- */

static void a_deletion_is_shown_and_ends_when_it_is_done(void **state)
{
	(void)state;
	is_being_deleted();
	assert_int_equal(decide()->kind, STEP_STATUS);
	assert_string_equal(said("Ready"), "False Deleting");
	accept();
	assert_int_equal(decide()->kind, STEP_NONE);
	assert_int_equal(w.step.again_ms, 0);
	w.view.is_done = true;
	assert_int_equal(decide()->kind, STEP_RELEASE);
	assert_int_equal(json_array_size(json_object_get(json_object_get(w.step.patch.body, "metadata"), "finalizers")), 0);
	assert_string_equal(event(), "Deleted");
}

static void a_deletion_that_waits_is_no_fault_and_one_that_fails_is(void **state)
{
	(void)state;
	is_being_deleted();
	w.view.why = SPAN("machine set x is torn down");
	w.view.is_waiting = true;
	decide();
	assert_string_equal(said("Ready"), "False Deleting");
	assert_string_equal(message("Ready"), "machine set x is torn down");
	w.view.is_waiting = false;
	decide();
	assert_string_equal(said("Ready"), "False DeleteFailed");
	w.view.object.now_ms += 3600000;
	assert_int_equal(decide()->kind, STEP_STATUS);
}

static void without_our_finalizer_nothing_is_done(void **state)
{
	(void)state;
	is_being_deleted();
	w.seen.has_finalizer = false;
	assert_int_equal(decide()->kind, STEP_NONE);
}

static void without_its_connection_it_goes_after_a_time_of_grace(void **state)
{
	(void)state;
	is_being_deleted();
	w.view.has_connection = false;
	w.view.endpoint = SPAN("");
	assert_true(cluster_misses_something(&w.view));
	w.view.missing_since_ms = NOW_MS;
	assert_int_equal(decide()->kind, STEP_STATUS);
	assert_string_equal(said("Ready"), "False DeleteFailed");
	assert_memory_equal(message("Ready"), "cannot delete remote Omni cluster without OmniConnection \"lab\"", 62);
	assert_int_equal(w.step.again_ms, 30000);
	accept();
	w.view.object.now_ms = NOW_MS + 29999;
	assert_int_equal(decide()->kind, STEP_NONE);
	assert_int_equal(w.step.again_ms, 1);
	w.view.object.now_ms = NOW_MS + 30000;
	assert_int_equal(decide()->kind, STEP_RELEASE);
	assert_string_equal(event(), "Orphaned");
	assert_string_equal(w.step.events[0].type, "Warning");
	assert_non_null(strstr(w.step.events[0].note, "\"pier-in-omni\""));
}

static void a_connection_that_leaves_without_its_secret_is_none(void **state)
{
	(void)state;
	is_being_deleted();
	w.view.connection_leaves = true;
	assert_int_equal(decide()->kind, STEP_STATUS);
	assert_false(cluster_misses_something(&w.view));
	w.view.why = SPAN("MissingSecret \"key\"");
	assert_int_equal(decide()->kind, STEP_SECRET);
	w.view.secret_asked_ms = NOW_MS;
	assert_int_equal(decide()->kind, STEP_STATUS);
	assert_false(cluster_misses_something(&w.view));
	assert_int_equal(w.step.again_ms, 10001);
	w.view.object.now_ms = NOW_MS + 10001;
	assert_int_equal(decide()->kind, STEP_SECRET);
	w.view.secret_asked_ms = NOW_MS + 10001;
	w.view.is_secret_gone = true;
	assert_true(cluster_misses_something(&w.view));
	w.view.missing_since_ms = NOW_MS + 10001;
	decide();
	assert_string_equal(said("Ready"), "False DeleteFailed");
	assert_int_equal(w.step.again_ms, 10001);
	w.view.object.now_ms = NOW_MS + 40001;
	w.view.secret_asked_ms = NOW_MS + 39000;
	assert_int_equal(decide()->kind, STEP_RELEASE);
	assert_string_equal(event(), "Orphaned");
	assert_non_null(strstr(w.step.events[0].note, "https://omni.example.com"));
}

/* The Secret came back, or the connection stays after all: nothing is given up. */
static void a_secret_that_is_missing_alone_is_waited_for(void **state)
{
	(void)state;
	is_being_deleted();
	w.view.is_secret_gone = true;
	w.view.why = SPAN("MissingSecret \"key\"");
	w.view.object.now_ms = NOW_MS + 3600000;
	w.view.missing_since_ms = 0;
	assert_false(cluster_misses_something(&w.view));
	assert_int_equal(decide()->kind, STEP_STATUS);
	assert_string_equal(said("Ready"), "False DeleteFailed");
}

static void what_is_left_in_omni_needs_no_connection(void **state)
{
	(void)state;
	is_being_deleted();
	w.facts.orphan = true;
	decide();
	assert_string_equal(said("Ready"), "False Deleting");
	w.view.has_connection = false;
	assert_int_equal(decide()->kind, STEP_RELEASE);
	assert_string_equal(event(), "Orphaned");
	assert_string_equal(w.step.events[0].type, "Normal");
	w.view.has_connection = true;
	w.view.why = SPAN("cannot reach Omni");
	assert_true(cluster_misses_something(&w.view));
	w.view.missing_since_ms = NOW_MS - 30000;
	assert_int_equal(decide()->kind, STEP_RELEASE);
}

static void finalizers_of_others_survive_ours(void **state)
{
	(void)state;
	is_being_deleted();
	json_array_append_new(w.seen.finalizers, json_string("foo/bar"));
	json_array_append_new(w.seen.finalizers, json_string(KUBE_FINALIZER_LEGACY));
	w.view.is_done = true;
	decide();
	json_t *left = json_object_get(json_object_get(w.step.patch.body, "metadata"), "finalizers");
	assert_int_equal(json_array_size(left), 1);
	assert_string_equal(json_string_value(json_array_get(left, 0)), "foo/bar");
}

/* --- connections and parts ------------------------------------------------------------------------------------------------------- */

static void a_connection_stays_while_it_is_used(void **state)
{
	const struct span users[] = {SPAN("pier"), SPAN("dock")};
	struct connection_view view = {.object = w.view.object};
	(void)state;
	view.object.kind = &KIND_CONNECTION;
	view.object.name = SPAN("lab");
	w.facts.endpoint = SPAN("https://omni.example.com");
	w.seen.is_deleted = true;
	view.users = users;
	view.user_count = 2;
	decide_connection(&view, &w.step);
	assert_int_equal(w.step.kind, STEP_STATUS);
	assert_string_equal(said("Ready"), "False Deleting");
	assert_string_equal(message("Ready"), "waiting for OmniCluster references to be deleted: dock, pier");
	step_done(&w.step);
	view.user_count = 0;
	decide_connection(&view, &w.step);
	assert_int_equal(w.step.kind, STEP_RELEASE);
	step_done(&w.step);
	w.seen.has_finalizer = false;
	decide_connection(&view, &w.step);
	assert_int_equal(w.step.kind, STEP_NONE);
	w.seen.is_deleted = false;
	decide_connection(&view, &w.step);
	assert_int_equal(w.step.kind, STEP_FINALIZE);
}

static void a_part_tells_of_its_own_faults_only(void **state)
{
	const struct diag own = {.severity = DIAG_ERROR, .object = SPAN("OmniWorkers/w"), .path = SPAN("spec.x"), .code = "Bad",
				 .message = SPAN("wrong")};
	const struct diag other = {.severity = DIAG_ERROR, .object = SPAN("OmniWorkers/ww"), .code = "Bad", .message = SPAN("else")};
	const struct diag *both[] = {&other, &own};
	struct part_view view = {.object = w.view.object, .cluster = SPAN("pier"), .has_cluster = true, .declared = &w.declared};
	(void)state;
	view.object.kind = &KIND_WORKERS;
	view.object.name = SPAN("w");
	w.declared.diags = both;
	w.declared.diag_count = 1;
	decide_part(&view, &w.step);
	assert_string_equal(said("Accepted"), "True Accepted");
	assert_string_equal(said("Validated"), "nothing");
	step_done(&w.step);
	w.declared.diag_count = 2;
	decide_part(&view, &w.step);
	assert_string_equal(said("Validated"), "False ValidationFailed");
	step_done(&w.step);
	view.has_cluster = false;
	decide_part(&view, &w.step);
	assert_string_equal(said("Accepted"), "False MissingCluster");
	step_done(&w.step);
	w.seen.is_deleted = true;
	decide_part(&view, &w.step);
	assert_int_equal(w.step.kind, STEP_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_finalizer_comes_before_everything),
		TEST(what_is_in_sync_is_told_once),
		TEST(a_generation_is_observed_when_it_was_rendered),
		TEST(what_was_told_of_another_template_is_not_true_of_this_one),
		TEST(without_a_connection_it_says_so),
		TEST(a_restart_tells_nothing_before_something_is_known),
		TEST(what_the_server_does_not_keep_is_not_sent_for_ever),
		TEST(a_deletion_is_shown_and_ends_when_it_is_done),
		TEST(a_deletion_that_waits_is_no_fault_and_one_that_fails_is),
		TEST(without_our_finalizer_nothing_is_done),
		TEST(without_its_connection_it_goes_after_a_time_of_grace),
		TEST(a_connection_that_leaves_without_its_secret_is_none),
		TEST(a_secret_that_is_missing_alone_is_waited_for),
		TEST(what_is_left_in_omni_needs_no_connection),
		TEST(finalizers_of_others_survive_ours),
		TEST(a_connection_stays_while_it_is_used),
		TEST(a_part_tells_of_its_own_faults_only),
	};
	return RUN_TESTS(tests);
}
