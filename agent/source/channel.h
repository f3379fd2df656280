/* A child process that is this program again, and the socket to it. Messages are a type byte, a length and bytes. The
 * parent never waits longer than a deadline or a cancel descriptor says and kills what does not answer; the child blocks
 * (it is killed when it takes too long) and uses nothing but read and write, so that it works inside the sandbox.
 * The child starts with an empty environment, all signals as by default, no descriptor but the socket and /dev/null. */
#ifndef AGENT_SOURCE_CHANNEL_H
#define AGENT_SOURCE_CHANNEL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"
#include "base/text.h"

#define CHILD_ARGUMENT_GIT "__git"
#define CHILD_ARGUMENT_RENDER "__render"
#define CHILD_ARGUMENT_PROBE "__probe"

enum { CHANNEL_FD = 3, CHANNEL_HEADER = 9 };

enum message_type {
	MESSAGE_OPEN = 1,   /* git: what to fetch */
	MESSAGE_RESULT,	    /* git: what came of it */
	MESSAGE_RENDER,	    /* render: a tree and options */
	MESSAGE_FLEET,	    /* render: the fleet */
	MESSAGE_FAILED,	    /* a struct fail */
	MESSAGE_READ,	    /* a path */
	MESSAGE_BYTES,	    /* the file, or a struct fail */
};

struct channel {
	int fd;
	pid_t pid;
	const char *what; /* for messages: "the Git child" */
};

#define CHANNEL_NONE ((struct channel){-1, -1, ""})

/* When to give up. */
struct patience {
	int64_t deadline_ms; /* CLOCK_MONOTONIC */
	int cancel_fd;	     /* readable: stop; -1: none */
};

/* --- the parent ----------------------------------------------------------------------------------------------------- */

bool channel_start(struct channel *channel, const char *argument, const char *what, struct fail *fail);
bool channel_send(struct channel *channel, uint8_t type, struct span message, struct patience patience,
		  struct fail *fail);
/* The message lives in `arena`. TOO_BIG beyond max_bytes. When the child is gone,
 * `fail` says how it ended. */
bool channel_receive(struct channel *channel, struct arena *arena, size_t max_bytes, struct patience patience,
		     uint8_t *out_type, struct span *out_message, struct fail *fail);
void channel_stop(struct channel *channel); /* kills and reaps; safe on a stopped one */

/* --- the child ------------------------------------------------------------------------------------------------------ */

void child_prepare(void); /* descriptors, signals: first thing in a child */
bool child_send(uint8_t type, struct span message);
/* The message is malloc'ed; false: the parent is gone, or the message is longer than max_bytes. */
bool child_receive(size_t max_bytes, uint8_t *out_type, struct span *out_message);

int child_git_main(void);
int child_render_main(void);
int child_probe_main(void);

#endif
