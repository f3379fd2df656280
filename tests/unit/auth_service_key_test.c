#include "agent/auth/service_key.h"

#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/auth/sign.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "tests/unit/auth_make.h"
#include "tests/unit/test.h"

/* --- what has to be read -------------------------------------------------------------------------------------------- */

static void expect_good(struct span text, const char *what)
{
	struct service_key *key = NULL;
	struct fail fail = {0};
	if (!service_key_read(text, &key, &fail))
		fail_msg("%s: %s", what, fail.text);
	service_key_free(key);
}

/* INVALID with this in the message, and nothing of the key. */
static void expect_bad(struct span text, const char *message)
{
	struct service_key *key = NULL;
	struct fail fail = {0};
	if (service_key_read(text, &key, &fail))
		fail_msg("«%.*s» was read, but: %s", SPAN_ARG(text), message);
	assert_null(key);
	assert_int_equal(fail.code, FAIL_INVALID);
	if (!span_starts(span_of(fail.text), "the service-account key is wrong: ") || strstr(fail.text, message) == NULL)
		fail_msg("«%s» does not say «%s»", fail.text, message);
	for (size_t i = 0; i + 32 <= text.len; i++)
		if (memmem(fail.text, strlen(fail.text), text.ptr + i, 32) != NULL)
			fail_msg("«%s» shows a part of the text", fail.text);
}

static void the_worked_example_is_read(void **state)
{
	(void)state;
	struct service_key *key = NULL;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	auth_text("ci", auth_example_armor, &text);
	assert_true(service_key_read(text_span(&text), &key, NULL));
	assert_span(service_key_name(key), "ci");
	assert_string_equal(service_key_fingerprint(key), auth_example_fingerprint);
	assert_int_equal(service_key_created_s(key), AUTH_CREATED_S);
	assert_int_equal(service_key_expires_s(key), AUTH_CREATED_S + 31536000);
	service_key_free(key);
	service_key_free(NULL);
	text_done(&text);
}

static void armor_is_read_in_every_form(void **state)
{
	(void)state;
	struct key_plan plan = {.algorithm = 22, .flags = 3, .seed = {0, 0, 1}};
	struct text packets, armored, text;
	text_init(&packets, TEXT_NO_LIMIT);
	text_init(&armored, TEXT_NO_LIMIT);
	text_init(&text, TEXT_NO_LIMIT);
	auth_packets(&plan, &packets);
	for (unsigned flags = 0; flags < 16; flags++) {
		char what[32];
		snprintf(what, sizeof what, "armour %u", flags);
		text_reset(&armored);
		text_reset(&text);
		auth_armor(text_span(&packets), flags, &armored);
		auth_text("ci", armored.ptr, &text);
		expect_good(text_span(&text), what);
	}
	text_done(&packets);
	text_done(&armored);
	text_done(&text);
}

static void blanks_around_and_line_breaks_inside_are_fine(void **state)
{
	(void)state;
	struct text text, broken;
	text_init(&text, TEXT_NO_LIMIT);
	text_init(&broken, TEXT_NO_LIMIT);
	auth_text("ci", auth_example_armor, &text);
	text_adds(&broken, " \n\t");
	for (size_t i = 0; i < text.len; i += 76)
		text_addf(&broken, "%.76s\r\n", text.ptr + i);
	text_adds(&broken, "\n ");
	expect_good(text_span(&broken), "line breaks");
	text_done(&text);
	text_done(&broken);
}

static void keys_of_every_kind_are_read(void **state)
{
	(void)state;
	const struct key_plan plans[] = {
		{.algorithm = 22, .flags = 3},
		{.algorithm = 22, .flags = 2},
		{.algorithm = 22, .flags = -1},
		{.algorithm = 27, .flags = 3, .old_headers = true},
		{.algorithm = 22, .flags = 3, .subkey = true},
		{.algorithm = 22, .flags = 1, .subkey = true, .old_headers = true},
		{.algorithm = 22, .flags = 3, .is_stub = true, .subkey = true},
	};
	for (size_t i = 0; i < COUNT_OF(plans); i++) {
		struct text text;
		char what[32];
		snprintf(what, sizeof what, "plan %zu", i);
		text_init(&text, TEXT_NO_LIMIT);
		auth_key_text(&plans[i], "infra-provider:x", &text);
		expect_good(text_span(&text), what);
		text_done(&text);
	}
}

/* How the length of a packet can be written. The old format can leave that of the last one out. */
enum length_form { OLD_1, OLD_2, OLD_4, OLD_OPEN, NEW_5, LENGTH_FORMS };

static void add_packet(struct text *out, enum length_form form, unsigned tag, struct span body, bool is_last)
{
	const char length[] = {0, 0, (char)(body.len >> 8), (char)body.len};
	static const unsigned octets[] = {1, 2, 4, 0, 4};
	if ((form == OLD_1 && body.len > 255) || (form == OLD_OPEN && !is_last))
		form = OLD_2;
	const char head[] = {(char)(form == NEW_5 ? 0xC0 | tag : 0x80 | tag << 2 | form), (char)0xFF};
	text_add(out, (struct span){head, form == NEW_5 ? 2 : 1});
	text_add(out, (struct span){length + 4 - octets[form], octets[form]});
	text_add(out, body);
}

/* Packets with old headers of two octets, written in another form. */
static void rewrite(struct span packets, enum length_form form, struct text *out)
{
	while (packets.len > 0) {
		const unsigned char *at = (const unsigned char *)packets.ptr;
		size_t length = (size_t)at[1] << 8 | at[2];
		add_packet(out, form, at[0] >> 2 & 0xF, (struct span){packets.ptr + 3, length}, packets.len == length + 3);
		packets = (struct span){packets.ptr + 3 + length, packets.len - 3 - length};
	}
}

static void lengths_are_read_in_every_form(void **state)
{
	(void)state;
	struct key_plan plan = {.algorithm = 22, .flags = 3, .old_headers = true, .lifetime_s = 86400};
	struct text packets, rewritten, armored, text;
	text_init(&packets, TEXT_NO_LIMIT);
	text_init(&rewritten, TEXT_NO_LIMIT);
	text_init(&armored, TEXT_NO_LIMIT);
	text_init(&text, TEXT_NO_LIMIT);
	auth_packets(&plan, &packets);
	for (enum length_form form = 0; form < LENGTH_FORMS; form++) {
		struct service_key *key = NULL;
		text_reset(&rewritten);
		text_reset(&armored);
		text_reset(&text);
		rewrite(text_span(&packets), form, &rewritten);
		auth_armor(text_span(&rewritten), 0, &armored);
		auth_text("ci", armored.ptr, &text);
		assert_true(service_key_read(text_span(&text), &key, NULL));
		assert_int_equal(service_key_expires_s(key), AUTH_CREATED_S + 86400);
		service_key_free(key);
	}
	text_done(&packets);
	text_done(&rewritten);
	text_done(&armored);
	text_done(&text);
}

/* The signature that was made last counts, wherever it stands. */
static void the_newest_signature_counts(void **state)
{
	(void)state;
	for (unsigned order = 0; order < 2; order++) {
		struct key_plan plan = {.algorithm = 22, .flags = 3, .lifetime_s = order == 0 ? 1000 : 2000, .signed_after_s = order * 500};
		struct key_plan other = {.algorithm = 22, .flags = 3, .lifetime_s = order == 0 ? 2000 : 1000,
					 .signed_after_s = 500 - order * 500, .only_signature = true};
		struct text packets, armored, text;
		struct service_key *key = NULL;
		text_init(&packets, TEXT_NO_LIMIT);
		text_init(&armored, TEXT_NO_LIMIT);
		text_init(&text, TEXT_NO_LIMIT);
		auth_packets(&plan, &packets);
		auth_packets(&other, &packets);
		auth_armor(text_span(&packets), 0, &armored);
		auth_text("ci", armored.ptr, &text);
		assert_true(service_key_read(text_span(&text), &key, NULL));
		assert_int_equal(service_key_expires_s(key), AUTH_CREATED_S + 2000);
		service_key_free(key);
		text_done(&packets);
		text_done(&armored);
		text_done(&text);
	}
}

/* --- keys that cannot be used --------------------------------------------------------------------------------------- */

static const struct {
	struct key_plan plan;
	const char *message;
} bad_keys[] = {
	{{.algorithm = 22, .flags = 3, .tag = 6}, "it is a public key; the private one is needed"},
	{{.algorithm = 22, .flags = 3, .tag = 13}, "it begins with a packet of type 13, not with a private key"},
	{{.algorithm = 22, .flags = 3, .version = 6}, "it is an OpenPGP key of version 6; Omni needs version 4"},
	{{.algorithm = 22, .flags = 3, .version = 3}, "packet 1 holds a key of version 3, only version 4 is supported"},
	{{.algorithm = 19, .flags = 3}, "its algorithm (19, ECDSA) is not supported, only Ed25519 and RSA are"},
	{{.algorithm = 17, .flags = 3}, "its algorithm (17, DSA) is not supported"},
	{{.algorithm = 99, .flags = 3}, "its algorithm (99, of no known name) is not supported"},
	{{.algorithm = 22, .flags = 3, .locking = 254}, "it is locked with a passphrase"},
	{{.algorithm = 22, .flags = 3, .locking = 253}, "it is locked with a passphrase"},
	{{.algorithm = 22, .flags = 3, .locking = 9}, "it is locked with a passphrase"},
	{{.algorithm = 22, .flags = 3, .is_stub = true}, "the secret part was left out when it was exported"},
	{{.algorithm = 22, .flags = 1}, "it may certify only, and has no subkey that may sign"},
	{{.algorithm = 22, .flags = 1, .subkey = true, .subkey_without_back_signature = true}, "has no subkey that may sign"},
	{{.algorithm = 22, .flags = 1, .subkey = true, .subkey_revoked = true}, "has no subkey that may sign"},
	{{.algorithm = 22, .flags = 3, .is_revoked = true}, "it was revoked"},
	{{.algorithm = 22, .flags = 3, .no_user_id = true}, "it has no user id with a signature of its own"},
	{{.algorithm = 22, .flags = 3, .foreign_issuer = true}, "it has no user id with a signature of its own"},
	{{.algorithm = 22, .flags = 3, .wrong_half = true}, "its private and its public half do not belong together"},
	{{.algorithm = 27, .flags = 3, .wrong_half = true}, "its private and its public half do not belong together"},
	{{.algorithm = 22, .flags = 3, .wrong_sum = true}, "the check sum of its secret part does not fit"},
};

static void keys_that_cannot_be_used_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_keys); i++) {
		struct text text;
		text_init(&text, TEXT_NO_LIMIT);
		auth_key_text(&bad_keys[i].plan, "ci", &text);
		expect_bad(text_span(&text), bad_keys[i].message);
		text_done(&text);
	}
}

static void small_and_mixed_up_rsa_keys_are_refused(void **state)
{
	(void)state;
	struct key_plan small = {.algorithm = 1, .flags = 3, .rsa = EVP_RSA_gen(1024)};
	struct key_plan good = {.algorithm = 1, .flags = 3, .rsa = auth_rsa(2048)};
	struct text text, packets, armored;
	text_init(&text, TEXT_NO_LIMIT);
	text_init(&packets, TEXT_NO_LIMIT);
	text_init(&armored, TEXT_NO_LIMIT);
	auth_key_text(&small, "ci", &text);
	expect_bad(text_span(&text), "its RSA key has 1024 bits, and Omni refuses what is signed with fewer than 2048");
	auth_packets(&good, &packets);
	packets.ptr[3 + 6 + 2 + 100] ^= 1; /* in the modulus */
	auth_armor(text_span(&packets), 0, &armored);
	text_reset(&text);
	auth_text("ci", armored.ptr, &text);
	expect_bad(text_span(&text), "its private and its public half do not belong together");
	EVP_PKEY_free(small.rsa);
	EVP_PKEY_free(good.rsa);
	text_done(&text);
	text_done(&packets);
	text_done(&armored);
}

/* --- armour --------------------------------------------------------------------------------------------------------- */

#define BEGIN "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n"
#define END "\n-----END PGP PRIVATE KEY BLOCK-----\n"

static const struct {
	const char *armored, *message;
} bad_armor[] = {
	{"", "it is not armoured: there is no line"},
	{"xVcEZVPxABYJKwYB", "it is not armoured: there is no line"},
	{"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxVcE\n-----END PGP PUBLIC KEY BLOCK-----\n", "it is a public key"},
	{"-----BEGIN PGP MESSAGE-----\n", "it is an encrypted message"},
	{"-----BEGIN OPENSSH PRIVATE KEY-----\n", "it is a key of SSH; Omni needs an OpenPGP key"},
	{"-----BEGIN PRIVATE KEY-----\n", "it is a private key in PEM form; Omni needs an OpenPGP key"},
	{"-----BEGIN PGP PRIVATE KEY", "its first line is cut off"},
	{"-----BEGIN PGP PRIVATE KEYS-----\n", "its first line is not"},
	{BEGIN "xVcE", "is missing behind line 3: it was cut off"},
	{BEGIN "xVcE\n-----END PGP PUBLIC KEY BLOCK-----", "line 4 should be \"-----END PGP PRIVATE KEY BLOCK-----\""},
	{BEGIN END, "there is nothing between its first and its last line"},
	{BEGIN "xVcE\nxV!E" END, "line 4, column 3 is not base64"},
	{BEGIN "xVcE\\nxVcE" END, "a backslash in line 3, column 5: its line breaks were escaped twice"},
	{BEGIN "xVcEx" END, "its base64 is incomplete"},
	{BEGIN "xVcE\n=32y" END, "its check sum is not \"=\" and four characters"},
	{BEGIN "xVcE\n=32yY" END, "its check sum does not fit"},
	{BEGIN "xVcE\n=32yY\nxVcE" END, "line 5 stands between the check sum and the line"},
	{BEGIN "xVcE" END, "packet 1 is longer than what is there: the end is missing"},
	{BEGIN "AAAA" END, "packet 1 does not begin like one"},
	{BEGIN "xeAE" END, "packet 1 comes in parts"},
	{BEGIN "xQME" END, "packet 1 is longer"},
	{BEGIN "xQMEAAAA" END, "its algorithm"},
};

static void broken_armor_is_located(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_armor); i++) {
		struct text text;
		text_init(&text, TEXT_NO_LIMIT);
		auth_text("ci", bad_armor[i].armored, &text);
		expect_bad(text_span(&text), bad_armor[i].message);
		text_done(&text);
	}
}

static void a_wrong_check_sum_is_said(void **state)
{
	(void)state;
	struct text text, changed;
	text_init(&text, TEXT_NO_LIMIT);
	text_init(&changed, TEXT_NO_LIMIT);
	text_adds(&changed, auth_example_armor);
	memcpy(strstr(changed.ptr, "=32yY"), "=32yZ", 5);
	auth_text("ci", changed.ptr, &text);
	expect_bad(text_span(&text), "its check sum does not fit: the text was changed");
	text_done(&text);
	text_done(&changed);
}

/* Cut anywhere, a key is never read; and never without a word. */
static void no_part_of_a_key_is_a_key(void **state)
{
	(void)state;
	struct text text, packets, armored;
	text_init(&text, TEXT_NO_LIMIT);
	text_init(&packets, TEXT_NO_LIMIT);
	text_init(&armored, TEXT_NO_LIMIT);
	auth_text("ci", auth_example_armor, &text);
	for (size_t length = 1; length < text.len; length++)
		expect_bad((struct span){text.ptr, length}, length % 4 == 0 ? "A part of it was lost" : "it is not complete");
	auth_packets(&(struct key_plan){.algorithm = 22, .flags = 3}, &packets);
	for (size_t length = 0; length < packets.len; length++) {
		text_reset(&text);
		text_reset(&armored);
		auth_armor((struct span){packets.ptr, length}, 0, &armored);
		auth_text("ci", armored.ptr, &text);
		expect_bad(text_span(&text), "the OpenPGP key in it (\"pgp_key\") cannot be used");
	}
	text_done(&text);
	text_done(&packets);
	text_done(&armored);
}

/* --- what people set instead ---------------------------------------------------------------------------------------- */

static const struct {
	const char *text, *message;
} bad_texts[] = {
	{"", "it is empty. `omnictl serviceaccount create NAME` prints a key"},
	{" \n", "it is empty"},
	{"OMNI_ENDPOINT=https://omni.example.org\nOMNI_SERVICE_ACCOUNT_KEY=eyJuYW1lIjoiY2ki",
	 "it is a block of environment variables (line 2): set only what stands behind OMNI_SERVICE_ACCOUNT_KEY="},
	{"OMNI_SERVICE_ACCOUNT_KEY=eyJuYW1lIjoiY2ki", "environment variables (line 1)"},
	{"export OMNI_SERVICE_ACCOUNT_KEY=\"eyJuYW1lIjoiY2ki\"", "environment variables (line 1)"},
	{"SIDERO_SERVICE_ACCOUNT_KEY=eyJuYW1lIjoiY2ki", "environment variables (line 1)"},
	{"OMNI_ENDPOINT=https://omni.example.org", "environment variables (line 1)"},
	{"Set the following environment variables:\n\n  OMNI_SERVICE_ACCOUNT_KEY=eyJ", "environment variables (line 3)"},
	{"\"eyJuYW1lIjoiY2kifQ==\"", "it begins with a quote: leave the quotes out"},
	{"'eyJuYW1lIjoiY2kifQ=='", "it begins with a quote"},
	{"/run/secrets/omni/key", "it is the path of a file, not a key"},
	{"/run/key", "it is the path of a file, not a key"}, /* base64 by chance */
	{"./omni.key", "it is the path of a file"},
	{"~/omni.key", "it is the path of a file"},
	{"https://omni.example.org", "it is a URL, not a key"},
	{"grpc://10.0.0.1:8099", "it is a URL, not a key"},
	{"${OMNI_SERVICE_ACCOUNT_KEY}", "it is a reference or a placeholder that nothing replaced"},
	{"<your key>", "it is a reference or a placeholder"},
	{"context: default\ncontexts:\n  default:\n    url: https://omni.example.org\n", "it is a talosconfig or an omniconfig"},
	{"apiVersion: v1\nkind: Config\nclusters: []\n", "it is a kubeconfig"},
	{"apiVersion: v1\nkind: Secret\n", "it is a Kubernetes manifest"},
	{"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxVcE\n", "it is the armoured OpenPGP key alone"},
	{"{\"name\":\"ci\",\"pgp_key\":\"x\"}", "it is the JSON inside of a key: set it in base64"},
	{"{\"type\": \"service_account\"}", "it is JSON, but not that of a service account"},
	{"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJjaSJ9.c2lnbmF0dXJl", "it is a token (JWT)"},
	{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5", "it is a public key of SSH"},
	{"0550f45f55746ceca3e8ae97f7a32568e2019652", "it is the fingerprint of a key"},
	{"eyJuYW1lIjoi_2kifQ==", "character 13 is '_': it is in the base64 for URLs"},
	{"eyJu YW1l", "character 5 is a blank"},
	{"eyJu=YW1l", "character 5 is '='"},
	{"eyJuYW1lIjoiY2k*fQ==", "it is not base64: character 16 is none of A-Z"},
	{"eyJuYW1lIjoiY2kifQ=", "it is not complete: its base64 ends in the middle"},
	{"aGVsbG8gd29ybGQh", "it is base64, but not of the JSON of a service account"},
	{"ZXlKdVlXMWxJam9pWTJraWZRPT0=", "it is in base64 twice"},
	{"Y29udGV4dDogYQpjb250ZXh0czoge30K", "it is the base64 of a talosconfig or an omniconfig"},
	{"LS0tLS1CRUdJTiBQR1AgUFJJVkFURSBLRVkgQkxPQ0stLS0tLQo=", "it is the base64 of an OpenPGP key alone"},
	{"eyJuYW1lIiAiY2kifQ==", "the JSON in it is broken at line 1, column"},
	{"eyJuYW1lIjoiY2kifXt9", "the JSON in it is broken at line 1, column"},
	{"e30=", "the member \"name\" is missing in it"},
	{"eyJuYW1lIjoxLCJwZ3Bfa2V5IjoiIn0=", "the member \"name\" in it is no text"},
	{"eyJuYW1lIjoiY2kifQ==", "the member \"pgp_key\" is missing in it"},
	{"eyJuYW1lIjoiY2kiLCJwZ3Bfa2V5IjpudWxsfQ==", "the member \"pgp_key\" is missing in it"},
};

static void what_people_paste_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_texts); i++)
		expect_bad(span_of(bad_texts[i].text), bad_texts[i].message);
	struct span large = {calloc(1, 300000), 300000};
	memset((char *)large.ptr, 'A', large.len);
	struct fail fail = {0};
	struct service_key *key;
	assert_false(service_key_read(large, &key, &fail));
	assert_non_null(strstr(fail.text, "it is longer than 262144 bytes: this is no key"));
	free((char *)large.ptr);
}

static const struct {
	const char *name, *message;
} bad_names[] = {
	{"", "the member \"name\" in it is empty"},
	{" ", "byte 1 of the name in it is a blank"},
	{"a b", "byte 2 of the name in it is a blank"},
	{"ci ", "byte 3 of the name in it is a blank"},
	{"ci\tx", "byte 3"}, {"ci\n", "byte 3"}, {"ci\r\nx: y", "byte 3"}, {"\x01", "byte 1"}, {"ci\x7f", "byte 3"},
	{"b\xc3\xbcro", "byte 2 of the name in it is a blank, a control character or not ASCII"},
	{"a\xc2\xa0z", "byte 2"},
	{"ci\xe2\x80\x8b", "byte 3"},
};

static void no_name_can_break_a_header(void **state)
{
	(void)state;
	char longest[257];
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(bad_names); i++) {
		text_reset(&text);
		auth_text(bad_names[i].name, auth_example_armor, &text);
		expect_bad(text_span(&text), bad_names[i].message);
	}
	memset(longest, 'a', 256);
	longest[256] = '\0';
	text_reset(&text);
	auth_text(longest, auth_example_armor, &text);
	expect_bad(text_span(&text), "the name in it is longer than 255 characters");
	for (int c = '!'; c <= '~'; c++) { /* what is allowed gives four fields */
		const char name[] = {(char)c, 'x', (char)c, '\0'};
		struct service_key *key = NULL;
		struct signature signature = {0};
		struct arena arena;
		arena_init(&arena, ARENA_NO_LIMIT);
		text_reset(&text);
		auth_text(name, auth_example_armor, &text);
		assert_true(service_key_read(text_span(&text), &key, NULL));
		assert_true(sign_request(key, &arena, SPAN("/a/B"), NULL, 0, AUTH_NOW_S, &signature, NULL));
		struct span rest = signature.signature, field;
		size_t fields = 0;
		while (span_next(&rest, ' ', &field))
			fields += field.len > 0;
		assert_int_equal(fields, 4);
		arena_done(&arena);
		service_key_free(key);
	}
	text_done(&text);
}

/* --- keys of other tools -------------------------------------------------------------------------------------------- */

static const struct {
	const char *file, *fingerprint, *message; /* the message, when it is refused */
} fixtures[] = {
	{"ed25519", "3e7eaad1438bfd4b6987d7fad742524e07e756fd", NULL},
	{"gpg-locked", NULL, "it is locked with a passphrase"},
	{"gpg-offline-primary", "36790fcfca9e55c4b7fffd774e0de8e77bbc65f7", NULL},
	{"gpg-public", NULL, "it is a public key"},
	{"gpg-rsa4096", "bdc126a0cda8ec81f76912ee0b0c9a3410c22dc0", NULL},
	{"gpg-signing-subkey", "36790fcfca9e55c4b7fffd774e0de8e77bbc65f7", NULL},
	{"omni", "9f6dcd1acfd1e3b96b1f8b59cfb70be66591e88b", NULL},
	{"rsa1024", NULL, "its RSA key has 1024 bits"},
	{"rsa2048", "37826a59760360bec3e2013f1025ab645d22f9d7", NULL},
	{"v6", NULL, "it is an OpenPGP key of version 6"},
};

static void keys_of_other_tools_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(fixtures); i++) {
		struct arena arena;
		struct span text;
		struct service_key *key = NULL;
		arena_init(&arena, ARENA_NO_LIMIT);
		struct span path = arena_spanf(&arena, "tests/golden/auth/%s.key", fixtures[i].file);
		assert_true(files_read(&arena, path.ptr, 1 << 20, &text, NULL));
		if (fixtures[i].message != NULL) {
			expect_bad(text, fixtures[i].message);
		} else {
			assert_true(service_key_read(text, &key, NULL));
			assert_string_equal(service_key_fingerprint(key), fixtures[i].fingerprint);
		}
		service_key_free(key);
		arena_done(&arena);
	}
}

/* --- time ----------------------------------------------------------------------------------------------------------- */

static struct service_key *read_plan(const struct key_plan *plan, const char *name)
{
	struct service_key *key = NULL;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	auth_key_text(plan, name, &text);
	assert_true(service_key_read(text_span(&text), &key, NULL));
	text_done(&text);
	return key;
}

static void the_earlier_end_counts(void **state)
{
	(void)state;
	static const uint32_t rows[][3] = {{0, 0, 0}, {100, 0, 100}, {0, 90, 90}, {100, 90, 90}, {90, 100, 90}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct key_plan plan = {.algorithm = 22, .flags = 3, .lifetime_s = rows[i][0], .signature_lifetime_s = rows[i][1]};
		struct service_key *key = read_plan(&plan, "ci");
		assert_int_equal(service_key_expires_s(key), rows[i][2] == 0 ? 0 : AUTH_CREATED_S + rows[i][2]);
		service_key_free(key);
	}
}

static void an_expired_key_says_when_and_what_to_do(void **state)
{
	(void)state;
	struct key_plan plan = {.algorithm = 22, .flags = 3, .lifetime_s = 86400};
	struct service_key *key = read_plan(&plan, "ci"), *provider = read_plan(&plan, "infra-provider:metal");
	struct fail fail = {0};
	assert_true(service_key_check(key, AUTH_CREATED_S + 86399, &fail));
	assert_false(service_key_check(key, AUTH_CREATED_S + 86400 + 3 * 86400 + 5, &fail));
	assert_int_equal(fail.code, FAIL_UNAUTHENTICATED);
	assert_string_equal(fail.text, "the key of the service account ci expired at 2023-11-15T22:13:20Z, 3 days ago (this machine's clock "
				       "says 2023-11-18T22:13:25Z): renew it with `omnictl serviceaccount renew ci` and set the new key");
	assert_false(service_key_check(key, AUTH_CREATED_S + 86401, &fail));
	assert_non_null(strstr(fail.text, "1 second ago"));
	assert_false(service_key_check(provider, AUTH_CREATED_S + 86400 + 7300, &fail));
	assert_non_null(strstr(fail.text, "2 hours ago"));
	assert_non_null(strstr(fail.text, "`omnictl infraprovider renewkey metal`"));
	service_key_free(key);
	service_key_free(provider);
}

static void urgency_grows(void **state)
{
	(void)state;
	struct service_key *key = read_plan(&(struct key_plan){.algorithm = 22, .flags = 3, .lifetime_s = 31536000}, "ci");
	struct service_key *eternal = read_plan(&(struct key_plan){.algorithm = 22, .flags = 3}, "ci");
	int64_t end = AUTH_CREATED_S + 31536000, day = 86400;
	assert_int_equal(service_key_urgency(key, AUTH_CREATED_S), 0);
	assert_int_equal(service_key_urgency(key, end - 30 * day - 1), 0);
	assert_int_equal(service_key_urgency(key, end - 30 * day), 1);
	assert_int_equal(service_key_urgency(key, end - 7 * day - 1), 1);
	assert_int_equal(service_key_urgency(key, end - 7 * day), 2);
	assert_int_equal(service_key_urgency(key, end + day), 2);
	assert_int_equal(service_key_urgency(eternal, end), 0);
	service_key_free(key);
	service_key_free(eternal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_worked_example_is_read),
		cmocka_unit_test(armor_is_read_in_every_form),
		cmocka_unit_test(blanks_around_and_line_breaks_inside_are_fine),
		cmocka_unit_test(keys_of_every_kind_are_read),
		cmocka_unit_test(lengths_are_read_in_every_form),
		cmocka_unit_test(the_newest_signature_counts),
		cmocka_unit_test(keys_that_cannot_be_used_are_told_apart),
		cmocka_unit_test(small_and_mixed_up_rsa_keys_are_refused),
		cmocka_unit_test(broken_armor_is_located),
		cmocka_unit_test(a_wrong_check_sum_is_said),
		cmocka_unit_test(no_part_of_a_key_is_a_key),
		cmocka_unit_test(what_people_paste_is_named),
		cmocka_unit_test(no_name_can_break_a_header),
		cmocka_unit_test(keys_of_other_tools_are_read),
		cmocka_unit_test(the_earlier_end_counts),
		cmocka_unit_test(an_expired_key_says_when_and_what_to_do),
		cmocka_unit_test(urgency_grows),
	};
	return RUN_TESTS(tests);
}
