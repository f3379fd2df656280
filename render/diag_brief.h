/* Diagnostics for hosts that show what a program says in a small box, and keep it: the errors first, then the warnings, a
 * bounded number of lines, no lines of the source (they may hold secrets), no control characters. */
#ifndef RENDER_DIAG_BRIEF_H
#define RENDER_DIAG_BRIEF_H

#include "render/diag.h"

enum { BRIEF_LINES = 100, BRIEF_COLUMNS = 500 };

/* At most max_lines lines; the last one says how many faults are left out. */
void diag_print_brief(struct text *out, const struct diag_list *list, size_t max_lines);

#endif
