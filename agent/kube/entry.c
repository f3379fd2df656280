#include "agent/kube/entry.h"

#include <stdlib.h>

#include "agent/kube/json_read.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/timestamp.h"

enum { ID_MAX = 253, DOCUMENT_MAX = 64 << 20 };

/* Written by the agent, or by tools for themselves, or said to whoever reconciles: not what is declared. */
static const char *const not_declared[] = {
	CRD_GROUP "/applied-at",
	CRD_GROUP "/applied-hash",
	CRD_GROUP "/applied-revision",
	CRD_GROUP "/drift",
	CRD_GROUP "/last-handled-request",
	CRD_GROUP "/renderer",
	CRD_GROUP "/requested-at",
	CRD_GROUP "/sync-message",
	CRD_GROUP "/sync-state",
	CRD_GROUP "/template-hash",
	"kubectl.kubernetes.io/last-applied-configuration",
	"link.argocd.argoproj.io/omni",
	"reconcile.fluxcd.io/requestedAt",
};

static bool is_declared(const char *annotation)
{
	for (size_t i = 0; i < COUNT_OF(not_declared); i++)
		if (strcmp(annotation, not_declared[i]) == 0)
			return false;
	return true;
}

/* --- the four texts ------------------------------------------------------------------------------------------------- */

static void release(json_t **value)
{
	json_decref(*value);
}

static void take(json_t *to, const char *key, json_t *value)
{
	if (json_is_object(value) && json_object_size(value) == 0)
		return;
	if (value != NULL)
		json_object_set(to, key, value);
}

static json_t *declared_annotations(const json_t *metadata)
{
	json_t *declared = json_object(), *value;
	const char *key;
	json_object_foreach(json_object_get(metadata, "annotations"), key, value)
		if (is_declared(key))
			json_object_set(declared, key, value);
	return declared;
}

static void write_document(struct text *out, const struct kind *kind, const json_t *object, const json_t *metadata)
{
	CLEANUP(release) json_t *document = json_pack("{s:s, s:s}", "apiVersion", CRD_GROUP "/" CRD_VERSION, "kind", kind->name);
	CLEANUP(release) json_t *kept = json_object();
	CLEANUP(release) json_t *annotations = declared_annotations(metadata);
	take(kept, "annotations", annotations);
	take(kept, "labels", json_object_get(metadata, "labels"));
	take(kept, "name", json_object_get(metadata, "name"));
	take(kept, "namespace", json_object_get(metadata, "namespace"));
	take(document, "metadata", kept);
	if (json_object_get(object, "spec") != NULL) /* an empty one was written, too */
		json_object_set(document, "spec", json_object_get(object, "spec"));
	kube_json_write(out, document);
}

static void add_part(struct text *out, const json_t *part, const char *absent)
{
	text_addc(out, '\0');
	if (part == NULL || json_is_null(part))
		text_adds(out, absent);
	else
		kube_json_write(out, part);
}

static void digest_part(struct span text, unsigned char out[KUBE_CONTENT_ID])
{
	unsigned char raw[DIGEST_RAW_SIZE];
	digest_raw(text, raw);
	memcpy(out, raw, KUBE_CONTENT_ID);
}

/* --- metadata ------------------------------------------------------------------------------------------------------- */

static int64_t seconds(const json_t *metadata, const char *key)
{
	int64_t ms;
	return timestamp_parse(kube_json_text(metadata, key), &ms) ? ms / 1000 : 0;
}

static struct span reference_of(const json_t *object)
{
	const json_t *spec = json_object_get(object, "spec");
	struct span cluster = kube_json_text(json_object_get(spec, "clusterRef"), "name");
	return cluster.len > 0 ? cluster : kube_json_text(json_object_get(spec, "connectionRef"), "name");
}

static void read_finalizers(const json_t *metadata, struct entry *entry)
{
	size_t i;
	json_t *finalizer;
	json_array_foreach(json_object_get(metadata, "finalizers"), i, finalizer) {
		struct span name = {json_string_value(finalizer), json_string_length(finalizer)};
		bool is_ours = span_is(name, KUBE_FINALIZER), is_legacy = span_is(name, KUBE_FINALIZER_LEGACY);
		entry->has_finalizer = entry->has_finalizer || is_ours;
		entry->has_legacy_finalizer = entry->has_legacy_finalizer || is_legacy;
		entry->has_foreign_finalizers = entry->has_foreign_finalizers || !(is_ours || is_legacy);
	}
}

struct names {
	struct span ns, name, reference, version, uid;
};

static bool read_names(const json_t *object, const json_t *metadata, struct names *out, struct fail *fail)
{
	*out = (struct names){kube_json_text(metadata, "namespace"), kube_json_text(metadata, "name"), reference_of(object),
			      kube_json_text(metadata, "resourceVersion"), kube_json_text(metadata, "uid")};
	if (out->name.len == 0 || out->version.len == 0)
		return fail_set(fail, FAIL_PROTOCOL, "an object without a name or a resource version");
	if (out->ns.len > ID_MAX || out->name.len > ID_MAX || out->version.len > ID_MAX || out->uid.len > ID_MAX)
		return fail_set(fail, FAIL_PROTOCOL, "the names of an object are longer than %d bytes", ID_MAX);
	if (out->reference.len > ID_MAX) /* no object has such a name */
		out->reference = SPAN("");
	return true;
}

static void put_texts(struct entry *entry, const struct names *names)
{
	const struct span all[] = {names->ns, names->name, names->reference, names->version, names->uid};
	char *at = entry->texts;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		memcpy(at, all[i].ptr, all[i].len);
		at += all[i].len;
	}
	entry->ns_len = (uint16_t)names->ns.len;
	entry->name_len = (uint16_t)names->name.len;
	entry->reference_len = (uint16_t)names->reference.len;
	entry->version_len = (uint16_t)names->version.len;
	entry->uid_len = (uint8_t)names->uid.len;
}

static struct entry *entry_new(struct packer *packer, const struct names *names, const struct text *all)
{
	struct span packed = packer_pack(packer, text_span(all));
	size_t texts = names->ns.len + names->name.len + names->reference.len + names->version.len + names->uid.len;
	size_t align = _Alignof(struct kube_packed), at = (offsetof(struct entry, texts) + texts + align - 1) / align * align;
	size_t size = at + sizeof(struct kube_packed) + packed.len;
	struct entry *entry = calloc(1, size);
	if (entry == NULL)
		abort();
	entry->size = (uint32_t)size;
	entry->packed_at = (uint16_t)at;
	put_texts(entry, names);
	struct kube_packed *kept = (struct kube_packed *)((char *)entry + at);
	*kept = (struct kube_packed){packer, (uint32_t)all->len, (uint32_t)packed.len};
	memcpy(kept->bytes, packed.ptr, packed.len);
	return entry;
}

bool entry_make(struct packer *packer, const struct kind *kind, const json_t *object, struct entry **out, struct fail *fail)
{
	const json_t *metadata = json_object_get(object, "metadata");
	struct names names;
	size_t ends[3];
	CLEANUP(text_done) struct text all;
	text_init(&all, DOCUMENT_MAX);
	if (!read_names(object, metadata, &names, fail))
		return false;
	write_document(&all, kind, object, metadata);
	ends[0] = all.len;
	add_part(&all, json_object_get(object, "status"), "{}");
	ends[1] = all.len;
	add_part(&all, json_object_get(metadata, "annotations"), "{}");
	ends[2] = all.len;
	add_part(&all, json_object_get(metadata, "finalizers"), "[]");
	if (!text_ok(&all))
		return fail_set(fail, FAIL_TOO_BIG, "%.*s/%.*s is larger than %d bytes", SPAN_ARG(names.ns), SPAN_ARG(names.name), DOCUMENT_MAX);
	struct entry *entry = entry_new(packer, &names, &all);
	digest_part((struct span){all.ptr, ends[0]}, entry->content_id);
	digest_part((struct span){all.ptr + ends[0], ends[1] - ends[0]}, entry->status_id);
	digest_part((struct span){all.ptr + ends[1], ends[2] - ends[1]}, entry->annotations_id);
	entry->generation = json_integer_value(json_object_get(metadata, "generation"));
	entry->created_s = seconds(metadata, "creationTimestamp");
	entry->deleted_s = seconds(metadata, "deletionTimestamp");
	read_finalizers(metadata, entry);
	*out = entry;
	return true;
}

/* --- looking at it -------------------------------------------------------------------------------------------------- */

struct span entry_ns(const struct entry *entry)
{
	return (struct span){entry->texts, entry->ns_len};
}

struct span entry_name(const struct entry *entry)
{
	return (struct span){entry->texts + entry->ns_len, entry->name_len};
}

int entry_compare(const struct entry *entry, struct span ns, struct span name)
{
	int order = span_cmp(entry_ns(entry), ns);
	return order != 0 ? order : span_cmp(entry_name(entry), name);
}

void entry_view(const struct entry *entry, const struct kind *kind, struct kube_object *out)
{
	const char *reference = entry->texts + entry->ns_len + entry->name_len, *version = reference + entry->reference_len;
	*out = (struct kube_object){
		.kind = kind,
		.ns = entry_ns(entry),
		.name = entry_name(entry),
		.uid = {version + entry->version_len, entry->uid_len},
		.resource_version = {version, entry->version_len},
		.generation = entry->generation,
		.created_s = entry->created_s,
		.deleted_s = entry->deleted_s,
		.has_finalizer = entry->has_finalizer,
		.has_legacy_finalizer = entry->has_legacy_finalizer,
		.has_foreign_finalizers = entry->has_foreign_finalizers,
		.reference = {reference, entry->reference_len},
		.first_seen_ms = entry->first_seen_ms,
		.packed = (const struct kube_packed *)((const char *)entry + entry->packed_at),
	};
	memcpy(out->content_id, entry->content_id, KUBE_CONTENT_ID);
	memcpy(out->status_id, entry->status_id, KUBE_CONTENT_ID);
	memcpy(out->annotations_id, entry->annotations_id, KUBE_CONTENT_ID);
}
