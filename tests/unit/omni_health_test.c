/* The rule of readiness, held against what a real server was seen to say: the moments of a cluster of three control planes and
 * two workers from its creation through scaling and upgrades to its end. */
#include "tests/unit/test.h"

#include "agent/omni/health.h"
#include "render/resource.h"

/* What is said and declared at one moment; a set: declared, chosen, in the status, healthy. */
struct moment {
	const char *name;
	unsigned phase;
	bool is_ready;
	struct {
		size_t wanted, allocated, total, healthy;
		unsigned phase;
		bool is_ready;
	} sets[2];
	unsigned kubernetes, talos; /* phases; 0: there is no such status */
	const char *declared, *last_talos, *last_kubernetes; /* versions; NULL: "1.13.3", and those that are declared */
	enum health health;
	const char *code; /* of the first reason */
};

enum { UP = CLUSTER_SCALING_UP, DOWN = CLUSTER_SCALING_DOWN, RUN = CLUSTER_RUNNING, END = CLUSTER_DESTROYING };
enum { S_UP = 1, S_DOWN = 2, S_RUN = SET_RUNNING, S_END = SET_DESTROYING, S_BAD = SET_FAILED, S_CONF = 6, S_UPG = 7 };
enum { U_GO = 1, U_DONE = UPGRADE_DONE, U_BACK = 4 };

static const struct moment moments[] = {
	/* creation, at the second that is named */
	{"0.1: an empty control plane has failed, empty workers are ready", RUN, false, {{3, 0, 0, 0, S_BAD, false}, {2, 0, 0, 0, S_RUN, true}},
	 0, U_DONE, .health = HEALTH_NOT_READY, .code = "MachinesMissing"},
	{"0.2: machines by name, before the nodes are seen", RUN, true, {{3, 3, 0, 0, S_RUN, true}, {2, 2, 0, 0, S_RUN, true}}, 0, U_DONE,
	 .health = HEALTH_NOT_READY, .code = "MachinesJoining"},
	{"0.5: requested grows", UP, false, {{3, 3, 1, 0, S_UP, false}, {2, 1, 1, 0, S_UP, false}}, 0, U_DONE,
	 .health = HEALTH_NOT_READY, .code = "MachinesJoining"},
	{"1.0: reconfiguring", RUN, false, {{3, 3, 3, 2, S_CONF, false}, {2, 2, 2, 2, S_RUN, true}}, 0, U_DONE, .health = HEALTH_NOT_READY,
	 .code = "MachineSetPhase"},
	{"1.3: all is ready, nobody looked at its Kubernetes", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, 0, U_DONE,
	 .health = HEALTH_NOT_READY, .code = "KubernetesUnknown"},
	{"2.9: its Kubernetes comes up", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_GO, U_DONE, NULL, NULL, "",
	 .health = HEALTH_NOT_READY, .code = "KubernetesUpgrade"},
	{"4.5: done", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_DONE, U_DONE, .health = HEALTH_READY},
	/* after writes of ours the old state is seen for a while */
	{"one worker more, not noticed", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {3, 2, 2, 2, S_RUN, true}}, U_DONE, U_DONE,
	 .health = HEALTH_NOT_READY, .code = "MachinesMissing"},
	{"one worker more, chosen, not noticed", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {3, 3, 2, 2, S_RUN, true}}, U_DONE, U_DONE,
	 .health = HEALTH_NOT_READY, .code = "MachinesJoining"},
	{"two workers less, not noticed", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {1, 3, 3, 3, S_RUN, true}}, U_DONE, U_DONE,
	 .health = HEALTH_NOT_READY, .code = "MachinesLeaving"},
	{"they leave", DOWN, false, {{3, 3, 3, 3, S_RUN, true}, {1, 1, 1, 1, S_DOWN, false}}, U_DONE, U_DONE, .health = HEALTH_NOT_READY,
	 .code = "MachineSetPhase"},
	{"another Talos, not noticed", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_DONE, U_DONE, "1.13.5", "1.13.3",
	 .health = HEALTH_NOT_READY, .code = "NotObserved"},
	{"another Talos, on its way", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_DONE, U_GO, "1.13.5", "1.13.3",
	 .health = HEALTH_NOT_READY, .code = "TalosUpgrade"},
	{"another Talos, machines restart", RUN, false, {{3, 3, 3, 2, S_UPG, false}, {2, 2, 2, 2, S_RUN, true}}, U_DONE, U_GO, "1.13.5", "1.13.3",
	 .health = HEALTH_NOT_READY, .code = "MachineSetPhase"},
	{"another Talos, there", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_DONE, U_DONE, "v1.13.5", "1.13.5",
	 .health = HEALTH_READY},
	{"another Kubernetes, not noticed", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_DONE, U_DONE, NULL, NULL, "1.35.0",
	 .health = HEALTH_NOT_READY, .code = "NotObserved"},
	{"it goes back", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_BACK, U_DONE, .health = HEALTH_NOT_READY,
	 .code = "KubernetesUpgrade"},
	/* troubles */
	{"a machine is not connected", RUN, false, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 1, S_RUN, false}}, U_DONE, U_DONE,
	 .health = HEALTH_NOT_READY, .code = "MachineSetNotReady"},
	{"no machine is free", UP, false, {{3, 3, 3, 3, S_RUN, true}, {5, 2, 2, 2, S_UP, false}}, U_DONE, U_DONE, .health = HEALTH_NOT_READY,
	 .code = "MachinesMissing"},
	{"only the cluster says no", RUN, false, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_DONE, U_DONE,
	 .health = HEALTH_NOT_READY, .code = "ClusterNotReady"},
	{"no status of Talos: an account that may not see it", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_DONE, 0,
	 .health = HEALTH_READY},
	{"the end", END, false, {{3, 3, 3, 3, S_END, false}, {2, 2, 2, 2, S_END, false}}, U_DONE, U_DONE, .health = HEALTH_DESTROYING,
	 .code = "Destroying"},
};

static struct health_facts facts_of(const struct moment *moment, struct health_set sets[2])
{
	const char *declared = moment->declared == NULL ? "1.13.3" : moment->declared;
	const char *talos = moment->last_talos == NULL ? declared : moment->last_talos;
	const char *kubernetes = moment->last_kubernetes == NULL ? "1.35.1" : moment->last_kubernetes;
	for (int i = 0; i < 2; i++)
		sets[i] = (struct health_set){.id = span_of(i == 0 ? "c-control-planes" : "c-workers"),
					      .class_name = moment->sets[i].wanted == moment->sets[i].allocated ? SPAN("") : SPAN("any"),
					      .is_declared = true,
					      .has_status = true,
					      .is_ready = moment->sets[i].is_ready,
					      .phase = moment->sets[i].phase,
					      .wanted = moment->sets[i].wanted,
					      .allocated = moment->sets[i].allocated,
					      .total = moment->sets[i].total,
					      .healthy = moment->sets[i].healthy};
	return (struct health_facts){
		.name = SPAN("c"),
		.talos = span_of(declared),
		.kubernetes = SPAN("1.35.1"),
		.nodes = sets[0].allocated + sets[1].allocated,
		.has_status = true,
		.is_ready = moment->is_ready,
		.phase = moment->phase,
		.kubernetes_upgrade = {.is_known = moment->kubernetes > 0, .phase = moment->kubernetes, .last = span_of(kubernetes)},
		.talos_upgrade = {.is_known = moment->talos > 0, .phase = moment->talos, .last = span_of(talos)},
		.sets = sets,
		.set_count = 2,
	};
}

static void expect(const struct moment *moment, enum health health, const struct health_reasons *reasons)
{
	bool is_same = health == moment->health && (health == HEALTH_READY) == (reasons->count == 0);
	if (moment->code != NULL)
		is_same = is_same && reasons->count > 0 && strcmp(reasons->items[0].code, moment->code) == 0;
	if (!is_same)
		fail_msg("%s: %s, %s", moment->name, health_name(health), reasons->count > 0 ? reasons->items[0].code : "no reason");
}

static void measured_moments_are_judged(void **state)
{
	(void)state;
	struct arena arena;
	struct health_reasons reasons;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
		struct health_set sets[2];
		struct health_facts facts = facts_of(&moments[i], sets);
		expect(&moments[i], health_judge(&arena, &facts, &reasons), &reasons);
	}
	arena_done(&arena);
}

/* Whatever one statement says, taking it away from a ready cluster makes it less than ready. */
static void every_part_of_the_rule_counts(void **state)
{
	(void)state;
	struct arena arena;
	struct health_reasons reasons;
	struct health_set sets[2];
	const struct moment ready = {"", RUN, true, {{3, 3, 3, 3, S_RUN, true}, {2, 2, 2, 2, S_RUN, true}}, U_DONE, U_DONE, .health = HEALTH_READY};
	arena_init(&arena, ARENA_NO_LIMIT);
	for (int i = 0; i <= 12; i++) {
		struct health_facts facts = facts_of(&ready, sets);
		switch (i) {
		case 1: facts.is_torn_down = true; break;
		case 2: facts.has_status = false; break;
		case 3: facts.is_ready = false; break;
		case 4: facts.phase = CLUSTER_UNKNOWN; break;
		case 5: facts.nodes++; break;
		case 6: facts.seen_talos = SPAN("1.13.2"); break;
		case 7: facts.seen_kubernetes = SPAN("1.35.0"); break;
		case 8: sets[1].is_declared = false; break;
		case 9: sets[1].has_status = false; break;
		case 10: sets[0].is_ready = false; break;
		case 11: sets[0].error = SPAN("no luck"); break;
		case 12: facts.talos_upgrade.phase = 99; break;
		default: break;
		}
		if ((health_judge(&arena, &facts, &reasons) == HEALTH_READY) != (i == 0))
			fail_msg("case %d", i);
	}
	arena_done(&arena);
}

static void names_of_numbers_have_bounds(void **state)
{
	(void)state;
	assert_string_equal(health_cluster_phase(CLUSTER_RUNNING), "RUNNING");
	assert_string_equal(health_cluster_phase(77), "UNKNOWN");
	assert_string_equal(health_set_phase(7), "Upgrading");
	assert_string_equal(health_set_phase(UINT32_MAX), "Unknown");
	assert_string_equal(health_stage(11), "POWERED_OFF");
	assert_string_equal(health_stage(12), "UNKNOWN");
	assert_string_equal(health_upgrade_phase(5), "UpdatingMachineSchematics");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(measured_moments_are_judged),
		cmocka_unit_test(every_part_of_the_rule_counts),
		cmocka_unit_test(names_of_numbers_have_bounds),
	};
	return RUN_TESTS(tests);
}
