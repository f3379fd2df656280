/* Random clusters, the same for the same seed. */
#ifndef TESTS_UNIT_PLAN_RANDOM_H
#define TESTS_UNIT_PLAN_RANDOM_H

#include "tests/unit/plan_make.h"

struct dice {
	uint64_t state;
};

static inline unsigned dice_roll(struct dice *dice, unsigned sides)
{
	dice->state ^= dice->state << 13;
	dice->state ^= dice->state >> 7;
	dice->state ^= dice->state << 17;
	return (unsigned)((dice->state >> 11) % sides);
}

static inline const char *random_patch(struct arena *arena, struct dice *dice)
{
	return arena_spanf(arena, "machine:\n    sysctls:\n        net.core.somaxconn: \"%u\"\n", dice_roll(dice, 3)).ptr;
}

static inline void random_machine(struct maker *m, struct dice *dice, const char *set, unsigned machine)
{
	struct resource *node = make_node(m, set, machine);
	if (dice_roll(dice, 4) == 0 && strcmp(set, "control-planes") != 0)
		make_note(m->arena, node, OMNI_ANNOTATION_LOCKED, "");
	if (dice_roll(dice, 3) == 0)
		make_list(m, OMNI_KERNEL_ARGS, node->id, "args", dice_roll(dice, 2) ? "console=ttyS0" : "quiet");
	if (dice_roll(dice, 4) == 0)
		make_machine_patch(m, machine, 400, "m", random_patch(m->arena, dice));
	if (dice_roll(dice, 5) == 0)
		make_machine_patch(m, machine, 0, "install-disk", "machine:\n    install:\n        disk: /dev/vda\n");
}

static inline void random_set(struct maker *m, struct dice *dice, const char *name, unsigned first_machine)
{
	bool has_class = dice_roll(dice, 3) == 0;
	struct resource *set = make_set(m, name, has_class ? (int)dice_roll(dice, 4) : -1);
	if (dice_roll(dice, 4) == 0)
		make_label(m->arena, set, "tier", dice_roll(dice, 2) ? SPAN("gold") : SPAN("silver"));
	for (unsigned i = 0; !has_class && i < 3; i++)
		if (dice_roll(dice, 3) > 0)
			random_machine(m, dice, name, first_machine + i);
	if (dice_roll(dice, 2))
		make_set_patch(m, name, 400, "a", random_patch(m->arena, dice));
	if (dice_roll(dice, 4) == 0)
		make_list(m, OMNI_EXTENSIONS, arena_spanf(m->arena, "schematic-%.*s", SPAN_ARG(set->id)), "extensions",
			  dice_roll(dice, 2) ? "siderolabs/iscsi-tools" : "siderolabs/gvisor");
}

static inline struct cluster *random_cluster(struct arena *arena, const char *name, uint64_t seed)
{
	struct dice dice = {seed * 0x9E3779B97F4A7C15u + 1};
	for (int i = 0; i < 8; i++)
		dice_roll(&dice, 2);
	static const char *const versions[] = {"1.12.0", "1.13.5", "1.13.8"};
	struct maker m = make_cluster(arena, name, versions[dice_roll(&dice, 3)], dice_roll(&dice, 2) ? "1.34.1" : "1.35.0");
	if (dice_roll(&dice, 2))
		make_label(arena, m.cluster->resources.items[0], "env", dice_roll(&dice, 2) ? SPAN("prod") : SPAN("dev"));
	for (unsigned i = 0; i < 3; i++)
		if (dice_roll(&dice, 2))
			make_patch(&m, 200 + i, i == 1 ? "b" : "a", random_patch(arena, &dice));
	if (dice_roll(&dice, 3) == 0)
		make_text(&m, OMNI_CONFIG_PATCH, SPAN("my-own-id"), "data", random_patch(arena, &dice));
	if (dice_roll(&dice, 3) == 0)
		make_text(&m, OMNI_MANIFEST_GROUP, arena_spanf(arena, "200-cluster-%s-app", name), "data", "kind: ConfigMap\n");
	if (dice_roll(&dice, 3) == 0)
		make_text(&m, OMNI_HEALTH_CHECK, arena_spanf(arena, "cluster-%s-check", name), "job", "kind: Job\n");
	if (dice_roll(&dice, 3) == 0)
		make_list(&m, OMNI_EXTENSIONS, arena_spanf(arena, "schematic-%s", name), "extensions", "siderolabs/qemu-guest-agent");
	random_set(&m, &dice, "control-planes", 1);
	if (dice_roll(&dice, 3) > 0)
		random_set(&m, &dice, "workers", 11);
	if (dice_roll(&dice, 3) == 0)
		random_set(&m, &dice, "gpu", 21);
	return m.cluster;
}

#endif
