/* Lines of YAML, for the CRD writer: an indented key, and text in the style that needs the least quoting. */
#ifndef CRDS_CRD_TEXT_H
#define CRDS_CRD_TEXT_H

#include <stdint.h>

#include "base/text.h"

/* "  key:" + end of line. */
void put_key(struct text *out, unsigned indent, const char *key);
void put_string(struct text *out, unsigned indent, const char *key, const char *value);
void put_number(struct text *out, unsigned indent, const char *key, int64_t value);
void put_true(struct text *out, unsigned indent, const char *key);
/* "  - value" */
void put_item(struct text *out, unsigned indent, const char *value);
/* A scalar without key or end of line. */
void put_scalar(struct text *out, const char *value);

#endif
