/* Which resources: by their labels, with the rules of COSI and the selectors of omnictl. */
#ifndef AGENT_OMNI_QUERY_H
#define AGENT_OMNI_QUERY_H

#include "base/fail.h"
#include "render/resource.h"

/* Terms of one query are AND-ed; see omni_query_match. */
enum omni_term_op {
	OMNI_TERM_EXISTS,
	OMNI_TERM_EQUAL,
	OMNI_TERM_IN,
	OMNI_TERM_LT,
	OMNI_TERM_LTE,
	OMNI_TERM_LT_NUMERIC,
	OMNI_TERM_LTE_NUMERIC,
};

struct omni_term {
	struct span key;
	enum omni_term_op op;
	struct span *values;
	size_t value_count;
	bool invert;
};

struct omni_query {
	struct omni_term *terms;
	size_t count, cap;
};

/* Add `key = value` to a query; and the matching rules of COSI (numbers with units, invert). */
void omni_query_equal(struct arena *arena, struct omni_query *query, const char *key, struct span value);
bool omni_query_match(const struct omni_query *query, const struct labels *labels);
/* The selector grammar of `-l` and matchlabels, as in omnictl. */
bool omni_query_parse(struct arena *arena, struct span text, struct omni_query *out, struct fail *fail);

#endif
