/* As whom a client speaks: certificate, key, token and authorities as they are now. What stands in files is read again every
 * minute, and after the server refused it; a program is run again when its credentials end, or were refused.
 *
 * An identity never changes: who uses one holds it. All of this belongs to one thread, but for the program, which has one of
 * its own. */
#ifndef AGENT_KUBE_CREDENTIAL_H
#define AGENT_KUBE_CREDENTIAL_H

#include "agent/kube/config.h"
#include "base/secret.h"

struct identity {
	unsigned refs;
	struct secret header;	 /* "Authorization: …" with a NUL behind; empty: none */
	struct secret cert, key; /* PEM */
	struct secret ca;
};
struct identity *identity_hold(struct identity *identity);
void identity_release(struct identity *identity);

struct credential {
	const struct kube_config *config;
	struct identity *now; /* NULL: not yet */
	int64_t read_ms;
	bool is_refused; /* since it was read */
	struct fail problem;  /* why there is none, or no newer one */
	struct exec_run *run; /* a program is under way; NULL: none */
	int64_t expires_wall_ms; /* of what a program said; 0: it does not say */
	int64_t run_again_ms;	 /* not before: a program that fails is not run all the time */
	void (*wake)(void *ctx); /* a program has ended */
	void *ctx;
};

void credential_init(struct credential *credential, const struct kube_config *config, void (*wake)(void *ctx), void *ctx);
void credential_done(struct credential *credential);

enum credential_state { CREDENTIAL_READY, CREDENTIAL_COMING, CREDENTIAL_NONE };
/* READY: credential->now. COMING: wake tells when to ask again. NONE: credential->problem says why. */
enum credential_state credential_look(struct credential *credential, int64_t now_ms);
/* 401 for a request of this identity: is there, or may there be, another one to try with? */
bool credential_refused(struct credential *credential, const struct identity *identity);

#endif
