/* Secrets of an API server. What is replaced is read, changed and put back with its version, so that what others added stays,
 * and nothing but get, create, update and delete is needed. */
#include <stdlib.h>

#include "agent/kube/cache.h"
#include "agent/kube/json_read.h"
#include "agent/kube/url.h"
#include "agent/workload/store_int.h"
#include "base/cleanup.h"

enum { ANSWER_MAX = 8 << 20 }; /* a Secret has at most 1 MiB of data */

struct kube_store {
	struct secret_store base;
	struct kube_client *client;
	struct kube_secrets *watches;
};

static struct kube_store *of(struct secret_store *store)
{
	return (struct kube_store *)store;
}

/* --- requests ------------------------------------------------------------------------------------------------------------- */

struct errand {
	const char *method, *query; /* query NULL: none */
	struct span ns, name;	    /* name empty: of the collection */
	json_t *body;		    /* borrowed */
	int64_t deadline_ms;
};

static bool call(struct secret_store *store, const struct errand *errand, json_t **out, struct fail *fail)
{
	CLEANUP(text_done) struct text path;
	text_init(&path, TEXT_NO_LIMIT);
	url_add_secrets(&path, errand->ns);
	if (errand->name.len > 0) {
		text_addc(&path, '/');
		url_add(&path, errand->name);
	}
	if (errand->query != NULL)
		text_addf(&path, "?%s", errand->query);
	const struct kube_request request = {
		.method = errand->method,
		.path = path.ptr,
		.body = errand->body,
		.deadline_ms = errand->deadline_ms,
		.max_bytes = ANSWER_MAX,
	};
	return kube_call(of(store)->client, &request, out, fail);
}

static bool get(struct secret_store *store, struct span ns, struct span name, int64_t deadline_ms, json_t **out, struct fail *fail)
{
	return call(store, &(struct errand){.method = "GET", .ns = ns, .name = name, .deadline_ms = deadline_ms}, out, fail);
}

/* --- reading -------------------------------------------------------------------------------------------------------------- */

static bool read_one(struct secret_store *store, struct span ns, struct span name, int64_t deadline_ms, struct arena *arena,
		     struct stored_secret *out, struct fail *fail)
{
	CLEANUP(secret_json_drop) json_t *answer = NULL;
	if (!get(store, ns, name, deadline_ms, &answer, fail))
		return false;
	if (!secret_from_json(answer, arena, out, fail))
		return fail_wrap(fail, "the Secret %.*s/%.*s of %s", SPAN_ARG(ns), SPAN_ARG(name), kube_client_url(of(store)->client));
	out->ns = arena_copy(arena, ns);
	out->name = arena_copy(arena, name);
	return true;
}

/* --- writing -------------------------------------------------------------------------------------------------------------- */

#define MANAGED "fieldManager=" KUBE_FIELD_MANAGER

static bool replace(struct secret_store *store, const struct stored_secret *secret, const char *query, int64_t deadline_ms, json_t **out,
		    struct fail *fail)
{
	CLEANUP(secret_json_drop) json_t *object = NULL;
	if (!get(store, secret->ns, secret->name, deadline_ms, &object, fail))
		return false;
	struct span version = kube_json_text(json_object_get(object, "metadata"), "resourceVersion");
	if (!span_eq(version, secret->resource_version))
		return fail_set(fail, FAIL_CONFLICT, "the Secret %.*s/%.*s has been changed by somebody else meanwhile", SPAN_ARG(secret->ns),
				SPAN_ARG(secret->name));
	secret_into_json(secret, object);
	const struct errand errand = {"PUT", query, secret->ns, secret->name, object, deadline_ms};
	return call(store, &errand, out, fail);
}

static bool create(struct secret_store *store, const struct stored_secret *secret, const char *query, int64_t deadline_ms, json_t **out,
		   struct fail *fail)
{
	CLEANUP(secret_json_drop) json_t *object = secret_to_json(secret);
	const struct errand errand = {"POST", query, secret->ns, (struct span){0}, object, deadline_ms};
	return call(store, &errand, out, fail);
}

static bool put(struct secret_store *store, const struct stored_secret *secret, const char *query, int64_t deadline_ms, json_t **out,
		struct fail *fail)
{
	return (secret->resource_version.len == 0 ? create : replace)(store, secret, query, deadline_ms, out, fail);
}

static bool write_one(struct secret_store *store, struct stored_secret *secret, int64_t deadline_ms, struct arena *arena, struct fail *fail)
{
	CLEANUP(secret_json_drop) json_t *answer = NULL;
	if (!put(store, secret, MANAGED, deadline_ms, &answer, fail))
		return false;
	const json_t *metadata = json_object_get(answer, "metadata");
	secret->uid = arena_copy(arena, kube_json_text(metadata, "uid"));
	secret->resource_version = arena_copy(arena, kube_json_text(metadata, "resourceVersion"));
	return true;
}

static bool try_one(struct secret_store *store, const struct stored_secret *secret, int64_t deadline_ms, struct fail *fail)
{
	CLEANUP(secret_json_drop) json_t *answer = NULL;
	return put(store, secret, MANAGED "&dryRun=All", deadline_ms, &answer, fail);
}

static bool remove_one(struct secret_store *store, struct span ns, struct span name, struct span uid, int64_t deadline_ms, struct fail *fail)
{
	struct fail why = {0};
	json_t *body = json_pack("{s:s, s:s, s:{s:s%}}", "apiVersion", "v1", "kind", "DeleteOptions", "preconditions", "uid", uid.ptr, uid.len);
	const struct errand errand = {"DELETE", NULL, ns, name, body, deadline_ms};
	CLEANUP(secret_json_drop) json_t *answer = NULL;
	bool is_fine = call(store, &errand, &answer, &why) || why.code == FAIL_NOT_FOUND;
	json_decref(body);
	if (!is_fine && fail != NULL)
		*fail = why;
	return is_fine;
}

/* --- watching ------------------------------------------------------------------------------------------------------------- */

static void watch(struct secret_store *store, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	kube_secrets_watch(of(store)->watches, ns, name, changed, ctx);
}

static void unwatch(struct secret_store *store, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	kube_secrets_unwatch(of(store)->watches, ns, name, changed, ctx);
}

static bool seen(struct secret_store *store, struct span ns, struct span name, struct arena *arena, struct span *out_version)
{
	return kube_secrets_seen(of(store)->watches, ns, name, arena, out_version);
}

/* --- life ----------------------------------------------------------------------------------------------------------------- */

static void free_store(struct secret_store *store)
{
	kube_secrets_free(of(store)->watches);
	free(store);
}

struct secret_store *secret_store_kube(struct kube_client *client)
{
	static const struct secret_store_ops ops = {read_one, write_one, try_one, remove_one, watch, unwatch, seen, free_store, false};
	struct kube_store *store = calloc(1, sizeof *store);
	if (store == NULL)
		abort();
	*store = (struct kube_store){{&ops}, client, kube_secrets_new(client)};
	return &store->base;
}
