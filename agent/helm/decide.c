#include "agent/helm/decide.h"

#include "base/backoff.h"

const char *release_step_name(enum release_step step)
{
	static const char *const names[] = {
		[STEP_NONE] = "none",	  [STEP_INSTALL] = "install",	  [STEP_INSTALL_REPLACE] = "install over an uninstalled release",
		[STEP_UPGRADE] = "upgrade", [STEP_UNLOCK] = "unlock",	  [STEP_UNINSTALL] = "uninstall",
		[STEP_WAIT] = "wait",	  [STEP_STALLED] = "stalled",
	};
	return names[step];
}

static void decide(struct release_decision *out, enum release_step step, const char *because)
{
	out->step = step;
	out->because = because;
}

static void wait_for(struct release_decision *out, const char *reason, const char *because, int64_t wait_ms)
{
	decide(out, STEP_WAIT, because);
	out->reason = reason;
	out->wait_ms = wait_ms < 1000 ? 1000 : wait_ms;
}

static void stall(struct release_decision *out, const char *reason, const char *because)
{
	decide(out, STEP_STALLED, because);
	out->reason = reason;
}

/* Attempts with what is asked for that came to nothing: as the records have it since it was deployed last, or as status does,
 * whichever knows of more; a first install that Helm takes back leaves no record. */
static int64_t count_failures(const struct release_facts *facts)
{
	int64_t recorded = 0, known = span_eq(facts->ledger.hash, facts->hash) ? facts->ledger.failures : 0;
	for (size_t i = facts->records->count; i-- > 0;) {
		const struct record_head *head = &facts->records->heads[i];
		bool is_ours = facts->hash.len > 0 && span_eq(head->hash, facts->hash);
		if (is_ours && head->status != RELEASE_FAILED)
			break;
		recorded += is_ours;
	}
	return recorded > known ? recorded : known;
}

/* May it be tried now? */
static bool may_try(const struct release_facts *facts, struct release_decision *out)
{
	int64_t failures = out->failures;
	uint64_t random = facts->random;
	if (failures == 0 || facts->is_asked_for)
		return true;
	if (facts->retries >= 0 && failures > facts->retries) {
		stall(out, "RetriesExceeded", "as many retries as are allowed have failed");
		return false;
	}
	unsigned steps = failures < 20 ? (unsigned)failures : 20;
	int64_t pause_ms = backoff_ms(&random, steps, RELEASE_BACKOFF_MS, RELEASE_BACKOFF_MAX_MS);
	int64_t passed_ms = (facts->now_s - facts->ledger.attempted_s) * 1000;
	if (facts->ledger.attempted_s == 0 || passed_ms < 0 || passed_ms >= pause_ms)
		return true; /* a clock that was turned back holds nothing up */
	wait_for(out, "ReconcileFailed", "the last attempt failed, and the next one is not due yet", pause_ms - passed_ms);
	return false;
}

static void try_to(const struct release_facts *facts, enum release_step step, const char *because, struct release_decision *out)
{
	if (may_try(facts, out))
		decide(out, step, because);
}

/* Of an action that this agent began itself the lock tells; of one of others only its age. */
static void decide_pending(const struct release_facts *facts, const struct record_head *latest, struct release_decision *out)
{
	if (facts->is_held)
		return wait_for(out, "HelmBusy", "a Helm action is under way", 5000);
	if (facts->instance.len > 0 && span_eq(latest->instance, facts->instance))
		return decide(out, STEP_UNLOCK, "the Helm action that left it pending has ended");
	int64_t until_s = facts->pending_since_s + 2 * facts->timeout_s + RELEASE_PENDING_MARGIN_S;
	if (facts->now_s >= until_s)
		return decide(out, STEP_UNLOCK, "it has been pending for longer than any Helm action takes");
	wait_for(out, "HelmBusy", "somebody else's Helm action may be under way", (until_s - facts->now_s) * 1000);
}

static void decide_deployed(const struct release_facts *facts, struct release_decision *out)
{
	if (facts->is_same && facts->has_drifted)
		return try_to(facts, STEP_UPGRADE, "its objects are not what the release says", out);
	if (facts->is_same)
		return decide(out, STEP_NONE, "it is deployed as declared");
	try_to(facts, STEP_UPGRADE, "chart, version or values are not what is declared", out);
}

static void decide_deletion(const struct release_facts *facts, const struct record_head *latest, struct release_decision *out)
{
	if (latest == NULL)
		return decide(out, STEP_NONE, "there is no release");
	if (facts->is_held)
		return wait_for(out, "HelmBusy", "a Helm action is under way", 5000);
	try_to(facts, STEP_UNINSTALL, "the object is being deleted", out);
}

static void decide_existing(const struct release_facts *facts, const struct record_head *latest, struct release_decision *out)
{
	switch (latest->status) {
	case RELEASE_DEPLOYED: return decide_deployed(facts, out);
	case RELEASE_FAILED: return try_to(facts, STEP_UPGRADE, "the last attempt failed", out);
	case RELEASE_SUPERSEDED: return try_to(facts, STEP_UPGRADE, "no revision is deployed", out);
	case RELEASE_PENDING_INSTALL:
	case RELEASE_PENDING_UPGRADE:
	case RELEASE_PENDING_ROLLBACK: return decide_pending(facts, latest, out);
	case RELEASE_UNINSTALLING: return try_to(facts, STEP_UNINSTALL, "an uninstall was begun and not finished", out);
	case RELEASE_UNINSTALLED: return try_to(facts, STEP_INSTALL_REPLACE, "it was uninstalled, and its history kept", out);
	case RELEASE_UNKNOWN: break;
	}
	stall(out, "ReleaseUnreadable", "the status of its latest record is not known to Helm");
}

void release_decide(const struct release_facts *facts, struct release_decision *out)
{
	const struct record_head *latest = records_latest(facts->records);
	*out = (struct release_decision){.failures = count_failures(facts)};
	if (facts->is_deleted)
		return decide_deletion(facts, latest, out);
	if (facts->damage != NULL)
		return stall(out, "ReleaseUnreadable", facts->damage);
	if (latest == NULL)
		return try_to(facts, STEP_INSTALL, "there is no release", out);
	if (facts->is_held && !facts->is_same)
		return wait_for(out, "HelmBusy", "a Helm action is under way", 5000);
	decide_existing(facts, latest, out);
}
