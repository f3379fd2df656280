/* One kubeconfig export and its world, look by look: Omni, the cluster, the Secret store and both clocks are the test's. */
#ifndef TESTS_UNIT_EXPORT_WORLD_H
#define TESTS_UNIT_EXPORT_WORLD_H

#include "agent/handlers/kubeconfig_export_int.h"
#include "tests/unit/memory_secrets.h"
#include "tests/unit/test.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 24 * HOUR, START_S = 1795262200 };

struct export_world {
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
};
extern struct export_world world;

int world_set_up(void **state);
int world_tear_down(void **state);
void world_look(void); /* a look, whose outcome is the next one's status */
void world_pass(int64_t seconds); /* for both clocks */
void world_restart(void); /* of the agent */
void world_set_spec(const char *path, const char *value); /* "ttl", "targetSecretRef.name"; a text, or an object as JSON */
bool world_give_kubeconfig(const struct omni_kubeconfig_request *request, struct arena *arena, struct span *out_yaml);
struct stored_secret *world_secret(const char *name);
const char *world_kept(const json_t *texts, const char *key);

/* Of the last look: "False ExportFailed"; the condition's message; a field of the status. */
const char *world_condition(const char *type);
const char *world_message(const char *type);
const char *world_field(const char *key);

#define assert_condition(type, expected) assert_string_equal(world_condition(type), expected)
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

#endif
