#include "agent/controller/patches.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

#define BY_US "?fieldManager=" KUBE_FIELD_MANAGER

/* Every type that the Go operator or we write; the others belong to somebody else. */
static bool is_our_condition(const json_t *condition)
{
	static const char *const types[] = {"Accepted", "Exported", "KeyExpiring", "Reachable", "Ready", "Reconciling",
					    "Released", "Stalled", "Suspended", "Synced", "Validated"};
	const char *type = json_string_value(json_object_get(condition, "type"));
	for (size_t i = 0; type != NULL && i < sizeof types / sizeof *types; i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static json_t *condition_like(const json_t *list, const json_t *condition)
{
	const json_t *type = json_object_get(condition, "type");
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *item = json_array_get(list, i);
		if (json_equal(json_object_get(item, "type"), type))
			return item;
	}
	return NULL;
}

static bool is_conditions(const char *key, const json_t *value)
{
	return strcmp(key, "conditions") == 0 && json_is_array(value);
}

/* Does `observed` hold every condition of ours in `desired`? */
static bool has_conditions(const json_t *observed, const json_t *desired)
{
	for (size_t i = 0; i < json_array_size(desired); i++) {
		const json_t *wanted = json_array_get(desired, i);
		if (is_our_condition(wanted) && !json_equal(condition_like(observed, wanted), wanted))
			return false;
	}
	return true;
}

static bool has_all(const json_t *observed, const json_t *desired)
{
	const char *key;
	json_t *wanted;
	json_object_foreach((json_t *)desired, key, wanted) {
		const json_t *value = json_object_get(observed, key);
		if (is_conditions(key, wanted) ? !has_conditions(value, wanted) : !json_equal(value, wanted))
			return false;
	}
	return true;
}

static bool has_leftover_condition(const json_t *observed, const json_t *desired)
{
	for (size_t i = 0; i < json_array_size(observed); i++) {
		const json_t *item = json_array_get(observed, i);
		if (is_our_condition(item) && condition_like(desired, item) == NULL)
			return true;
	}
	return false;
}

/* What is there and should not be, as a merge patch. */
static json_t *leftovers(const json_t *observed, const json_t *desired)
{
	const char *key;
	json_t *value, *patch = json_object();
	json_object_foreach((json_t *)observed, key, value) {
		const json_t *wanted = json_object_get(desired, key);
		if (!is_conditions(key, value)) {
			if (wanted == NULL)
				json_object_set_new(patch, key, json_null());
		} else if (has_leftover_condition(value, wanted)) {
			json_t *rest = json_array();
			for (size_t i = 0; i < json_array_size(value); i++) {
				json_t *item = json_array_get(value, i);
				if (!is_our_condition(item) || condition_like(wanted, item) != NULL)
					json_array_append(rest, item);
			}
			json_object_set_new(patch, key, rest);
		}
	}
	return patch;
}

static json_t *without_foreign_conditions(const json_t *desired)
{
	json_t *status = json_copy((json_t *)desired), *ours = json_array();
	const json_t *list = json_object_get(desired, "conditions");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (is_our_condition(json_array_get(list, i)))
			json_array_append(ours, json_array_get(list, i));
	if (json_is_array(list))
		json_object_set(status, "conditions", ours);
	json_decref(ours);
	return status;
}

struct patch patch_status(const struct seen *seen, const struct kind *kind, struct span name, const json_t *desired)
{
	if (!has_all(seen->status, desired)) {
		json_t *body = json_pack("{s:s,s:s,s:{s:s%,s:s%},s:o}", "apiVersion", CRD_GROUP "/" CRD_VERSION, "kind", kind->name,
					 "metadata", "name", name.ptr, name.len, "uid", seen->uid.ptr, seen->uid.len, "status",
					 without_foreign_conditions(desired));
		return (struct patch){"/status", BY_US "&force=true", KUBE_APPLY, body};
	}
	json_t *rest = leftovers(seen->status, desired);
	if (json_object_size(rest) == 0) {
		json_decref(rest);
		return (struct patch){0};
	}
	json_t *body = json_pack("{s:{s:s%},s:o}", "metadata", "resourceVersion", seen->version.ptr, seen->version.len, "status", rest);
	return (struct patch){"/status", BY_US, KUBE_MERGE, body};
}

bool patch_is_apply(const struct patch *patch)
{
	return patch->body != NULL && strcmp(patch->content_type, KUBE_APPLY) == 0;
}

uint64_t patch_digest(const json_t *json)
{
	char *text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
	uint64_t digest = digest_local(span_of(text));
	free(text);
	return digest;
}

struct patch patch_annotations(const struct seen *seen, const json_t *changes)
{
	if (json_object_size(changes) == 0)
		return (struct patch){0};
	json_t *body = json_pack("{s:{s:s%,s:O}}", "metadata", "uid", seen->uid.ptr, seen->uid.len, "annotations", changes);
	return (struct patch){"", BY_US, KUBE_MERGE, body};
}

struct patch patch_finalizers(const struct seen *seen, json_t *list)
{
	json_t *body = json_pack("{s:{s:s%,s:s%,s:o}}", "metadata", "uid", seen->uid.ptr, seen->uid.len, "resourceVersion",
				 seen->version.ptr, seen->version.len, "finalizers", list);
	return (struct patch){"", BY_US, KUBE_MERGE, body};
}
