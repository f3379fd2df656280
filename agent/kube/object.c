/* What an object of the cache says, unpacked when somebody asks. */
#include <stdlib.h>

#include "agent/kube/entry.h"
#include "agent/kube/json_read.h"
#include "agent/kube/url.h"

enum part { DOCUMENT, STATUS, ANNOTATIONS, FINALIZERS };

static bool unpack(const struct kube_object *object, char *out)
{
	const struct kube_packed *packed = object->packed;
	return packer_unpack(packed->packer, (struct span){(const char *)packed->bytes, packed->packed_len}, out, packed->len);
}

static struct span part_of(struct span all, enum part part)
{
	struct span piece = {0};
	for (int i = 0; i <= (int)part; i++)
		if (!span_next(&all, '\0', &piece))
			return SPAN("");
	return piece;
}

bool kube_object_document(const struct kube_object *object, struct arena *arena, struct span *out, struct fail *fail)
{
	char *all = arena_bytes(arena, (size_t)object->packed->len + 1);
	if (!unpack(object, all))
		return fail_set(fail, FAIL_BUG, "%s %.*s/%.*s cannot be unpacked: its memory is damaged", object->kind->name,
				SPAN_ARG(object->ns), SPAN_ARG(object->name));
	*out = part_of((struct span){all, object->packed->len}, DOCUMENT);
	all[out->len] = '\0';
	return true;
}

/* A new reference. `empty`: what stands for it when it is not there, or of another shape than API servers allow. */
static json_t *read_part(const struct kube_object *object, enum part part, json_t *empty)
{
	char *all = malloc((size_t)object->packed->len + 1);
	if (all == NULL)
		abort();
	json_t *value = unpack(object, all) ? kube_json_read(part_of((struct span){all, object->packed->len}, part), NULL) : NULL;
	free(all);
	if (value == NULL || json_typeof(value) != json_typeof(empty)) {
		json_decref(value);
		return empty;
	}
	json_decref(empty);
	return value;
}

json_t *kube_object_status(const struct kube_object *object)
{
	return read_part(object, STATUS, json_object());
}

json_t *kube_object_annotations(const struct kube_object *object)
{
	return read_part(object, ANNOTATIONS, json_object());
}

json_t *kube_object_finalizers(const struct kube_object *object)
{
	return read_part(object, FINALIZERS, json_array());
}

const char *kube_object_path(struct arena *arena, const struct kind *kind, struct span ns, struct span name,
			     const char *subresource)
{
	struct text path;
	text_init(&path, TEXT_NO_LIMIT);
	url_add_kind(&path, kind, ns);
	if (name.len > 0) {
		text_addc(&path, '/');
		url_add(&path, name);
	}
	text_adds(&path, subresource);
	const char *made = arena_string(arena, text_span(&path));
	text_done(&path);
	return made;
}
