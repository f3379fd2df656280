/* What time it is. The only place that asks the operating system: nothing in render/ may include this header, and a test
 * that needs its own time defines these three functions itself (tests/unit/fake_clock.h), which replaces base/clock.c
 * when the program is linked. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_ms(void);	  /* since 1970-01-01T00:00:00Z; may jump */
int64_t clock_monotonic_ms(void); /* since some moment in the past; never jumps back. For deadlines */
void clock_sleep_ms(int64_t ms);  /* at least so long, also when signals arrive; 0 or less: not at all */

#endif
