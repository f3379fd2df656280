#include "base/lent.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void lent_give_back(struct lent *lent, struct span piece)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	if (piece.ptr != lent->end)
		*lent = (struct lent){.held = piece.ptr};
	lent->end = piece.ptr + piece.len;
	lent->rush_bytes += piece.len;
	if (lent->rush_bytes <= LENT_KEPT) {
		lent->held = lent->end;
		return;
	}
	uintptr_t from = ((uintptr_t)lent->held + page - 1) / page * page, to = (uintptr_t)lent->end / page * page;
	if (from >= to)
		return;
	madvise((void *)from, to - from, MADV_DONTNEED); /* where it is not granted, they stay */
	lent->held = (const char *)to;
}
