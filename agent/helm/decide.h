/* What to do about a release: a pure function of what its records say, what is asked for, and what was tried. Everything that can
 * be met, and what follows, is a row of tests/unit/helm_decide_test.c.
 *
 * Options that change only how Helm works (wait, timeout, atomic, hooks, history) are no reason for a new revision. Nobody rolls
 * back here but Helm itself (atomic): an explicit rollback would fight what is declared. */
#ifndef AGENT_HELM_DECIDE_H
#define AGENT_HELM_DECIDE_H

#include "agent/helm/records.h"

enum release_step {
	STEP_NONE,	      /* as it should be; or, of one that is deleted: it is gone */
	STEP_INSTALL,
	STEP_INSTALL_REPLACE, /* over the records of one that was uninstalled */
	STEP_UPGRADE,
	STEP_UNLOCK,	      /* a pending record that nobody works on; then look again */
	STEP_UNINSTALL,
	STEP_WAIT,	      /* wait_ms, then look again */
	STEP_STALLED,	      /* nothing helps but another declaration, or a person */
};

/* What was tried before, from status; zero: nothing. */
struct release_ledger {
	struct span hash;    /* of what was tried last */
	int64_t failures;    /* in a row, with it */
	int64_t attempted_s; /* when; 0: never */
};

struct release_facts {
	const struct record_list *records;
	const char *damage; /* why the latest record cannot be read; NULL: it can, or nobody needed to */
	bool is_same;	    /* the latest record is deployed, and is what is asked for */
	bool has_drifted;   /* it is, but its objects are not what it says; and that is to be corrected */
	struct span hash;   /* of what is asked for */
	struct span instance; /* of this agent's cache: whose pending actions it knows to be over */
	bool is_held;	    /* somebody works on the release now: its lock cannot be had */
	int64_t pending_since_s; /* of a pending latest record: when its action began; 0: unknown */
	int64_t timeout_s;
	int64_t retries;    /* after the first failure; negative: without end */
	bool is_asked_for;  /* by a person, now: failures do not count */
	bool is_deleted;    /* and with it the release */
	struct release_ledger ledger;
	int64_t now_s;
	uint64_t random;    /* for the jitter; not 0 */
};

struct release_decision {
	enum release_step step;
	const char *reason;  /* of the condition, for WAIT and STALLED */
	const char *because; /* a sentence for people, without its full stop */
	int64_t wait_ms;
	int64_t failures;    /* that count against what is asked for */
};

enum { RELEASE_BACKOFF_MS = 15 * 1000, RELEASE_BACKOFF_MAX_MS = 30 * 60 * 1000, RELEASE_PENDING_MARGIN_S = 60 };

void release_decide(const struct release_facts *facts, struct release_decision *out);
const char *release_step_name(enum release_step step); /* "install" … */

#endif
