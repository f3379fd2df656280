/* What an OmniSecretSync declares, and what follows from it: marks and sums as the Go operator writes them, so that either of the
 * two goes on with what the other one left. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "agent/handlers/secret_sync_int.h"

/* --- what is declared ----------------------------------------------------------------------------------------------------------- */

static bool is_blank(struct span text)
{
	return span_trim(text).len == 0;
}

static const json_t *map_at(const struct handler_object *object, const char *key)
{
	const json_t *map = json_object_get(object->spec, key);
	return json_object_size(map) > 0 ? map : NULL;
}

/* The API server checks all of it; files and old definitions do not. */
const char *sync_spec_read(const struct handler_object *object, struct sync_spec *out)
{
	struct span policy = spec_text(object, "deletionPolicy"), key = spec_text(object, "kubeconfigSecretRef.key");
	*out = (struct sync_spec){
		.target = {spec_text(object, "targetSecretRef.namespace"), spec_text(object, "targetSecretRef.name")},
		.source = spec_text(object, "sourceSecretRef.name"),
		.kubeconfig = spec_text(object, "kubeconfigSecretRef.name"),
		.kubeconfig_key = key.len > 0 ? key : SPAN("kubeconfig"),
		.type = spec_text(object, "type"),
		.labels = map_at(object, "labels"),
		.annotations = map_at(object, "annotations"),
		.makes_namespace = spec_flag(object, "createNamespace"),
		.keeps = span_is(policy, "Orphan"),
	};
	const struct {
		bool is_wrong;
		const char *text;
	} faults[] = {
		{is_blank(spec_text(object, "clusterRef.name")), "clusterRef.name is required"},
		{is_blank(out->kubeconfig), "kubeconfigSecretRef.name is required"},
		{is_blank(out->kubeconfig_key), "kubeconfigSecretRef.key must not be blank"},
		{is_blank(out->source), "sourceSecretRef.name is required"},
		{is_blank(out->target.name), "targetSecretRef.name is required"},
		{is_blank(out->target.ns), "targetSecretRef.namespace is required"},
		{out->type.len > 0 && is_blank(out->type), "type must not be blank"},
		{!out->keeps && !span_is(policy, "Delete"), "deletionPolicy must be Delete or Orphan"},
	};
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (faults[i].is_wrong)
			return faults[i].text;
	return NULL;
}

/* --- whose it is ---------------------------------------------------------------------------------------------------------------- */

static bool bears_name(const struct sync_owner *owner, const struct stored_secret *secret)
{
	struct span source = mark_text(secret->annotations, SYNC_SOURCE);
	return span_eq(mark_text(secret->annotations, SYNC_NAME), owner->name) && span_eq(span_before(source, '/'), owner->ns);
}

bool sync_is_ours(const struct sync_owner *owner, const struct stored_secret *secret)
{
	struct span uid = mark_text(secret->labels, SYNC_UID);
	return uid.len > 0 ? span_eq(uid, owner->uid) : bears_name(owner, secret);
}

/* --- what it has to be ---------------------------------------------------------------------------------------------------------- */

static void add_base64(struct text *out, struct span value)
{
	if (text_reserve(out, (value.len + 2) / 3 * 4 + 1))
		out->len += (size_t)EVP_EncodeBlock((unsigned char *)out->ptr + out->len, (const unsigned char *)value.ptr, (int)value.len);
}

static size_t room_for(struct span type, const struct secret_entry *entries, size_t count)
{
	enum { FRAME = 100, ESCAPED = 6, ENTRY = 16 };
	size_t room = FRAME + ESCAPED * type.len;
	for (size_t i = 0; i < count; i++)
		room += ENTRY + ESCAPED * entries[i].key.len + (entries[i].value.len + 2) / 3 * 4;
	return room;
}

/* The text holds the values: it does not grow, and is wiped. */
void sync_hash(struct span type, const struct secret_entry *entries, size_t count, char out_hash[DIGEST_HEX_SIZE])
{
	struct text json;
	text_init(&json, TEXT_NO_LIMIT);
	text_reserve(&json, room_for(type, entries, count));
	text_adds(&json, "{\"version\":\"v1\",\"type\":");
	mark_add_json(&json, type);
	text_adds(&json, count == 0 ? ",\"data\":null}" : ",\"data\":{");
	for (size_t i = 0; i < count; i++) {
		text_adds(&json, i > 0 ? "," : "");
		mark_add_json(&json, entries[i].key);
		text_adds(&json, entries[i].value.len == 0 ? ":null" : ":\"");
		add_base64(&json, entries[i].value);
		text_adds(&json, entries[i].value.len == 0 ? "" : "\"");
	}
	text_adds(&json, count == 0 ? "" : "}}");
	digest_hex(text_span(&json), out_hash);
	explicit_bzero(json.ptr, json.len);
	text_done(&json);
}

static json_t *texts_of(struct arena *arena, const json_t *map)
{
	json_t *copy = mark_keep(arena, json_object()), *value;
	const char *key;
	json_object_foreach((json_t *)(uintptr_t)map, key, value)
		if (json_is_string(value))
			json_object_set(copy, key, value);
	return copy;
}

void sync_shape(struct arena *arena, const struct sync_owner *owner, const struct sync_spec *spec, const struct stored_secret *source,
		struct stored_secret *out)
{
	char hash[DIGEST_HEX_SIZE];
	struct span type = spec->type.len > 0 ? spec->type : source->type.len > 0 ? source->type : SPAN("Opaque");
	*out = (struct stored_secret){
		.ns = spec->target.ns,
		.name = spec->target.name,
		.type = type,
		.entries = source->entries,
		.entry_count = source->entry_count,
		.labels = texts_of(arena, spec->labels),
		.annotations = texts_of(arena, spec->annotations),
	};
	sync_hash(type, source->entries, source->entry_count, hash);
	mark_put(out->labels, MARK_MANAGED_BY, SPAN(MARK_MANAGER));
	mark_put(out->labels, SYNC_UID, owner->uid);
	mark_put(out->labels, MARK_CLUSTER, mark_cluster(arena, owner->cluster));
	mark_put(out->annotations, SYNC_NAME, owner->name);
	mark_put(out->annotations, SYNC_SOURCE, arena_spanf(arena, "%.*s/%.*s", SPAN_ARG(owner->ns), SPAN_ARG(spec->source)));
	mark_put(out->annotations, SYNC_HASH, span_of(hash));
	mark_put(out->annotations, SYNC_CONTENT, SPAN("v1"));
}

/* What others added stays; what was declared once, and is not any more, goes. */
static json_t *merged(struct arena *arena, const json_t *wanted, const json_t *there, const json_t *own)
{
	json_t *all = texts_of(arena, there);
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)own, key, value)
		json_object_del(all, key);
	json_object_update(all, (json_t *)(uintptr_t)wanted);
	return all;
}

void sync_merge(struct arena *arena, const struct stored_secret *wanted, const struct stored_secret *there, struct stored_secret *out)
{
	*out = *wanted;
	out->uid = there->uid;
	out->resource_version = there->resource_version;
	out->labels = merged(arena, wanted->labels, there->labels, there->own_labels);
	out->annotations = merged(arena, wanted->annotations, there->annotations, there->own_annotations);
}

/* --- what has to be done -------------------------------------------------------------------------------------------------------- */

static bool has_same_data(const struct stored_secret *a, const struct stored_secret *b)
{
	bool is_same = a->entry_count == b->entry_count;
	for (size_t i = 0; is_same && i < a->entry_count; i++)
		is_same = span_eq(a->entries[i].key, b->entries[i].key) && span_eq(a->entries[i].value, b->entries[i].value);
	return is_same;
}

static bool has_texts(const json_t *wanted, const json_t *there, const json_t *own)
{
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)wanted, key, value)
		if (!json_equal(value, json_object_get(there, key)))
			return false;
	json_object_foreach((json_t *)(uintptr_t)own, key, value)
		if (json_object_get(wanted, key) == NULL && json_object_get(there, key) != NULL)
			return false;
	return true;
}

static bool has_same_type(const struct stored_secret *a, const struct stored_secret *b)
{
	struct span opaque = SPAN("Opaque");
	return span_eq(a->type.len > 0 ? a->type : opaque, b->type.len > 0 ? b->type : opaque);
}

enum sync_step sync_decide(const struct stored_secret *wanted, const struct stored_secret *there, bool is_ours)
{
	if (there == NULL)
		return SYNC_CREATE;
	if (there->is_deleted)
		return SYNC_WAIT;
	if (!is_ours)
		return SYNC_REFUSE;
	bool is_same = has_same_data(wanted, there);
	if (!has_same_type(wanted, there) || (there->is_immutable && !is_same))
		return SYNC_REPLACE;
	bool has_marks = has_texts(wanted->labels, there->labels, there->own_labels) &&
			 has_texts(wanted->annotations, there->annotations, there->own_annotations);
	return is_same && has_marks ? SYNC_NOTHING : SYNC_UPDATE;
}
