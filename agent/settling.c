#include "agent/settling.h"

#include <stdio.h>
#include <string.h>

void settling_see(struct settling *settling, const char *const values[SETTLING_VALUES], int64_t now_ms)
{
	for (int i = 0; i < SETTLING_VALUES; i++) {
		bool is_same = settling->values[i].since_ms > 0 && strcmp(settling->values[i].text, values[i]) == 0;
		if (is_same)
			continue;
		snprintf(settling->values[i].text, sizeof settling->values[i].text, "%s", values[i]);
		settling->values[i].since_ms = now_ms;
	}
}

int64_t settling_due(const struct settling *settling, const struct span standing[SETTLING_VALUES], int64_t after_ms)
{
	int64_t due_ms = INT64_MAX;
	for (int i = 0; i < SETTLING_VALUES; i++) {
		int64_t settled_ms = settling->values[i].since_ms + after_ms;
		bool is_seen = settling->values[i].since_ms > 0;
		if (is_seen && !span_is(standing[i], settling->values[i].text) && settled_ms < due_ms)
			due_ms = settled_ms;
	}
	int64_t free_ms = settling->tried_ms > 0 ? settling->tried_ms + after_ms : 0;
	return due_ms < free_ms ? free_ms : due_ms;
}

void settling_take(const struct settling *settling, const struct span standing[SETTLING_VALUES], int64_t after_ms, int64_t now_ms,
		   struct span out[SETTLING_VALUES])
{
	bool is_settled[SETTLING_VALUES];
	for (int i = 0; i < SETTLING_VALUES; i++) {
		is_settled[i] = settling->values[i].since_ms + after_ms <= now_ms;
		out[i] = is_settled[i] ? span_of(settling->values[i].text) : standing[i];
	}
	if (span_is(out[SETTLING_READY], "true"))
		out[SETTLING_REASON] = SPAN("");
	else if (is_settled[SETTLING_READY] && out[SETTLING_REASON].len == 0)
		out[SETTLING_REASON] = span_of(settling->values[SETTLING_REASON].text);
}
