/* Kubeconfig exports, look by look: what is asked of Omni, the cluster and the Secret store, in which order, and what is told. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/handlers/kubeconfig_export_int.h"
#include "base/cleanup.h"
#include "crds/kinds.h"
#include "tests/unit/fake_clock.h"
#include "tests/unit/memory_secrets.h"
#include "tests/unit/test.h"

enum { SECOND = 1, MINUTE = 60, HOUR = 3600, DAY = 24 * HOUR, START_S = 1795262200 };

/* One export, and its world. */
static struct world {
	struct memory_secrets secrets;
	struct arena arena;
	struct handler_env env;
	struct handler_object object;
	struct handler_outcome out;
	json_t *spec, *status;
	void *memory;
	int64_t clock_s;	/* added to the wall clock */
	unsigned asked, probes; /* of Omni, of the cluster */
	enum fail_code omni_says;
	enum export_seen cluster_says;
	unsigned refuses; /* so many next probes are refused, whatever it says */
	int64_t omni_life_s; /* of tokens; 0: as asked for */
	bool may_act;
	char told[512]; /* Events of the last look: "reason, reason" */
} world;

/* --- the world ------------------------------------------------------------------------------------------------------------------ */

static int64_t now_s(void *ctx)
{
	(void)ctx;
	return fake_wall_ms / 1000 + world.clock_s;
}

static bool may_act(void *ctx, const struct handler_object *object)
{
	(void)ctx, (void)object;
	return world.may_act;
}

static struct span make_token(struct arena *arena, int64_t end_s)
{
	char claims[128], coded[256];
	int len = snprintf(claims, sizeof claims, "{\"sub\":\"ci-bot\",\"n\":%u,\"exp\":%lld}", world.asked, (long long)end_s);
	EVP_EncodeBlock((unsigned char *)coded, (const unsigned char *)claims, len);
	for (char *c = coded; *c != '\0'; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c == '=' ? '\0' : *c;
	return arena_spanf(arena, "e30.%s.c2ln", coded);
}

static bool give_kubeconfig(void *ctx, const struct handler_object *object, const struct omni_kubeconfig_request *request, struct arena *arena,
			    struct span *out_yaml, struct fail *fail)
{
	(void)ctx, (void)object;
	if (world.omni_says != FAIL_NONE)
		return fail_set(fail, world.omni_says, "Omni says no");
	world.asked++;
	assert_int_equal(request->form, OMNI_KUBECONFIG_TOKEN);
	assert_span(request->cluster, "harbor");
	struct span token = make_token(arena, fake_wall_ms / 1000 + (world.omni_life_s > 0 ? world.omni_life_s : request->ttl_s));
	*out_yaml = arena_spanf(arena, "apiVersion: v1\nclusters:\n- cluster:\n    server: https://127.0.0.1:8095\n  name: h\ncontexts:\n"
				"- context:\n    cluster: h\n    namespace: default\n    user: h\n  name: h\ncurrent-context: h\nkind: Config\n"
				"users:\n- name: h\n  user:\n    token: %.*s\n", SPAN_ARG(token));
	return true;
}

/* In place of the one that asks a cluster. */
enum export_seen export_probe(const struct handler_call *call, struct span kubeconfig, struct span user, struct fail *fail)
{
	(void)call;
	assert_span(user, "ci-bot");
	assert_true(span_contains(kubeconfig, "token: e30."));
	world.probes++;
	fail_set(fail, FAIL_UNAVAILABLE, "as the test wants it");
	if (world.refuses == 0)
		return world.cluster_says;
	world.refuses--;
	return SEEN_REFUSED;
}

static void remember_status(void)
{
	struct handler_outcome *out = &world.out;
	json_t *list = json_array();
	if (out->fields != NULL) {
		json_decref(world.status);
		world.status = out->fields;
	}
	for (size_t i = 0; i < out->condition_count; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "type", out->conditions[i].type, "status",
						      out->conditions[i].value == CONDITION_TRUE ? "True" : "False", "reason",
						      out->conditions[i].reason, "message", out->conditions[i].message));
	if (out->condition_count > 0)
		json_object_set(world.status, "conditions", list);
	json_decref(list);
}

/* A look, and its outcome as the next one's status. */
static void look(void)
{
	world.object.spec = world.spec;
	world.object.status = world.status;
	const struct handler_call call = {&world.env, &world.object, &world.memory, NULL, &world.arena, fake_monotonic_ms + 60000};
	world.secrets.log[0] = world.told[0] = '\0';
	world.out = (struct handler_outcome){0};
	HANDLER_EXPORT.look(&call, &world.out);
	for (size_t i = 0; i < world.out.event_count; i++) {
		size_t len = strlen(world.told);
		snprintf(world.told + len, sizeof world.told - len, "%s%s", len > 0 ? ", " : "", world.out.events[i].reason);
	}
	remember_status();
	arena_reset(&world.arena);
}

static void pass(int64_t seconds)
{
	fake_wall_ms += seconds * 1000;
	fake_monotonic_ms += seconds * 1000;
}

static const char *condition(const char *type)
{
	static char text[HANDLER_MESSAGE + 64];
	for (size_t i = 0; i < world.out.condition_count; i++)
		if (strcmp(world.out.conditions[i].type, type) == 0) {
			snprintf(text, sizeof text, "%s %s", world.out.conditions[i].value == CONDITION_TRUE ? "True" : "False",
				 world.out.conditions[i].reason);
			return text;
		}
	return "none";
}

static const char *message(const char *type)
{
	for (size_t i = 0; i < world.out.condition_count; i++)
		if (strcmp(world.out.conditions[i].type, type) == 0)
			return world.out.conditions[i].message;
	return "none";
}

#define assert_condition(type, expected) assert_string_equal(condition(type), expected)

static const char *field(const char *key)
{
	const char *text = json_string_value(json_object_get(world.status, key));
	return text == NULL ? "none" : text;
}

static void set_spec(const char *path, const char *value) /* "ttl", "targetSecretRef.name" */
{
	struct span rest = span_of(path), piece;
	json_t *at = world.spec;
	char key[64];
	while (span_next(&rest, '.', &piece)) {
		snprintf(key, sizeof key, "%.*s", SPAN_ARG(piece));
		if (rest.ptr == NULL)
			break;
		at = json_object_get(at, key);
	}
	json_object_set_new(at, key, value[0] == '{' ? json_loads(value, 0, NULL) : json_string(value));
}

static struct stored_secret *secret(const char *name)
{
	return memory_secret(&world.secrets, "omni", name);
}

static const char *kept(const json_t *texts, const char *key)
{
	const char *text = json_string_value(json_object_get(texts, key));
	return text == NULL ? "none" : text;
}

static int set_up(void **state)
{
	(void)state;
	fake_wall_ms = START_S * INT64_C(1000);
	fake_monotonic_ms = 10000000;
	world = (struct world){.may_act = true, .cluster_says = SEEN_ACCEPTED};
	memory_secrets_init(&world.secrets);
	arena_init(&world.arena, ARENA_NO_LIMIT);
	world.env.secrets = &world.secrets.base;
	world.env.kubeconfig = give_kubeconfig;
	world.env.may_act = may_act;
	world.env.now_s = now_s;
	world.spec = json_loads("{\"clusterRef\":{\"name\":\"harbor\"},\"targetSecretRef\":{\"name\":\"kc\",\"key\":\"kubeconfig\"},"
				"\"serviceAccount\":{\"user\":\"ci-bot\",\"groups\":[\"ci\",\"readers\"]},\"ttl\":\"24h\","
				"\"renewBefore\":\"4h\",\"deletionPolicy\":\"Delete\"}", 0, NULL);
	world.status = json_object();
	world.object = (struct handler_object){
		.kind = &KIND_KUBECONFIG_EXPORT,
		.ns = SPAN("omni"),
		.name = SPAN("harbor-ci"),
		.uid = SPAN("7c9611c3"),
		.generation = 1,
		.cluster = {.exists = true, .is_ready = true, .object = SPAN("harbor"), .uid = SPAN("u1"), .name = SPAN("harbor"),
			    .connection = SPAN("lab"), .endpoint = SPAN("https://omni"), .has_connection = true},
	};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	HANDLER_EXPORT.forget(world.memory);
	json_decref(world.spec);
	json_decref(world.status);
	memory_secrets_done(&world.secrets);
	arena_done(&world.arena);
	return 0;
}

static void restart(void)
{
	HANDLER_EXPORT.forget(world.memory);
	world.memory = NULL;
}

/* --- a good life ------------------------------------------------------------------------------------------------------------------ */

static void the_first_one(void **state)
{
	(void)state;
	look();
	assert_string_equal(world.secrets.log, "read omni/kc, try omni/kc, write omni/kc"); /* Omni is asked behind the try */
	assert_int_equal(world.asked, 1);
	assert_string_equal(world.told, "Rotated");
	assert_condition("Accepted", "True Accepted");
	assert_condition("Exported", "True Exported");
	assert_condition("Ready", "True Exported");
	assert_string_equal(message("Ready"), "exported kubeconfig to Secret \"omni/kc\" key \"kubeconfig\"");
	const struct stored_secret *made = secret("kc");
	assert_int_equal(made->type.len, 0); /* Opaque */
	assert_int_equal(json_object_size(made->labels), 3);
	assert_int_equal(json_object_size(made->annotations), 6);
	assert_string_equal(kept(made->labels, EXPORT_MANAGED_BY), "omni-cluster-operator");
	assert_string_equal(kept(made->labels, EXPORT_LABEL_UID), "7c9611c3");
	assert_string_equal(kept(made->labels, EXPORT_LABEL_CLUSTER), "harbor");
	assert_string_equal(kept(made->annotations, EXPORT_NAME), "harbor-ci");
	assert_string_equal(kept(made->annotations, EXPORT_NAMESPACE), "omni");
	assert_string_equal(kept(made->annotations, EXPORT_SPEC_HASH), "feb4806146092fea775bdc8fcd5ae947ac7e7c4e242a9f1c02bc4e9583b3c8b4");
	assert_string_equal(kept(made->annotations, EXPORT_EXPIRES), "2026-11-22T11:56:40Z");
	assert_string_equal(kept(made->annotations, EXPORT_ROTATED), "2026-11-21T11:56:40Z");
	assert_string_equal(kept(made->annotations, EXPORT_HASH), field("kubeconfigHash"));
	static const char *const fields[][2] = {
		{"connectionRef", "lab"}, {"endpoint", "https://omni"}, {"clusterRef", "harbor"}, {"clusterName", "harbor"},
		{"targetSecretRef", "kc"}, {"targetSecretNamespace", "omni"}, {"targetSecretKey", "kubeconfig"}, {"serviceAccountUser", "ci-bot"},
		{"expirationTime", "2026-11-22T11:56:40Z"}, {"lastRotationTime", "2026-11-21T11:56:40Z"}, {"clusterUID", "u1"},
	};
	for (size_t i = 0; i < COUNT_OF(fields); i++)
		assert_string_equal(field(fields[i][0]), fields[i][1]);
	assert_int_equal(json_array_size(json_object_get(world.status, "serviceAccountGroups")), 2);
	assert_int_equal(world.out.watch_count, 1);
}

static void nothing_to_do_is_nothing_done(void **state)
{
	(void)state;
	look();
	json_t *before = json_deep_copy(world.status);
	for (int i = 0; i < 60; i++) { /* an hour */
		look();
		assert_string_equal(world.secrets.log, "read omni/kc");
		assert_string_equal(world.told, "");
		assert_true(json_equal(world.status, before));
		assert_in_range(world.out.again_ms, 1000, 300000);
		pass(MINUTE);
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
	struct fail fail;
	assert_true(give_kubeconfig(NULL, NULL, &request, &world.secrets.arena, &yaml, &fail));
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
		look();
		assert_string_equal(world.secrets.log, "read omni/kc");
		assert_condition("Ready", "True Exported");
	}
	assert_int_equal(world.asked, 0);
	assert_string_equal(field("expirationTime"), "2026-11-22T11:56:40Z");
	assert_string_equal(field("kubeconfigHash"), kept(secret("kc")->annotations, EXPORT_HASH));
}

static void an_export_made_anew_is_the_heir(void **state)
{
	(void)state;
	put_operators("of-the-export-before");
	look();
	assert_int_equal(world.asked, 0);
	assert_string_equal(world.secrets.log, "read omni/kc, write omni/kc");
	assert_string_equal(kept(secret("kc")->labels, EXPORT_LABEL_UID), "7c9611c3");
}

static void renewed_before_its_end(void **state)
{
	(void)state;
	look();
	char before[DIGEST_HEX_SIZE];
	snprintf(before, sizeof before, "%s", field("kubeconfigHash"));
	pass(20 * HOUR - 11 * MINUTE);
	look();
	assert_int_equal(world.asked, 1);
	pass(11 * MINUTE);
	look();
	assert_int_equal(world.asked, 2);
	assert_string_equal(world.told, "Rotated");
	assert_string_not_equal(field("kubeconfigHash"), before);
	assert_string_equal(field("expirationTime"), "2026-11-23T07:56:40Z");
}

static void next_rotation_is_what_happens(void **state)
{
	(void)state;
	look();
	int64_t next_ms;
	assert_true(timestamp_parse(span_of(field("nextRotationTime")), &next_ms));
	pass(next_ms / 1000 - START_S - 1);
	look();
	assert_int_equal(world.asked, 1);
	assert_int_equal(world.out.again_ms, 1000);
	pass(1);
	look();
	assert_int_equal(world.asked, 2);
}

static void a_cluster_that_does_not_answer_yet(void **state)
{
	(void)state;
	world.object.cluster.is_ready = false;
	world.cluster_says = SEEN_SILENT;
	look();
	assert_condition("Exported", "True Exported");
	assert_condition("Ready", "False Progressing");
	assert_true(world.out.is_progressing);
	pass(20);
	world.cluster_says = SEEN_ACCEPTED;
	look();
	assert_condition("Ready", "True Exported");
	world.cluster_says = SEEN_SILENT;
	pass(6 * MINUTE);
	restart();
	look();
	assert_condition("Ready", "True Exported"); /* it did answer */
	assert_int_equal(world.asked, 1);
}

/* --- no credentials are lost or leaked ------------------------------------------------------------------------------------------ */

static void none_is_asked_for_that_has_nowhere_to_go(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		world.secrets.fault.call = "try";
		world.secrets.fault.code = FAIL_DENIED;
		world.secrets.fault.times = 1;
		look();
		assert_condition("Ready", "False ExportFailed");
		assert_condition("Exported", "False ExportFailed");
		assert_true(world.out.has_failed);
		assert_non_null(strstr(message("Ready"), "a Role in the namespace \"omni\" has to let the agent"));
		pass(MINUTE);
	}
	assert_int_equal(world.asked, 0);
	look();
	assert_condition("Ready", "True Exported");
}

static void one_that_could_not_be_written_is_kept(void **state)
{
	(void)state;
	world.secrets.fault.call = "write";
	world.secrets.fault.code = FAIL_UNAVAILABLE;
	world.secrets.fault.times = 5;
	for (int i = 0; i < 5; i++) {
		look();
		assert_condition("Ready", "False ExportFailed");
		pass(10);
	}
	look();
	assert_condition("Ready", "True Exported");
	assert_int_equal(world.asked, 1);
	set_spec("ttl", "12h"); /* what was kept is not used for another declaration */
	world.secrets.fault.times = 1;
	look();
	set_spec("ttl", "6h");
	look();
	assert_int_equal(world.asked, 3);
	assert_string_equal(kept(secret("kc")->annotations, EXPORT_EXPIRES), "2026-11-21T17:57:30Z");
}

static void omni_away_takes_nothing_away(void **state)
{
	(void)state;
	look();
	char before[DIGEST_HEX_SIZE];
	snprintf(before, sizeof before, "%s", field("kubeconfigHash"));
	world.omni_says = FAIL_UNAVAILABLE;
	pass(20 * HOUR);
	look();
	assert_condition("Ready", "True Exported"); /* four hours are left */
	assert_true(world.out.has_failed);
	assert_int_equal(world.out.again_ms, 0);
	assert_non_null(strstr(message("Ready"), "renewing it failed"));
	pass(2 * HOUR + MINUTE);
	look();
	assert_condition("Ready", "False ExportFailed");
	assert_condition("Exported", "True Exported");
	assert_string_equal(world.told, "Expiring");
	look();
	assert_string_equal(world.told, ""); /* once */
	assert_string_equal(field("kubeconfigHash"), before);
	assert_string_equal(field("expirationTime"), "2026-11-22T11:56:40Z");
	assert_non_null(secret("kc"));
	pass(2 * HOUR);
	look();
	assert_condition("Exported", "False ExportFailed");
	assert_non_null(secret("kc"));
	world.omni_says = FAIL_NONE;
	look();
	assert_condition("Ready", "True Exported");
}

static void a_changed_declaration_that_fails_leaves_what_works(void **state)
{
	(void)state;
	look();
	world.omni_says = FAIL_DENIED;
	set_spec("serviceAccount.user", "ci-bot"); /* the same */
	set_spec("ttl", "12h");
	look();
	assert_condition("Ready", "False ExportFailed");
	assert_condition("Exported", "True Exported");
	assert_string_equal(field("expirationTime"), "2026-11-22T11:56:40Z");
	assert_string_equal(field("serviceAccountUser"), "ci-bot");
}

static void a_store_that_does_not_answer(void **state)
{
	(void)state;
	look();
	json_t *before = json_deep_copy(world.status);
	world.secrets.fault.call = "read";
	world.secrets.fault.code = FAIL_UNAVAILABLE;
	world.secrets.fault.times = 1;
	look();
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
	look();
	for (int i = 0; i < 600; i++) { /* ten minutes */
		memory_secret_drop(&world.secrets, "omni", "kc");
		pass(1);
		look();
	}
	assert_in_range(world.asked, 5, 16);
}

/* --- whose it is ------------------------------------------------------------------------------------------------------------------ */

static void somebody_elses_is_left_alone(void **state)
{
	(void)state;
	struct stored_secret *theirs = memory_secret_put(&world.secrets, "omni", "kc", "kubeconfig", "their own",
							 "{\"owner\":\"other-team\"}", "{\"keep\":\"me\"}");
	look();
	assert_string_equal(world.secrets.log, "read omni/kc");
	assert_condition("Ready", "False SecretConflict");
	assert_condition("Exported", "False SecretConflict");
	assert_non_null(strstr(message("Ready"), EXPORT_NAME "=harbor-ci and " EXPORT_NAMESPACE "=omni"));
	assert_int_equal(world.asked, 0);
	assert_false(world.out.has_failed || world.out.is_progressing);
	world.object.is_deleted = true;
	look();
	assert_true(world.out.is_gone);
	assert_ptr_equal(secret("kc"), theirs);
	world.object.is_deleted = false;
	json_object_set_new(theirs->annotations, EXPORT_NAME, json_string("harbor-ci")); /* handed over */
	look();
	assert_condition("Ready", "True Exported");
	assert_string_equal(kept(secret("kc")->annotations, "keep"), "me");
	assert_string_equal(kept(secret("kc")->labels, "owner"), "other-team");
}

static void of_another_namespace_is_somebody_elses(void **state)
{
	(void)state;
	memory_secret_put(&world.secrets, "tenant", "kc", "kubeconfig", "k", "{}", "{\"" EXPORT_NAME "\":\"harbor-ci\"}");
	set_spec("targetSecretRef.namespace", "tenant");
	look();
	assert_condition("Ready", "False SecretConflict");
}

static void lost_labels_come_back(void **state)
{
	(void)state;
	look();
	json_object_clear(secret("kc")->labels);
	look();
	assert_string_equal(world.secrets.log, "read omni/kc, write omni/kc");
	assert_int_equal(json_object_size(secret("kc")->labels), 3);
	assert_int_equal(world.asked, 1);
	json_object_del(secret("kc")->annotations, EXPORT_NAME);
	look();
	assert_string_equal(kept(secret("kc")->annotations, EXPORT_NAME), "harbor-ci");
	assert_int_equal(world.asked, 1);
}

static void what_others_put_beside_it_stays(void **state)
{
	(void)state;
	look();
	struct stored_secret *held = secret("kc");
	static struct secret_entry entries[3];
	entries[0] = (struct secret_entry){SPAN("extra"), SPAN("x")};
	entries[1] = (struct secret_entry){SPAN("kubeconfig"), SPAN("junk")};
	entries[2] = (struct secret_entry){SPAN("zzz"), SPAN("y")};
	held->entries = entries;
	held->entry_count = 3;
	json_object_set_new(held->labels, "mine", json_string("1"));
	look();
	held = secret("kc");
	assert_int_equal(world.asked, 2);
	assert_int_equal(held->entry_count, 3);
	assert_span(held->entries[0].key, "extra");
	assert_span(held->entries[2].value, "y");
	assert_true(span_starts(held->entries[1].value, "apiVersion"));
	assert_string_equal(kept(held->labels, "mine"), "1");
	assert_non_null(strstr(world.out.events[0].note, "somebody changed the kubeconfig"));
}

static void an_immutable_one_is_replaced(void **state)
{
	(void)state;
	look();
	secret("kc")->is_immutable = true;
	set_spec("ttl", "12h");
	look();
	assert_condition("Ready", "True Exported");
	assert_string_equal(world.secrets.log, "read omni/kc, remove omni/kc, write omni/kc");
	assert_false(secret("kc")->is_immutable);
}

/* --- checked by use --------------------------------------------------------------------------------------------------------------- */

static void a_refused_one_is_renewed_at_once(void **state)
{
	(void)state;
	look();
	world.refuses = 1;
	pass(6 * MINUTE);
	look();
	assert_int_equal(world.asked, 2);
	assert_condition("Ready", "True Exported");
	assert_non_null(strstr(world.out.events[0].note, "the cluster refused the last ones"));
}

static void refused_for_ever_is_asked_for_rarely(void **state)
{
	(void)state;
	world.cluster_says = SEEN_REFUSED;
	look();
	assert_condition("Ready", "False Refused");
	assert_condition("Exported", "False Refused");
	for (int i = 0; i < 60; i++) {
		look();
		assert_in_range(world.out.again_ms, 1000, HOUR * 1000 * 2);
		pass(MINUTE);
	}
	assert_in_range(world.asked, 2, 6);
	world.cluster_says = SEEN_ACCEPTED;
	pass(HOUR + 5 * MINUTE);
	look();
	assert_condition("Ready", "True Exported");
	assert_condition("Exported", "True Exported");
}

static void silence_is_no_refusal(void **state)
{
	(void)state;
	look();
	world.cluster_says = SEEN_SILENT;
	for (int i = 0; i < 10; i++) {
		pass(6 * MINUTE);
		look();
		assert_condition("Ready", "True Exported");
	}
	assert_int_equal(world.asked, 1);
}

static void another_cluster_of_the_name(void **state)
{
	(void)state;
	look();
	pass(10 * MINUTE);
	world.object.cluster.uid = SPAN("u2");
	world.object.cluster.is_ready = false;
	world.cluster_says = SEEN_SILENT;
	look();
	assert_condition("Ready", "False Progressing");
	assert_int_equal(world.asked, 1);
	pass(10 * MINUTE);
	world.object.cluster.is_ready = true;
	world.cluster_says = SEEN_ACCEPTED;
	look();
	assert_condition("Ready", "True Exported");
	assert_int_equal(world.asked, 2);
	assert_string_equal(field("clusterUID"), "u2");
	pass(MINUTE);
	world.object.cluster.uid = SPAN("u3"); /* it need not be ready when the old one is refused */
	world.object.cluster.is_ready = false;
	world.refuses = 1;
	look();
	assert_int_equal(world.asked, 3);
}

static void another_omni(void **state)
{
	(void)state;
	look();
	pass(10 * MINUTE);
	world.object.cluster.endpoint = SPAN("https://other");
	world.omni_says = FAIL_UNAVAILABLE;
	look();
	assert_string_equal(field("endpoint"), "https://omni"); /* that is what there is */
	world.omni_says = FAIL_NONE;
	look();
	assert_string_equal(field("endpoint"), "https://other");
	assert_int_equal(world.asked, 2);
}

static void clocks_that_jump(void **state)
{
	(void)state;
	look();
	world.clock_s = 365 * DAY; /* a year ahead: what Omni gives has ended long ago */
	for (int i = 0; i < 60; i++) {
		pass(MINUTE);
		look();
	}
	assert_in_range(world.asked, 2, 8);
	world.clock_s = 0;
	unsigned before = world.asked;
	pass(2 * HOUR);
	look();
	assert_in_range(world.asked, before, before + 1);
	look();
	assert_condition("Ready", "True Exported");
	world.clock_s = -400 * DAY; /* what was made lies in the future; it is made anew, once */
	before = world.asked;
	for (int i = 0; i < 60; i++) {
		pass(MINUTE);
		look();
	}
	assert_int_equal(world.asked, before + 1);
	world.clock_s = 0;
	pass(MINUTE);
	look();
	assert_condition("Ready", "True Exported");
}

static void omni_gives_less(void **state)
{
	(void)state;
	world.omni_life_s = HOUR;
	look();
	assert_string_equal(field("expirationTime"), "2026-11-21T12:56:40Z");
	for (int i = 0; i < 10 * 60; i++) { /* ten hours */
		pass(MINUTE);
		look();
		assert_condition("Ready", "True Exported");
	}
	assert_in_range(world.asked, 20, 24);
}

/* --- moving ------------------------------------------------------------------------------------------------------------------------ */

static void another_name(void **state)
{
	(void)state;
	look();
	set_spec("targetSecretRef.name", "kc2");
	world.secrets.fault.call = "remove";
	world.secrets.fault.code = FAIL_UNAVAILABLE;
	world.secrets.fault.times = 1;
	look();
	assert_string_equal(world.secrets.log, "read omni/kc2, read omni/kc, write omni/kc2, read omni/kc, remove omni/kc");
	assert_string_equal(field("targetSecretRef"), "kc"); /* until it is over */
	assert_condition("Ready", "False ExportFailed");
	assert_condition("Exported", "True Exported");
	look();
	assert_string_equal(field("targetSecretRef"), "kc2");
	assert_condition("Ready", "True Exported");
	assert_null(secret("kc"));
	assert_int_equal(world.asked, 1); /* the same credentials */
}

static void another_name_that_is_taken(void **state)
{
	(void)state;
	look();
	memory_secret_put(&world.secrets, "omni", "theirs", "kubeconfig", "x", NULL, NULL);
	set_spec("targetSecretRef.name", "theirs");
	look();
	assert_condition("Ready", "False SecretConflict");
	assert_condition("Exported", "True Exported");
	assert_string_equal(field("targetSecretRef"), "kc");
	assert_string_equal(field("expirationTime"), "2026-11-22T11:56:40Z");
	world.object.is_deleted = true;
	look();
	assert_null(secret("kc"));
	assert_non_null(secret("theirs"));
}

static void another_namespace_and_orphan(void **state)
{
	(void)state;
	look();
	set_spec("targetSecretRef.namespace", "tenant");
	set_spec("deletionPolicy", "Orphan");
	look();
	assert_non_null(secret("kc"));
	assert_non_null(memory_secret(&world.secrets, "tenant", "kc"));
	assert_string_equal(field("targetSecretNamespace"), "tenant");
	assert_condition("Ready", "True Exported");
}

static void another_key(void **state)
{
	(void)state;
	look();
	set_spec("targetSecretRef.key", "value");
	look();
	assert_int_equal(secret("kc")->entry_count, 1);
	assert_span(secret("kc")->entries[0].key, "value");
	assert_string_equal(field("targetSecretKey"), "value");
	assert_int_equal(world.asked, 2);
}

/* --- gates, the end ---------------------------------------------------------------------------------------------------------------- */

static void what_is_missing_is_waited_for(void **state)
{
	(void)state;
	look();
	world.object.cluster.has_connection = false;
	look();
	assert_condition("Accepted", "True Accepted");
	assert_condition("Ready", "False MissingConnection");
	assert_condition("Exported", "True Exported");
	world.object.cluster = (struct handler_cluster){.object = SPAN("harbor")};
	look();
	assert_condition("Accepted", "False MissingCluster");
	assert_condition("Ready", "False MissingCluster");
	assert_string_equal(message("Ready"), "OmniCluster \"harbor\" does not exist");
	assert_string_equal(field("clusterName"), "harbor");
	assert_string_equal(field("expirationTime"), "2026-11-22T11:56:40Z");
	set_spec("ttl", "nonsense");
	look();
	assert_condition("Ready", "False ValidationFailed");
	assert_string_equal(message("Ready"), "ttl must be greater than zero");
	assert_non_null(secret("kc"));
}

static void whoever_may_not_act_does_nothing(void **state)
{
	(void)state;
	world.may_act = false;
	look();
	assert_int_equal(world.asked, 0);
	assert_int_equal(world.out.condition_count, 0);
	assert_null(secret("kc"));
	assert_false(world.out.has_failed);
}

static void deleted(void **state)
{
	(void)state;
	look();
	world.object.is_deleted = true;
	world.object.cluster = (struct handler_cluster){.object = SPAN("harbor")}; /* it is not needed */
	world.secrets.fault.call = "remove";
	world.secrets.fault.code = FAIL_DENIED;
	world.secrets.fault.times = 1;
	look();
	assert_false(world.out.is_gone);
	assert_true(world.out.has_failed);
	assert_condition("Ready", "False DeleteFailed");
	look();
	assert_true(world.out.is_gone);
	assert_null(secret("kc"));
	assert_non_null(strstr(world.out.events[0].note, "they are valid until 2026-11-22T11:56:40Z"));
}

static void deleted_and_left(void **state)
{
	(void)state;
	set_spec("deletionPolicy", "Orphan");
	look();
	world.object.is_deleted = true;
	look();
	assert_true(world.out.is_gone);
	assert_non_null(secret("kc"));
	assert_string_equal(world.told, "Orphaned");
}

/* --- for others -------------------------------------------------------------------------------------------------------------------- */

static void others_get_the_same(void **state)
{
	(void)state;
	set_spec("outputs", "{\"argoCD\":{\"secretName\":\"harbor\",\"namespace\":\"argocd\"},\"flux\":{\"secretName\":\"harbor-flux\"}}");
	look();
	assert_condition("Ready", "True Exported");
	assert_int_equal(json_array_size(json_object_get(world.status, "outputs")), 2);
	struct stored_secret *argo = memory_secret(&world.secrets, "argocd", "harbor");
	assert_span(stored_secret_value(argo, SPAN("server")), "https://127.0.0.1:8095?cluster=harbor");
	assert_true(span_eq(stored_secret_value(secret("harbor-flux"), SPAN("value")), stored_secret_value(secret("kc"), SPAN("kubeconfig"))));
	look();
	assert_null(strstr(world.secrets.log, "write"));
	pass(20 * HOUR); /* with the first one */
	look();
	assert_true(span_eq(stored_secret_value(secret("harbor-flux"), SPAN("value")), stored_secret_value(secret("kc"), SPAN("kubeconfig"))));
	assert_int_equal(world.asked, 2);
	memory_secret_drop(&world.secrets, "argocd", "harbor");
	look();
	assert_non_null(memory_secret(&world.secrets, "argocd", "harbor"));
	set_spec("outputs", "{\"flux\":{\"secretName\":\"harbor-flux\",\"namespace\":\"flux-system\"}}");
	look();
	assert_null(memory_secret(&world.secrets, "argocd", "harbor"));
	assert_null(secret("harbor-flux"));
	assert_non_null(memory_secret(&world.secrets, "flux-system", "harbor-flux"));
	world.object.is_deleted = true;
	look();
	assert_null(memory_secret(&world.secrets, "flux-system", "harbor-flux"));
}

static void others_keep_theirs(void **state)
{
	(void)state;
	memory_secret_put(&world.secrets, "argocd", "harbor", "name", "mine", NULL, NULL);
	set_spec("outputs", "{\"argoCD\":{\"secretName\":\"harbor\",\"namespace\":\"argocd\"}}");
	look();
	assert_condition("Ready", "False SecretConflict");
	assert_condition("Exported", "True Exported");
	assert_non_null(strstr(message("Ready"), "\"argocd/harbor\" of outputs.argoCD"));
	json_object_del(world.spec, "outputs");
	look();
	assert_condition("Ready", "True Exported");
	assert_span(stored_secret_value(memory_secret(&world.secrets, "argocd", "harbor"), SPAN("name")), "mine");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_first_one), T(nothing_to_do_is_nothing_done), T(the_operators_secret_goes_on), T(an_export_made_anew_is_the_heir),
		T(renewed_before_its_end), T(next_rotation_is_what_happens), T(a_cluster_that_does_not_answer_yet),
		T(none_is_asked_for_that_has_nowhere_to_go), T(one_that_could_not_be_written_is_kept), T(omni_away_takes_nothing_away),
		T(a_changed_declaration_that_fails_leaves_what_works), T(a_store_that_does_not_answer), T(somebody_deletes_it_again_and_again),
		T(somebody_elses_is_left_alone), T(of_another_namespace_is_somebody_elses), T(lost_labels_come_back),
		T(what_others_put_beside_it_stays), T(an_immutable_one_is_replaced), T(a_refused_one_is_renewed_at_once),
		T(refused_for_ever_is_asked_for_rarely), T(silence_is_no_refusal), T(another_cluster_of_the_name), T(another_omni),
		T(clocks_that_jump), T(omni_gives_less), T(another_name), T(another_name_that_is_taken), T(another_namespace_and_orphan),
		T(another_key), T(what_is_missing_is_waited_for), T(whoever_may_not_act_does_nothing), T(deleted), T(deleted_and_left),
		T(others_get_the_same), T(others_keep_theirs),
	};
	return RUN_TESTS(tests);
}
