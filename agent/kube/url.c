#include "agent/kube/url.h"

enum { NAME_BYTES_MAX = 253 };

static bool is_plain(struct span part, size_t i)
{
	char c = part.ptr[i];
	bool is_dot = c == '.' && i > 0 && i + 1 < part.len && part.ptr[i - 1] != '.';
	return is_dot || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '~';
}

void url_add(struct text *out, struct span part)
{
	for (size_t i = 0; i < part.len; i++)
		if (is_plain(part, i))
			text_addc(out, part.ptr[i]);
		else
			text_addf(out, "%%%02X", (unsigned char)part.ptr[i]);
}

static void add_namespace(struct text *out, struct span ns)
{
	if (ns.len == 0)
		return;
	text_adds(out, "/namespaces/");
	url_add(out, ns);
}

void url_add_kind(struct text *out, const struct kind *kind, struct span ns)
{
	text_addf(out, "/apis/%s/%s", CRD_GROUP, CRD_VERSION);
	add_namespace(out, ns);
	text_addf(out, "/%s", kind->plural);
}

void url_add_secrets(struct text *out, struct span ns)
{
	text_adds(out, "/api/v1");
	add_namespace(out, ns);
	text_adds(out, "/secrets");
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool url_is_name(struct span name)
{
	bool is_good = name.len > 0 && name.len <= NAME_BYTES_MAX && is_letter(name.ptr[0]) && is_letter(name.ptr[name.len - 1]);
	for (size_t i = 0; is_good && i < name.len; i++)
		is_good = is_letter(name.ptr[i]) || name.ptr[i] == '-' || name.ptr[i] == '.';
	return is_good;
}
