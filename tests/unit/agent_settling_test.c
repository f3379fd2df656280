/* When phase and readiness of a cluster are recorded: after they settled, not more often, and only what differs. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "agent/settling.h"

enum { AFTER = 60000 };

static void see(struct settling *settling, int64_t now, const char *phase, const char *ready, const char *reason)
{
	settling_see(settling, (const char *const[]){phase, ready, reason}, now);
}

static int64_t due(const struct settling *settling, const char *phase, const char *ready, const char *reason)
{
	return settling_due(settling, (const struct span[]){span_of(phase), span_of(ready), span_of(reason)}, AFTER);
}

/* What is written at a moment, as "PHASE/READY/REASON". */
static void expect(const struct settling *settling, int64_t now, const char *phase, const char *ready, const char *reason,
		   const char *expected)
{
	struct span out[SETTLING_VALUES];
	char text[128];
	settling_take(settling, (const struct span[]){span_of(phase), span_of(ready), span_of(reason)}, AFTER, now, out);
	snprintf(text, sizeof text, "%.*s/%.*s/%.*s", SPAN_ARG(out[0]), SPAN_ARG(out[1]), SPAN_ARG(out[2]));
	assert_string_equal(text, expected);
}

static void nothing_is_due_before_anything_was_seen(void **state)
{
	(void)state;
	const struct settling settling = {0};
	assert_int_equal(due(&settling, "RUNNING", "true", ""), INT64_MAX);
}

static void what_stands_is_not_written_again(void **state)
{
	(void)state;
	struct settling settling = {0};
	see(&settling, 1000, "RUNNING", "true", "");
	assert_int_equal(due(&settling, "RUNNING", "true", ""), INT64_MAX);
	assert_int_equal(due(&settling, "", "", ""), 1000 + AFTER);
	assert_int_equal(due(&settling, "RUNNING", "false", "Held"), 1000 + AFTER);
}

static void a_change_begins_anew_and_the_same_does_not(void **state)
{
	(void)state;
	struct settling settling = {0};
	see(&settling, 1000, "RUNNING", "true", "");
	see(&settling, 30000, "RUNNING", "true", "");
	assert_int_equal(due(&settling, "", "", ""), 1000 + AFTER);
	see(&settling, 70000, "RUNNING", "false", "MachineSetPhase");
	assert_int_equal(due(&settling, "RUNNING", "true", ""), 70000 + AFTER);
	see(&settling, 80000, "RUNNING", "true", "");
	assert_int_equal(due(&settling, "RUNNING", "true", ""), INT64_MAX);
	see(&settling, 90000, "RUNNING", "false", "MachineSetPhase");
	assert_int_equal(due(&settling, "RUNNING", "true", ""), 90000 + AFTER);
}

/* An upgrade: the phase comes and goes, the reason changes all the time, and not ready it is throughout. */
static void what_flickers_does_not_keep_the_rest_from_settling(void **state)
{
	(void)state;
	struct settling settling = {0};
	for (int i = 0; i <= 12; i++)
		see(&settling, 1000 + 5000 * i, i % 2 == 0 ? "RUNNING" : "SCALING_UP", "false",
		    i % 2 == 0 ? "KubernetesUpgrade" : "MachineSetPhase");
	assert_int_equal(due(&settling, "RUNNING", "true", ""), 1000 + AFTER);
	expect(&settling, 1000 + AFTER, "RUNNING", "true", "", "RUNNING/false/KubernetesUpgrade");
	see(&settling, 2000 + AFTER, "SCALING_UP", "false", "MachineSetPhase");
	expect(&settling, 2000 + AFTER, "RUNNING", "false", "KubernetesUpgrade", "RUNNING/false/KubernetesUpgrade");
}

static void a_reason_goes_with_what_it_is_for(void **state)
{
	(void)state;
	struct settling settling = {0};
	see(&settling, 1000, "RUNNING", "false", "Held");
	see(&settling, 2000, "RUNNING", "true", "");
	expect(&settling, 2000 + AFTER, "RUNNING", "false", "Held", "RUNNING/true/");
	see(&settling, 3000 + AFTER, "SCALING_UP", "false", "MachineSetPhase");
	expect(&settling, 3000 + AFTER, "RUNNING", "true", "", "RUNNING/true/");
	expect(&settling, 3000 + 2 * AFTER, "RUNNING", "true", "", "SCALING_UP/false/MachineSetPhase");
}

static void once_in_that_time_and_no_more(void **state)
{
	(void)state;
	struct settling settling = {0};
	see(&settling, 1000, "RUNNING", "true", "");
	see(&settling, 30000, "RUNNING", "false", "Held");
	settling.tried_ms = 1000 + AFTER; /* of the phase alone */
	assert_int_equal(due(&settling, "RUNNING", "", ""), 1000 + 2 * AFTER);
	assert_int_equal(due(&settling, "RUNNING", "false", "Held"), INT64_MAX);
}

static void without_a_time_to_settle_it_is_due_at_once(void **state)
{
	(void)state;
	struct settling settling = {.tried_ms = 900};
	const struct span none[SETTLING_VALUES] = {{0}};
	struct span out[SETTLING_VALUES];
	see(&settling, 1000, "RUNNING", "false", "Held");
	assert_int_equal(settling_due(&settling, none, 0), 1000);
	settling_take(&settling, none, 0, 1000, out);
	assert_true(span_is(out[SETTLING_REASON], "Held"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_due_before_anything_was_seen),
		cmocka_unit_test(what_stands_is_not_written_again),
		cmocka_unit_test(a_change_begins_anew_and_the_same_does_not),
		cmocka_unit_test(what_flickers_does_not_keep_the_rest_from_settling),
		cmocka_unit_test(a_reason_goes_with_what_it_is_for),
		cmocka_unit_test(once_in_that_time_and_no_more),
		cmocka_unit_test(without_a_time_to_settle_it_is_due_at_once),
	};
	return RUN_TESTS(tests);
}
