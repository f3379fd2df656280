/* Keys come from people and their clipboards. The first byte says what the rest is: the text of a key ('t'), armour ('a')
 * or packets ('p'). What is read has to sign, with a header of four fields. */
#include <stdint.h>
#include <stdlib.h>

#include "agent/auth/armor.h"
#include "agent/auth/pgp.h"
#include "agent/auth/sign.h"
#include "base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_text(struct span text)
{
	struct service_key *key = NULL;
	struct signature made;
	struct arena arena;
	if (!service_key_read(text, &key, &(struct fail){0}))
		return;
	arena_init(&arena, (size_t)16 << 20);
	if (sign_request(key, &arena, SPAN("/a/B"), NULL, 0, service_key_created_s(key) + 1, &made, &(struct fail){0}) &&
	    !sign_is_well_formed(made.signature))
		abort();
	arena_done(&arena);
	service_key_free(key);
}

/* Packets lie in ordinary memory here, where a sanitizer sees every step beyond their end. */
static void read_packets(struct span packets)
{
	static const unsigned char digest[PGP_DIGEST_SIZE];
	struct pgp_keys keys;
	struct text numbers;
	if (!pgp_read(packets, &keys, &(struct fail){0}))
		return;
	text_init(&numbers, TEXT_NO_LIMIT);
	if (!pgp_sign(keys.signer->body, digest, &numbers, NULL))
		abort();
	text_done(&numbers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	CLEANUP(secret_done) struct secret bytes = {0};
	struct span rest = {(const char *)data + 1, size - 1};
	if (data[0] == 't')
		read_text(rest);
	if (data[0] == 'a' && armor_read(rest, &bytes, NULL))
		read_packets(secret_span(&bytes));
	if (data[0] == 'p')
		read_packets(rest);
	return 0;
}
