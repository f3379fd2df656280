/* Versions as cluster templates write them: "v1.35.0", "1.35", "v1.13.0-alpha.1". */
#ifndef RENDER_SEMVER_H
#define RENDER_SEMVER_H

#include <stdint.h>

#include "base/fail.h"
#include "base/span.h"

struct semver {
	uint64_t major, minor, patch;
	struct span pre; /* behind '-', without build metadata; borrowed */
};

/* As Omni reads them: blanks around, one leading 'v', leading zeros and missing minor or patch numbers are tolerated. */
bool semver_parse(struct span text, struct semver *out, struct fail *fail);

/* Is `version` lower than major.minor.0? A pre-release of it is. */
bool semver_is_below(const struct semver *version, uint64_t major, uint64_t minor);

#endif
