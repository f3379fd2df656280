/* What is known about the way to an Omni: whether it answers, who we are there, until when the key is good. Kept for the
 * state, the status page and the metrics; a key file that changed is taken up here. */
#ifndef AGENT_LINK_H
#define AGENT_LINK_H

#include "agent/agent.h"
#include "agent/settings/target.h"

enum link_reach { LINK_UNTRIED, LINK_UP, LINK_DOWN };

struct link_state {
	struct link *link;
	/* loop only */
	struct target_way way; /* without its key the same for ever */
	struct arena arena; /* of the way */
	struct link_key *key; /* agent/link_key.h; NULL: it comes from elsewhere */
	struct file_stamp stamp, ca_stamp; /* of the key file and of the certificates that are in use */
	struct loop_timer *timer;
	int64_t about_ms;   /* who it is, while that is not known, is not asked before; 0: asked now, known or not */
	unsigned urgency;   /* of the key's renewal, as told */
	pthread_t thread;   /* asks the server who it is */
	bool has_thread;
	/* guarded by agent->lock */
	bool is_asking;
	enum link_reach reach;
	enum fail_code code;
	char trouble[FAIL_TEXT_MAX]; /* DOWN: the last failure */
	char key_trouble[FAIL_TEXT_MAX]; /* why the newest key cannot be used; empty: it can */
	int64_t since_wall_ms;
	char version[64], instance[128], identity[256];
	int64_t key_expires_s; /* 0: never, or not known yet */
	bool wants_about; /* soon */
	bool is_another;  /* than when it was watched first: another version, or another instance */
};

struct link_state *link_state_new(struct link *link, const struct target_way *way);
void link_state_free(struct link_state *state); /* NULL is fine; waits for what it asks, at most some seconds */

/* Opens the store; false: as target_open. Loop thread. */
bool link_state_open(struct link_state *state, struct omni_store **out, struct fail *fail);
/* Why the newest key cannot be used; "": it can. Any thread, without the lock. */
void link_state_note_key(struct link_state *state, const char *trouble);
/* There is another key. Loop thread. */
void link_state_renew(struct link_state *state, const char *what);
/* It cannot be opened: told to all that wait, and tried again later. Loop thread. */
void link_fail(struct link *link, const char *error);
/* Looks at the key file now, and takes up what is new. Loop thread. */
void link_state_look(struct link_state *state);

/* What a call or a watch came to; NULL: it went well. True: that is news. Any thread, without the lock. */
bool link_state_tell(struct link *link, const struct fail *fail);

/* Loop thread, lock held. */
void link_state_report(const struct link *link, struct omni_report *out);

#endif
