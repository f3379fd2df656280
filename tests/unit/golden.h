/* Golden cases: one folder each with inputs and expected-*.txt. ACCEPT=1 in the environment writes the expected files
 * anew instead of comparing; look at the difference before it is committed. */
#ifndef TESTS_UNIT_GOLDEN_H
#define TESTS_UNIT_GOLDEN_H

#include "base/arena.h"
#include "base/text.h"
#include "render/diag.h"

/* The names of the folders below `root`, sorted. */
size_t golden_cases(struct arena *arena, const char *root, char ***out_names);
/* Fails the test when `actual` is not what <folder>/<file> holds; a file that is not there is empty. */
void golden_compare(const char *folder, const char *file, struct span actual);
/* "file:line:column: error: Object: path: Code: message" and "    hint" below, for every fault. */
void golden_diags(struct text *out, const struct diag_list *list);

#endif
