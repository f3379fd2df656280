#include "agent/kube/lease_rules.h"

#include <string.h>

struct lease_times lease_times_of(int64_t duration_ms)
{
	return (struct lease_times){.duration_ms = duration_ms,
				    .renew_ms = duration_ms * 7 / 10,
				    .retry_ms = duration_ms / 5,
				    .reluctance_ms = duration_ms / 2};
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Since when nobody has it; in the future while somebody does. */
static int64_t free_since(const struct lease_view *view, int64_t begin_ms)
{
	if (!view->exists)
		return begin_ms;
	return view->holder[0] == '\0' ? view->seen_ms : view->seen_ms + view->duration_ms;
}

enum lease_step lease_next(const struct lease_view *view, const struct lease_times *times, const char *identity,
			   bool is_preferred, int64_t begin_ms, int64_t now_ms, int64_t *out_again_ms)
{
	*out_again_ms = now_ms + times->retry_ms;
	if (view->exists && strcmp(view->holder, identity) == 0) {
		bool is_wanted = view->wanted_by[0] != '\0' && strcmp(view->wanted_by, identity) != 0;
		return is_wanted && !is_preferred ? LEASE_YIELD : LEASE_RENEW;
	}
	int64_t from_ms = free_since(view, begin_ms) + (is_preferred ? 0 : times->reluctance_ms);
	if (now_ms >= from_ms)
		return view->exists ? LEASE_TAKE : LEASE_CREATE;
	*out_again_ms = earlier(*out_again_ms, from_ms);
	bool is_held = view->exists && view->holder[0] != '\0';
	return is_held && is_preferred && strcmp(view->wanted_by, identity) != 0 ? LEASE_ASK : LEASE_WAIT;
}
