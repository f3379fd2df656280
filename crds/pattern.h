/* The forms that text fields must have. Each is there twice: as the regular expression of the CRD, and as a matcher in
 * code, because tens of thousands of documents are checked in one run. Tests compare the two. */
#ifndef CRDS_PATTERN_H
#define CRDS_PATTERN_H

#include <stdbool.h>

#include "base/span.h"

struct pattern {
	const char *regex; /* RE2, as in the CRD */
	bool (*matches)(struct span text);
	const char *form; /* what it looks like, for messages: "a version such as v1.2.3" */
};

extern const struct pattern PATTERN_ENDPOINT;	    /* https://, http:// or grpc:// and more */
extern const struct pattern PATTERN_VERSION;	    /* v1.2.3 */
extern const struct pattern PATTERN_OMNI_NAME;	    /* letters, digits, '-' and '_' */
extern const struct pattern PATTERN_DNS_LABEL;	    /* RFC 1123, without its length limit */
extern const struct pattern PATTERN_DURATION;	    /* a Go duration */
extern const struct pattern PATTERN_UUID;	    /* every form that Omni's client accepts */
extern const struct pattern PATTERN_UUID_OR_EMPTY;
extern const struct pattern PATTERN_CONDITION_TYPE;
extern const struct pattern PATTERN_CONDITION_REASON;

bool uuid_is_valid(struct span text);

#endif
