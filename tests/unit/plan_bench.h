/* Two templates of the same cluster: what is there, and what is wanted. */
#ifndef TESTS_UNIT_PLAN_BENCH_H
#define TESTS_UNIT_PLAN_BENCH_H

#include "agent/plan/internal.h"
#include "tests/unit/plan_make.h"

struct pair_bench {
	struct arena arena;
	struct maker old, new;
	struct plan_actual actual;
	struct plan_options options;
	struct plan plan;
};

static inline void pair_begin(struct pair_bench *b)
{
	memset(b, 0, sizeof *b);
	arena_init(&b->arena, ARENA_NO_LIMIT);
	b->old = make_cluster(&b->arena, "demo", "1.13.5", "1.35.0");
	b->new = make_cluster(&b->arena, "demo", "1.13.5", "1.35.0");
	b->options.secret_key = SPAN("test");
}

static inline void pair_end(struct pair_bench *b)
{
	arena_done(&b->arena);
}

/* The old template as it was applied; status is added to b->actual afterwards. */
static inline void pair_plan(struct pair_bench *b)
{
	struct resource_list status = b->actual.status;
	make_actual(&b->arena, b->old.cluster, &b->actual);
	b->actual.status = status;
	plan_cluster(&b->arena, b->new.cluster, (struct span){"", 0}, &b->actual, &b->options, &b->plan);
}

static inline void pair_machines(struct pair_bench *b, const char *set, unsigned old_count, unsigned new_count)
{
	make_set(&b->old, set, -1);
	make_set(&b->new, set, -1);
	for (unsigned i = 1; i <= old_count; i++)
		make_node(&b->old, set, i);
	for (unsigned i = 1; i <= new_count; i++)
		make_node(&b->new, set, i);
}

#endif
