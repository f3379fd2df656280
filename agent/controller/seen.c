#include "agent/controller/seen.h"

#include <stdlib.h>

#include "agent/controller/finalizers.h"
#include "base/digest.h"

static struct span text_member(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	return (struct span){json_string_value(value), json_string_length(value)};
}

static json_t *member_or(const json_t *object, const char *name, json_t *otherwise)
{
	json_t *value = json_object_get(object, name);
	if (value == NULL || json_typeof(value) != json_typeof(otherwise))
		return otherwise;
	json_decref(otherwise);
	return json_incref(value);
}

void seen_take_cached(struct seen *seen, const struct kube_object *object)
{
	*seen = (struct seen){.status = kube_object_status(object),
			      .annotations = kube_object_annotations(object),
			      .finalizers = kube_object_finalizers(object),
			      .uid = object->uid,
			      .version = object->resource_version,
			      .generation = object->generation,
			      .is_deleted = object->deleted_s != 0};
	seen->has_finalizer = finalizers_have_ours(seen->finalizers);
}

void seen_take_answer(struct seen *seen, const json_t *answer)
{
	const json_t *metadata = json_object_get(answer, "metadata");
	*seen = (struct seen){.status = member_or(answer, "status", json_object()),
			      .annotations = member_or(metadata, "annotations", json_object()),
			      .finalizers = member_or(metadata, "finalizers", json_array()),
			      .uid = text_member(metadata, "uid"),
			      .version = text_member(metadata, "resourceVersion"),
			      .generation = json_integer_value(json_object_get(metadata, "generation")),
			      .is_deleted = json_object_get(metadata, "deletionTimestamp") != NULL};
	seen->has_finalizer = finalizers_have_ours(seen->finalizers);
}

void seen_done(struct seen *seen)
{
	json_decref(seen->status);
	json_decref(seen->annotations);
	json_decref(seen->finalizers);
}

/* --- echoes ------------------------------------------------------------------------------------------------------------ */

enum { VERSIONS_MAX = 4 };

struct echo {
	json_t *answers[VERSIONS_MAX]; /* of our writes that the cache has not shown; the newest last. Of all but that one only
					  the version is kept */
	size_t count;
	int64_t until_ms;
};

static struct span version_of(const json_t *answer)
{
	return text_member(json_object_get(answer, "metadata"), "resourceVersion");
}

static json_t *only_version(json_t *answer)
{
	struct span version = version_of(answer);
	json_t *rest = json_pack("{s:{s:s%}}", "metadata", "resourceVersion", version.ptr, version.len);
	json_decref(answer);
	return rest;
}

struct echo *echo_take(struct echo *echo, const json_t *answer, const uint64_t *shown, size_t shown_count, int64_t now_ms)
{
	struct span version = version_of(answer);
	uint64_t digest = digest_local(version);
	for (size_t i = 0; i < shown_count; i++) {
		if (digest != shown[i])
			continue;
		echo_free(echo);
		return NULL;
	}
	if (version.ptr == NULL)
		return echo;
	if (echo == NULL && (echo = calloc(1, sizeof *echo)) == NULL)
		abort();
	if (echo->count == VERSIONS_MAX) {
		json_decref(echo->answers[0]);
		memmove(echo->answers, echo->answers + 1, sizeof *echo->answers * --echo->count);
	}
	if (echo->count > 0)
		echo->answers[echo->count - 1] = only_version(echo->answers[echo->count - 1]);
	echo->answers[echo->count++] = json_incref((json_t *)answer);
	echo->until_ms = now_ms + ECHO_MS;
	return echo;
}

bool echo_is_own(const struct echo *echo, struct span version)
{
	for (size_t i = 0; echo != NULL && i < echo->count; i++)
		if (span_eq(version_of(echo->answers[i]), version))
			return true;
	return false;
}

struct echo *echo_see(struct echo *echo, struct span version)
{
	bool is_earlier = echo_is_own(echo, version) && !span_eq(version_of(echo->answers[echo->count - 1]), version);
	if (is_earlier)
		return echo;
	echo_free(echo);
	return NULL;
}

const json_t *echo_object(const struct echo *echo, int64_t now_ms)
{
	return echo == NULL || now_ms >= echo->until_ms ? NULL : echo->answers[echo->count - 1];
}

void echo_free(struct echo *echo)
{
	if (echo == NULL)
		return;
	for (size_t i = 0; i < echo->count; i++)
		json_decref(echo->answers[i]);
	free(echo);
}
