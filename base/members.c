#include "base/members.h"

void member_next(struct text *out)
{
	if (out->len > 0 && out->ptr[out->len - 1] != '{' && out->ptr[out->len - 1] != '[')
		text_adds(out, ", ");
}

void member(struct text *out, const char *name)
{
	member_next(out);
	text_addf(out, "\"%s\": ", name);
}

void member_text(struct text *out, const char *name, struct span value)
{
	member(out, name);
	text_add_json(out, value);
}

void member_said(struct text *out, const char *name, struct span value)
{
	if (value.len > 0)
		member_text(out, name, value);
}

void member_flag(struct text *out, const char *name, bool value)
{
	member(out, name);
	text_adds(out, value ? "true" : "false");
}

void member_number(struct text *out, const char *name, size_t value)
{
	member(out, name);
	text_addf(out, "%zu", value);
}
