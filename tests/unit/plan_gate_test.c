/* Who may pass. */
#include "tests/unit/test.h"

#include "agent/plan/gate.h"
#include "tests/unit/plan_bench.h"

static enum gate_verdict judge(struct pair_bench *b, const struct gate *gate, struct span *out_reason)
{
	return gate_check(&b->plan, gate, out_reason, &b->arena);
}

static void begin(struct pair_bench *b, bool is_delete)
{
	pair_begin(b);
	pair_machines(b, "workers", 2, 1);
	make_actual(&b->arena, b->old.cluster, &b->actual);
	b->options.is_delete = is_delete;
	plan_cluster(&b->arena, is_delete ? NULL : b->new.cluster, SPAN("demo"), &b->actual, &b->options, &b->plan);
}

static void the_limit_decides(void **state)
{
	(void)state;
	struct pair_bench b;
	struct span reason;
	begin(&b, false);
	assert_int_equal(judge(&b, &(struct gate){.limit = RISK_DESTRUCTIVE}, &reason), GATE_OPEN);
	assert_int_equal(judge(&b, &(struct gate){.limit = RISK_DISRUPTIVE}, &reason), GATE_HELD);
	assert_span(reason, "destructive: the machine leaves the cluster and is wiped (destroy "
			    "MachineSetNodes.omni.sidero.dev(00000000-0000-4000-8000-000000000002))");
	pair_end(&b);
}

static void an_approval_names_the_hash(void **state)
{
	(void)state;
	struct pair_bench b;
	struct span reason;
	begin(&b, false);
	struct span full = span_of(b.plan.hash), brief = {b.plan.hash, PLAN_HASH_SHORT}, cut = {b.plan.hash, 8};
	struct span other = SPAN("0000000000000000000000000000000000000000000000000000000000000000"), none = SPAN("");
	assert_int_equal(judge(&b, &(struct gate){.approvals = &full, .approval_count = 1}, &reason), GATE_OPEN);
	assert_int_equal(judge(&b, &(struct gate){.approvals = &brief, .approval_count = 1}, &reason), GATE_OPEN);
	assert_int_equal(judge(&b, &(struct gate){.approvals = &cut, .approval_count = 1}, &reason), GATE_HELD);
	assert_int_equal(judge(&b, &(struct gate){.approvals = &none, .approval_count = 1}, &reason), GATE_HELD);
	assert_int_equal(judge(&b, &(struct gate){.approvals = &other, .approval_count = 1}, &reason), GATE_HELD);
	assert_true(span_contains(reason, "another plan"));
	assert_int_equal(judge(&b, &(struct gate){.approve_all = true}, &reason), GATE_OPEN);
	pair_end(&b);
}

static void allow_destroy_opens_the_deletion_of_that_cluster_only(void **state)
{
	(void)state;
	struct pair_bench b;
	struct span reason;
	struct gate named = {.allow_destroy = SPAN("demo")}, other = {.allow_destroy = SPAN("demo-2")};
	begin(&b, true);
	assert_int_equal(judge(&b, &named, &reason), GATE_OPEN);
	assert_int_equal(judge(&b, &other, &reason), GATE_HELD);
	pair_end(&b);
	begin(&b, false);
	assert_int_equal(judge(&b, &named, &reason), GATE_HELD);
	pair_end(&b);
}

static void an_empty_plan_passes_by(void **state)
{
	(void)state;
	struct pair_bench b;
	struct span reason;
	pair_begin(&b);
	pair_plan(&b);
	assert_int_equal(judge(&b, &(struct gate){0}, &reason), GATE_EMPTY);
	pair_end(&b);
}

static void nobody_can_approve_a_conflict(void **state)
{
	(void)state;
	struct pair_bench b;
	struct span reason;
	begin(&b, false);
	plan_add_conflict(&b.arena, &b.plan, "somebody else's");
	assert_int_equal(judge(&b, &(struct gate){.approve_all = true, .limit = RISK_CRITICAL}, &reason), GATE_BLOCKED);
	assert_span(reason, "somebody else's");
	b.plan.conflicts[0].is_partial = true;
	assert_int_equal(judge(&b, &(struct gate){.limit = RISK_CRITICAL}, &reason), GATE_OPEN);
	b.plan.count = 0;
	assert_int_equal(judge(&b, &(struct gate){.limit = RISK_CRITICAL}, &reason), GATE_BLOCKED);
	pair_end(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limit_decides),
		cmocka_unit_test(an_approval_names_the_hash),
		cmocka_unit_test(allow_destroy_opens_the_deletion_of_that_cluster_only),
		cmocka_unit_test(an_empty_plan_passes_by),
		cmocka_unit_test(nobody_can_approve_a_conflict),
	};
	return RUN_TESTS(tests);
}
