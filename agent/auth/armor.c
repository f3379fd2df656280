#include "agent/auth/armor.h"

#include "base/base64.h"
#include "base/cleanup.h"

/* --- armour --------------------------------------------------------------------------------------------------------- */

struct lines {
	struct span rest;
	size_t number; /* of the line that was taken last */
};

/* The next line without the blanks around it. */
static bool next_line(struct lines *lines, struct span *out)
{
	if (!span_next(&lines->rest, '\n', out))
		return false;
	lines->number++;
	*out = span_trim(*out);
	return true;
}

/* What people have instead, by the label of its armour. */
static const struct {
	const char *label, *what;
} labels[] = {
	{"PGP PUBLIC KEY BLOCK", "is a public key; the private one is needed, which only `omnictl serviceaccount create` "
				 "and `renew` print, once"},
	{"PGP MESSAGE", "is an encrypted message, not a private key"},
	{"PGP SIGNATURE", "is a signature, not a private key"},
	{"OPENSSH PRIVATE KEY", "is a key of SSH; Omni needs an OpenPGP key"},
	{"PRIVATE KEY", "is a private key in PEM form; Omni needs an OpenPGP key"},
	{"RSA PRIVATE KEY", "is a private key in PEM form; Omni needs an OpenPGP key"},
	{"EC PRIVATE KEY", "is a private key in PEM form; Omni needs an OpenPGP key"},
	{"ENCRYPTED PRIVATE KEY", "is a private key in PEM form; Omni needs an OpenPGP key"},
	{"CERTIFICATE", "is a certificate, not a private key"},
};

static bool check_label(struct span line, struct fail *fail)
{
	static const char begin[] = "-----BEGIN ";
	struct span label = {line.ptr + sizeof begin - 1, line.len - (sizeof begin - 1)};
	if (!span_ends(label, "-----"))
		return fail_set(fail, FAIL_INVALID, "its first line is cut off: \"-----BEGIN PGP PRIVATE KEY BLOCK-----\" is needed");
	label.len -= 5;
	if (span_is(label, "PGP PRIVATE KEY BLOCK"))
		return true;
	for (size_t i = 0; i < COUNT_OF(labels); i++)
		if (span_is(label, labels[i].label))
			return fail_set(fail, FAIL_INVALID, "it %s", labels[i].what);
	return fail_set(fail, FAIL_INVALID, "its first line is not \"-----BEGIN PGP PRIVATE KEY BLOCK-----\"");
}

static bool find_begin(struct lines *lines, struct fail *fail)
{
	struct span line;
	while (next_line(lines, &line))
		if (span_starts(line, "-----BEGIN "))
			return check_label(line, fail);
	return fail_set(fail, FAIL_INVALID,
			"it is not armoured: there is no line \"-----BEGIN PGP PRIVATE KEY BLOCK-----\"");
}

struct armor {
	struct span body, sum; /* sum.ptr NULL: none */
	size_t first_line;
};

/* From behind the header lines to the line that ends it. */
static bool find_body(struct lines *lines, struct armor *out, struct fail *fail)
{
	struct span line;
	struct lines before = *lines;
	while (next_line(lines, &line) && (line.len == 0 || memchr(line.ptr, ':', line.len) != NULL))
		before = *lines;
	*lines = before;
	*out = (struct armor){.body = before.rest, .first_line = before.number + 1};
	while (next_line(lines, &line)) {
		bool is_end = span_starts(line, "-----");
		if ((is_end || (line.len > 1 && line.ptr[0] == '=')) && out->body.len == before.rest.len)
			out->body.len = (size_t)(line.ptr - out->body.ptr);
		if (is_end && span_is(line, "-----END PGP PRIVATE KEY BLOCK-----"))
			return true;
		if (is_end)
			return fail_set(fail, FAIL_INVALID,
					"line %zu should be \"-----END PGP PRIVATE KEY BLOCK-----\"", lines->number);
		if (out->sum.ptr != NULL)
			return fail_set(fail, FAIL_INVALID,
					"line %zu stands between the check sum and the line \"-----END PGP PRIVATE KEY "
					"BLOCK-----\"", lines->number);
		if (line.len > 1 && line.ptr[0] == '=')
			out->sum = line;
	}
	return fail_set(fail, FAIL_INVALID,
			"the line \"-----END PGP PRIVATE KEY BLOCK-----\" is missing behind line %zu: it was cut off",
			lines->number);
}

static bool fail_at(struct span body, size_t bad, size_t line, struct fail *fail)
{
	size_t column = 1;
	if (bad == body.len)
		return fail_set(fail, FAIL_INVALID, "its base64 is incomplete: a part of it is missing");
	for (size_t i = 0; i < bad; i++) {
		column = body.ptr[i] == '\n' ? 1 : column + 1;
		line += body.ptr[i] == '\n';
	}
	if (body.ptr[bad] == '\\')
		return fail_set(fail, FAIL_INVALID, "a backslash in line %zu, column %zu: its line breaks were escaped twice",
				line, column);
	return fail_set(fail, FAIL_INVALID, "line %zu, column %zu is not base64", line, column);
}

/* RFC 4880, 6.1. */
static uint32_t crc24(struct span bytes)
{
	uint32_t crc = 0xB704CE;
	for (size_t i = 0; i < bytes.len; i++) {
		crc ^= (uint32_t)(unsigned char)bytes.ptr[i] << 16;
		for (unsigned bit = 0; bit < 8; bit++) {
			crc <<= 1;
			if ((crc & 0x1000000) != 0)
				crc ^= 0x1864CFB;
		}
	}
	return crc & 0xFFFFFF;
}

static bool check_sum(struct span line, struct span bytes, struct fail *fail)
{
	char sum[5];
	size_t length = 0, bad;
	if (line.len != 5 || !base64_decode((struct span){line.ptr + 1, 4}, false, sum, &length, &bad) || length != 3)
		return fail_set(fail, FAIL_INVALID, "its check sum is not \"=\" and four characters of base64");
	uint32_t wanted = (uint32_t)(unsigned char)sum[0] << 16 | (uint32_t)(unsigned char)sum[1] << 8 | (unsigned char)sum[2];
	if (crc24(bytes) != wanted)
		return fail_set(fail, FAIL_INVALID, "its check sum does not fit: the text was changed or a part of it is missing");
	return true;
}

bool armor_read(struct span text, struct secret *out, struct fail *fail)
{
	struct lines lines = {.rest = text};
	struct armor armor;
	size_t length, bad;
	if (!find_begin(&lines, fail) || !find_body(&lines, &armor, fail))
		return false;
	CLEANUP(secret_done) struct secret bytes = {0};
	secret_set(&bytes, armor.body);
	if (!base64_decode(armor.body, true, bytes.ptr, &length, &bad))
		return fail_at(armor.body, bad, armor.first_line, fail);
	bytes.len = length;
	if (bytes.len == 0)
		return fail_set(fail, FAIL_INVALID, "there is nothing between its first and its last line");
	if (armor.sum.ptr != NULL && !check_sum(armor.sum, secret_span(&bytes), fail))
		return false;
	secret_done(out);
	*out = bytes;
	bytes = (struct secret){0};
	return true;
}
