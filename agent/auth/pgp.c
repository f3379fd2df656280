#include "agent/auth/pgp.h"

#include <openssl/evp.h>

#include "agent/auth/octets.h"
#include "base/cleanup.h"

enum packet_tag { TAG_SIGNATURE = 2, TAG_SECRET_KEY = 5, TAG_PUBLIC_KEY = 6, TAG_SECRET_SUBKEY = 7, TAG_USER_ID = 13,
		  TAG_PUBLIC_SUBKEY = 14, TAG_USER_ATTRIBUTE = 17 };
enum { PARTIAL_FROM = 224, FLAG_SIGN = 0x02, LOCKING_WITH_S2K = 254, S2K_STUB = 101 };

struct packet {
	unsigned tag, number; /* the first packet has number 1 */
	struct span body;
};

/* --- framing -------------------------------------------------------------------------------------------------------- */

/* The lengths of new packets, and of subpackets. Packets in parts have others in the middle. */
static uint32_t take_length(struct octets *in, uint32_t long_from)
{
	uint32_t first = octets_number(in, 1);
	if (first < 192 || (first >= long_from && first < 255))
		return first;
	return first == 255 ? octets_number(in, 4) : (first - 192) * 256 + octets_number(in, 1) + 192;
}

static bool next_packet(struct octets *in, struct packet *packet, struct fail *fail)
{
	unsigned number = packet->number + 1, head = octets_number(in, 1);
	uint32_t length;
	if ((head & 0x80) == 0)
		return fail_set(fail, FAIL_INVALID, "packet %u does not begin like one: these are not the bytes of an OpenPGP key",
				number);
	bool is_new = (head & 0x40) != 0;
	uint32_t next = in->rest.len == 0 ? 0 : (unsigned char)in->rest.ptr[0];
	if (is_new && next >= PARTIAL_FROM && next < 255)
		return fail_set(fail, FAIL_INVALID, "packet %u comes in parts, which keys never do", number);
	if (is_new)
		length = take_length(in, PARTIAL_FROM);
	else
		length = (head & 3) == 3 ? (uint32_t)in->rest.len : octets_number(in, (size_t)1 << (head & 3));
	*packet = (struct packet){is_new ? head & 0x3F : head >> 2 & 0xF, number, octets_take(in, length)};
	if (in->is_short)
		return fail_set(fail, FAIL_INVALID, "packet %u is longer than what is there: the end is missing", number);
	return true;
}

/* --- key packets ---------------------------------------------------------------------------------------------------- */

static bool fingerprint(struct span public_part, unsigned char out[PGP_FINGERPRINT_SIZE])
{
	const unsigned char head[] = {0x99, (unsigned char)(public_part.len >> 8), (unsigned char)public_part.len};
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = public_part.len <= 0xFFFF && EVP_DigestInit_ex(context, EVP_sha1(), NULL) == 1 &&
		    EVP_DigestUpdate(context, head, sizeof head) == 1 &&
		    EVP_DigestUpdate(context, public_part.ptr, public_part.len) == 1 &&
		    EVP_DigestFinal_ex(context, out, NULL) == 1;
	EVP_MD_CTX_free(context);
	return good;
}

/* Behind the public part: 0, or how the secret part is locked. A stub has an S2K of GnuPG's own instead. */
static bool read_locking(struct octets rest, struct pgp_key *key)
{
	key->locking = octets_number(&rest, 1);
	if (key->locking >= LOCKING_WITH_S2K) {
		octets_number(&rest, 1);
		key->is_stub = octets_number(&rest, 1) == S2K_STUB;
	}
	return !rest.is_short;
}

static bool read_version(const struct packet *packet, struct fail *fail)
{
	unsigned version = packet->body.len == 0 ? 0 : (unsigned char)packet->body.ptr[0];
	if (version == 4)
		return true;
	if (version == 6 || version == 5)
		return fail_set(fail, FAIL_INVALID,
				"it is an OpenPGP key of version %u; Omni needs version 4: make one with `omnictl "
				"serviceaccount create`, or with gpg", version);
	return fail_set(fail, FAIL_INVALID, "packet %u holds a key of version %u, only version 4 is supported", packet->number,
			version);
}

static bool read_key(const struct packet *packet, struct pgp_key *out, struct fail *fail)
{
	struct pgp_parts parts;
	struct octets in = {.rest = packet->body};
	if (!read_version(packet, fail) || !pgp_take_apart(packet->body, &parts, fail))
		return false;
	*out = (struct pgp_key){.body = packet->body, .algorithm = parts.algorithm};
	octets_number(&in, 1);
	out->created_s = octets_number(&in, 4);
	size_t public_len = (size_t)(parts.secret.ptr - packet->body.ptr) - 1;
	struct octets behind = {.rest = {packet->body.ptr + public_len, packet->body.len - public_len}};
	if (!read_locking(behind, out))
		return fail_set(fail, FAIL_INVALID, "packet %u has no secret part: it was cut off", packet->number);
	if (!fingerprint((struct span){packet->body.ptr, public_len}, out->fingerprint))
		return fail_set(fail, FAIL_UNSUPPORTED, "the fingerprint cannot be computed: this OpenSSL has no SHA-1");
	return true;
}

/* Subkeys that cannot sign here (encryption, other versions) are no fault. */
static struct pgp_key *add_subkey(const struct packet *packet, struct pgp_keys *keys)
{
	struct pgp_key *subkey = &keys->subkeys[keys->subkey_count];
	if (keys->subkey_count == PGP_SUBKEYS_MAX || !read_key(packet, subkey, NULL))
		return NULL;
	keys->subkey_count++;
	return subkey;
}

/* --- signatures of the key on itself -------------------------------------------------------------------------------- */

struct signature {
	unsigned type, flags;
	bool has_created, has_flags, has_issuer, has_back_signature;
	int64_t created_s, lifetime_s, key_lifetime_s;
	char issuer[PGP_KEY_ID_SIZE];
};

static void set_issuer(struct signature *out, struct span id)
{
	if (id.len < PGP_KEY_ID_SIZE)
		return;
	memcpy(out->issuer, id.ptr + id.len - PGP_KEY_ID_SIZE, PGP_KEY_ID_SIZE);
	out->has_issuer = true;
}

static void read_hashed(unsigned type, struct octets data, struct signature *out)
{
	switch (type) {
	case 2:
		out->created_s = octets_number(&data, 4);
		out->has_created = !data.is_short;
		break;
	case 3:
		out->lifetime_s = octets_number(&data, 4);
		break;
	case 9:
		out->key_lifetime_s = octets_number(&data, 4);
		break;
	case 27:
		out->flags = octets_number(&data, 1);
		out->has_flags = true;
		break;
	}
}

static bool read_subpackets(struct octets in, bool hashed, struct signature *out)
{
	while (in.rest.len > 0 && !in.is_short) {
		struct octets data = {.rest = octets_take(&in, take_length(&in, 255))};
		unsigned type = octets_number(&data, 1) & 0x7F;
		if (in.is_short || data.is_short)
			return false;
		if (type == 16 || type == 33)
			set_issuer(out, data.rest);
		out->has_back_signature |= type == 32;
		if (hashed)
			read_hashed(type, data, out);
	}
	return !in.is_short;
}

/* Other versions than 4 are passed over: they have no say about a key of version 4. */
static bool read_signature(const struct packet *packet, struct signature *out, struct fail *fail)
{
	struct octets in = {.rest = packet->body};
	bool is_v4 = octets_number(&in, 1) == 4;
	*out = (struct signature){.type = octets_number(&in, 1)};
	if (!is_v4)
		return true;
	octets_number(&in, 2);
	struct octets hashed = {.rest = octets_take(&in, octets_number(&in, 2))};
	struct octets other = {.rest = octets_take(&in, octets_number(&in, 2))};
	if (in.is_short || !read_subpackets(hashed, true, out) || !read_subpackets(other, false, out))
		return fail_set(fail, FAIL_INVALID, "packet %u, a signature, is damaged", packet->number);
	return true;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* The newest one counts. */
static void bind(struct pgp_key *key, const struct signature *signature)
{
	if (key->is_bound && signature->created_s < key->bound_s)
		return;
	key->is_bound = true;
	key->bound_s = signature->created_s;
	key->has_flags = signature->has_flags;
	key->flags = signature->flags;
	key->has_back_signature = signature->has_back_signature;
	key->expires_s = earlier(signature->key_lifetime_s == 0 ? 0 : key->created_s + signature->key_lifetime_s,
				 signature->lifetime_s == 0 ? 0 : signature->created_s + signature->lifetime_s);
}

/* `on` is the key that it is about; NULL: something that does not matter here. */
static void apply_signature(const struct signature *signature, const struct pgp_key *primary, struct pgp_key *on)
{
	bool is_own = !signature->has_issuer || memcmp(signature->issuer, primary->fingerprint + PGP_FINGERPRINT_SIZE -
									   PGP_KEY_ID_SIZE, PGP_KEY_ID_SIZE) == 0;
	if (on == NULL || !is_own || !signature->has_created)
		return;
	bool is_primary = on == primary;
	if (is_primary ? signature->type >= 0x10 && signature->type <= 0x13 : signature->type == 0x18)
		bind(on, signature);
	on->is_revoked |= signature->type == (is_primary ? 0x20 : 0x28);
}

/* --- the whole ------------------------------------------------------------------------------------------------------ */

static bool read_primary(struct octets *in, struct packet *packet, struct pgp_keys *out, struct fail *fail)
{
	if (!next_packet(in, packet, fail))
		return false;
	if (packet->tag == TAG_PUBLIC_KEY || packet->tag == TAG_PUBLIC_SUBKEY)
		return fail_set(fail, FAIL_INVALID, "it is a public key; the private one is needed, which only `omnictl "
						    "serviceaccount create` and `renew` print, once");
	if (packet->tag != TAG_SECRET_KEY)
		return fail_set(fail, FAIL_INVALID, "it begins with a packet of type %u, not with a private key", packet->tag);
	return read_key(packet, &out->primary, fail);
}

static bool read_packets(struct octets *in, struct packet *packet, struct pgp_keys *out, struct fail *fail)
{
	struct pgp_key *on = &out->primary;
	struct signature signature;
	while (in->rest.len > 0) {
		if (!next_packet(in, packet, fail))
			return false;
		if (packet->tag == TAG_SECRET_KEY || packet->tag == TAG_PUBLIC_KEY)
			return true; /* the next key; Omni's own reader takes the first one, too */
		if (packet->tag == TAG_USER_ID || packet->tag == TAG_USER_ATTRIBUTE)
			on = &out->primary;
		if (packet->tag == TAG_SECRET_SUBKEY)
			on = add_subkey(packet, out);
		if (packet->tag == TAG_PUBLIC_SUBKEY)
			on = NULL;
		if (packet->tag == TAG_SIGNATURE && !read_signature(packet, &signature, fail))
			return false;
		if (packet->tag == TAG_SIGNATURE)
			apply_signature(&signature, &out->primary, on);
	}
	return true;
}

/* The verifier wants the subkey's own signature inside of the one that binds it. */
static bool may_sign(const struct pgp_key *subkey)
{
	return subkey->is_bound && !subkey->is_revoked && (subkey->flags & FLAG_SIGN) != 0 && subkey->has_back_signature &&
	       !subkey->is_stub;
}

static bool lasts_longer(const struct pgp_key *a, const struct pgp_key *b)
{
	if (a->expires_s != b->expires_s)
		return a->expires_s == 0 || (b->expires_s != 0 && a->expires_s > b->expires_s);
	return a->created_s > b->created_s;
}

static const struct pgp_key *choose_signer(const struct pgp_keys *keys)
{
	const struct pgp_key *primary = &keys->primary, *chosen = NULL;
	if (!primary->is_stub && (!primary->has_flags || (primary->flags & FLAG_SIGN) != 0))
		return primary;
	for (size_t i = 0; i < keys->subkey_count; i++)
		if (may_sign(&keys->subkeys[i]) && (chosen == NULL || lasts_longer(&keys->subkeys[i], chosen)))
			chosen = &keys->subkeys[i];
	return chosen;
}

static bool fail_signer(const struct pgp_key *primary, struct fail *fail)
{
	if (primary->is_stub)
		return fail_set(fail, FAIL_INVALID, "the secret part was left out when it was exported: export it with `gpg "
						    "--export-secret-keys`");
	return fail_set(fail, FAIL_INVALID, "it may certify only, and has no subkey that may sign: Omni would refuse every "
					    "signature; make a key that may sign");
}

bool pgp_read(struct span packets, struct pgp_keys *out, struct fail *fail)
{
	struct octets in = {.rest = packets};
	struct packet packet = {0};
	memset(out, 0, sizeof *out);
	if (!read_primary(&in, &packet, out, fail) || !read_packets(&in, &packet, out, fail))
		return false;
	if (out->primary.is_revoked)
		return fail_set(fail, FAIL_INVALID, "it was revoked: make a new key");
	out->signer = choose_signer(out);
	if (out->signer == NULL)
		return fail_signer(&out->primary, fail);
	if (out->signer->locking != 0)
		return fail_set(fail, FAIL_INVALID,
				"it is locked with a passphrase, which nothing here could ask for: keys of `omnictl serviceaccount "
				"create` have none; take it off an own key with `gpg --edit-key` and `passwd`, then export it again");
	if (!pgp_check_secret(out->signer->body, fail))
		return false;
	return out->primary.is_bound ||
	       fail_set(fail, FAIL_INVALID, "it has no user id with a signature of its own: it is incomplete");
}
