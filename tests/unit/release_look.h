/* Looks at a release in the world of release_world.h, and what came of them. */
#ifndef TESTS_UNIT_RELEASE_LOOK_H
#define TESTS_UNIT_RELEASE_LOOK_H

#include "tests/unit/release_helm.h"

/* --- a look ------------------------------------------------------------------------------------------------------------------------ */

static int64_t say_now(void *ctx)
{
	(void)ctx;
	return world.now_s;
}

static bool say_yes(void *ctx, const struct handler_object *object)
{
	(void)ctx, (void)object;
	return true;
}

static json_t *say_status(void *ctx, const struct handler_object *asker, const struct kind *kind, struct span name, bool *out_is_ready)
{
	(void)ctx, (void)asker, (void)kind, (void)name;
	*out_is_ready = world.is_ready_other;
	return world.has_other ? json_object() : NULL;
}

struct place {
	struct handler_env env;
	struct handler_object object;
	struct handler_outcome out;
	struct arena arena;
	json_t *spec, *status, *annotations;
	void *memory;
	char dir[64];
};

static int begin(void **state)
{
	struct place *place = calloc(1, sizeof *place);
	memset(&world, 0, sizeof world);
	world.now_s = NOW;
	world.may_watch = true;
	world.chart_version = "1.2.0";
	world.chart_digest = "d1";
	snprintf(place->dir, sizeof place->dir, "/tmp/release.XXXXXX");
	assert_non_null(mkdtemp(place->dir));
	place->spec = json_pack("{s:{s:s}, s:{s:s}, s:s, s:s, s:{s:s, s:s, s:s, s:{s:i}}, s:s}", "clusterRef", "name", "prod",
				"kubeconfigSecretRef", "name", "kc", "releaseName", "web", "namespace", "apps", "chart", "repository",
				"https://charts", "chart", "greeting", "version", "1.2.0", "values", "a", 1, "deletionPolicy", "Uninstall");
	place->status = json_object();
	place->annotations = json_object();
	atomic_init(&place->env.is_stopping, false);
	place->env.status_of = say_status;
	place->env.may_act = say_yes;
	place->env.now_s = say_now;
	place->env.cache_dir = place->dir;
	place->env.charts = (struct charts *)place;
	place->env.programs = (struct helm *)place;
	place->object = (struct handler_object){.kind = HANDLER_RELEASE.kind, .ns = SPAN("fleet"), .name = SPAN("prod-web"), .generation = 1,
						.cluster = {.exists = true, .object = SPAN("prod"), .name = SPAN("prod")}};
	arena_init(&place->arena, ARENA_NO_LIMIT);
	*state = place;
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;
	CLEANUP(text_done) struct text path;
	text_init(&path, 200);
	text_addf(&path, "%s/instance", place->dir);
	if (place->memory != NULL)
		HANDLER_RELEASE.forget(place->memory);
	json_decref(place->spec);
	json_decref(place->status);
	json_decref(place->annotations);
	arena_done(&place->arena);
	unlink(path.ptr);
	rmdir(place->dir);
	free(place);
	return 0;
}

static void look_once(struct place *place)
{
	arena_done(&place->arena);
	arena_init(&place->arena, ARENA_NO_LIMIT);
	memset(&place->out, 0, sizeof place->out);
	place->object.spec = place->spec;
	place->object.status = place->status;
	place->object.annotations = place->annotations;
	const struct handler_call call = {&place->env, &place->object, &place->memory, NULL, &place->arena, clock_monotonic_ms() + 10000};
	HANDLER_RELEASE.look(&call, &place->out);
	if (place->out.fields != NULL) {
		json_decref(place->status);
		place->status = place->out.fields;
	}
}

/* Until nothing is announced any more. */
static void look_through(struct place *place)
{
	for (size_t i = 0; i < 8; i++) {
		look_once(place);
		if (!place->out.is_progressing || place->out.again_ms != 1)
			return;
	}
	fail_msg("it does not come to an end");
}

static const struct handler_condition *ready(struct place *place)
{
	for (size_t i = 0; i < place->out.condition_count; i++)
		if (strcmp(place->out.conditions[i].type, "Ready") == 0)
			return &place->out.conditions[i];
	fail_msg("nothing is said of Ready");
	return NULL;
}

static void expect(struct place *place, bool is_ready, const char *reason, const char *message)
{
	const struct handler_condition *condition = ready(place);
	if ((condition->value == CONDITION_TRUE) != is_ready || strcmp(condition->reason, reason) != 0 ||
	    strstr(condition->message, message) == NULL)
		fail_msg("Ready=%d %s: %s", condition->value == CONDITION_TRUE, condition->reason, condition->message);
}

static const char *field(struct place *place, const char *name)
{
	const char *text = json_string_value(json_object_get(place->status, name));
	return text == NULL ? "" : text;
}

static int64_t number(struct place *place, const char *name)
{
	return json_integer_value(json_object_get(place->status, name));
}

static void set_values(struct place *place, const char *json)
{
	json_object_set_new(json_object_get(place->spec, "chart"), "values", kube_json_read(span_of(json), NULL));
	place->object.generation++;
}

#endif
