/* Kubeconfig exports, look by look: credentials that are refused, clocks that jump, moves, the end, and Secrets for others. */
#include "tests/unit/export_world.h"
#include "tests/unit/fake_clock.h"

/* --- checked by use --------------------------------------------------------------------------------------------------------------- */

static void a_refused_one_is_renewed_at_once(void **state)
{
	(void)state;
	world_look();
	world.refuses = 1;
	world_pass(6 * MINUTE);
	world_look();
	assert_int_equal(world.asked, 2);
	assert_condition("Ready", "True Exported");
	assert_non_null(strstr(world.out.events[0].note, "the cluster refused the last ones"));
}

static void refused_for_ever_is_asked_for_rarely(void **state)
{
	(void)state;
	world.cluster_says = SEEN_REFUSED;
	world_look();
	assert_condition("Ready", "False Refused");
	assert_condition("Exported", "False Refused");
	for (int i = 0; i < 60; i++) {
		world_look();
		assert_in_range(world.out.again_ms, 1000, HOUR * 1000 * 2);
		world_pass(MINUTE);
	}
	assert_in_range(world.asked, 2, 6);
	world.cluster_says = SEEN_ACCEPTED;
	world_pass(HOUR + 5 * MINUTE);
	world_look();
	assert_condition("Ready", "True Exported");
	assert_condition("Exported", "True Exported");
}

static void silence_is_no_refusal(void **state)
{
	(void)state;
	world_look();
	world.cluster_says = SEEN_SILENT;
	for (int i = 0; i < 10; i++) {
		world_pass(6 * MINUTE);
		world_look();
		assert_condition("Ready", "True Exported");
	}
	assert_int_equal(world.asked, 1);
}

static void another_cluster_of_the_name(void **state)
{
	(void)state;
	world_look();
	world_pass(10 * MINUTE);
	world.object.cluster.uid = SPAN("u2");
	world.object.cluster.is_ready = false;
	world.cluster_says = SEEN_SILENT;
	world_look();
	assert_condition("Ready", "False Progressing");
	assert_int_equal(world.asked, 1);
	world_pass(10 * MINUTE);
	world.object.cluster.is_ready = true;
	world.cluster_says = SEEN_ACCEPTED;
	world_look();
	assert_condition("Ready", "True Exported");
	assert_int_equal(world.asked, 2);
	assert_string_equal(world_field("clusterUID"), "u2");
	world_pass(MINUTE);
	world.object.cluster.uid = SPAN("u3"); /* it need not be ready when the old one is refused */
	world.object.cluster.is_ready = false;
	world.refuses = 1;
	world_look();
	assert_int_equal(world.asked, 3);
}

static void another_omni(void **state)
{
	(void)state;
	world_look();
	world_pass(10 * MINUTE);
	world.object.cluster.endpoint = SPAN("https://other");
	world.omni_says = FAIL_UNAVAILABLE;
	world_look();
	assert_string_equal(world_field("endpoint"), "https://omni"); /* that is what there is */
	world.omni_says = FAIL_NONE;
	world_look();
	assert_string_equal(world_field("endpoint"), "https://other");
	assert_int_equal(world.asked, 2);
}

static void clocks_that_jump(void **state)
{
	(void)state;
	world_look();
	world.clock_s = 365 * DAY; /* a year ahead: what Omni gives has ended long ago */
	for (int i = 0; i < 60; i++) {
		world_pass(MINUTE);
		world_look();
	}
	assert_in_range(world.asked, 2, 8);
	world.clock_s = 0;
	unsigned before = world.asked;
	world_pass(2 * HOUR);
	world_look();
	assert_in_range(world.asked, before, before + 1);
	world_look();
	assert_condition("Ready", "True Exported");
	world.clock_s = -400 * DAY; /* what was made lies in the future; it is made anew, once */
	before = world.asked;
	for (int i = 0; i < 60; i++) {
		world_pass(MINUTE);
		world_look();
	}
	assert_int_equal(world.asked, before + 1);
	world.clock_s = 0;
	world_pass(MINUTE);
	world_look();
	assert_condition("Ready", "True Exported");
}

static void omni_gives_less(void **state)
{
	(void)state;
	world.omni_life_s = HOUR;
	world_look();
	assert_string_equal(world_field("expirationTime"), "2026-11-21T12:56:40Z");
	for (int i = 0; i < 10 * 60; i++) { /* ten hours */
		world_pass(MINUTE);
		world_look();
		assert_condition("Ready", "True Exported");
	}
	assert_in_range(world.asked, 20, 24);
}

/* --- moving ------------------------------------------------------------------------------------------------------------------------ */

static void another_name(void **state)
{
	(void)state;
	world_look();
	world_set_spec("targetSecretRef.name", "kc2");
	world.secrets.fault.call = "remove";
	world.secrets.fault.code = FAIL_UNAVAILABLE;
	world.secrets.fault.times = 1;
	world_look();
	assert_string_equal(world.secrets.log, "read omni/kc2, read omni/kc, write omni/kc2, read omni/kc, remove omni/kc");
	assert_string_equal(world_field("targetSecretRef"), "kc"); /* until it is over */
	assert_condition("Ready", "False ExportFailed");
	assert_condition("Exported", "True Exported");
	world_look();
	assert_string_equal(world_field("targetSecretRef"), "kc2");
	assert_condition("Ready", "True Exported");
	assert_null(world_secret("kc"));
	assert_int_equal(world.asked, 1); /* the same credentials */
}

static void another_name_that_is_taken(void **state)
{
	(void)state;
	world_look();
	memory_secret_put(&world.secrets, "omni", "theirs", "kubeconfig", "x", NULL, NULL);
	world_set_spec("targetSecretRef.name", "theirs");
	world_look();
	assert_condition("Ready", "False SecretConflict");
	assert_condition("Exported", "True Exported");
	assert_string_equal(world_field("targetSecretRef"), "kc");
	assert_string_equal(world_field("expirationTime"), "2026-11-22T11:56:40Z");
	world.object.is_deleted = true;
	world_look();
	assert_null(world_secret("kc"));
	assert_non_null(world_secret("theirs"));
}

static void another_namespace_and_orphan(void **state)
{
	(void)state;
	world_look();
	world_set_spec("targetSecretRef.namespace", "tenant");
	world_set_spec("deletionPolicy", "Orphan");
	world_look();
	assert_non_null(world_secret("kc"));
	assert_non_null(memory_secret(&world.secrets, "tenant", "kc"));
	assert_string_equal(world_field("targetSecretNamespace"), "tenant");
	assert_condition("Ready", "True Exported");
}

static void another_key(void **state)
{
	(void)state;
	world_look();
	world_set_spec("targetSecretRef.key", "value");
	world_look();
	assert_int_equal(world_secret("kc")->entry_count, 1);
	assert_span(world_secret("kc")->entries[0].key, "value");
	assert_string_equal(world_field("targetSecretKey"), "value");
	assert_int_equal(world.asked, 2);
}

/* --- gates, the end ---------------------------------------------------------------------------------------------------------------- */

static void what_is_missing_is_waited_for(void **state)
{
	(void)state;
	world_look();
	world.object.cluster.has_connection = false;
	world_look();
	assert_condition("Accepted", "True Accepted");
	assert_condition("Ready", "False MissingConnection");
	assert_condition("Exported", "True Exported");
	world.object.cluster = (struct handler_cluster){.object = SPAN("harbor")};
	world_look();
	assert_condition("Accepted", "False MissingCluster");
	assert_condition("Ready", "False MissingCluster");
	assert_string_equal(world_message("Ready"), "OmniCluster \"harbor\" does not exist");
	assert_string_equal(world_field("clusterName"), "harbor");
	assert_string_equal(world_field("expirationTime"), "2026-11-22T11:56:40Z");
	world_set_spec("ttl", "nonsense");
	world_look();
	assert_condition("Ready", "False ValidationFailed");
	assert_string_equal(world_message("Ready"), "ttl must be greater than zero");
	assert_non_null(world_secret("kc"));
}

static void whoever_may_not_act_does_nothing(void **state)
{
	(void)state;
	world.may_act = false;
	world_look();
	assert_int_equal(world.asked, 0);
	assert_int_equal(world.out.condition_count, 0);
	assert_null(world_secret("kc"));
	assert_false(world.out.has_failed);
}

static void deleted(void **state)
{
	(void)state;
	world_look();
	world.object.is_deleted = true;
	world.object.cluster = (struct handler_cluster){.object = SPAN("harbor")}; /* it is not needed */
	world.secrets.fault.call = "remove";
	world.secrets.fault.code = FAIL_DENIED;
	world.secrets.fault.times = 1;
	world_look();
	assert_false(world.out.is_gone);
	assert_true(world.out.has_failed);
	assert_condition("Ready", "False DeleteFailed");
	world_look();
	assert_true(world.out.is_gone);
	assert_null(world_secret("kc"));
	assert_non_null(strstr(world.out.events[0].note, "they are valid until 2026-11-22T11:56:40Z"));
}

static void deleted_where_nobody_lets_us_look(void **state)
{
	(void)state;
	world.secrets.fault.call = "read";
	world.secrets.fault.code = FAIL_DENIED;
	world.secrets.fault.times = 2;
	world_look();
	assert_condition("Ready", "False ExportFailed");
	assert_non_null(strstr(world_message("Ready"), "a Role in the namespace \"omni\" has to let the agent"));
	world.object.is_deleted = true;
	world_look();
	assert_true(world.out.is_gone); /* nothing was ever written */
	world.object.is_deleted = false;
	world_look();
	world.object.is_deleted = true;
	world.secrets.fault.times = 1;
	world_look();
	assert_false(world.out.is_gone); /* something was */
}

static void deleted_and_left(void **state)
{
	(void)state;
	world_set_spec("deletionPolicy", "Orphan");
	world_look();
	world.object.is_deleted = true;
	world_look();
	assert_true(world.out.is_gone);
	assert_non_null(world_secret("kc"));
	assert_string_equal(world.told, "Orphaned");
}

/* --- for others -------------------------------------------------------------------------------------------------------------------- */

static void others_get_the_same(void **state)
{
	(void)state;
	world_set_spec("outputs", "{\"argoCD\":{\"secretName\":\"harbor\",\"namespace\":\"argocd\"},\"flux\":{\"secretName\":\"harbor-flux\"}}");
	world_look();
	assert_condition("Ready", "True Exported");
	assert_int_equal(json_array_size(json_object_get(world.status, "outputs")), 2);
	struct stored_secret *argo = memory_secret(&world.secrets, "argocd", "harbor");
	assert_span(stored_secret_value(argo, SPAN("server")), "https://127.0.0.1:8095?cluster=harbor");
	assert_true(span_eq(stored_secret_value(world_secret("harbor-flux"), SPAN("value")), stored_secret_value(world_secret("kc"), SPAN("kubeconfig"))));
	world_look();
	assert_null(strstr(world.secrets.log, "write"));
	world_pass(20 * HOUR); /* with the first one */
	world_look();
	assert_true(span_eq(stored_secret_value(world_secret("harbor-flux"), SPAN("value")), stored_secret_value(world_secret("kc"), SPAN("kubeconfig"))));
	assert_int_equal(world.asked, 2);
	memory_secret_drop(&world.secrets, "argocd", "harbor");
	world_set_spec("ttl", "12h");
	world.omni_says = FAIL_UNAVAILABLE; /* with what there is */
	world_look();
	assert_condition("Ready", "False ExportFailed");
	assert_non_null(memory_secret(&world.secrets, "argocd", "harbor"));
	world.omni_says = FAIL_NONE;
	world_look();
	world_set_spec("outputs", "{\"flux\":{\"secretName\":\"harbor-flux\",\"namespace\":\"flux-system\"}}");
	world_look();
	assert_null(memory_secret(&world.secrets, "argocd", "harbor"));
	assert_null(world_secret("harbor-flux"));
	assert_non_null(memory_secret(&world.secrets, "flux-system", "harbor-flux"));
	world.object.is_deleted = true;
	world_look();
	assert_null(memory_secret(&world.secrets, "flux-system", "harbor-flux"));
}

static void others_keep_theirs(void **state)
{
	(void)state;
	memory_secret_put(&world.secrets, "argocd", "harbor", "name", "mine", NULL, NULL);
	world_set_spec("outputs", "{\"argoCD\":{\"secretName\":\"harbor\",\"namespace\":\"argocd\"}}");
	world_look();
	assert_condition("Ready", "False SecretConflict");
	assert_condition("Exported", "True Exported");
	assert_non_null(strstr(world_message("Ready"), "\"argocd/harbor\" of outputs.argoCD"));
	json_object_del(world.spec, "outputs");
	world_look();
	assert_condition("Ready", "True Exported");
	assert_span(stored_secret_value(memory_secret(&world.secrets, "argocd", "harbor"), SPAN("name")), "mine");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(a_refused_one_is_renewed_at_once), WORLD_TEST(refused_for_ever_is_asked_for_rarely),
		WORLD_TEST(silence_is_no_refusal), WORLD_TEST(another_cluster_of_the_name), WORLD_TEST(another_omni),
		WORLD_TEST(clocks_that_jump), WORLD_TEST(omni_gives_less), WORLD_TEST(another_name),
		WORLD_TEST(another_name_that_is_taken), WORLD_TEST(another_namespace_and_orphan), WORLD_TEST(another_key),
		WORLD_TEST(what_is_missing_is_waited_for), WORLD_TEST(whoever_may_not_act_does_nothing), WORLD_TEST(deleted),
		WORLD_TEST(deleted_where_nobody_lets_us_look), WORLD_TEST(deleted_and_left), WORLD_TEST(others_get_the_same), WORLD_TEST(others_keep_theirs),
	};
	return RUN_TESTS(tests);
}
