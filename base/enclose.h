/* A program that knows what it has to do, and is about to read what others wrote, shuts itself in: from then on it reads files
 * below one directory and writes to what is open, and that is all. No other file, no network, no new process or program, no
 * code that was not there. Two walls, each for itself: landlock (files) and seccomp (system calls). For good. */
#ifndef BASE_ENCLOSE_H
#define BASE_ENCLOSE_H

#include "base/fail.h"
#include "base/span.h"

enum enclose_mode {
	ENCLOSE_AUTO,	 /* the walls that the kernel has */
	ENCLOSE_REQUIRE, /* both, or a failure */
	ENCLOSE_OFF,
};

bool enclose_mode_parse(struct span text, enum enclose_mode *out); /* auto, require, off */

/* False with ENCLOSE_REQUIRE when a wall is missing, and when `directory` cannot be opened. */
bool enclose_self(const char *directory, enum enclose_mode mode, struct fail *fail);

/* The same with the mode that the environment variable OMNIOPS_SANDBOX says. */
bool enclose_by_environment(const char *directory, struct fail *fail);

#endif
