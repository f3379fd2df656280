#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "render/patch_int.h"

struct number_range {
	int64_t min;
	uint64_t max;
	const char *words;
};

static const struct number_range RANGES[] = {
	[TALOS_INT8] = {INT8_MIN, INT8_MAX, "a whole number from -128 to 127"},
	[TALOS_INT16] = {INT16_MIN, INT16_MAX, "a whole number from -32768 to 32767"},
	[TALOS_INT32] = {INT32_MIN, INT32_MAX, "a whole number from -2147483648 to 2147483647"},
	[TALOS_INT64] = {INT64_MIN, INT64_MAX, "a whole number"},
	[TALOS_UINT8] = {0, UINT8_MAX, "a whole number from 0 to 255"},
	[TALOS_UINT16] = {0, UINT16_MAX, "a whole number from 0 to 65535"},
	[TALOS_UINT32] = {0, UINT32_MAX, "a whole number from 0 to 4294967295"},
	[TALOS_UINT64] = {0, UINT64_MAX, "a whole number, not negative"},
};

/* Canonical decimal digits with an optional sign. */
static bool int_fits(const struct number_range *range, struct span digits)
{
	bool is_negative = digits.len > 0 && digits.ptr[0] == '-';
	uint64_t value = 0;

	for (size_t i = is_negative; i < digits.len; i++) {
		unsigned digit = (unsigned char)digits.ptr[i] - (unsigned)'0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	if (is_negative)
		return value <= (uint64_t)0 - (uint64_t)range->min;
	return value <= range->max;
}

/* 3.0 and 1e3 are whole numbers to the decoder. */
static bool float_fits(const struct number_range *range, struct span text)
{
	char buffer[64];
	char *rest;
	double value;

	if (text.len >= sizeof buffer)
		return false;
	memcpy(buffer, text.ptr, text.len);
	buffer[text.len] = '\0';
	value = strtod(buffer, &rest);
	if (*rest != '\0' || !isfinite(value) || value < (double)range->min || value > (double)range->max)
		return false;
	/* 2^64 itself is within the limits only because it is rounded. */
	if (value >= 18446744073709551616.0)
		return false;
	return value < 0 ? (double)(int64_t)value == value : (double)(uint64_t)value == value;
}

static bool number_fits(const struct talos_type *type, const struct node *node)
{
	if (node->kind == NODE_INT)
		return int_fits(&RANGES[type->kind], node_text(node));
	return node->kind == NODE_FLOAT && float_fits(&RANGES[type->kind], node_text(node));
}

/* Also the words of YAML 1.1, with or without quotes. */
static bool bool_fits(const struct node *node)
{
	static const char *const WORDS[] = {"y",  "Y",	"yes", "Yes", "YES", "on",  "On",  "ON",
					    "n",  "N",	"no",  "No",  "NO",  "off", "Off", "OFF"};
	struct span text = node_text(node);

	if (node->kind != NODE_STRING)
		return node->kind == NODE_BOOL;
	for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
		if (span_is(text, WORDS[i]))
			return true;
	return false;
}

static bool enum_fits(const struct talos_type *type, struct span text)
{
	struct talos_range range = talos_enums[type->arg];
	char lower[64];

	if (text.len > sizeof lower)
		return false;
	for (size_t i = 0; i < text.len; i++)
		lower[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] + 32 : text.ptr[i]);
	for (size_t i = 0; i < range.count; i++) {
		struct span value = talos_text(talos_values[range.first + i]);

		/* The decoder compares the text as it is, then in small letters with the value in small letters. */
		if (span_eq(value, text) ||
		    (value.len == text.len && strncasecmp(value.ptr, lower, text.len) == 0))
			return true;
	}
	return false;
}

static bool empty_or(struct span text, bool (*is_good)(struct span text))
{
	return text.len == 0 || is_good(text);
}

static bool size_match_fits(struct span text)
{
	text = span_trim(text);
	if (span_starts(text, ">=") || span_starts(text, "<=") || span_starts(text, "=="))
		text = (struct span){text.ptr + 2, text.len - 2};
	else if (span_starts(text, ">") || span_starts(text, "<"))
		text = (struct span){text.ptr + 1, text.len - 1};
	return patch_is_bytes(span_trim(text));
}

static bool port_range_fits(const struct node *node, struct span text)
{
	static const struct talos_type PORT = {.kind = TALOS_UINT16};

	return number_fits(&PORT, node) || patch_is_port_range(text);
}

/* Types that are texts to the decoder before they are anything else. */
static bool is_read_as_text(const struct talos_type *type)
{
	switch (type->kind) {
	case TALOS_STRING:
	case TALOS_ARG:
	case TALOS_URL:
	case TALOS_DISK_SIZE:
	case TALOS_SIZE_MATCH:
	case TALOS_BASE64:
	case TALOS_BASE64_KEY: return true;
	default: return false;
	}
}

bool patch_value_fits(const struct patch_walk *walk, const struct talos_type *type, const struct node *node,
		      struct span text)
{
	/* Omni 1.10 and Talos 1.14 do not take an unquoted date for a text. */
	if (node->kind == NODE_TIME && is_read_as_text(type) &&
	    (walk->check->rules >= OMNI_RULES_1_10 || talos_first_minor(walk->talos.mask) >= 14))
		return false;
	switch (type->kind) {
	case TALOS_BOOL: return bool_fits(node);
	case TALOS_INT8:
	case TALOS_INT16:
	case TALOS_INT32:
	case TALOS_INT64:
	case TALOS_UINT8:
	case TALOS_UINT16:
	case TALOS_UINT32:
	case TALOS_UINT64: return number_fits(type, node);
	case TALOS_FLOAT: return node->kind == NODE_INT || node->kind == NODE_FLOAT;
	case TALOS_ENUM: return enum_fits(type, text);
	case TALOS_DURATION:
		return node->kind == NODE_STRING ? patch_is_duration(text)
						 : node->kind == NODE_INT && span_is(node_text(node), "0");
	case TALOS_ADDR: return empty_or(text, patch_is_address);
	case TALOS_PREFIX: return empty_or(text, patch_is_prefix);
	case TALOS_ADDR_PORT: return empty_or(text, patch_is_address_port);
	case TALOS_URL: return patch_is_url(text);
	case TALOS_PORT_RANGE: return port_range_fits(node, text);
	case TALOS_BYTE_SIZE:
		return empty_or(span_starts(text, "-") ? (struct span){text.ptr + 1, text.len - 1} : text,
				patch_is_bytes);
	case TALOS_SIZE: return empty_or(text, patch_is_size);
	case TALOS_DISK_SIZE: return patch_is_bytes(text);
	case TALOS_SIZE_MATCH: return size_match_fits(text);
	case TALOS_BASE64: return patch_is_base64(text);
	case TALOS_BASE64_KEY: return span_is(text, "******") || patch_is_base64(text);
	case TALOS_HEX: return patch_is_hex(text);
	default: return true;
	}
}

/* --- words ------------------------------------------------------------------------------------------------------------ */

static const char *const WORDS[] = {
	[TALOS_ANY] = "anything",
	[TALOS_STRUCT] = "a mapping",
	[TALOS_LIST] = "a list",
	[TALOS_MAP] = "a mapping",
	[TALOS_MAP_ANY] = "a mapping",
	[TALOS_STRING] = "text",
	[TALOS_BOOL] = "true or false",
	[TALOS_FLOAT] = "a number",
	[TALOS_DURATION] = "a duration such as 30s or 1h30m",
	[TALOS_ADDR] = "an IP address",
	[TALOS_PREFIX] = "a subnet such as 10.5.0.0/16",
	[TALOS_ADDR_PORT] = "an IP address with a port, such as 10.5.0.1:51820",
	[TALOS_URL] = "a URL such as https://example.org:6443",
	[TALOS_PORT_RANGE] = "a port or a range of ports such as 1000-2000",
	[TALOS_BYTE_SIZE] = "a size such as 10GiB",
	[TALOS_SIZE] = "a size such as 10GiB or 50%",
	[TALOS_DISK_SIZE] = "a size such as 10GiB",
	[TALOS_SIZE_MATCH] = "a size such as 10GB, or a comparison such as >= 10GB",
	[TALOS_BASE64] = "base64",
	[TALOS_BASE64_KEY] = "base64",
	[TALOS_EXPRESSION] = "a CEL expression",
	[TALOS_HEX] = "bytes in hexadecimal such as 00:1a:2b:3c:4d:5e",
	[TALOS_ARG] = "text or a list of texts",
};

static void enum_words(const struct talos_type *type, char buffer[PATCH_WORDS_MAX])
{
	struct talos_range range = talos_enums[type->arg];
	size_t at = (size_t)snprintf(buffer, PATCH_WORDS_MAX, "one of");

	for (size_t i = 0; i < range.count && at < PATCH_WORDS_MAX; i++) {
		if (i == 12) {
			snprintf(buffer + at, PATCH_WORDS_MAX - at, ", ...");
			return;
		}
		at += (size_t)snprintf(buffer + at, PATCH_WORDS_MAX - at, "%s %s", i == 0 ? "" : ",",
				       talos_names + talos_values[range.first + i]);
	}
}

const char *patch_type_words(const struct talos_type *type, char buffer[PATCH_WORDS_MAX])
{
	if (type->kind == TALOS_ENUM)
		enum_words(type, buffer);
	else if (type->kind >= TALOS_INT8 && type->kind <= TALOS_UINT64)
		snprintf(buffer, PATCH_WORDS_MAX, "%s", RANGES[type->kind].words);
	else
		snprintf(buffer, PATCH_WORDS_MAX, "%s", WORDS[type->kind]);
	return buffer;
}
