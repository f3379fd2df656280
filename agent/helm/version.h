/* Versions of charts: whether two texts mean the same version, and which versions a range admits. The rules are those that Helm
 * goes by, so that what is chosen here is what `helm --version` would have chosen. Pure; texts are borrowed. */
#ifndef AGENT_HELM_VERSION_H
#define AGENT_HELM_VERSION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"
#include "render/semver.h"

/* One version, "1.2.3", "v1.2.3-rc.1+build". "1.2" is a range: what is missing may be anything. */
bool version_is_exact(struct span text);

/* The same text, or the same version: a leading "v" does not count, and "_" stands for the "+" that a tag cannot hold. */
bool version_equal(struct span want, struct span have);

/* By precedence: -1, 0, 1. What is no version is lower than all that are. Builds do not count. */
int version_compare(struct span a, struct span b);

/* Conditions like "^1.2", ">=1.0.0, <2", "1.x || 3.1.4", "1.2 - 1.4.5". */
enum { VERSION_CONDITIONS = 32 };
struct version_condition {
	enum { VERSION_EQUAL, VERSION_NOT, VERSION_GREATER, VERSION_LESS, VERSION_AT_LEAST, VERSION_AT_MOST, VERSION_TILDE,
	       VERSION_CARET } operator;
	struct semver than;
	unsigned numbers;    /* of major, minor, patch that were given: 0 to 3 */
	bool begins;	     /* an alternative: the condition is the first behind "||" */
};
struct version_range {
	struct version_condition conditions[VERSION_CONDITIONS];
	size_t count;
};
bool version_range_parse(struct span text, struct version_range *out, struct fail *fail) __attribute__((warn_unused_result));
/* A pre-release only where an alternative names one itself. */
bool version_range_has(const struct version_range *range, struct span version);

/* The one to take: the same text first, then the highest that `want` admits. False: there is none. INVALID: `want` is neither a
 * version nor a range; NOT_FOUND otherwise. */
bool version_choose(struct span want, const struct span *versions, size_t count, size_t *out_index, struct fail *fail)
	__attribute__((warn_unused_result));

#endif
