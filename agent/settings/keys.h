/* Service-account keys that the environment holds: taken out of it before anything else runs, so that neither child
 * processes nor /proc/PID/environ show them. */
#ifndef AGENT_SETTINGS_KEYS_H
#define AGENT_SETTINGS_KEYS_H

#include "base/secret.h"

struct keys {
	struct secret key;
	/* The variable it came from: SIDERO_SERVICE_ACCOUNT_KEY, else OMNI_SERVICE_ACCOUNT_KEY, the first that is set, also
	 * when it is empty, as for omnictl. NULL: neither is. */
	const char *variable;
	bool hides_other;      /* the other variable is set, too */
	char credential[1024]; /* $CREDENTIALS_DIRECTORY/omni-key of systemd; empty: there is none */
};

enum { KEY_MAX_BYTES = 64 << 10 };

/* Before the first thread starts. */
void keys_take(struct keys *keys);
void keys_done(struct keys *keys);

#endif
