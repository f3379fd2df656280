/* JSON as API servers write it, which is more than a parser of 64-bit numbers and C strings takes: floating-point numbers up to
 * 10^21 are written as integers, texts may hold U+0000, and whoever may create an object decides how deep it is. One such
 * object must not hide all the others, so what cannot be read is changed as little as possible: big integers become
 * floating-point numbers, which they were; U+0000 becomes U+FFFD; what is nested deeper than 512 levels becomes null, far
 * below the depth that rendering refuses.
 *
 * And as it is written here: without blanks, keys sorted, reals with 17 digits, so that the same content has the same
 * bytes, and reads back as the same numbers. */
#ifndef AGENT_KUBE_JSON_READ_H
#define AGENT_KUBE_JSON_READ_H

#include <jansson.h>

#include "base/fail.h"
#include "base/text.h"

/* A new reference; NULL: it is not JSON (PROTOCOL). */
json_t *kube_json_read(struct span text, struct fail *fail);
void kube_json_write(struct text *out, const json_t *value);

/* The text of a member; empty: there is none, or it is something else. Lives as long as the object. */
struct span kube_json_text(const json_t *object, const char *key);

#endif
