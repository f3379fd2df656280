/* Patches made at random from the table of Talos's fields: see ours.c. */
#ifndef TESTS_RIG_PATCHES_MAKE_H
#define TESTS_RIG_PATCHES_MAKE_H

#include "base/span.h"

void make_patches(struct span talos, unsigned long seed, unsigned long count);

#endif
