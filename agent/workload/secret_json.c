/* A Secret as the API has it. Values are base64 there; what is decoded or encoded on the way is wiped. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "agent/kube/client.h"
#include "agent/kube/json_read.h"
#include "agent/workload/store_int.h"
#include "base/base64.h"

enum { ENTRIES_MAX = 100000 }; /* far more than an API server keeps */

/* --- reading -------------------------------------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	return span_cmp(((const struct secret_entry *)a)->key, ((const struct secret_entry *)b)->key);
}

static bool read_value(const char *key, const json_t *value, struct arena *arena, struct span *out, struct fail *fail)
{
	struct span text = {json_string_value(value), json_string_length(value)};
	size_t len = 0, bad;
	if (json_is_null(value))
		text = SPAN("");
	else if (!json_is_string(value))
		return fail_set(fail, FAIL_PROTOCOL, "the value of \"%.200s\" is no text", key);
	char *bytes = arena_bytes(arena, text.len + 1);
	if (!base64_decode(text, false, bytes, &len, &bad))
		return fail_set(fail, FAIL_PROTOCOL, "the value of \"%.200s\" is not base64", key);
	bytes[len] = '\0';
	*out = (struct span){bytes, len};
	return true;
}

static bool read_entries(const json_t *data, struct arena *arena, struct stored_secret *out, struct fail *fail)
{
	size_t count = json_object_size(data), i = 0;
	const char *key;
	json_t *value;
	if (count > ENTRIES_MAX)
		return fail_set(fail, FAIL_TOO_BIG, "it has %zu keys", count);
	out->entries = ARENA_ARRAY(arena, struct secret_entry, count + 1);
	json_object_foreach((json_t *)(uintptr_t)data, key, value) {
		out->entries[i].key = arena_copy(arena, span_of(key));
		if (!read_value(key, value, arena, &out->entries[i++].value, fail))
			return false;
	}
	out->entry_count = i;
	qsort(out->entries, i, sizeof *out->entries, by_key);
	return true;
}

/* Keys below "f:labels" or "f:annotations" of what a manager set: {"f:key": {}}, besides "." for the map itself. */
static json_t *own_keys(const json_t *metadata, const char *field, json_t *into)
{
	json_t *entry, *value;
	const char *key;
	size_t i;
	json_array_foreach(json_object_get(metadata, "managedFields"), i, entry) {
		json_t *fields = json_object_get(json_object_get(json_object_get(entry, "fieldsV1"), "f:metadata"), field);
		if (!span_is(kube_json_text(entry, "manager"), KUBE_FIELD_MANAGER))
			continue;
		json_object_foreach(fields, key, value)
			if (strncmp(key, "f:", 2) == 0)
				json_object_set_new(into, key + 2, json_true());
	}
	return into;
}

bool secret_from_json(const json_t *object, struct arena *arena, struct stored_secret *out, struct fail *fail)
{
	const json_t *metadata = json_object_get(object, "metadata");
	struct stored_secret read = {
		.ns = arena_copy(arena, kube_json_text(metadata, "namespace")),
		.name = arena_copy(arena, kube_json_text(metadata, "name")),
		.uid = arena_copy(arena, kube_json_text(metadata, "uid")),
		.resource_version = arena_copy(arena, kube_json_text(metadata, "resourceVersion")),
		.type = arena_copy(arena, kube_json_text(object, "type")),
		.is_immutable = json_is_true(json_object_get(object, "immutable")),
		.is_deleted = kube_json_text(metadata, "deletionTimestamp").len > 0,
	};
	if (read.name.len == 0 || read.resource_version.len == 0)
		return fail_set(fail, FAIL_PROTOCOL, "the answer is no Secret: it has no name or no resourceVersion");
	if (!read_entries(json_object_get(object, "data"), arena, &read, fail))
		return false;
	read.labels = json_incref(json_object_get(metadata, "labels"));
	read.annotations = json_incref(json_object_get(metadata, "annotations"));
	read.own_labels = own_keys(metadata, "f:labels", json_object());
	read.own_annotations = own_keys(metadata, "f:annotations", json_object());
	*out = read;
	return true;
}

/* --- writing -------------------------------------------------------------------------------------------------------------- */

static json_t *encoded(struct span value)
{
	size_t size = (value.len + 2) / 3 * 4 + 1;
	char *text = malloc(size);
	if (text == NULL)
		abort();
	int len = EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)value.ptr, (int)value.len);
	json_t *string = json_stringn(text, (size_t)len);
	explicit_bzero(text, size);
	free(text);
	return string;
}

static json_t *text_of(struct span text)
{
	return json_stringn(text.ptr, text.len);
}

/* Labels or annotations; NULL: none, and what the object had goes. */
static void set_map(json_t *metadata, const char *key, json_t *map)
{
	if (json_object_size(map) > 0)
		json_object_set(metadata, key, map);
	else
		json_object_del(metadata, key);
}

static void wipe_data(const json_t *object)
{
	const char *key;
	json_t *value;
	json_object_foreach(json_object_get(object, "data"), key, value)
		if (json_is_string(value))
			explicit_bzero((char *)(uintptr_t)json_string_value(value), json_string_length(value));
}

void secret_into_json(const struct stored_secret *secret, json_t *object)
{
	json_t *metadata = json_object_get(object, "metadata"), *data = json_object();
	for (size_t i = 0; i < secret->entry_count; i++)
		json_object_setn_new(data, secret->entries[i].key.ptr, secret->entries[i].key.len, encoded(secret->entries[i].value));
	wipe_data(object);
	json_object_set_new(object, "data", data);
	json_object_set_new(object, "type", secret->type.len == 0 ? json_string("Opaque") : text_of(secret->type));
	if (secret->is_immutable)
		json_object_set_new(object, "immutable", json_true());
	set_map(metadata, "labels", secret->labels);
	set_map(metadata, "annotations", secret->annotations);
}

json_t *secret_to_json(const struct stored_secret *secret)
{
	json_t *metadata = json_object(), *object = json_object();
	json_object_set_new(metadata, "namespace", text_of(secret->ns));
	json_object_set_new(metadata, "name", text_of(secret->name));
	json_object_set_new(object, "apiVersion", json_string("v1"));
	json_object_set_new(object, "kind", json_string("Secret"));
	json_object_set_new(object, "metadata", metadata);
	secret_into_json(secret, object);
	return object;
}

void secret_json_drop(json_t **object)
{
	if (*object != NULL && (*object)->refcount == 1)
		wipe_data(*object);
	json_decref(*object);
	*object = NULL;
}
