#include "agent/auth/service_key.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>

#include "agent/auth/armor.h"
#include "agent/auth/internal.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/timestamp.h"

enum { TEXT_MAX = 256 << 10, NAME_MAX_LEN = 255, DAY_S = 24 * 3600, SOON_S = 30 * DAY_S, URGENT_S = 7 * DAY_S };

/* How far Omni's verifier lets a signature lie ahead of its own clock. */
enum { CLOCK_SKEW_S = 300 };

static const char what_to_do[] = "`omnictl serviceaccount create NAME` prints a key, behind OMNI_SERVICE_ACCOUNT_KEY=";

/* --- the text ------------------------------------------------------------------------------------------------------- */

static bool fail_digit(struct span text, size_t bad, struct fail *fail)
{
	unsigned char c = bad < text.len ? (unsigned char)text.ptr[bad] : 0;
	if (bad >= text.len)
		return fail_set(fail, FAIL_INVALID, "it is not complete: its base64 ends in the middle. A part of it was lost when it "
						    "was copied");
	if (c == '-' || c == '_')
		return fail_set(fail, FAIL_INVALID, "character %zu is '%c': it is in the base64 for URLs, the standard one is needed",
				bad + 1, c);
	if (c == ' ' || c == '\t')
		return fail_set(fail, FAIL_INVALID, "character %zu is a blank: a key has none", bad + 1);
	if (c == '=')
		return fail_set(fail, FAIL_INVALID, "character %zu is '=', which is allowed at the end only: a part of it was lost, or "
						    "something stands before it", bad + 1);
	return fail_set(fail, FAIL_INVALID, "it is not base64: character %zu is none of A-Z, a-z, 0-9, + and /. %s", bad + 1,
			what_to_do);
}

static bool decode_text(struct span text, struct secret *out, struct fail *fail)
{
	size_t length = 0, bad = 0;
	if (text.len == 0)
		return fail_set(fail, FAIL_INVALID, "it is empty. %s", what_to_do);
	if (text.len > TEXT_MAX)
		return fail_set(fail, FAIL_INVALID, "it is longer than %d bytes: this is no key. %s", TEXT_MAX, what_to_do);
	secret_set(out, text);
	bool good = base64_decode(text, false, out->ptr, &length, &bad);
	size_t line = good ? 0 : pasted_variable(text);
	const char *what = good ? NULL : pasted_what(text, false);
	if (line != 0)
		return fail_set(fail, FAIL_INVALID,
				"it is a block of environment variables (line %zu): set only what stands behind "
				"OMNI_SERVICE_ACCOUNT_KEY=, without quotes", line);
	if (what != NULL)
		return fail_set(fail, FAIL_INVALID, "%s", what);
	if (!good)
		return fail_digit(text, bad, fail);
	explicit_bzero(out->ptr + length, out->len - length);
	out->len = length;
	return true;
}

/* --- JSON ----------------------------------------------------------------------------------------------------------- */

static void free_wiped(void *ptr)
{
	if (ptr != NULL)
		explicit_bzero(ptr, malloc_usable_size(ptr));
	free(ptr);
}

/* jansson's parser leaves the text of its tokens behind, in memory that only its own free can wipe. It has one for the
 * whole process, which can be changed only while there are no threads. */
__attribute__((constructor)) static void wipe_json(void)
{
	json_set_alloc_funcs(malloc, free_wiped);
}

static void done_json(json_t **json)
{
	json_decref(*json);
}

/* Paths and fingerprints can be base64 by chance. */
static bool fail_json(struct span text, struct span decoded, const json_error_t *error, struct fail *fail)
{
	bool is_object = span_starts(span_trim(decoded), "{");
	const char *what = is_object ? NULL : pasted_what(text, false);
	if (what == NULL)
		what = pasted_what(decoded, true);
	if (what != NULL)
		return fail_set(fail, FAIL_INVALID, "%s", what);
	if (!is_object)
		return fail_set(fail, FAIL_INVALID, "it is base64, but not of the JSON of a service account. %s", what_to_do);
	if (!span_ends(span_trim(decoded), "}"))
		return fail_set(fail, FAIL_INVALID, "it is not complete: the JSON in it ends in the middle. A part of it was lost when "
						    "it was copied");
	return fail_set(fail, FAIL_INVALID, "the JSON in it is broken at line %d, column %d: it was changed. %s", error->line,
			error->column, what_to_do);
}

static bool take_member(const json_t *json, const char *member, struct span *out, struct fail *fail)
{
	const json_t *value = json_object_get(json, member);
	*out = (struct span){json_string_value(value), json_string_length(value)};
	if (value == NULL || json_is_null(value))
		return fail_set(fail, FAIL_INVALID, "the member \"%s\" is missing in it. %s", member, what_to_do);
	if (out->ptr == NULL)
		return fail_set(fail, FAIL_INVALID, "the member \"%s\" in it is no text. %s", member, what_to_do);
	return true;
}

bool is_field(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7F)
			return false;
	return text.len > 0;
}

static bool check_name(struct span name, struct fail *fail)
{
	if (name.len == 0)
		return fail_set(fail, FAIL_INVALID, "the member \"name\" in it is empty: it is the name of the service account");
	if (name.len > NAME_MAX_LEN)
		return fail_set(fail, FAIL_INVALID, "the name in it is longer than %d characters", NAME_MAX_LEN);
	for (size_t i = 0; i < name.len; i++)
		if (!is_field((struct span){name.ptr + i, 1}))
			return fail_set(fail, FAIL_INVALID,
					"byte %zu of the name in it is a blank, a control character or not ASCII, which no request can "
					"carry: create the service account under another name", i + 1);
	return true;
}

/* --- the key -------------------------------------------------------------------------------------------------------- */

static struct service_key *make_key(struct span name, const struct pgp_keys *keys)
{
	const struct pgp_key *primary = &keys->primary, *signer = keys->signer;
	struct service_key *key = calloc(1, sizeof *key);
	if (key == NULL || (key->name = strndup(name.ptr, name.len)) == NULL)
		abort();
	for (size_t i = 0; i < PGP_FINGERPRINT_SIZE; i++)
		snprintf(key->fingerprint + 2 * i, 3, "%02x", primary->fingerprint[i]);
	key->created_s = primary->created_s;
	key->expires_s = primary->expires_s;
	if (signer->expires_s != 0 && (key->expires_s == 0 || signer->expires_s < key->expires_s))
		key->expires_s = signer->expires_s;
	key->valid_from_s = signer->created_s > primary->created_s ? signer->created_s : primary->created_s;
	key->algorithm = signer->algorithm;
	memcpy(key->signer_fingerprint, signer->fingerprint, sizeof key->signer_fingerprint);
	secret_set(&key->signer, signer->body);
	return key;
}

static bool read_pgp(struct span name, struct span armored, struct service_key **out, struct fail *fail)
{
	CLEANUP(secret_done) struct secret packets = {0};
	struct pgp_keys keys;
	if (!armor_read(armored, &packets, fail) || !pgp_read(secret_span(&packets), &keys, fail))
		return fail_wrap(fail, "the OpenPGP key in it (\"pgp_key\") cannot be used");
	*out = make_key(name, &keys);
	return true;
}

static bool read_json(struct span text, struct span decoded, struct service_key **out, struct fail *fail)
{
	json_error_t error = {0};
	struct span name, armored;
	CLEANUP(done_json) json_t *json = json_loadb(decoded.ptr, decoded.len, 0, &error);
	if (!json_is_object(json))
		return fail_json(text, decoded, &error, fail);
	return take_member(json, "name", &name, fail) && take_member(json, "pgp_key", &armored, fail) && check_name(name, fail) &&
	       read_pgp(name, armored, out, fail);
}

bool service_key_read(struct span text, struct service_key **out, struct fail *fail)
{
	CLEANUP(secret_done) struct secret decoded = {0};
	text = span_trim(text);
	if (!decode_text(text, &decoded, fail) || !read_json(text, secret_span(&decoded), out, fail))
		return fail_wrap(fail, "the service-account key is wrong");
	return true;
}

void service_key_free(struct service_key *key)
{
	if (key == NULL)
		return;
	secret_done(&key->signer);
	free(key->name);
	free(key);
}

struct span service_key_name(const struct service_key *key)
{
	return span_of(key->name);
}

const char *service_key_fingerprint(const struct service_key *key)
{
	return key->fingerprint;
}

int64_t service_key_created_s(const struct service_key *key)
{
	return key->created_s;
}

int64_t service_key_expires_s(const struct service_key *key)
{
	return key->expires_s;
}

/* --- its time ------------------------------------------------------------------------------------------------------- */

static void add_renewal(struct text *text, const struct service_key *key)
{
	static const char provider[] = "infra-provider:";
	if (span_starts(span_of(key->name), provider))
		text_addf(text, "`omnictl infraprovider renewkey %s`", key->name + sizeof provider - 1);
	else
		text_addf(text, "`omnictl serviceaccount renew %s`", key->name);
}

/* "3 days", "5 hours", "40 seconds". */
static void add_period(struct text *text, int64_t seconds)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = {{DAY_S, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
	size_t unit = 0;
	while (unit + 1 < COUNT_OF(units) && seconds < units[unit].seconds)
		unit++;
	int64_t count = seconds / units[unit].seconds;
	text_addf(text, "%lld %s%s", (long long)count, units[unit].name, count == 1 ? "" : "s");
}

static bool fail_expired(const struct service_key *key, int64_t now_s, struct fail *fail)
{
	char when[TIMESTAMP_SIZE], now[TIMESTAMP_SIZE];
	struct text text;
	text_init(&text, FAIL_TEXT_MAX);
	timestamp_format(key->expires_s * 1000, TIMESTAMP_SECONDS, when);
	timestamp_format(now_s * 1000, TIMESTAMP_SECONDS, now);
	text_addf(&text, "the key of the service account %s expired at %s, ", key->name, when);
	add_period(&text, now_s - key->expires_s);
	text_addf(&text, " ago (this machine's clock says %s): renew it with ", now);
	add_renewal(&text, key);
	text_adds(&text, " and set the new key");
	fail_set(fail, FAIL_UNAUTHENTICATED, "%s", text.ptr);
	text_done(&text);
	return false;
}

static bool fail_too_early(const struct service_key *key, int64_t now_s, struct fail *fail)
{
	char when[TIMESTAMP_SIZE], now[TIMESTAMP_SIZE];
	timestamp_format(key->valid_from_s * 1000, TIMESTAMP_SECONDS, when);
	timestamp_format(now_s * 1000, TIMESTAMP_SECONDS, now);
	return fail_set(fail, FAIL_UNAUTHENTICATED,
			"the key of the service account %s is valid from %s on, but this machine's clock says %s: set the clock "
			"(timedatectl, NTP), or the clock was wrong where the key was made", key->name, when, now);
}

/* A key that was just made elsewhere may be a little ahead of our clock: the signature then carries the key's time, which
 * Omni accepts within its own skew, and within half of the key's lifetime. */
static int64_t allowed_skew_s(const struct service_key *key)
{
	int64_t half = (key->expires_s - key->valid_from_s) / 2;
	return key->expires_s != 0 && half < CLOCK_SKEW_S ? half : CLOCK_SKEW_S;
}

bool service_key_check(const struct service_key *key, int64_t now_s, struct fail *fail)
{
	if (key->expires_s != 0 && now_s >= key->expires_s)
		return fail_expired(key, now_s, fail);
	if (now_s < key->valid_from_s - allowed_skew_s(key))
		return fail_too_early(key, now_s, fail);
	return true;
}

unsigned service_key_urgency(const struct service_key *key, int64_t now_s)
{
	int64_t left_s = key->expires_s - now_s;
	if (key->expires_s == 0 || left_s > SOON_S)
		return 0;
	return left_s > URGENT_S ? 1 : 2;
}
