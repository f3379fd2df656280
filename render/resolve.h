/* What a plain scalar means: the rules of the two YAML readers whose documents we take over. Both know octal with a
 * leading zero, underscores in numbers and three spellings of true, false and null; the Kubernetes readers (YAML 1.1,
 * then JSON) also take yes, no, on, off, y, n as booleans and leave timestamps as text. */
#ifndef RENDER_RESOLVE_H
#define RENDER_RESOLVE_H

#include <stdbool.h>

#include "base/span.h"
#include "render/node.h"

enum resolve_rules { RESOLVE_KUBERNETES, RESOLVE_OMNI };

enum { RESOLVE_TEXT_MAX = 48 };

struct resolved {
	enum node_kind kind;
	struct span text; /* canonical; the scalar itself, a constant, or `space` */
	char space[RESOLVE_TEXT_MAX];
};

/* What the first byte of a scalar lets it be. */
enum resolve_hint { RESOLVE_TEXT, RESOLVE_WORD, RESOLVE_DOT, RESOLVE_NUMBER };
extern const unsigned char resolve_hints[256];
enum { RESOLVE_LONGEST_WORD = 5 };

/* Surely a text: the quick answer for most scalars. False says nothing. */
static inline bool resolve_is_text(struct span raw)
{
	if (raw.len == 0)
		return false;
	unsigned char hint = resolve_hints[(unsigned char)raw.ptr[0]];
	return hint == RESOLVE_TEXT || (hint == RESOLVE_WORD && raw.len > RESOLVE_LONGEST_WORD);
}

/* Never fails: what is nothing else is NODE_STRING. */
void resolve_plain(enum resolve_rules rules, struct span raw, struct resolved *out);

/* Numbers as the references print them: shortest digits that read back as the same double (or float), exponent form
 * below 1e-4 and from 1e+06 on. */
struct span resolve_print_double(double value, char out[RESOLVE_TEXT_MAX]);
struct span resolve_print_float(float value, char out[RESOLVE_TEXT_MAX]);

/* The words that YAML 1.1 calls booleans, without true and false: 1, 0, or -1 for anything else. */
int resolve_old_boolean(struct span s);

#endif
