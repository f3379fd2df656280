/* The words for kinds of operations and risks. */
#include "agent/plan/plan.h"
#include "base/cleanup.h"

static const char *const risks[] = {"safe", "disruptive", "destructive", "critical"};
static const char *const kinds[] = {"create", "update", "destroy"};

const char *plan_risk_name(enum plan_risk risk)
{
	return risks[risk];
}

bool plan_risk_parse(struct span name, enum plan_risk *out)
{
	for (size_t i = 0; i < COUNT_OF(risks); i++) {
		if (span_is(name, risks[i])) {
			*out = (enum plan_risk)i;
			return true;
		}
	}
	return false;
}

const char *plan_op_name(enum plan_op_kind kind)
{
	return kinds[kind];
}
