#include "tests/unit/export_world.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "crds/kinds.h"

struct export_world world;

/* --- the world ------------------------------------------------------------------------------------------------------------------ */

static int64_t began_ms;

/* The tests bring tests/unit/fake_clock.h, so that it passes only when they say so. */
static int64_t true_s(void)
{
	return START_S + (clock_monotonic_ms() - began_ms) / 1000;
}

static int64_t now_s(void *ctx)
{
	(void)ctx;
	return true_s() + world.clock_s;
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
	struct span token = make_token(arena, true_s() + (world.omni_life_s > 0 ? world.omni_life_s : request->ttl_s));
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

void world_look(void)
{
	world.object.spec = world.spec;
	world.object.status = world.status;
	const struct handler_call call = {&world.env, &world.object, &world.memory, NULL, &world.arena, clock_monotonic_ms() + 60000};
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

void world_pass(int64_t seconds)
{
	clock_sleep_ms(seconds * 1000);
}

const char *world_condition(const char *type)
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

const char *world_message(const char *type)
{
	for (size_t i = 0; i < world.out.condition_count; i++)
		if (strcmp(world.out.conditions[i].type, type) == 0)
			return world.out.conditions[i].message;
	return "none";
}

const char *world_field(const char *key)
{
	const char *text = json_string_value(json_object_get(world.status, key));
	return text == NULL ? "none" : text;
}

void world_set_spec(const char *path, const char *value)
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

struct stored_secret *world_secret(const char *name)
{
	return memory_secret(&world.secrets, "omni", name);
}

const char *world_kept(const json_t *texts, const char *key)
{
	const char *text = json_string_value(json_object_get(texts, key));
	return text == NULL ? "none" : text;
}

int world_set_up(void **state)
{
	(void)state;
	began_ms = clock_monotonic_ms();
	world = (struct export_world){.may_act = true, .cluster_says = SEEN_ACCEPTED};
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

int world_tear_down(void **state)
{
	(void)state;
	HANDLER_EXPORT.forget(world.memory);
	json_decref(world.spec);
	json_decref(world.status);
	memory_secrets_done(&world.secrets);
	arena_done(&world.arena);
	return 0;
}

void world_restart(void)
{
	HANDLER_EXPORT.forget(world.memory);
	world.memory = NULL;
}

bool world_give_kubeconfig(const struct omni_kubeconfig_request *request, struct arena *arena, struct span *out_yaml)
{
	struct fail fail;
	return give_kubeconfig(NULL, NULL, request, arena, out_yaml, &fail);
}
