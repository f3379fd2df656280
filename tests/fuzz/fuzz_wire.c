/* What a renderer that was taken over may send: never out of bounds, never more memory than allowed; what is accepted
 * can be written and read again. */
#include <assert.h>
#include <stdint.h>

#include "agent/source/wire.h"
#include "base/text.h"
#include "render/fleet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct fleet_options options = FLEET_OPTIONS_DEFAULT;
	struct arena arena;
	struct wire wire;
	struct fleet *fleet, *again;
	struct fail fail;
	arena_init(&arena, (size_t)64 << 20);
	wire_init(&wire, &arena, (struct span){(const char *)data, size}, (size_t)8 << 20);
	if (wire_fleet(&wire, &options, &fleet, &fail)) {
		struct text copy;
		text_init(&copy, TEXT_NO_LIMIT);
		wire_put_fleet(&copy, fleet);
		wire_init(&wire, &arena, text_span(&copy), (size_t)8 << 20);
		assert(wire_fleet(&wire, &options, &again, &fail));
		text_done(&copy);
	}
	arena_done(&arena);
	return 0;
}
