/* Signatures of commits come from whoever pushes: "<armored signature>\n%%\n<allowed signers>\n%%\n<data>". */
#include <stdint.h>
#include <string.h>

#include "agent/source/sshsig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span take_part(struct span *rest)
{
	const char *end = rest->len == 0 ? NULL : memmem(rest->ptr, rest->len, "\n%%\n", 4);
	struct span part = {rest->ptr, end == NULL ? rest->len : (size_t)(end - rest->ptr)};
	size_t used = end == NULL ? rest->len : part.len + 4;
	*rest = (struct span){rest->ptr + used, rest->len - used};
	return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = {(const char *)data, size};
	struct span armored = take_part(&rest), allowed = take_part(&rest), block;
	struct arena arena;
	struct fail fail;
	arena_init(&arena, (size_t)64 << 20);
	(void)sshsig_verify(&arena, armored, rest, allowed, 1700000000, &fail);
	(void)armor_decode(&arena, &armored, "PGP SIGNATURE", &block);
	arena_done(&arena);
	return 0;
}
