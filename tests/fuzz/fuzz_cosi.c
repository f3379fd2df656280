/* What a server may answer: never out of bounds, never more memory than allowed; a resource that was read can be sent back,
 * and what is sent is read as the same. The first byte chooses the type. */
#include <assert.h>
#include <stdint.h>

#include "agent/omni/cosi.h"
#include "agent/omni/management.h"
#include "base/arena.h"
#include "render/resource.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void send_back(const struct cosi_reader *reader, struct arena *arena, const struct resource *read)
{
	struct span bytes;
	struct fail fail;
	struct node again;
	if (!cosi_encode_update(arena, read, COSI_ANY_PHASE, &bytes, &fail)) {
		assert(fail.code == FAIL_INVALID || fail.code == FAIL_PROTOCOL);
		return;
	}
	if (read->wire.len > 0 && codec_decode(arena, reader->type, read->wire, NULL, &again, NULL))
		assert(node_equal(&again, &read->spec));
}

static void read_events(const struct cosi_reader *reader, struct arena *arena, struct span message)
{
	struct cosi_events events = {message};
	struct cosi_event event;
	struct span bytes;
	bool has = true;
	while (cosi_events_next(&events, &bytes, &has, NULL) && has)
		if (cosi_decode_event(reader, arena, bytes, true, &event, NULL))
			assert((event.kind == COSI_CREATED || event.kind == COSI_UPDATED || event.kind == COSI_DESTROYED) ==
			       (event.resource != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct omni_type *const types[] = {OMNI_CLUSTER, OMNI_MACHINE_SET, OMNI_CONFIG_PATCH, OMNI_MACHINE_CLASS,
						 OMNI_CLUSTER_STATUS, OMNI_MACHINE_STATUS,
						 omni_type_find(SPAN("MachineLabels.omni.sidero.dev"))};
	struct arena arena, scratch;
	struct resource *read;
	struct span yaml;
	bool ready;
	if (size == 0)
		return 0;
	arena_init(&arena, (size_t)64 << 20);
	arena_init(&scratch, (size_t)64 << 20);
	struct cosi_reader reader = {.type = types[data[0] % (sizeof types / sizeof *types)], .scratch = &scratch};
	struct span message = {(const char *)data + 1, size - 1};
	if (cosi_decode_resource(&reader, &arena, message, &read, NULL))
		send_back(&reader, &arena, read);
	read_events(&reader, &arena, message);
	(void)!cosi_decode_teardown(&scratch, message, &ready, NULL);
	(void)!management_decode_yaml(&arena, message, &yaml, NULL);
	arena_done(&arena);
	arena_done(&scratch);
	return 0;
}
