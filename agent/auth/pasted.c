/* What people set instead of a key. Every case here was one that "invalid signature" or "not base64" did not explain. */
#include "agent/auth/internal.h"
#include "base/cleanup.h"

enum { LINES_MAX = 4096, JWT_DOTS = 2 };

#define CREATE "`omnictl serviceaccount create NAME` prints the key, behind OMNI_SERVICE_ACCOUNT_KEY="

static bool is_armor(struct span s)
{
	return span_starts(s, "-----BEGIN ");
}

static bool is_json(struct span s)
{
	return span_starts(s, "{") && span_contains(s, "pgp_key");
}

static bool is_other_json(struct span s)
{
	return span_starts(s, "{") || span_starts(s, "[");
}

static bool is_reference(struct span s)
{
	return span_starts(s, "$") || span_starts(s, "{{") || span_starts(s, "<") || span_starts(s, "op://") ||
	       span_starts(s, "vault:") || span_starts(s, "ENC[") || span_starts(s, "sops:");
}

static bool is_url(struct span s)
{
	const char *colon = s.len == 0 ? NULL : memmem(s.ptr, s.len, "://", 3);
	return colon != NULL && colon - s.ptr < 10 && memchr(s.ptr, '\n', s.len) == NULL;
}

static bool is_path(struct span s)
{
	return s.len < 4096 && memchr(s.ptr, '\n', s.len) == NULL &&
	       (span_starts(s, "/") || span_starts(s, "./") || span_starts(s, "../") || span_starts(s, "~/"));
}

static bool is_quoted(struct span s)
{
	return s.len > 0 && strchr("\"'`", s.ptr[0]) != NULL;
}

/* Does a line begin like this? Of the first ones only: keys have one. */
static bool has_line(struct span s, const char *begin)
{
	struct span line;
	for (size_t i = 0; i < LINES_MAX && span_next(&s, '\n', &line); i++)
		if (span_starts(span_trim(line), begin))
			return true;
	return false;
}

static bool is_kubeconfig(struct span s)
{
	return has_line(s, "apiVersion:") && has_line(s, "clusters:");
}

static bool is_manifest(struct span s)
{
	return has_line(s, "apiVersion:");
}

static bool is_client_config(struct span s)
{
	return has_line(s, "contexts:") || has_line(s, "context:");
}

static bool is_token(struct span s)
{
	size_t dots = 0;
	for (size_t i = 0; i < s.len; i++)
		dots += s.ptr[i] == '.';
	return span_starts(s, "ey") && dots == JWT_DOTS;
}

static bool is_ssh(struct span s)
{
	return span_starts(s, "ssh-") || span_starts(s, "ecdsa-sha2-");
}

static bool is_fingerprint(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (memchr("0123456789abcdefABCDEF", s.ptr[i], 22) == NULL)
			return false;
	return s.len == 2 * (size_t)PGP_FINGERPRINT_SIZE;
}

static bool is_wrapped_again(struct span s)
{
	return span_starts(s, "eyJ") || span_starts(s, "ewog");
}

static const struct shape {
	bool (*is)(struct span text);
	const char *plain, *decoded; /* NULL: not in this form */
} shapes[] = {
	{is_armor, "it is the armoured OpenPGP key alone: set the base64 of {\"name\": …, \"pgp_key\": …}; " CREATE,
	 "it is the base64 of an OpenPGP key alone: set the base64 of {\"name\": …, \"pgp_key\": …}; " CREATE},
	{is_json, "it is the JSON inside of a key: set it in base64 (base64 -w0), as omnictl prints it", NULL},
	{is_other_json, "it is JSON, but not that of a service account; " CREATE, NULL},
	{is_reference, "it is a reference or a placeholder that nothing replaced; set the key itself", NULL},
	{is_quoted, "it begins with a quote: leave the quotes out", NULL},
	{is_url, "it is a URL, not a key; the URL of Omni is set as its endpoint. " CREATE, NULL},
	{is_path, "it is the path of a file, not a key: set what is in the file, or use the setting for a file", NULL},
	{is_kubeconfig, "it is a kubeconfig, not a key; " CREATE, "it is the base64 of a kubeconfig, not a key; " CREATE},
	{is_manifest, "it is a Kubernetes manifest, not a key: set what is in the Secret", NULL},
	{is_client_config, "it is a talosconfig or an omniconfig, which has no key of a service account; " CREATE,
	 "it is the base64 of a talosconfig or an omniconfig, which has no key of a service account; " CREATE},
	{is_token, "it is a token (JWT), not a key of a service account; " CREATE, NULL},
	{is_ssh, "it is a public key of SSH; " CREATE, NULL},
	{is_fingerprint, "it is the fingerprint of a key, not the key; " CREATE, NULL},
	{is_wrapped_again, NULL, "it is in base64 twice: encode it once less (a Kubernetes Secret takes the key as it is "
				 "under stringData)"},
};

const char *pasted_what(struct span text, bool decoded)
{
	text = span_trim(text);
	for (size_t i = 0; i < COUNT_OF(shapes); i++) {
		const char *what = decoded ? shapes[i].decoded : shapes[i].plain;
		if (what != NULL && shapes[i].is(text))
			return what;
	}
	return NULL;
}

size_t pasted_variable(struct span text)
{
	struct span line;
	size_t first = 0;
	for (size_t i = 1; i < LINES_MAX && span_next(&text, '\n', &line); i++) {
		if (span_contains(line, "SERVICE_ACCOUNT_KEY=") || span_contains(line, "SERVICE_ACCOUNT_KEY:"))
			return i;
		struct span name = span_before(span_trim(line), '=');
		bool sets = span_starts(span_trim(line), "export ") || span_ends(name, "OMNI_ENDPOINT");
		first = first == 0 && sets ? i : first;
	}
	return first;
}
