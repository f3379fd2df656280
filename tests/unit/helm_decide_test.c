/* What is done about a release, whatever state it is found in. */
#include "agent/helm/decide.h"

#include "base/cleanup.h"
#include "tests/unit/test.h"

enum { NOW = 1800000000, TIMEOUT = 300 };

/* A history as words: "deployed failed:D pending-upgrade:Dme" — the status, behind the colon D when it is an attempt with what is
 * asked for (O: with something older), and "me" when this agent began it. */
struct row {
	const char *name, *history;
	struct release_facts facts;
	enum release_step step;
	const char *reason;
	int64_t failures, wait_min_ms, wait_max_ms;
};

static void read_history(const char *words, struct record_head *heads, struct record_list *out)
{
	struct span rest = span_of(words), word;
	*out = (struct record_list){.heads = heads};
	while (words[0] != '\0' && span_next(&rest, ' ', &word)) {
		struct span status = span_before(word, ':'), marks = span_behind(word, ':');
		struct record_head *head = &heads[out->count++];
		*head = (struct record_head){.revision = (int64_t)out->count};
		for (int s = RELEASE_UNKNOWN; s <= RELEASE_PENDING_ROLLBACK; s++)
			if (span_is(status, release_status_name((enum release_status)s)))
				head->status = (enum release_status)s;
		if (marks.ptr != NULL)
			head->hash = span_starts(marks, "D") ? SPAN("desired") : SPAN("older");
		if (marks.ptr != NULL && span_ends(marks, "me"))
			head->instance = SPAN("me");
	}
}

static void judge(const struct row *row)
{
	struct record_head heads[16];
	struct record_list list;
	struct release_decision decision;
	struct release_facts facts = row->facts;
	read_history(row->history, heads, &list);
	facts.records = &list;
	facts.hash = SPAN("desired");
	facts.instance = SPAN("me");
	facts.timeout_s = TIMEOUT;
	facts.now_s = NOW;
	facts.random = 1;
	if (facts.retries == 0)
		facts.retries = -1;
	else if (facts.retries == -9)
		facts.retries = 0;
	release_decide(&facts, &decision);
	if (decision.step != row->step)
		fail_msg("%s (%s): %s instead of %s", row->name, row->history, release_step_name(decision.step), release_step_name(row->step));
	if (decision.because == NULL || (row->reason != NULL && !span_is(span_of(decision.reason), row->reason)))
		fail_msg("%s: reason %s", row->name, decision.reason == NULL ? "none" : decision.reason);
	if (decision.failures != row->failures)
		fail_msg("%s: %d failures instead of %d", row->name, (int)decision.failures, (int)row->failures);
	if (decision.wait_ms < row->wait_min_ms || (row->wait_max_ms > 0 && decision.wait_ms > row->wait_max_ms))
		fail_msg("%s: waits for %d ms", row->name, (int)decision.wait_ms);
}

#define JUDGE(rows)                                                                                                    \
	for (size_t i = 0; i < COUNT_OF(rows); i++)                                                                    \
	judge(&(rows)[i])

static void every_state(void **state)
{
	static const struct row rows[] = {
		{.name = "absent", .history = "", .step = STEP_INSTALL},
		{.name = "in sync", .history = "deployed:D", .facts = {.is_same = true}, .step = STEP_NONE},
		{.name = "in sync, made by others", .history = "superseded deployed", .facts = {.is_same = true}, .step = STEP_NONE},
		{.name = "something differs", .history = "deployed:O", .step = STEP_UPGRADE},
		{.name = "others upgraded it", .history = "superseded:D deployed", .step = STEP_UPGRADE},
		{.name = "others rolled it back", .history = "superseded superseded:D deployed:O", .step = STEP_UPGRADE},
		{.name = "drifted", .history = "deployed:D", .facts = {.is_same = true, .has_drifted = true}, .step = STEP_UPGRADE},
		{.name = "failed with something else", .history = "deployed:O failed:O", .step = STEP_UPGRADE},
		{.name = "first install failed", .history = "failed:D", .step = STEP_UPGRADE, .failures = 1},
		{.name = "failed, by others", .history = "deployed failed", .step = STEP_UPGRADE},
		{.name = "no deployed revision", .history = "superseded superseded", .step = STEP_UPGRADE},
		{.name = "uninstalled with history", .history = "superseded uninstalled", .step = STEP_INSTALL_REPLACE},
		{.name = "uninstall not finished", .history = "deployed uninstalling", .step = STEP_UNINSTALL},
		{.name = "uninstall not finished, alone", .history = "uninstalling", .step = STEP_UNINSTALL},
		{.name = "status of no meaning", .history = "deployed unknown", .step = STEP_STALLED, .reason = "ReleaseUnreadable"},
		{.name = "damaged", .history = "deployed", .facts = {.damage = "it is damaged"}, .step = STEP_STALLED,
		 .reason = "ReleaseUnreadable"},
	};
	(void)state;
	JUDGE(rows);
}

static void every_pending_state(void **state)
{
	static const struct row rows[] = {
		{.name = "install, its process lives", .history = "pending-install:Dme", .facts = {.is_held = true, .pending_since_s = 1},
		 .step = STEP_WAIT, .reason = "HelmBusy", .wait_max_ms = 10000},
		{.name = "upgrade, its process lives", .history = "deployed pending-upgrade", .facts = {.is_held = true, .pending_since_s = 1},
		 .step = STEP_WAIT, .reason = "HelmBusy"},
		{.name = "install, ours, over", .history = "pending-install:Dme", .facts = {.pending_since_s = NOW - 1}, .step = STEP_UNLOCK},
		{.name = "upgrade, ours, over", .history = "deployed pending-upgrade:Ome", .facts = {.pending_since_s = NOW - 1},
		 .step = STEP_UNLOCK},
		{.name = "base is superseded already", .history = "superseded pending-upgrade:Dme", .facts = {.pending_since_s = NOW},
		 .step = STEP_UNLOCK},
		{.name = "upgrade of others, young", .history = "deployed pending-upgrade", .facts = {.pending_since_s = NOW - 60},
		 .step = STEP_WAIT, .reason = "HelmBusy", .wait_min_ms = 600000, .wait_max_ms = 600000},
		{.name = "upgrade of others, old", .history = "deployed pending-upgrade", .facts = {.pending_since_s = NOW - 2 * TIMEOUT - 60},
		 .step = STEP_UNLOCK},
		{.name = "rollback, old", .history = "superseded superseded pending-rollback", .facts = {.pending_since_s = NOW - 661},
		 .step = STEP_UNLOCK},
		{.name = "it does not say since when", .history = "pending-install", .step = STEP_UNLOCK},
	};
	(void)state;
	JUDGE(rows);
}

static void after_failures(void **state)
{
	static const struct row rows[] = {
		{.name = "too early", .history = "deployed:O failed:D", .facts = {.ledger = {SPAN("desired"), 1, NOW - 2}}, .step = STEP_WAIT,
		 .reason = "ReconcileFailed", .failures = 1, .wait_min_ms = 1000, .wait_max_ms = 16000},
		{.name = "due", .history = "deployed:O failed:D", .facts = {.ledger = {SPAN("desired"), 1, NOW - 30}}, .step = STEP_UPGRADE,
		 .failures = 1},
		{.name = "the fourth, too early", .history = "deployed:O failed:D failed:D failed:D",
		 .facts = {.ledger = {SPAN("desired"), 3, NOW - 30}}, .step = STEP_WAIT, .failures = 3, .wait_min_ms = 15000},
		{.name = "a new declaration waits for nothing", .history = "deployed:O failed:O", .facts = {.ledger = {SPAN("older"), 9, NOW - 1}},
		 .step = STEP_UPGRADE},
		{.name = "rolled back by Helm", .history = "superseded:O failed:D deployed", .facts = {.ledger = {SPAN("desired"), 1, NOW - 1}},
		 .step = STEP_WAIT, .failures = 1},
		{.name = "taken back by Helm", .history = "", .facts = {.ledger = {SPAN("desired"), 2, NOW - 1}}, .step = STEP_WAIT, .failures = 2},
		{.name = "status was lost, records know", .history = "deployed:O failed:D failed:D", .step = STEP_UPGRADE, .failures = 2},
		{.name = "failures before a success do not count", .history = "failed:D superseded:D deployed", .step = STEP_UPGRADE},
		{.name = "no more retries", .history = "deployed:O failed:D failed:D failed:D",
		 .facts = {.retries = 2, .ledger = {SPAN("desired"), 3, 1}}, .step = STEP_STALLED, .reason = "RetriesExceeded", .failures = 3},
		{.name = "one more retry", .history = "deployed:O failed:D failed:D", .facts = {.retries = 2, .ledger = {SPAN("desired"), 2, 1}},
		 .step = STEP_UPGRADE, .failures = 2},
		{.name = "no retries at all", .history = "failed:D", .facts = {.retries = -9, .ledger = {SPAN("desired"), 1, 1}},
		 .step = STEP_STALLED, .reason = "RetriesExceeded", .failures = 1},
		{.name = "no retries, and asked for", .history = "failed:D",
		 .facts = {.retries = -9, .is_asked_for = true, .ledger = {SPAN("desired"), 1, NOW}}, .step = STEP_UPGRADE, .failures = 1},
		{.name = "the clock was turned back", .history = "failed:D", .facts = {.ledger = {SPAN("desired"), 1, NOW + 9999}},
		 .step = STEP_UPGRADE, .failures = 1},
		{.name = "the longest pause is half an hour", .history = "failed:D", .facts = {.ledger = {SPAN("desired"), 1000, NOW - 1}},
		 .step = STEP_WAIT, .failures = 1000, .wait_min_ms = 20 * 60 * 1000, .wait_max_ms = 37 * 60 * 1000},
		{.name = "in sync in spite of failures", .history = "failed:D deployed:D", .facts = {.is_same = true}, .step = STEP_NONE},
	};
	(void)state;
	JUDGE(rows);
}

static void when_it_is_deleted(void **state)
{
	static const struct row rows[] = {
		{.name = "nothing there", .history = "", .facts = {.is_deleted = true}, .step = STEP_NONE},
		{.name = "deployed", .history = "deployed:D", .facts = {.is_deleted = true, .is_same = true}, .step = STEP_UNINSTALL},
		{.name = "failed", .history = "failed", .facts = {.is_deleted = true}, .step = STEP_UNINSTALL},
		{.name = "pending", .history = "deployed pending-upgrade", .facts = {.is_deleted = true, .pending_since_s = NOW},
		 .step = STEP_UNINSTALL},
		{.name = "in work", .history = "pending-install:Dme", .facts = {.is_deleted = true, .is_held = true}, .step = STEP_WAIT,
		 .reason = "HelmBusy"},
		{.name = "uninstalling", .history = "uninstalling", .facts = {.is_deleted = true}, .step = STEP_UNINSTALL},
		{.name = "uninstalled with history", .history = "uninstalled", .facts = {.is_deleted = true}, .step = STEP_UNINSTALL},
		{.name = "damaged", .history = "deployed", .facts = {.is_deleted = true, .damage = "damaged"}, .step = STEP_UNINSTALL},
	};
	(void)state;
	JUDGE(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state),
		cmocka_unit_test(every_pending_state),
		cmocka_unit_test(after_failures),
		cmocka_unit_test(when_it_is_deleted),
	};
	return RUN_TESTS(tests);
}
