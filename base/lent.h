/* A buffer that somebody else owns and lends for reading, piece after piece and always from its beginning: as much of it as the
 * largest rush has filled stays in memory for as long as the buffer lives, which may be months. Whoever has read a piece gives
 * it back here: whole pages of what lies behind the first bytes go to the system, and come again, as zeros, when something is
 * put there. Only for memory that is written before it is read again. */
#ifndef BASE_LENT_H
#define BASE_LENT_H

#include <stddef.h>

#include "base/span.h"

enum { LENT_KEPT = 16 * 1024 }; /* of every rush: what comes all the time costs no call of the system */

struct lent { /* all zero: nothing was lent; another buffer needs another one */
	const char *held, *end; /* read, and not given back from here on; where the next piece would follow */
	size_t rush_bytes;
};

void lent_give_back(struct lent *lent, struct span piece);

#endif
