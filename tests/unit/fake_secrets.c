#include "tests/unit/fake_secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_secrets *of(struct secret_store *store)
{
	return (struct fake_secrets *)store;
}

void fake_secrets_note(struct fake_secrets *store, const char *op, struct span ns, struct span name)
{
	size_t len = strlen(store->log);
	snprintf(store->log + len, sizeof store->log - len, "%s %.*s/%.*s;", op, SPAN_ARG(ns), SPAN_ARG(name));
}

struct fake_secret *fake_secrets_find(struct fake_secrets *store, struct span ns, struct span name)
{
	for (size_t i = 0; i < FAKE_SECRETS; i++) {
		struct fake_secret *one = &store->secrets[i];
		if (one->is_there && span_eq(one->secret.ns, ns) && span_eq(one->secret.name, name))
			return one;
	}
	return NULL;
}

static bool begins(struct secret_store *store, const char *op, struct span ns, struct span name, struct fail *fail)
{
	fake_secrets_note(of(store), op, ns, name);
	return of(store)->before == NULL || of(store)->before(of(store), op, name, fail);
}

static struct span counted(struct fake_secrets *store, const char *prefix, unsigned *count)
{
	return arena_spanf(&store->arena, "%s%u", prefix, ++*count);
}

static struct stored_secret copy(struct arena *arena, const struct stored_secret *secret)
{
	struct stored_secret out = *secret;
	out.ns = arena_copy(arena, secret->ns);
	out.name = arena_copy(arena, secret->name);
	out.uid = arena_copy(arena, secret->uid);
	out.resource_version = arena_copy(arena, secret->resource_version);
	out.type = arena_copy(arena, secret->type);
	out.entries = ARENA_ARRAY(arena, struct secret_entry, secret->entry_count + 1);
	for (size_t i = 0; i < secret->entry_count; i++)
		out.entries[i] = (struct secret_entry){arena_copy(arena, secret->entries[i].key), arena_copy(arena, secret->entries[i].value)};
	out.labels = json_deep_copy(secret->labels);
	out.annotations = json_deep_copy(secret->annotations);
	out.own_labels = json_deep_copy(secret->own_labels);
	out.own_annotations = json_deep_copy(secret->own_annotations);
	return out;
}

static struct fake_secret *keep(struct fake_secrets *store, const struct stored_secret *secret)
{
	struct fake_secret *one = store->secrets;
	while (one < store->secrets + FAKE_SECRETS && one->is_there)
		one++;
	if (one == store->secrets + FAKE_SECRETS)
		abort();
	*one = (struct fake_secret){.is_there = true, .secret = copy(&store->arena, secret)};
	one->secret.uid = counted(store, "uid-", &store->uids);
	one->secret.resource_version = counted(store, "v", &store->versions);
	return one;
}

struct stored_secret *fake_secrets_put(struct fake_secrets *store, const char *ns, const char *name, const char *value)
{
	struct secret_entry entry = {SPAN("k"), span_of(value)};
	struct stored_secret secret = {.ns = span_of(ns), .name = span_of(name), .type = SPAN("Opaque"), .entries = &entry, .entry_count = 1};
	struct stored_secret *kept = &keep(store, &secret)->secret;
	kept->labels = json_object();
	kept->annotations = json_object();
	return kept;
}

/* --- what stores do ------------------------------------------------------------------------------------------------------------ */

static bool read_one(struct secret_store *store, struct span ns, struct span name, int64_t deadline_ms, struct arena *arena,
		     struct stored_secret *out, struct fail *fail)
{
	(void)deadline_ms;
	if (!begins(store, "get", ns, name, fail))
		return false;
	const struct fake_secret *one = fake_secrets_find(of(store), ns, name);
	if (one == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "secrets \"%.*s\" not found", SPAN_ARG(name));
	*out = copy(arena, &one->secret);
	return true;
}

static bool check_namespace(struct fake_secrets *store, struct span ns, struct fail *fail)
{
	if (store->missing_namespace == NULL || !span_is(ns, store->missing_namespace))
		return true;
	return fail_set(fail, FAIL_NOT_FOUND, "namespaces \"%.*s\" not found", SPAN_ARG(ns));
}

static bool create(struct fake_secrets *store, struct stored_secret *secret, struct arena *arena, struct fail *fail)
{
	if (!check_namespace(store, secret->ns, fail))
		return false;
	if (fake_secrets_find(store, secret->ns, secret->name) != NULL)
		return fail_set(fail, FAIL_EXISTS, "secrets \"%.*s\" already exists", SPAN_ARG(secret->name));
	const struct fake_secret *kept = keep(store, secret);
	secret->uid = arena_copy(arena, kept->secret.uid);
	secret->resource_version = arena_copy(arena, kept->secret.resource_version);
	return true;
}

static bool update(struct fake_secrets *store, struct stored_secret *secret, struct arena *arena, struct fail *fail)
{
	struct fake_secret *there = fake_secrets_find(store, secret->ns, secret->name);
	if (there == NULL)
		return fail_set(fail, FAIL_NOT_FOUND, "secrets \"%.*s\" not found", SPAN_ARG(secret->name));
	if (!span_eq(there->secret.resource_version, secret->resource_version))
		return fail_set(fail, FAIL_CONFLICT, "the object has been modified");
	if (!span_eq(there->secret.type, secret->type))
		return fail_set(fail, FAIL_INVALID, "type: field is immutable");
	struct span uid = there->secret.uid;
	stored_secret_drop(&there->secret);
	there->secret = copy(&store->arena, secret);
	there->secret.uid = uid;
	there->secret.resource_version = counted(store, "v", &store->versions);
	secret->resource_version = arena_copy(arena, there->secret.resource_version);
	return true;
}

static bool write_one(struct secret_store *store, struct stored_secret *secret, int64_t deadline_ms, struct arena *arena, struct fail *fail)
{
	bool is_new = secret->resource_version.len == 0;
	(void)deadline_ms;
	return begins(store, is_new ? "create" : "update", secret->ns, secret->name, fail) && (is_new ? create : update)(of(store), secret, arena, fail);
}

static bool try_one(struct secret_store *store, const struct stored_secret *secret, int64_t deadline_ms, struct fail *fail)
{
	(void)deadline_ms;
	return begins(store, "try", secret->ns, secret->name, fail) && check_namespace(of(store), secret->ns, fail);
}

static bool remove_one(struct secret_store *store, struct span ns, struct span name, struct span uid, int64_t deadline_ms, struct fail *fail)
{
	(void)deadline_ms;
	if (!begins(store, "delete", ns, name, fail))
		return false;
	struct fake_secret *there = fake_secrets_find(of(store), ns, name);
	if (there == NULL)
		return true;
	if (!span_eq(there->secret.uid, uid))
		return fail_set(fail, FAIL_CONFLICT, "the uid is another one");
	there->secret.is_deleted = true;
	if (!there->has_finalizer) {
		there->is_there = false;
		stored_secret_drop(&there->secret);
	}
	return true;
}

static void watch(struct secret_store *store, struct span ns, struct span name, secret_changed *changed, void *ctx)
{
	(void)store, (void)ns, (void)name, (void)changed, (void)ctx;
}

static bool seen(struct secret_store *store, struct span ns, struct span name, struct arena *arena, struct span *out_version)
{
	const struct fake_secret *one = fake_secrets_find(of(store), ns, name);
	*out_version = one == NULL ? SPAN("") : arena_copy(arena, one->secret.resource_version);
	return of(store)->is_watched;
}

static void free_store(struct secret_store *store)
{
	fake_secrets_done(of(store));
}

void fake_secrets_init(struct fake_secrets *store)
{
	static const struct secret_store_ops ops = {read_one, write_one, try_one, remove_one, watch, watch, seen, free_store, false};
	*store = (struct fake_secrets){.base = {&ops}};
	arena_init(&store->arena, ARENA_NO_LIMIT);
}

void fake_secrets_done(struct fake_secrets *store)
{
	for (size_t i = 0; i < FAKE_SECRETS; i++)
		if (store->secrets[i].is_there)
			stored_secret_drop(&store->secrets[i].secret);
	arena_done(&store->arena);
}
