/* A clock that only the test moves. Include it in one file of a test program: it takes the place of base/clock.c. */
#ifndef TESTS_UNIT_FAKE_CLOCK_H
#define TESTS_UNIT_FAKE_CLOCK_H

#include "base/clock.h"

static int64_t fake_wall_ms = 1700000000000, fake_monotonic_ms = 1000;

int64_t clock_wall_ms(void)
{
	return fake_wall_ms;
}

int64_t clock_monotonic_ms(void)
{
	return fake_monotonic_ms;
}

/* Sleeping moves both. */
void clock_sleep_ms(int64_t ms)
{
	fake_wall_ms += ms > 0 ? ms : 0;
	fake_monotonic_ms += ms > 0 ? ms : 0;
}

#endif
