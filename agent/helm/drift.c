#include "agent/helm/drift.h"

#include <stdlib.h>

#include "agent/helm/api_kinds.h"
#include "agent/kube/json_read.h"
#include "agent/kube/url.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "render/emit.h"

#define LIST_ACCEPT "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#define OBJECT_ACCEPT "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

enum { ANSWER_MAX = 32 << 20, LISTS_MAX = 512 };

struct checked {
	const struct manifest_object *object;
	struct api_place place;
	struct span ns; /* where it is; empty: in none */
	const json_t *metadata; /* as it is listed; NULL: it is not there */
};

struct listed {
	struct span version, ns;
	const char *plural;
	json_t *items;
};

struct search {
	const struct drift_request *request;
	struct arena *arena;
	struct api_kinds kinds;
	struct checked *checked;
	size_t count;
	struct listed lists[LISTS_MAX];
	size_t list_count;
};

static void drop(void *json)
{
	json_decref(json);
}

static void drop_json(json_t **json)
{
	json_decref(*json);
}

static bool get(struct search *search, const char *path, const char *accept, json_t **out, struct fail *fail)
{
	const struct kube_request request = {
		.method = "GET", .path = path, .accept = accept, .deadline_ms = search->request->deadline_ms, .max_bytes = ANSWER_MAX};
	return kube_call(search->request->client, &request, out, fail);
}

/* --- what there is -------------------------------------------------------------------------------------------------------------- */

/* A kind that the cluster has not got any more has no objects either. */
static bool place_all(struct search *search, struct fail *fail)
{
	struct manifest_object *objects;
	struct fail why = {0};
	if (!manifest_read(search->arena, search->request->manifest, &objects, &search->count, fail))
		return false;
	search->checked = ARENA_ARRAY(search->arena, struct checked, search->count + 1);
	for (size_t i = 0; i < search->count; i++) {
		struct checked *one = &search->checked[i];
		one->object = &objects[i];
		if (!api_kinds_find(&search->kinds, objects[i].api_version, objects[i].kind, &one->place, &why) && why.code != FAIL_NOT_FOUND) {
			*fail = why;
			return false;
		}
		if (one->place.is_namespaced)
			one->ns = objects[i].ns.len > 0 ? objects[i].ns : search->request->ns;
	}
	return true;
}

static const struct listed *list_of(struct search *search, const struct checked *one, struct fail *fail)
{
	CLEANUP(text_done) struct text path;
	json_t *answer = NULL;
	for (size_t i = 0; i < search->list_count; i++)
		if (span_eq(search->lists[i].version, one->object->api_version) && span_eq(search->lists[i].ns, one->ns) &&
		    span_is(span_of(search->lists[i].plural), one->place.plural))
			return &search->lists[i];
	if (search->list_count == LISTS_MAX) {
		fail_set(fail, FAIL_TOO_BIG, "the release has objects of more than %d kinds and namespaces", LISTS_MAX);
		return NULL;
	}
	text_init(&path, TEXT_NO_LIMIT);
	api_add_path(&path, one->object->api_version, one->ns, one->place.plural);
	text_adds(&path, "?labelSelector=app.kubernetes.io%2Fmanaged-by%3DHelm");
	if (!get(search, path.ptr, LIST_ACCEPT, &answer, fail))
		return NULL;
	arena_defer(search->arena, drop, answer);
	struct listed *list = &search->lists[search->list_count++];
	*list = (struct listed){one->object->api_version, one->ns, one->place.plural, json_object_get(answer, "items")};
	return list;
}

static bool is_of_release(const json_t *metadata, const struct drift_request *request)
{
	const json_t *annotations = json_object_get(metadata, "annotations");
	return span_eq(kube_json_text(annotations, "meta.helm.sh/release-name"), request->release) &&
	       span_eq(kube_json_text(annotations, "meta.helm.sh/release-namespace"), request->ns);
}

static bool find_all(struct search *search, struct fail *fail)
{
	for (size_t i = 0; i < search->count; i++) {
		struct checked *one = &search->checked[i];
		const json_t *item;
		size_t index;
		const struct listed *list = one->place.plural == NULL ? NULL : list_of(search, one, fail);
		if (list == NULL && one->place.plural != NULL)
			return false;
		json_array_foreach(list == NULL ? NULL : list->items, index, item) {
			const json_t *metadata = json_object_get(item, "metadata");
			if (span_eq(kube_json_text(metadata, "name"), one->object->name) && is_of_release(metadata, search->request))
				one->metadata = metadata;
		}
	}
	return true;
}

/* What is written to without a generation (ConfigMaps, Secrets …) has only its version. */
static uint64_t state_of(const struct search *search)
{
	CLEANUP(text_done) struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	for (size_t i = 0; i < search->count; i++) {
		const json_t *metadata = search->checked[i].metadata, *generation = json_object_get(metadata, "generation");
		struct span uid = kube_json_text(metadata, "uid"), version = kube_json_text(metadata, "resourceVersion");
		if (generation != NULL)
			text_addf(&text, "%.*s g%lld;", SPAN_ARG(uid), (long long)json_integer_value(generation));
		else
			text_addf(&text, "%.*s v%.*s;", SPAN_ARG(uid), SPAN_ARG(version));
	}
	return digest_local(text_span(&text));
}

/* --- content -------------------------------------------------------------------------------------------------------------------- */

static void set_marks(json_t *object, const struct checked *one, const struct drift_request *request)
{
	json_t *metadata = json_object_get(object, "metadata"), *labels = json_object_get(metadata, "labels"),
	       *annotations = json_object_get(metadata, "annotations");
	if (!json_is_object(labels))
		json_object_set_new(metadata, "labels", labels = json_object());
	if (!json_is_object(annotations))
		json_object_set_new(metadata, "annotations", annotations = json_object());
	json_object_set_new(labels, "app.kubernetes.io/managed-by", json_string("Helm"));
	json_object_set_new(annotations, "meta.helm.sh/release-name", json_stringn(request->release.ptr, request->release.len));
	json_object_set_new(annotations, "meta.helm.sh/release-namespace", json_stringn(request->ns.ptr, request->ns.len));
	if (one->ns.len > 0)
		json_object_set_new(metadata, "namespace", json_stringn(one->ns.ptr, one->ns.len));
}

static json_t *make_object(const struct checked *one, const struct drift_request *request, struct fail *fail)
{
	CLEANUP(text_done) struct text text;
	text_init(&text, ANSWER_MAX);
	emit_json(&text, one->object->content, 0);
	json_t *object = text_ok(&text) ? kube_json_read(text_span(&text), fail) : NULL;
	if (object == NULL && !text_ok(&text))
		fail_set(fail, FAIL_TOO_BIG, "an object of the release is too big");
	if (object != NULL)
		set_marks(object, one, request);
	return object;
}

/* A refusal means that it differs so much that it cannot be put right either. */
static bool compare_one(struct search *search, const struct checked *one, struct text *out, bool *out_differs, struct fail *fail)
{
	CLEANUP(text_done) struct text path;
	CLEANUP(drop_json) json_t *live = NULL;
	CLEANUP(drop_json) json_t *wanted = NULL;
	CLEANUP(drop_json) json_t *body = make_object(one, search->request, fail);
	struct fail why = {0};
	if (body == NULL)
		return false;
	text_init(&path, TEXT_NO_LIMIT);
	api_add_path(&path, one->object->api_version, one->ns, one->place.plural);
	text_addc(&path, '/');
	url_add(&path, one->object->name);
	if (!get(search, path.ptr, NULL, &live, fail))
		return false;
	text_adds(&path, "?dryRun=All&force=true&fieldManager=helm&fieldValidation=Ignore");
	const struct kube_request request = {.method = "PATCH", .path = path.ptr, .body = body, .content_type = KUBE_APPLY,
					     .deadline_ms = search->request->deadline_ms, .max_bytes = ANSWER_MAX};
	if (!kube_call(search->request->client, &request, &wanted, &why)) {
		*out_differs = why.code == FAIL_INVALID;
		text_adds(out, *out_differs ? "what the release says cannot be applied to it" : "");
		if (!*out_differs)
			*fail = why;
		return *out_differs;
	}
	*out_differs = drift_compare(live, wanted, out);
	return true;
}

static bool is_exempt(const struct checked *one)
{
	return span_is(kube_json_text(json_object_get(one->metadata, "annotations"), DRIFT_IGNORE), "disabled");
}

static void tell(const struct checked *one, const char *what, struct drift_result *out)
{
	size_t told = out->missing + out->changed;
	if (told > DRIFT_TOLD)
		return;
	if (told == DRIFT_TOLD) {
		text_adds(&out->text, "; and more");
		return;
	}
	text_addf(&out->text, "%s%.*s \"%.*s%s%.*s\"%s", told > 0 ? "; " : "", SPAN_ARG(one->object->kind), SPAN_ARG(one->ns),
		  one->ns.len > 0 ? "/" : "", SPAN_ARG(one->object->name), what);
}

static bool compare_all(struct search *search, struct drift_result *out, struct fail *fail)
{
	for (size_t i = 0; i < search->count; i++) {
		const struct checked *one = &search->checked[i];
		CLEANUP(text_done) struct text path;
		bool differs = false;
		text_init(&path, 1000);
		text_adds(&path, ": ");
		if (one->metadata == NULL) {
			tell(one, " is gone", out);
			out->missing++;
			continue;
		}
		if (is_exempt(one))
			continue;
		if (!compare_one(search, one, &path, &differs, fail))
			return fail_wrap(fail, "%.*s \"%.*s\"", SPAN_ARG(one->object->kind), SPAN_ARG(one->object->name));
		if (differs) {
			tell(one, path.ptr, out);
			out->changed++;
		}
	}
	return true;
}

static struct search *begin(const struct drift_request *request, struct arena *arena)
{
	struct search *search = ARENA_NEW(arena, struct search);
	search->request = request;
	search->arena = arena;
	search->kinds = (struct api_kinds){.client = request->client, .arena = arena, .deadline_ms = request->deadline_ms};
	return search;
}

bool drift_find(const struct drift_request *request, struct arena *arena, struct drift_result *out, struct fail *fail)
{
	struct search *search = begin(request, arena);
	struct drift_result result = {0};
	if (!place_all(search, fail) || !find_all(search, fail))
		return false;
	text_init(&result.text, 4000);
	result.state = state_of(search);
	if (result.state != request->known && !compare_all(search, &result, fail)) {
		text_done(&result.text);
		return false;
	}
	*out = result;
	return true;
}

/* --- in the wrong place --------------------------------------------------------------------------------------------------------- */

static bool is_there(struct search *search, const struct checked *one, struct span ns, bool *out, struct fail *fail)
{
	CLEANUP(text_done) struct text path;
	CLEANUP(drop_json) json_t *answer = NULL;
	struct fail why = {0};
	text_init(&path, TEXT_NO_LIMIT);
	api_add_path(&path, one->object->api_version, ns, one->place.plural);
	text_addc(&path, '/');
	url_add(&path, one->object->name);
	*out = get(search, path.ptr, OBJECT_ACCEPT, &answer, &why) && is_of_release(json_object_get(answer, "metadata"), search->request);
	if (answer != NULL || why.code == FAIL_NOT_FOUND)
		return true;
	*fail = why;
	return false;
}

/* Whoever has no right to an object there did not make it there. */
static bool was_put(struct search *search, const struct checked *one, struct span ns, bool *out, struct fail *fail)
{
	struct fail why = {0};
	if (is_there(search, one, ns, out, &why) || why.code == FAIL_DENIED)
		return true;
	*fail = why;
	return false;
}

bool drift_misplaced(const struct drift_request *request, struct span elsewhere, struct arena *arena, struct span *out, struct fail *fail)
{
	struct search *search = begin(request, arena);
	if (!place_all(search, fail))
		return false;
	for (size_t i = 0; i < search->count; i++) {
		const struct checked *one = &search->checked[i];
		bool is_right = false, is_wrong = false;
		if (!one->place.is_namespaced || one->object->ns.len > 0)
			continue;
		if (!is_there(search, one, request->ns, &is_right, fail) ||
		    (!is_right && !was_put(search, one, elsewhere, &is_wrong, fail)))
			return false;
		if (!is_wrong)
			continue;
		*out = arena_spanf(arena, "%.*s \"%.*s\"", SPAN_ARG(one->object->kind), SPAN_ARG(one->object->name));
		return true;
	}
	*out = SPAN("");
	return true;
}
