/* Kubeconfig exports, look by look: a good life, no credentials lost or leaked, and whose a Secret is. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/export_world.h"
#include "tests/unit/fake_clock.h"

/* --- a good life ------------------------------------------------------------------------------------------------------------------ */

static void the_first_one(void **state)
{
	(void)state;
	world_look();
	assert_string_equal(world.secrets.log, "read omni/kc, try omni/kc, write omni/kc"); /* Omni is asked behind the try */
	assert_int_equal(world.asked, 1);
	assert_string_equal(world.told, "Rotated");
	assert_condition("Accepted", "True Accepted");
	assert_condition("Exported", "True Exported");
	assert_condition("Ready", "True Exported");
	assert_string_equal(world_message("Ready"), "exported kubeconfig to Secret \"omni/kc\" key \"kubeconfig\"");
	const struct stored_secret *made = world_secret("kc");
	assert_int_equal(made->type.len, 0); /* Opaque */
	assert_int_equal(json_object_size(made->labels), 3);
	assert_int_equal(json_object_size(made->annotations), 6);
	assert_string_equal(world_kept(made->labels, EXPORT_MANAGED_BY), "omni-cluster-operator");
	assert_string_equal(world_kept(made->labels, EXPORT_LABEL_UID), "7c9611c3");
	assert_string_equal(world_kept(made->labels, EXPORT_LABEL_CLUSTER), "harbor");
	assert_string_equal(world_kept(made->annotations, EXPORT_NAME), "harbor-ci");
	assert_string_equal(world_kept(made->annotations, EXPORT_NAMESPACE), "omni");
	assert_string_equal(world_kept(made->annotations, EXPORT_SPEC_HASH), "feb4806146092fea775bdc8fcd5ae947ac7e7c4e242a9f1c02bc4e9583b3c8b4");
	assert_string_equal(world_kept(made->annotations, EXPORT_EXPIRES), "2026-11-22T11:56:40Z");
	assert_string_equal(world_kept(made->annotations, EXPORT_ROTATED), "2026-11-21T11:56:40Z");
	assert_string_equal(world_kept(made->annotations, EXPORT_HASH), world_field("kubeconfigHash"));
	static const char *const fields[][2] = {
		{"connectionRef", "lab"}, {"endpoint", "https://omni"}, {"clusterRef", "harbor"}, {"clusterName", "harbor"},
		{"targetSecretRef", "kc"}, {"targetSecretNamespace", "omni"}, {"targetSecretKey", "kubeconfig"}, {"serviceAccountUser", "ci-bot"},
		{"expirationTime", "2026-11-22T11:56:40Z"}, {"lastRotationTime", "2026-11-21T11:56:40Z"}, {"clusterUID", "u1"},
	};
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		assert_string_equal(world_field(fields[i][0]), fields[i][1]);
	assert_int_equal(json_array_size(json_object_get(world.status, "serviceAccountGroups")), 2);
	assert_int_equal(world.out.watch_count, 1);
}

static void nothing_to_do_is_nothing_done(void **state)
{
	(void)state;
	world_look();
	json_t *before = json_deep_copy(world.status);
	for (int i = 0; i < 60; i++) { /* an hour */
		world_look();
		assert_string_equal(world.secrets.log, "read omni/kc");
		assert_string_equal(world.told, "");
		assert_true(json_equal(world.status, before));
		assert_in_range(world.out.again_ms, 1000, 300000);
		world_pass(MINUTE);
	}
	assert_int_equal(world.asked, 1);
	assert_in_range(world.probes, 10, 14); /* every five minutes */
	json_decref(before);
}

static void put_operators(const char *uid)
{
	char labels[256], annotations[1024], hash[DIGEST_HEX_SIZE];
	struct span yaml;
	const struct omni_kubeconfig_request request = {.cluster = SPAN("harbor"), .ttl_s = DAY};
	assert_true(world_give_kubeconfig(&request, &world.secrets.arena, &yaml));
	digest_hex(yaml, hash);
	snprintf(labels, sizeof labels, "{\"" EXPORT_MANAGED_BY "\":\"omni-cluster-operator\",\"" EXPORT_LABEL_CLUSTER "\":\"harbor\",\""
		 EXPORT_LABEL_UID "\":\"%s\"}", uid);
	snprintf(annotations, sizeof annotations,
		 "{\"" EXPORT_NAME "\":\"harbor-ci\",\"" EXPORT_NAMESPACE "\":\"omni\",\"" EXPORT_SPEC_HASH
		 "\":\"feb4806146092fea775bdc8fcd5ae947ac7e7c4e242a9f1c02bc4e9583b3c8b4\",\"" EXPORT_HASH "\":\"%s\",\"" EXPORT_EXPIRES
		 "\":\"2026-11-22T11:56:40Z\",\"" EXPORT_ROTATED "\":\"2026-11-21T11:56:40Z\"}", hash);
	memory_secret_put(&world.secrets, "omni", "kc", "kubeconfig", yaml.ptr, labels, annotations);
	world.asked = 0;
}

static void the_operators_secret_goes_on(void **state)
{
	(void)state;
	put_operators("7c9611c3");
	world.status = (json_decref(world.status),
			json_loads("{\"targetSecretRef\":\"kc\",\"targetSecretNamespace\":\"omni\",\"targetSecretKey\":\"kubeconfig\","
				   "\"endpoint\":\"https://omni\",\"kubeconfigHash\":\"x\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}",
				   0, NULL));
	for (int i = 0; i < 3; i++) {
		world_look();
		assert_string_equal(world.secrets.log, "read omni/kc");
		assert_condition("Ready", "True Exported");
	}
	assert_int_equal(world.asked, 0);
	assert_string_equal(world_field("expirationTime"), "2026-11-22T11:56:40Z");
	assert_string_equal(world_field("kubeconfigHash"), world_kept(world_secret("kc")->annotations, EXPORT_HASH));
}

static void an_export_made_anew_is_the_heir(void **state)
{
	(void)state;
	put_operators("of-the-export-before");
	world_look();
	assert_int_equal(world.asked, 0);
	assert_string_equal(world.secrets.log, "read omni/kc, write omni/kc");
	assert_string_equal(world_kept(world_secret("kc")->labels, EXPORT_LABEL_UID), "7c9611c3");
}

static void without_an_api_server(void **state)
{
	(void)state;
	char dir[256], path[320], content[2048] = "";
	const char *room = getenv("TMPDIR"); /* of the tests, which goes with all that is in it */
	snprintf(dir, sizeof dir, "%s/export-XXXXXX", room == NULL ? "/tmp" : room);
	assert_non_null(mkdtemp(dir));
	world.env.secrets = secret_store_directory(dir);
	world.object.uid = world.object.cluster.uid = world.object.ns = SPAN("");
	for (int i = 0; i < 3; i++) {
		world_look();
		assert_condition("Ready", "True Exported");
		assert_string_equal(world_message("Ready"), "exported kubeconfig to Secret \"kc\" key \"kubeconfig\"");
	}
	assert_int_equal(world.asked, 1);
	snprintf(path, sizeof path, "%s/kc/kubeconfig", dir);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_true(fread(content, 1, sizeof content - 1, file) > 0);
	fclose(file);
	assert_non_null(strstr(content, "token: e30."));
	world_pass(20 * HOUR);
	world_look();
	assert_int_equal(world.asked, 2);
	world.object.is_deleted = true;
	world_look();
	assert_true(world.out.is_gone);
	assert_int_not_equal(access(path, F_OK), 0);
	secret_store_free(world.env.secrets);
	world.env.secrets = NULL;
}

static void renewed_before_its_end(void **state)
{
	(void)state;
	world_look();
	char before[DIGEST_HEX_SIZE];
	snprintf(before, sizeof before, "%s", world_field("kubeconfigHash"));
	world_pass(20 * HOUR - 11 * MINUTE);
	world_look();
	assert_int_equal(world.asked, 1);
	world_pass(11 * MINUTE);
	world_look();
	assert_int_equal(world.asked, 2);
	assert_string_equal(world.told, "Rotated");
	assert_string_not_equal(world_field("kubeconfigHash"), before);
	assert_string_equal(world_field("expirationTime"), "2026-11-23T07:56:40Z");
}

static void next_rotation_is_what_happens(void **state)
{
	(void)state;
	world_look();
	int64_t next_ms;
	assert_true(timestamp_parse(span_of(world_field("nextRotationTime")), &next_ms));
	world_pass(next_ms / 1000 - START_S - 1);
	world_look();
	assert_int_equal(world.asked, 1);
	assert_int_equal(world.out.again_ms, 1000);
	world_pass(1);
	world_look();
	assert_int_equal(world.asked, 2);
}

static void a_cluster_that_does_not_answer_yet(void **state)
{
	(void)state;
	world.object.cluster.is_ready = false;
	world.cluster_says = SEEN_SILENT;
	world_look();
	assert_condition("Exported", "True Exported");
	assert_condition("Ready", "False Progressing");
	assert_true(world.out.is_progressing);
	world_pass(20);
	world.cluster_says = SEEN_ACCEPTED;
	world_look();
	assert_condition("Ready", "True Exported");
	world.cluster_says = SEEN_SILENT;
	world_pass(6 * MINUTE);
	world_restart();
	world_look();
	assert_condition("Ready", "True Exported"); /* it did answer */
	assert_int_equal(world.asked, 1);
}

static void a_cluster_that_is_not_in_omni_yet(void **state)
{
	(void)state;
	world.object.cluster.is_ready = false;
	world.omni_says = FAIL_NOT_FOUND;
	world_look();
	assert_condition("Ready", "False Progressing");
	assert_condition("Exported", "False Progressing");
	assert_true(world.out.is_progressing && world.out.has_failed);
	world.object.cluster.is_ready = true;
	world_look();
	assert_condition("Ready", "False ExportFailed");
	assert_false(world.out.is_progressing);
	world.omni_says = FAIL_NONE;
	world_look();
	assert_condition("Ready", "True Exported");
}

/* --- no credentials are lost or leaked ------------------------------------------------------------------------------------------ */

static void none_is_asked_for_that_has_nowhere_to_go(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		world.secrets.fault.call = "try";
		world.secrets.fault.code = FAIL_DENIED;
		world.secrets.fault.times = 1;
		world_look();
		assert_condition("Ready", "False ExportFailed");
		assert_condition("Exported", "False ExportFailed");
		assert_true(world.out.has_failed);
		assert_non_null(strstr(world_message("Ready"), "a Role in the namespace \"omni\" has to let the agent"));
		world_pass(MINUTE);
	}
	assert_int_equal(world.asked, 0);
	world_look();
	assert_condition("Ready", "True Exported");
}

static void one_that_could_not_be_written_is_kept(void **state)
{
	(void)state;
	world.secrets.fault.call = "write";
	world.secrets.fault.code = FAIL_UNAVAILABLE;
	world.secrets.fault.times = 5;
	for (int i = 0; i < 5; i++) {
		world_look();
		assert_condition("Ready", "False ExportFailed");
		world_pass(10);
	}
	world_look();
	assert_condition("Ready", "True Exported");
	assert_int_equal(world.asked, 1);
	world_set_spec("ttl", "12h"); /* what was kept is not used for another declaration */
	world.secrets.fault.times = 1;
	world_look();
	world_set_spec("ttl", "6h");
	world_look();
	assert_int_equal(world.asked, 3);
	assert_string_equal(world_kept(world_secret("kc")->annotations, EXPORT_EXPIRES), "2026-11-21T17:57:30Z");
}

static void omni_away_takes_nothing_away(void **state)
{
	(void)state;
	world_look();
	char before[DIGEST_HEX_SIZE];
	snprintf(before, sizeof before, "%s", world_field("kubeconfigHash"));
	world.omni_says = FAIL_UNAVAILABLE;
	world_pass(20 * HOUR);
	world_look();
	assert_condition("Ready", "True Exported"); /* four hours are left */
	assert_true(world.out.has_failed);
	assert_int_equal(world.out.again_ms, 0);
	assert_non_null(strstr(world_message("Ready"), "renewing it failed"));
	world_pass(2 * HOUR + MINUTE);
	world_look();
	assert_condition("Ready", "False ExportFailed");
	assert_condition("Exported", "True Exported");
	assert_string_equal(world.told, "Expiring");
	world_look();
	assert_string_equal(world.told, ""); /* once */
	assert_string_equal(world_field("kubeconfigHash"), before);
	assert_string_equal(world_field("expirationTime"), "2026-11-22T11:56:40Z");
	assert_non_null(world_secret("kc"));
	world_pass(2 * HOUR);
	world_look();
	assert_condition("Exported", "False ExportFailed");
	assert_non_null(world_secret("kc"));
	world.omni_says = FAIL_NONE;
	world_look();
	assert_condition("Ready", "True Exported");
}

static void a_changed_declaration_that_fails_leaves_what_works(void **state)
{
	(void)state;
	world_look();
	world.omni_says = FAIL_DENIED;
	world_set_spec("serviceAccount.user", "ci-bot"); /* the same */
	world_set_spec("ttl", "12h");
	world_look();
	assert_condition("Ready", "False ExportFailed");
	assert_condition("Exported", "True Exported");
	assert_string_equal(world.told, ""); /* there is a day left */
	assert_string_equal(world_field("expirationTime"), "2026-11-22T11:56:40Z");
	assert_string_equal(world_field("serviceAccountUser"), "ci-bot");
}

static void a_store_that_does_not_answer(void **state)
{
	(void)state;
	world_look();
	json_t *before = json_deep_copy(world.status);
	world.secrets.fault.call = "read";
	world.secrets.fault.code = FAIL_UNAVAILABLE;
	world.secrets.fault.times = 1;
	world_look();
	assert_condition("Ready", "False ExportFailed");
	assert_condition("Exported", "True Exported");
	json_object_del(world.status, "conditions");
	json_object_del(before, "conditions");
	assert_true(json_equal(world.status, before));
	json_decref(before);
}

static void somebody_deletes_it_again_and_again(void **state)
{
	(void)state;
	world_look();
	for (int i = 0; i < 600; i++) { /* ten minutes */
		memory_secret_drop(&world.secrets, "omni", "kc");
		world_pass(1);
		world_look();
	}
	assert_in_range(world.asked, 5, 16);
}

/* --- whose it is ------------------------------------------------------------------------------------------------------------------ */

static void somebody_elses_is_left_alone(void **state)
{
	(void)state;
	struct stored_secret *theirs = memory_secret_put(&world.secrets, "omni", "kc", "kubeconfig", "their own",
							 "{\"owner\":\"other-team\"}", "{\"keep\":\"me\"}");
	world_look();
	assert_string_equal(world.secrets.log, "read omni/kc");
	assert_condition("Ready", "False SecretConflict");
	assert_condition("Exported", "False SecretConflict");
	assert_non_null(strstr(world_message("Ready"), EXPORT_NAME "=harbor-ci and " EXPORT_NAMESPACE "=omni"));
	assert_int_equal(world.asked, 0);
	assert_false(world.out.has_failed || world.out.is_progressing);
	world.object.is_deleted = true;
	world_look();
	assert_true(world.out.is_gone);
	assert_ptr_equal(world_secret("kc"), theirs);
	world.object.is_deleted = false;
	json_object_set_new(theirs->annotations, EXPORT_NAME, json_string("harbor-ci")); /* handed over */
	world_look();
	assert_condition("Ready", "True Exported");
	assert_string_equal(world_kept(world_secret("kc")->annotations, "keep"), "me");
	assert_string_equal(world_kept(world_secret("kc")->labels, "owner"), "other-team");
}

static void of_another_namespace_is_somebody_elses(void **state)
{
	(void)state;
	memory_secret_put(&world.secrets, "tenant", "kc", "kubeconfig", "k", "{}", "{\"" EXPORT_NAME "\":\"harbor-ci\"}");
	world_set_spec("targetSecretRef.namespace", "tenant");
	world_look();
	assert_condition("Ready", "False SecretConflict");
}

static void lost_labels_come_back(void **state)
{
	(void)state;
	world_look();
	json_object_clear(world_secret("kc")->labels);
	world_look();
	assert_string_equal(world.secrets.log, "read omni/kc, write omni/kc");
	assert_int_equal(json_object_size(world_secret("kc")->labels), 3);
	assert_int_equal(world.asked, 1);
	json_object_del(world_secret("kc")->annotations, EXPORT_NAME);
	world_look();
	assert_string_equal(world_kept(world_secret("kc")->annotations, EXPORT_NAME), "harbor-ci");
	assert_int_equal(world.asked, 1);
}

static void what_others_put_beside_it_stays(void **state)
{
	(void)state;
	world_look();
	struct stored_secret *held = world_secret("kc");
	static struct secret_entry entries[3];
	entries[0] = (struct secret_entry){SPAN("extra"), SPAN("x")};
	entries[1] = (struct secret_entry){SPAN("kubeconfig"), SPAN("junk")};
	entries[2] = (struct secret_entry){SPAN("zzz"), SPAN("y")};
	held->entries = entries;
	held->entry_count = 3;
	json_object_set_new(held->labels, "mine", json_string("1"));
	world_look();
	held = world_secret("kc");
	assert_int_equal(world.asked, 2);
	assert_int_equal(held->entry_count, 3);
	assert_span(held->entries[0].key, "extra");
	assert_span(held->entries[2].value, "y");
	assert_true(span_starts(held->entries[1].value, "apiVersion"));
	assert_string_equal(world_kept(held->labels, "mine"), "1");
	assert_non_null(strstr(world.out.events[0].note, "somebody changed the kubeconfig"));
}

static void an_immutable_one_is_replaced(void **state)
{
	(void)state;
	world_look();
	world_secret("kc")->is_immutable = true;
	world_set_spec("ttl", "12h");
	world_look();
	assert_condition("Ready", "True Exported");
	assert_string_equal(world.secrets.log, "read omni/kc, remove omni/kc, write omni/kc");
	assert_false(world_secret("kc")->is_immutable);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(the_first_one), WORLD_TEST(nothing_to_do_is_nothing_done), WORLD_TEST(the_operators_secret_goes_on),
		WORLD_TEST(an_export_made_anew_is_the_heir), WORLD_TEST(without_an_api_server), WORLD_TEST(renewed_before_its_end),
		WORLD_TEST(next_rotation_is_what_happens), WORLD_TEST(a_cluster_that_does_not_answer_yet),
		WORLD_TEST(a_cluster_that_is_not_in_omni_yet),
		WORLD_TEST(none_is_asked_for_that_has_nowhere_to_go), WORLD_TEST(one_that_could_not_be_written_is_kept),
		WORLD_TEST(omni_away_takes_nothing_away), WORLD_TEST(a_changed_declaration_that_fails_leaves_what_works),
		WORLD_TEST(a_store_that_does_not_answer), WORLD_TEST(somebody_deletes_it_again_and_again),
		WORLD_TEST(somebody_elses_is_left_alone), WORLD_TEST(of_another_namespace_is_somebody_elses),
		WORLD_TEST(lost_labels_come_back), WORLD_TEST(what_others_put_beside_it_stays),
		WORLD_TEST(an_immutable_one_is_replaced),
	};
	return RUN_TESTS(tests);
}
