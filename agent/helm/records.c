/* Records by their labels. */
#include <stdlib.h>

#include "agent/helm/records_int.h"

#include "agent/kube/json_read.h"
#include "agent/kube/url.h"
#include "base/cleanup.h"

static const char *const status_names[] = {
	[RELEASE_UNKNOWN] = "unknown",
	[RELEASE_DEPLOYED] = "deployed",
	[RELEASE_SUPERSEDED] = "superseded",
	[RELEASE_FAILED] = "failed",
	[RELEASE_UNINSTALLING] = "uninstalling",
	[RELEASE_UNINSTALLED] = "uninstalled",
	[RELEASE_PENDING_INSTALL] = "pending-install",
	[RELEASE_PENDING_UPGRADE] = "pending-upgrade",
	[RELEASE_PENDING_ROLLBACK] = "pending-rollback",
};

const char *release_status_name(enum release_status status)
{
	return status_names[status];
}

bool release_is_pending(enum release_status status)
{
	return status >= RELEASE_PENDING_INSTALL;
}

enum release_status release_status_of(struct span text)
{
	for (size_t i = 0; i < COUNT_OF(status_names); i++)
		if (span_is(text, status_names[i]))
			return (enum release_status)i;
	return RELEASE_UNKNOWN;
}

const struct record_head *records_latest(const struct record_list *list)
{
	return list->count == 0 ? NULL : &list->heads[list->count - 1];
}

const struct record_head *records_deployed(const struct record_list *list)
{
	for (size_t i = list->count; i-- > 0;)
		if (list->heads[i].status == RELEASE_DEPLOYED)
			return &list->heads[i];
	return NULL;
}

/* "sh.helm.release.v1.NAME.vREVISION" */
bool record_revision_of(struct span secret, struct span release, int64_t *out)
{
	static const struct span prefix = {"sh.helm.release.v1.", 19};
	if (secret.len < prefix.len + release.len + 3 || memcmp(secret.ptr, prefix.ptr, prefix.len) != 0)
		return false;
	struct span rest = {secret.ptr + prefix.len, secret.len - prefix.len};
	if (memcmp(rest.ptr, release.ptr, release.len) != 0 || memcmp(rest.ptr + release.len, ".v", 2) != 0)
		return false;
	return span_int((struct span){rest.ptr + release.len + 2, rest.len - release.len - 2}, 1, INT64_MAX - 1, out);
}

static void read_ours(const json_t *labels, struct arena *arena, struct record_head *out)
{
	struct span action = kube_json_text(labels, RELEASE_ACTION_LABEL);
	int64_t revision;
	if (!span_int(span_behind(action, '.'), 1, INT64_MAX - 1, &revision) || revision != out->revision)
		return;
	out->instance = arena_copy(arena, span_before(action, '.'));
	out->hash = arena_copy(arena, kube_json_text(labels, RELEASE_HASH_LABEL));
}

/* False: it is no record of this release. */
static bool read_head(const json_t *item, struct span release, struct arena *arena, struct record_head *out)
{
	const json_t *metadata = json_object_get(item, "metadata"), *labels = json_object_get(metadata, "labels");
	struct span name = kube_json_text(metadata, "name");
	struct record_head head = {.status = release_status_of(kube_json_text(labels, "status"))};
	if (!span_is(kube_json_text(labels, "owner"), "helm") || !span_eq(kube_json_text(labels, "name"), release) ||
	    !record_revision_of(name, release, &head.revision))
		return false;
	head.secret = arena_copy(arena, name);
	read_ours(labels, arena, &head);
	*out = head;
	return true;
}

static int by_revision(const void *a, const void *b)
{
	const struct record_head *x = a, *y = b;
	return x->revision < y->revision ? -1 : x->revision > y->revision;
}

bool records_parse(const json_t *answer, struct span release, struct arena *arena, struct record_list *out, struct fail *fail)
{
	const json_t *items = json_object_get(answer, "items"), *metadata = json_object_get(answer, "metadata");
	if (!json_is_array(items) && !json_is_null(items))
		return fail_set(fail, FAIL_PROTOCOL, "the API server's answer is no list of Secrets");
	if (json_array_size(items) > RECORDS_MAX || kube_json_text(metadata, "continue").len > 0)
		return fail_set(fail, FAIL_TOO_BIG, "the release has more than %d records", RECORDS_MAX);
	struct record_list list = {.heads = ARENA_ARRAY(arena, struct record_head, json_array_size(items) + 1)};
	for (size_t i = 0; i < json_array_size(items); i++)
		list.count += read_head(json_array_get(items, i), release, arena, &list.heads[list.count]);
	qsort(list.heads, list.count, sizeof *list.heads, by_revision);
	list.resource_version = arena_copy(arena, kube_json_text(metadata, "resourceVersion"));
	*out = list;
	return true;
}

static struct span put(char **at, struct span text)
{
	char *to = *at;
	if (text.len > 0)
		memcpy(to, text.ptr, text.len);
	*at += text.len;
	return (struct span){to, text.len};
}

struct record_list *records_copy(const struct record_list *list)
{
	size_t size = sizeof *list + list->count * sizeof *list->heads + list->resource_version.len;
	for (size_t i = 0; i < list->count; i++)
		size += list->heads[i].secret.len + list->heads[i].hash.len + list->heads[i].instance.len;
	struct record_list *copy = malloc(size);
	if (copy == NULL)
		abort();
	*copy = (struct record_list){.heads = (struct record_head *)(copy + 1), .count = list->count};
	char *at = (char *)(copy->heads + list->count);
	for (size_t i = 0; i < list->count; i++) {
		const struct record_head *from = &list->heads[i];
		copy->heads[i] = (struct record_head){put(&at, from->secret), from->revision, from->status, put(&at, from->hash),
						      put(&at, from->instance)};
	}
	copy->resource_version = put(&at, list->resource_version);
	return copy;
}

const char *records_path(struct arena *arena, struct span ns, struct span release)
{
	CLEANUP(text_done) struct text path;
	text_init(&path, TEXT_NO_LIMIT);
	url_add_secrets(&path, ns);
	text_adds(&path, "?labelSelector=owner%3Dhelm%2Cname%3D");
	url_add(&path, release);
	return arena_string(arena, text_span(&path));
}

void record_drop_json(json_t **json)
{
	json_decref(*json);
}

bool records_list(struct kube_client *client, struct span ns, struct span release, int64_t deadline_ms, struct arena *arena,
		  struct record_list *out, struct fail *fail)
{
	CLEANUP(record_drop_json) json_t *answer = NULL;
	const struct kube_request request = {
		.method = "GET",
		.path = records_path(arena, ns, release),
		.accept = RECORDS_ACCEPT,
		.deadline_ms = deadline_ms,
		.max_bytes = 8 << 20,
	};
	if (!kube_call(client, &request, &answer, fail) || !records_parse(answer, release, arena, out, fail))
		return fail_wrap(fail, "the records of the release \"%.*s\" in the namespace \"%.*s\" of %s cannot be read", SPAN_ARG(release),
				 SPAN_ARG(ns), kube_client_url(client));
	return true;
}
