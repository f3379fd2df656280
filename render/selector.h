/* Label selectors as machine classes have them: "omni.sidero.dev/arch = amd64, omni.sidero.dev/cores >= 8".
 *
 * Terms are joined by commas: `key`, `!key`, `key = v`, `==`, `!=`, `key in (a, b)`, `notin`, and the numeric `<`, `<=`,
 * `>`, `>=`. Values may hold blanks; keys and values may stand in double quotes, with backslashes. */
#ifndef RENDER_SELECTOR_H
#define RENDER_SELECTOR_H

#include "base/fail.h"
#include "base/span.h"

/* Is it one that Omni understands? */
bool selector_check(struct span text, struct fail *fail);

#endif
