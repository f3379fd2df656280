/* A pending record is marked as failed by changing two values where they stand: everything else keeps every byte, so that Helm
 * goes on as if it had done so itself. */
#include "agent/helm/json_cursor.h"
#include "agent/helm/records_int.h"
#include "agent/kube/json_read.h"
#include "agent/kube/url.h"
#include "base/cleanup.h"

/* Which piece of `json` a span of it is, replaced. */
struct piece {
	struct span old, now;
};

static void add_replaced(struct text *out, struct span json, const struct piece *pieces, size_t count)
{
	const char *at = json.ptr;
	for (size_t i = 0; i < count; i++) {
		text_add(out, (struct span){at, (size_t)(pieces[i].old.ptr - at)});
		text_add(out, pieces[i].now);
		at = pieces[i].old.ptr + pieces[i].old.len;
	}
	text_add(out, (struct span){at, (size_t)(json.ptr + json.len - at)});
}

static struct span describe(struct arena *arena, struct span status)
{
	return arena_spanf(arena, "\"Marked as failed by omniops: nobody worked on it any more while it was %.*s\"", SPAN_ARG(status));
}

/* In the order in which they stand. A record without a description gets one behind its status. */
static bool find_pieces(struct span json, struct arena *arena, struct piece out[2], size_t *out_count, struct fail *fail)
{
	struct span info, status, description;
	if (!json_find(json, "info", &info) || !json_find(info, "status", &status) || status.len < 2)
		return fail_set(fail, FAIL_INVALID, "the record is damaged: it has no status");
	struct span name = {status.ptr + 1, status.len - 2};
	if (!release_is_pending(release_status_of(name)))
		return fail_set(fail, FAIL_PRECONDITION, "the record is %.*s by now", SPAN_ARG(name));
	struct span text = describe(arena, name);
	out[0] = (struct piece){status, SPAN("\"failed\"")};
	*out_count = 1;
	if (!json_find(info, "description", &description)) {
		out[0].now = arena_spanf(arena, "\"failed\",\"description\":%.*s", SPAN_ARG(text));
		return true;
	}
	out[1] = (struct piece){description, text};
	*out_count = 2;
	if (description.ptr < status.ptr) {
		struct piece first = out[0];
		out[0] = out[1];
		out[1] = first;
	}
	return true;
}

static void set_labels(json_t *secret)
{
	json_t *labels = json_object_get(json_object_get(secret, "metadata"), "labels");
	json_object_set_new(labels, "status", json_string(release_status_name(RELEASE_FAILED)));
	json_object_del(labels, RELEASE_HASH_LABEL);
	json_object_del(labels, RELEASE_ACTION_LABEL);
}

bool record_unlock_edit(json_t *secret, const struct record_limits *limits, struct arena *arena, struct fail *fail)
{
	CLEANUP(text_done) struct text json = {0};
	CLEANUP(text_done) struct text edited = {0};
	CLEANUP(text_done) struct text packed = {0};
	struct piece pieces[2];
	size_t count = 0;
	text_init(&json, TEXT_NO_LIMIT);
	text_init(&edited, TEXT_NO_LIMIT);
	text_init(&packed, TEXT_NO_LIMIT);
	if (!record_unpack(secret, limits, &json, fail) || !find_pieces(text_span(&json), arena, pieces, &count, fail))
		return false;
	add_replaced(&edited, text_span(&json), pieces, count);
	if (!record_pack(text_span(&edited), limits, &packed, fail))
		return false;
	json_object_set_new(json_object_get(secret, "data"), "release", json_stringn(packed.ptr, packed.len));
	set_labels(secret);
	return true;
}

static const char *path_of(struct arena *arena, struct span ns, struct span secret, const char *query)
{
	CLEANUP(text_done) struct text path;
	text_init(&path, TEXT_NO_LIMIT);
	url_add_secrets(&path, ns);
	text_addc(&path, '/');
	url_add(&path, secret);
	text_adds(&path, query);
	return arena_string(arena, text_span(&path));
}

enum { SECRET_MAX = 4 << 20 };

static bool get(struct kube_client *client, struct span ns, struct span secret, int64_t deadline_ms, struct arena *arena, json_t **out,
		struct fail *fail)
{
	const struct kube_request request = {
		.method = "GET", .path = path_of(arena, ns, secret, ""), .deadline_ms = deadline_ms, .max_bytes = SECRET_MAX};
	return kube_call(client, &request, out, fail);
}

bool record_get(struct kube_client *client, struct span ns, struct span secret, int64_t deadline_ms, struct arena *arena,
		struct record *out, struct fail *fail)
{
	CLEANUP(record_drop_json) json_t *answer = NULL;
	const struct record_limits limits = RECORD_LIMITS;
	if (!get(client, ns, secret, deadline_ms, arena, &answer, fail) || !record_read(answer, &limits, arena, out, fail))
		return fail_wrap(fail, "the Secret %.*s/%.*s", SPAN_ARG(ns), SPAN_ARG(secret));
	return true;
}

bool record_unlock(struct kube_client *client, struct span ns, struct span secret, int64_t deadline_ms, struct arena *arena,
		   struct fail *fail)
{
	CLEANUP(record_drop_json) json_t *answer = NULL;
	const struct record_limits limits = RECORD_LIMITS;
	if (!get(client, ns, secret, deadline_ms, arena, &answer, fail) || !record_unlock_edit(answer, &limits, arena, fail))
		return fail_wrap(fail, "the Secret %.*s/%.*s", SPAN_ARG(ns), SPAN_ARG(secret));
	const struct kube_request request = {
		.method = "PUT",
		.path = path_of(arena, ns, secret, "?fieldManager=" KUBE_FIELD_MANAGER),
		.body = answer, /* with its resourceVersion: whoever was quicker wins */
		.deadline_ms = deadline_ms,
		.max_bytes = SECRET_MAX,
	};
	return kube_call(client, &request, NULL, fail) ? true : fail_wrap(fail, "the Secret %.*s/%.*s", SPAN_ARG(ns), SPAN_ARG(secret));
}
