#include "tests/unit/memory_secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct memory_secrets *of(struct secret_store *store)
{
	return (struct memory_secrets *)store;
}

static struct stored_secret *find(struct memory_secrets *store, struct span ns, struct span name)
{
	for (size_t i = 0; i < MEMORY_SECRETS; i++)
		if (span_eq(store->items[i].secret.ns, ns) && span_eq(store->items[i].secret.name, name) && name.len > 0)
			return &store->items[i].secret;
	return NULL;
}

static struct stored_secret *room(struct memory_secrets *store)
{
	for (size_t i = 0; i < MEMORY_SECRETS; i++)
		if (store->items[i].secret.name.len == 0)
			return &store->items[i].secret;
	abort();
}

static bool begin(struct memory_secrets *store, const char *call, struct span ns, struct span name, struct fail *fail)
{
	size_t len = strlen(store->log);
	snprintf(store->log + len, sizeof store->log - len, "%s%s %.*s/%.*s", len > 0 ? ", " : "", call, SPAN_ARG(ns), SPAN_ARG(name));
	if (store->fault.call == NULL || strcmp(store->fault.call, call) != 0 || store->fault.times == 0)
		return true;
	store->fault.times--;
	return fail_set(fail, store->fault.code, "the store says no");
}

static void copy(struct arena *arena, const struct stored_secret *from, struct stored_secret *out)
{
	struct secret_entry *entries = ARENA_ARRAY(arena, struct secret_entry, from->entry_count + 1);
	*out = *from;
	out->ns = arena_copy(arena, from->ns);
	out->name = arena_copy(arena, from->name);
	out->uid = arena_copy(arena, from->uid);
	out->resource_version = arena_copy(arena, from->resource_version);
	out->labels = from->labels == NULL ? json_object() : json_deep_copy(from->labels);
	out->annotations = from->annotations == NULL ? json_object() : json_deep_copy(from->annotations);
	for (size_t i = 0; i < from->entry_count; i++)
		entries[i] = (struct secret_entry){arena_copy(arena, from->entries[i].key), arena_copy(arena, from->entries[i].value)};
	out->entries = entries;
}

static bool store_read(struct secret_store *base, struct span ns, struct span name, int64_t deadline_ms, struct arena *arena,
		       struct stored_secret *out, struct fail *fail)
{
	(void)deadline_ms;
	if (!begin(of(base), "read", ns, name, fail))
		return false;
	const struct stored_secret *secret = find(of(base), ns, name);
	if (secret == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "there is no such Secret");
	copy(arena, secret, out);
	return true;
}

static bool may_write(struct memory_secrets *store, const struct stored_secret *secret, struct stored_secret **out_held, struct fail *fail)
{
	struct stored_secret *held = *out_held = find(store, secret->ns, secret->name);
	if (secret->resource_version.len == 0)
		return held == NULL || fail_set(fail, FAIL_EXISTS, "it is there already");
	if (held == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "it is gone");
	if (!span_eq(held->resource_version, secret->resource_version))
		return fail_set(fail, FAIL_CONFLICT, "it is another one by now");
	return !held->is_immutable || fail_set(fail, FAIL_INVALID, "it is immutable");
}

static void forget(struct stored_secret *secret)
{
	stored_secret_drop(secret);
	*secret = (struct stored_secret){0};
}

static bool store_write(struct secret_store *base, struct stored_secret *secret, int64_t deadline_ms, struct arena *arena, struct fail *fail)
{
	struct memory_secrets *store = of(base);
	struct stored_secret *held, made;
	(void)deadline_ms;
	if (!begin(store, "write", secret->ns, secret->name, fail) || !may_write(store, secret, &held, fail))
		return false;
	copy(&store->arena, secret, &made);
	made.resource_version = arena_spanf(&store->arena, "%u", ++store->versions);
	made.uid = held == NULL ? arena_spanf(&store->arena, "secret-%u", store->versions) : held->uid;
	if (held == NULL)
		held = room(store);
	else
		forget(held);
	*held = made;
	secret->uid = arena_copy(arena, made.uid);
	secret->resource_version = arena_copy(arena, made.resource_version);
	return true;
}

static bool store_try(struct secret_store *base, const struct stored_secret *secret, int64_t deadline_ms, struct fail *fail)
{
	struct stored_secret *held;
	(void)deadline_ms;
	return begin(of(base), "try", secret->ns, secret->name, fail) && may_write(of(base), secret, &held, fail);
}

static bool store_remove(struct secret_store *base, struct span ns, struct span name, struct span uid, int64_t deadline_ms, struct fail *fail)
{
	(void)deadline_ms;
	if (!begin(of(base), "remove", ns, name, fail))
		return false;
	struct stored_secret *held = find(of(base), ns, name);
	if (held != NULL && !span_eq(held->uid, uid))
		return fail_set(fail, FAIL_CONFLICT, "it is another one");
	if (held != NULL)
		forget(held);
	return true;
}

static void store_watch(struct secret_store *store, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	(void)store, (void)ns, (void)name, (void)changed, (void)ctx;
}

static bool store_seen(struct secret_store *store, struct span ns, struct span name, struct arena *arena, struct span *out_version)
{
	(void)store, (void)ns, (void)name, (void)arena, (void)out_version;
	return false;
}

static void store_free(struct secret_store *store)
{
	(void)store;
}

void memory_secrets_init(struct memory_secrets *store)
{
	static const struct secret_store_ops ops = {
		.read = store_read, .write = store_write, .try = store_try, .remove = store_remove,
		.watch = store_watch, .unwatch = store_watch, .seen = store_seen, .free = store_free,
	};
	*store = (struct memory_secrets){.base = {&ops}};
	arena_init(&store->arena, ARENA_NO_LIMIT);
}

void memory_secrets_done(struct memory_secrets *store)
{
	for (size_t i = 0; i < MEMORY_SECRETS; i++)
		forget(&store->items[i].secret);
	arena_done(&store->arena);
}

struct stored_secret *memory_secret(struct memory_secrets *store, const char *ns, const char *name)
{
	return find(store, span_of(ns), span_of(name));
}

struct stored_secret *memory_secret_put(struct memory_secrets *store, const char *ns, const char *name, const char *key, const char *value,
					const char *labels, const char *annotations)
{
	struct stored_secret *secret = room(store);
	struct secret_entry *entry = ARENA_NEW(&store->arena, struct secret_entry);
	*entry = (struct secret_entry){arena_copy(&store->arena, span_of(key)), arena_copy(&store->arena, span_of(value))};
	*secret = (struct stored_secret){
		.ns = arena_copy(&store->arena, span_of(ns)),
		.name = arena_copy(&store->arena, span_of(name)),
		.uid = arena_spanf(&store->arena, "secret-%u", ++store->versions),
		.resource_version = arena_spanf(&store->arena, "%u", store->versions),
		.labels = labels == NULL ? NULL : json_loads(labels, 0, NULL),
		.annotations = annotations == NULL ? NULL : json_loads(annotations, 0, NULL),
		.entries = entry,
		.entry_count = 1,
	};
	return secret;
}

void memory_secret_drop(struct memory_secrets *store, const char *ns, const char *name)
{
	struct stored_secret *held = find(store, span_of(ns), span_of(name));
	if (held != NULL)
		forget(held);
}
