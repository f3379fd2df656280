#include "agent/helm/api_kinds.h"

#include <string.h>

#include "agent/kube/json_read.h"
#include "agent/kube/url.h"
#include "base/cleanup.h"

static void drop(void *json)
{
	json_decref(json);
}

static void add_version(struct text *out, struct span version)
{
	struct span rest = version, part;
	text_adds(out, memchr(version.ptr, '/', version.len) == NULL ? "/api" : "/apis");
	while (span_next(&rest, '/', &part)) {
		text_addc(out, '/');
		url_add(out, part);
	}
}

void api_add_path(struct text *out, struct span version, struct span ns, const char *plural)
{
	add_version(out, version);
	if (ns.len > 0) {
		text_adds(out, "/namespaces/");
		url_add(out, ns);
	}
	text_addc(out, '/');
	url_add(out, span_of(plural));
}

static struct api_group *discover(struct api_kinds *kinds, struct span version, struct fail *fail)
{
	CLEANUP(text_done) struct text path;
	struct fail why = {0};
	json_t *answer = NULL;
	for (size_t i = 0; i < kinds->count; i++)
		if (span_eq(kinds->groups[i].version, version))
			return &kinds->groups[i];
	if (kinds->count == API_GROUPS_MAX) {
		fail_set(fail, FAIL_TOO_BIG, "the release has objects of more than %d groups and versions", API_GROUPS_MAX);
		return NULL;
	}
	text_init(&path, TEXT_NO_LIMIT);
	add_version(&path, version);
	const struct kube_request request = {.method = "GET", .path = path.ptr, .deadline_ms = kinds->deadline_ms, .max_bytes = 8 << 20};
	if (!kube_call(kinds->client, &request, &answer, &why) && why.code != FAIL_NOT_FOUND) {
		*fail = why;
		return NULL;
	}
	if (answer != NULL)
		arena_defer(kinds->arena, drop, answer);
	struct api_group *group = &kinds->groups[kinds->count++];
	*group = (struct api_group){arena_copy(kinds->arena, version), json_object_get(answer, "resources")};
	return group;
}

bool api_kinds_find(struct api_kinds *kinds, struct span version, struct span kind, struct api_place *out, struct fail *fail)
{
	const struct api_group *group = discover(kinds, version, fail);
	const json_t *resource;
	size_t index;
	if (group == NULL)
		return false;
	json_array_foreach(group->resources, index, resource) {
		const char *plural = json_string_value(json_object_get(resource, "name"));
		if (plural == NULL || strchr(plural, '/') != NULL || !span_eq(kube_json_text(resource, "kind"), kind))
			continue;
		*out = (struct api_place){plural, json_is_true(json_object_get(resource, "namespaced"))};
		return true;
	}
	return fail_set(fail, FAIL_NOT_FOUND, "the cluster has no kind %.*s of %.*s", SPAN_ARG(kind), SPAN_ARG(version));
}
