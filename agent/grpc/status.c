#include "agent/grpc/status.h"

#include <stdio.h>

#include "base/utf8.h"

const char *grpc_code_name(enum grpc_code code)
{
	static const char *const names[GRPC_CODES] = {
		"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
		"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
		"INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	};
	return (unsigned)code < GRPC_CODES ? names[code] : "UNKNOWN";
}

enum grpc_code status_of_http(long http_status)
{
	static const struct {
		long http_status;
		enum grpc_code code;
	} rows[] = {
		{400, GRPC_INTERNAL},	 {401, GRPC_UNAUTHENTICATED}, {403, GRPC_PERMISSION_DENIED}, {404, GRPC_UNIMPLEMENTED},
		{429, GRPC_UNAVAILABLE}, {502, GRPC_UNAVAILABLE},     {503, GRPC_UNAVAILABLE},	     {504, GRPC_UNAVAILABLE},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].http_status == http_status)
			return rows[i].code;
	return GRPC_UNKNOWN;
}

enum grpc_code status_of_reset(unsigned error)
{
	static const enum grpc_code codes[] = {
		[0x0] = GRPC_INTERNAL,	  [0x1] = GRPC_INTERNAL,	   [0x2] = GRPC_INTERNAL,
		[0x3] = GRPC_RESOURCE_EXHAUSTED, [0x4] = GRPC_INTERNAL,	   [0x5] = GRPC_INTERNAL,
		[0x6] = GRPC_INTERNAL,	  [0x7] = GRPC_UNAVAILABLE,	   [0x8] = GRPC_CANCELLED,
		[0x9] = GRPC_INTERNAL,	  [0xa] = GRPC_INTERNAL,	   [0xb] = GRPC_RESOURCE_EXHAUSTED,
		[0xc] = GRPC_PERMISSION_DENIED,  [0xd] = GRPC_INTERNAL,
	};
	return error < sizeof codes / sizeof *codes ? codes[error] : GRPC_UNKNOWN;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void add_utf8(struct text *out, struct span bytes)
{
	while (bytes.len > 0) {
		size_t valid = utf8_valid_prefix(bytes);
		text_add(out, (struct span){bytes.ptr, valid});
		if (valid == bytes.len)
			return;
		text_adds(out, "\xEF\xBF\xBD");
		bytes = (struct span){bytes.ptr + valid + 1, bytes.len - valid - 1};
	}
}

void status_decode_message(struct text *out, struct span encoded)
{
	struct text bytes;
	text_init(&bytes, TEXT_NO_LIMIT);
	for (size_t i = 0; i < encoded.len; i++) {
		int high = -1, low = -1;
		if (encoded.ptr[i] == '%' && i + 2 < encoded.len) {
			high = hex_digit(encoded.ptr[i + 1]);
			low = hex_digit(encoded.ptr[i + 2]);
		}
		bool is_escape = high >= 0 && low >= 0;
		char byte = (char)(high * 16 + low);
		text_addc(&bytes, is_escape ? byte : encoded.ptr[i]);
		i += is_escape ? 2 : 0;
	}
	add_utf8(out, text_span(&bytes));
	text_done(&bytes);
}

void status_add_foreign(struct text *out, struct span foreign, size_t max)
{
	size_t start = out->len;
	bool is_cut = foreign.len > max;
	add_utf8(out, (struct span){foreign.ptr, is_cut ? max : foreign.len});
	for (size_t i = start; i < out->len; i++)
		if ((unsigned char)out->ptr[i] < ' ' || out->ptr[i] == 0x7f)
			out->ptr[i] = ' ';
	if (is_cut)
		text_adds(out, "...");
}

void status_encode_timeout(int64_t ms, char out[STATUS_TIMEOUT_SIZE])
{
	enum { LARGEST = 99999999 };
	static const struct {
		char unit;
		int64_t per_ms, ms_per; /* one of them is 1 */
	} units[] = {{'n', 1000000, 1}, {'u', 1000, 1}, {'m', 1, 1}, {'S', 1, 1000}, {'M', 1, 60000}, {'H', 1, 3600000}};
	if (ms <= 0) {
		snprintf(out, STATUS_TIMEOUT_SIZE, "0n");
		return;
	}
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (ms > LARGEST / units[i].per_ms * units[i].ms_per)
			continue;
		int64_t value = ms * units[i].per_ms;
		value = value / units[i].ms_per + (value % units[i].ms_per != 0);
		snprintf(out, STATUS_TIMEOUT_SIZE, "%lld%c", (long long)value, units[i].unit);
		return;
	}
	snprintf(out, STATUS_TIMEOUT_SIZE, "%dH", LARGEST);
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

bool status_is_header(struct span name, struct span value)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_name_char(name.ptr[i]))
			return false;
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < ' ' || value.ptr[i] > '~')
			return false;
	return name.len > 0;
}
