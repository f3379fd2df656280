/* A line of a watch: reading never crashes; what was read is written so that it reads back as the same; an object that is kept
 * gives its parts back, and the same object has the same identity. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/kube/entry.h"
#include "agent/kube/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *rewrite(const json_t *value, struct text *out)
{
	text_init(out, TEXT_NO_LIMIT);
	kube_json_write(out, value);
	return kube_json_read(text_span(out), NULL);
}

static void keep(const json_t *object)
{
	const struct kind *kind = kind_at(0), *const kinds[] = {kind, NULL};
	struct packer *packer = packer_new(kinds);
	struct entry *entry, *again;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (entry_make(packer, kind, object, &entry, NULL)) {
		struct kube_object view, other;
		struct span document;
		entry_view(entry, kind, &view);
		assert(kube_object_document(&view, &arena, &document, NULL));
		json_t *read = kube_json_read(document, NULL), *status = kube_object_status(&view);
		assert(json_is_object(read) && json_is_object(status));
		assert(entry_make(packer, kind, object, &again, NULL));
		entry_view(again, kind, &other);
		assert(memcmp(view.content_id, other.content_id, KUBE_CONTENT_ID) == 0 && span_eq(view.name, other.name));
		json_decref(read);
		json_decref(status);
		free(again);
		free(entry);
	}
	arena_done(&arena);
	packer_free(packer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *event = kube_json_read((struct span){(const char *)data, size}, NULL);
	struct text once, twice;
	if (event == NULL)
		return 0;
	json_t *same = rewrite(event, &once);
	assert(same != NULL);
	json_t *third = rewrite(same, &twice);
	assert(span_eq(text_span(&once), text_span(&twice)));
	if (json_is_object(json_object_get(event, "object")))
		keep(json_object_get(event, "object"));
	json_decref(event);
	json_decref(same);
	json_decref(third);
	text_done(&once);
	text_done(&twice);
	return 0;
}
