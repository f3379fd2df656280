/* Texts that Talos's decoder turns into something else: is this one readable? */
#include <arpa/inet.h>

#include "render/patch_int.h"

static struct span behind(struct span text, size_t count)
{
	return (struct span){text.ptr + count, text.len - count};
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t count_digits(struct span text)
{
	size_t count = 0;

	while (count < text.len && is_digit(text.ptr[count]))
		count++;
	return count;
}

/* --- durations -------------------------------------------------------------------------------------------------------- */

/* Bytes that a unit takes; 0: none. */
static size_t unit_of(struct span text, long double *out_nanoseconds)
{
	static const struct {
		const char *name;
		long double nanoseconds;
	} UNITS[] = {{"ns", 1},	  {"us", 1e3L}, {"\xc2\xb5s", 1e3L}, {"\xce\xbcs", 1e3L},
		     {"ms", 1e6L}, {"s", 1e9L},	 {"m", 60e9L},	      {"h", 3600e9L}};

	for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
		struct span name = span_of(UNITS[i].name), next;

		if (!span_starts(text, UNITS[i].name))
			continue;
		next = behind(text, name.len);
		/* the longest run of letters is the unit */
		if (next.len > 0 && !is_digit(next.ptr[0]) && next.ptr[0] != '.')
			continue;
		*out_nanoseconds = UNITS[i].nanoseconds;
		return name.len;
	}
	return 0;
}

bool patch_is_duration(struct span text)
{
	long double total = 0;

	if (span_starts(text, "-") || span_starts(text, "+"))
		text = behind(text, 1);
	if (span_is(text, "0"))
		return true;
	if (text.len == 0)
		return false;
	while (text.len > 0) {
		size_t whole = count_digits(text), fraction = 0, unit;
		long double value = 0, scale;

		for (size_t i = 0; i < whole; i++)
			value = value * 10 + (text.ptr[i] - '0');
		text = behind(text, whole);
		if (span_starts(text, ".")) {
			text = behind(text, 1);
			fraction = count_digits(text);
			text = behind(text, fraction);
		}
		unit = unit_of(text, &scale);
		if (whole + fraction == 0 || unit == 0)
			return false;
		total += value * scale;
		text = behind(text, unit);
	}
	return total <= 9223372036854775807.0L;
}

/* --- addresses -------------------------------------------------------------------------------------------------------- */

static bool is_ip(int family, struct span text)
{
	unsigned char bytes[16];
	char buffer[64];

	if (text.len >= sizeof buffer || text.len == 0 || memchr(text.ptr, '\0', text.len) != NULL)
		return false;
	memcpy(buffer, text.ptr, text.len);
	buffer[text.len] = '\0';
	return inet_pton(family, buffer, bytes) == 1;
}

bool patch_is_address(struct span text)
{
	struct span zone = span_behind(text, '%');

	if (zone.ptr == NULL)
		return is_ip(AF_INET, text) || is_ip(AF_INET6, text);
	return zone.len > 0 && is_ip(AF_INET6, span_before(text, '%'));
}

bool patch_is_prefix(struct span text)
{
	struct span bits = span_behind(text, '/'), address = span_before(text, '/');
	bool is_4 = is_ip(AF_INET, address);
	int64_t count;

	if (bits.ptr == NULL || !(is_4 || is_ip(AF_INET6, address)) || count_digits(bits) != bits.len)
		return false;
	return (bits.len == 1 || !span_starts(bits, "0")) && span_int(bits, 0, is_4 ? 32 : 128, &count);
}

static bool is_port(struct span text)
{
	int64_t port;

	while (text.len > 1 && text.ptr[0] == '0')
		text = behind(text, 1);
	return text.len > 0 && count_digits(text) == text.len && span_int(text, 0, 65535, &port);
}

bool patch_is_address_port(struct span text)
{
	size_t colon = text.len;
	struct span host;

	while (colon > 0 && text.ptr[colon - 1] != ':')
		colon--;
	if (colon == 0 || !is_port(behind(text, colon)))
		return false;
	host = (struct span){text.ptr, colon - 1};
	if (span_starts(host, "[") && span_ends(host, "]")) {
		host = (struct span){host.ptr + 1, host.len - 2};
		return !is_ip(AF_INET, host) && patch_is_address(host);
	}
	return is_ip(AF_INET, host);
}

bool patch_is_port_range(struct span text)
{
	struct span high = span_behind(text, '-');

	return high.ptr != NULL && is_port(span_before(text, '-')) && is_port(high);
}

/* --- URLs ------------------------------------------------------------------------------------------------------------- */

static bool is_hex_digit(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool escapes_are_good(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] == '%' &&
		    (i + 2 >= text.len || !is_hex_digit(text.ptr[i + 1]) || !is_hex_digit(text.ptr[i + 2])))
			return false;
	return true;
}

/* Length of the scheme; -1: a colon stands where a scheme should be. */
static long scheme_of(struct span url)
{
	for (size_t i = 0; i < url.len; i++) {
		char c = url.ptr[i];

		if (c == ':')
			return i == 0 ? -1 : (long)i;
		if (is_letter(c) || (i > 0 && (is_digit(c) || c == '+' || c == '-' || c == '.')))
			continue;
		return 0;
	}
	return 0;
}

static bool is_good_host(struct span host)
{
	struct span port = {0};
	size_t close = host.len;

	if (span_starts(host, "[")) {
		while (close > 0 && host.ptr[close - 1] != ']')
			close--;
		if (close == 0)
			return false;
		port = behind(host, close);
		if (port.len > 0 && port.ptr[0] != ':')
			return false;
		port = port.len > 0 ? behind(port, 1) : port;
		/* What stands in brackets is an IPv6 address. */
		return count_digits(port) == port.len && patch_is_address((struct span){host.ptr + 1, close - 2}) &&
		       !is_ip(AF_INET, (struct span){host.ptr + 1, close - 2});
	}
	for (size_t i = 0; i < host.len; i++)
		if ((unsigned char)host.ptr[i] < 0x80 && !is_letter(host.ptr[i]) && !is_digit(host.ptr[i]) &&
		    strchr("-_.~!$&'()*+,;=:[]<>\"%", host.ptr[i]) == NULL)
			return false;
	for (size_t i = host.len; i > 0 && port.ptr == NULL; i--)
		if (host.ptr[i - 1] == ':')
			port = behind(host, i);
	/* Escapes of printable ASCII make no host name. */
	for (size_t i = 0; i + 1 < host.len; i++)
		if (host.ptr[i] == '%' && host.ptr[i + 1] < '8')
			return false;
	return count_digits(port) == port.len && escapes_are_good(host);
}

bool patch_is_url(struct span url)
{
	struct span rest = span_before(url, '#'), path;
	long scheme;

	for (size_t i = 0; i < url.len; i++)
		if ((unsigned char)url.ptr[i] < ' ' || url.ptr[i] == 0x7f)
			return false;
	if (!escapes_are_good(span_behind(url, '#')))
		return false;
	if (rest.len == 0 || span_is(rest, "*"))
		return true;
	scheme = scheme_of(rest);
	if (scheme < 0)
		return false;
	rest = scheme > 0 ? behind(rest, (size_t)scheme + 1) : rest;
	rest = span_before(rest, '?');
	if (!span_starts(rest, "/")) {
		if (scheme > 0)
			return true;
		/* "10.0.0.1:6443": a colon in the first piece of a path without a scheme */
		return memchr(rest.ptr, ':', span_before(rest, '/').len) == NULL && escapes_are_good(rest);
	}
	path = rest;
	if (span_starts(rest, "//") && (scheme > 0 || !span_starts(rest, "///"))) {
		struct span authority = span_before(behind(rest, 2), '/');
		struct span host = authority;

		path = behind(rest, 2 + authority.len);
		for (size_t i = 0; i < authority.len; i++)
			if (authority.ptr[i] == '@')
				host = behind(authority, i + 1);
		if (!is_good_host(host))
			return false;
	}
	return escapes_are_good(path);
}

/* --- sizes ------------------------------------------------------------------------------------------------------------ */

/* Digits with points, at most one of them, and thousands separators when `commas`. */
static bool is_number(struct span text, bool commas)
{
	size_t digits = 0, points = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (is_digit(text.ptr[i]))
			digits++;
		else if (text.ptr[i] == '.')
			points++;
		else if (!commas || text.ptr[i] != ',')
			return false;
	}
	return digits > 0 && points <= 1;
}

static long double number_of(struct span text)
{
	long double value = 0, scale = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '.')
			scale = 1;
		else if (text.ptr[i] != ',') {
			value = value * 10 + (text.ptr[i] - '0');
			scale *= 10;
		}
	}
	return scale > 1 ? value / scale : value;
}

bool patch_is_bytes(struct span text)
{
	static const char LETTERS[] = "kmgtpe";
	size_t count = 0;
	struct span unit;
	long double factor = 1;
	const char *letter;

	while (count < text.len && (is_digit(text.ptr[count]) || text.ptr[count] == '.' || text.ptr[count] == ','))
		count++;
	if (!is_number((struct span){text.ptr, count}, true))
		return false;
	unit = span_trim(behind(text, count));
	if (unit.len > 3)
		return false;
	if (unit.len > 0 && (letter = strchr(LETTERS, unit.ptr[0] | 0x20)) != NULL && *letter != '\0') {
		bool is_binary = unit.len > 1 && (unit.ptr[1] | 0x20) == 'i';

		for (long i = letter - LETTERS; i >= 0; i--)
			factor *= is_binary ? 1024 : 1000;
		unit = behind(unit, is_binary ? 2 : 1);
	}
	if (unit.len > 1 || (unit.len == 1 && (unit.ptr[0] | 0x20) != 'b'))
		return false;
	/* The decoder calculates in this precision. */
	return (double)(number_of((struct span){text.ptr, count}) * factor) < 18446744073709551616.0;
}

bool patch_is_size(struct span text)
{
	struct span number;

	if (memchr(text.ptr, '%', text.len) == NULL)
		return patch_is_bytes(span_starts(text, "-") ? behind(text, 1) : text);
	if (!span_ends(text, "%"))
		return false;
	number = (struct span){text.ptr, text.len - 1};
	if (span_starts(number, "-"))
		number = behind(number, 1);
	return is_number(number, false) && number_of(number) <= 100;
}

/* --- bytes ------------------------------------------------------------------------------------------------------------ */

bool patch_is_base64(struct span text)
{
	size_t letters = 0, pads = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c == '\n' || c == '\r')
			continue;
		if (c == '=')
			pads++;
		else if (pads == 0 && (is_letter(c) || is_digit(c) || c == '+' || c == '/'))
			letters++;
		else
			return false;
	}
	return (letters + pads) % 4 == 0 && pads <= 2 && (pads == 0 || letters > 0);
}

bool patch_is_hex(struct span text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == ':')
			continue;
		if (!is_hex_digit(text.ptr[i]))
			return false;
		count++;
	}
	return count % 2 == 0;
}
