/* Members of JSON objects, and elements of arrays, one after the other: what stands before tells whether a comma is needed. */
#ifndef BASE_MEMBERS_H
#define BASE_MEMBERS_H

#include "base/text.h"

/* Before an element of an array. */
void member_next(struct text *out);
/* The name of a member, whose value follows. */
void member(struct text *out, const char *name);
void member_text(struct text *out, const char *name, struct span value);
/* Only when there is something to say. */
void member_said(struct text *out, const char *name, struct span value);
void member_flag(struct text *out, const char *name, bool value);
void member_number(struct text *out, const char *name, size_t value);

#endif
