/* What all stores have in common: names are looked at before anything is asked. */
#include "agent/kube/url.h"
#include "agent/workload/store_int.h"

static bool check_name(struct span name, const char *what, struct fail *fail)
{
	enum { SHOWN_MAX = 80 };
	struct span shown = {name.ptr, name.len < SHOWN_MAX ? name.len : SHOWN_MAX};
	return url_is_name(name) || fail_set(fail, FAIL_INVALID, "\"%.*s\" cannot be the name of a %s: it has lower-case letters, digits, '-' and '.'",
					 SPAN_ARG(shown), what);
}

static bool check_names(const struct secret_store *store, struct span ns, struct span name, struct fail *fail)
{
	return ((ns.len == 0 && store->ops->has_no_namespaces) || check_name(ns, "namespace", fail)) && check_name(name, "Secret", fail);
}

bool secret_store_read(struct secret_store *store, struct span ns, struct span name, int64_t deadline_ms, struct arena *arena,
		       struct stored_secret *out, struct fail *fail)
{
	return check_names(store, ns, name, fail) && store->ops->read(store, ns, name, deadline_ms, arena, out, fail);
}

bool secret_store_write(struct secret_store *store, struct stored_secret *secret, int64_t deadline_ms, struct arena *arena, struct fail *fail)
{
	return check_names(store, secret->ns, secret->name, fail) && store->ops->write(store, secret, deadline_ms, arena, fail);
}

bool secret_store_try(struct secret_store *store, const struct stored_secret *secret, int64_t deadline_ms, struct fail *fail)
{
	return check_names(store, secret->ns, secret->name, fail) && store->ops->try(store, secret, deadline_ms, fail);
}

bool secret_store_remove(struct secret_store *store, struct span ns, struct span name, struct span uid, int64_t deadline_ms, struct fail *fail)
{
	return check_names(store, ns, name, fail) && store->ops->remove(store, ns, name, uid, deadline_ms, fail);
}

/* There will never be a Secret of a name that cannot be. */
void secret_store_watch(struct secret_store *store, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	if (check_names(store, ns, name, NULL))
		store->ops->watch(store, ns, name, changed, ctx);
}

void secret_store_unwatch(struct secret_store *store, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	if (check_names(store, ns, name, NULL))
		store->ops->unwatch(store, ns, name, changed, ctx);
}

bool secret_store_seen(struct secret_store *store, struct span ns, struct span name, struct arena *arena, struct span *out_version)
{
	return check_names(store, ns, name, NULL) && store->ops->seen(store, ns, name, arena, out_version);
}

void secret_store_free(struct secret_store *store)
{
	if (store != NULL)
		store->ops->free(store);
}

void stored_secret_drop(struct stored_secret *secret)
{
	json_decref(secret->labels);
	json_decref(secret->annotations);
	json_decref(secret->own_labels);
	json_decref(secret->own_annotations);
	secret->labels = secret->annotations = secret->own_labels = secret->own_annotations = NULL;
}

struct span stored_secret_value(const struct stored_secret *secret, struct span key)
{
	for (size_t i = 0; i < secret->entry_count; i++)
		if (span_eq(secret->entries[i].key, key))
			return secret->entries[i].value;
	return (struct span){0};
}
