#include "agent/grpc/endpoint.h"

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

static bool is_address_char(char c)
{
	return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

static bool all_are(struct span s, bool (*is_one)(char))
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_one(s.ptr[i]))
			return false;
	return s.len > 0;
}

/* Errors quote at most so much of what was written. */
static struct span quoted(struct span url)
{
	return (struct span){url.ptr, url.len < 80 ? url.len : 80};
}

static bool read_scheme(struct span url, struct span *out_rest, bool *out_tls, struct fail *fail)
{
	static const struct {
		const char *prefix;
		bool is_tls;
	} schemes[] = {{"https://", true}, {"http://", false}, {"grpc://", false}};
	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		struct span prefix = span_of(schemes[i].prefix);
		if (!span_starts(url, schemes[i].prefix))
			continue;
		*out_tls = schemes[i].is_tls;
		*out_rest = (struct span){url.ptr + prefix.len, url.len - prefix.len};
		return true;
	}
	if (span_contains(url, "://"))
		return fail_set(fail, FAIL_INVALID,
				"the endpoint has the scheme \"%.*s\"; write https://HOST[:PORT], or http://HOST[:PORT] without TLS",
				SPAN_ARG(quoted(span_before(url, ':'))));
	return fail_set(fail, FAIL_INVALID, "the endpoint \"%.*s\" has no scheme; write https://%.*s", SPAN_ARG(quoted(url)),
			SPAN_ARG(quoted(url)));
}

/* Everything behind the authority is left out. */
static struct span cut_authority(struct span rest)
{
	size_t len = 0;
	while (len < rest.len && rest.ptr[len] != '/' && rest.ptr[len] != '?' && rest.ptr[len] != '#')
		len++;
	return (struct span){rest.ptr, len};
}

static bool read_address(struct span authority, struct span *out_host, struct span *out_port, struct fail *fail)
{
	struct span inside = span_before((struct span){authority.ptr + 1, authority.len - 1}, ']');
	size_t taken = inside.len + 2;
	if (taken > authority.len)
		return fail_set(fail, FAIL_INVALID, "the endpoint's address \"%.*s\" has no closing bracket; write https://[2001:db8::1]:443",
				SPAN_ARG(quoted(authority)));
	if (!all_are(inside, is_address_char) || !span_contains(inside, ":"))
		return fail_set(fail, FAIL_INVALID, "\"%.*s\" is not an IPv6 address; brackets are for https://[2001:db8::1]:443",
				SPAN_ARG(quoted(inside)));
	struct span rest = {authority.ptr + taken, authority.len - taken};
	if (rest.len > 0 && rest.ptr[0] != ':')
		return fail_set(fail, FAIL_INVALID, "\"%.*s\" behind the endpoint's address is not a port; write https://[%.*s]:443",
				SPAN_ARG(quoted(rest)), SPAN_ARG(quoted(inside)));
	*out_host = inside;
	*out_port = rest.len == 0 ? (struct span){0} : (struct span){rest.ptr + 1, rest.len - 1};
	return true;
}

static bool read_name(struct span authority, struct span *out_host, struct span *out_port, struct fail *fail)
{
	struct span host = span_before(authority, ':'), port = span_behind(authority, ':');
	if (host.len == 0)
		return fail_set(fail, FAIL_INVALID, "the endpoint has no host; write https://HOST[:PORT]");
	if (port.ptr != NULL && span_contains(port, ":"))
		return fail_set(fail, FAIL_INVALID, "an IPv6 address is written in brackets: https://[%.*s]", SPAN_ARG(quoted(authority)));
	if (!all_are(host, is_host_char) || host.len > 253)
		return fail_set(fail, FAIL_INVALID, "\"%.*s\" is not a host name; write https://HOST[:PORT]", SPAN_ARG(quoted(host)));
	*out_host = host;
	*out_port = port;
	return true;
}

static bool read_authority(struct span authority, struct span *out_host, struct span *out_port, struct fail *fail)
{
	if (authority.len > 0 && authority.ptr[0] == '[')
		return read_address(authority, out_host, out_port, fail);
	return read_name(authority, out_host, out_port, fail);
}

/* What is before the '@' may be a password: looked for first, and not repeated. */
static bool has_user(struct span url)
{
	const char *scheme_end = url.len == 0 ? NULL : memmem(url.ptr, url.len, "://", 3);
	struct span rest = scheme_end == NULL ? url : (struct span){scheme_end + 3, url.len - (size_t)(scheme_end + 3 - url.ptr)};
	return span_contains(cut_authority(rest), "@");
}

bool endpoint_read(struct arena *arena, struct span url, struct endpoint *out, struct fail *fail)
{
	struct span rest = {0}, host = {0}, port = {0};
	bool is_tls = false;
	url = span_trim(url);
	if (url.len == 0)
		return fail_set(fail, FAIL_INVALID, "the endpoint is empty; write https://HOST[:PORT]");
	if (has_user(url))
		return fail_set(fail, FAIL_INVALID,
				"the endpoint contains a user name; write https://HOST[:PORT], the service account's key says who asks");
	if (!read_scheme(url, &rest, &is_tls, fail) || !read_authority(cut_authority(rest), &host, &port, fail))
		return false;
	int64_t number = is_tls ? 443 : 80;
	if (port.len > 0 && !span_int(port, 1, 65535, &number))
		return fail_set(fail, FAIL_INVALID, "the endpoint's port \"%.*s\" is not a number from 1 to 65535", SPAN_ARG(quoted(port)));
	bool is_address = rest.ptr[0] == '[';
	*out = (struct endpoint){
		.url = arena_spanf(arena, "%s://%s%.*s%s:%d", is_tls ? "https" : "http", is_address ? "[" : "", SPAN_ARG(host),
				   is_address ? "]" : "", (int)number)
			       .ptr,
		.host = arena_string(arena, host),
		.port = (unsigned)number,
		.is_tls = is_tls,
	};
	return true;
}
