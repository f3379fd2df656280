#include "agent/source/source.h"

enum { BACK_OFF_FIRST_MS = 5000, BACK_OFF_MAX_MS = 300000, QUIET_MS = 1000, KUBERNETES_DEBOUNCE_MS = 10, KUBERNETES_QUIET_MS = 50 };

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

/* ± 10 % */
static int64_t with_jitter(struct schedule *schedule, int64_t ms)
{
	return ms - ms / 10 + (int64_t)(next_random(&schedule->random) % (uint64_t)(ms / 5 + 1));
}

static int64_t back_off_ms(const struct schedule *schedule)
{
	int64_t limit = schedule->interval_ms > BACK_OFF_MAX_MS ? schedule->interval_ms : BACK_OFF_MAX_MS;
	int64_t wait = BACK_OFF_FIRST_MS;
	for (unsigned i = 1; i < schedule->failures && wait < limit; i++)
		wait *= 2;
	return wait < limit ? wait : limit;
}

void schedule_init(struct schedule *schedule, int64_t interval_ms, int64_t now_ms, uint64_t seed)
{
	*schedule = (struct schedule){.interval_ms = interval_ms, .next_ms = now_ms, .random = seed,
				      .debounce_ms = SOURCE_DEBOUNCE_MS, .quiet_ms = QUIET_MS};
}

/* What is polled of an API server is in memory already. */
void schedule_init_for(struct schedule *schedule, const struct source *source, int64_t now_ms, uint64_t seed)
{
	schedule_init(schedule, source_interval_ms(source), now_ms, seed);
	if (source_kind(source) != SOURCE_KUBERNETES)
		return;
	schedule->debounce_ms = KUBERNETES_DEBOUNCE_MS;
	schedule->quiet_ms = KUBERNETES_QUIET_MS;
}

void schedule_polled(struct schedule *schedule, int64_t now_ms, const struct source_result *result)
{
	bool failed = result->verdict == SOURCE_FAILED;
	schedule->failures = failed && schedule->failures < 64 ? schedule->failures + 1 : failed ? 64 : 0;
	int64_t wait = with_jitter(schedule, failed ? back_off_ms(schedule) : schedule->interval_ms);
	if (wait < result->retry_after_ms)
		wait = result->retry_after_ms;
	else if (result->look_again_ms > 0 && wait > result->look_again_ms)
		wait = result->look_again_ms;
	schedule->quiet_until_ms = now_ms + (result->retry_after_ms > 0 ? result->retry_after_ms : schedule->quiet_ms);
	schedule->next_ms = now_ms + wait;
}

void schedule_hint(struct schedule *schedule, int64_t now_ms)
{
	int64_t due = now_ms + schedule->debounce_ms;
	if (due < schedule->quiet_until_ms)
		due = schedule->quiet_until_ms;
	if (due < schedule->next_ms)
		schedule->next_ms = due;
}

int64_t schedule_wait_ms(const struct schedule *schedule, int64_t now_ms)
{
	return schedule->next_ms > now_ms ? schedule->next_ms - now_ms : 0;
}
