/* The cache of custom resources for shell scripts: cache KUBECONFIG [NAMESPACE [SELECTOR [KIND…]]]; without kinds all of
 * ours. Obeys the lines on standard input, one answer each:
 *
 *   sync SECONDS             "synced MILLISECONDS", as soon as it is; "waiting REASON text" when the time is over
 *   lost SECONDS             the same the other way round: "lost MILLISECONDS"
 *   kind KIND                "synced" | "failed REASON text"
 *   list                     "PLURAL NS NAME UID VERSION" for every object in order, then "end COUNT"
 *   document KIND NS NAME    the document; also status, annotations, finalizers; "absent"
 *   facts KIND NS NAME       "generation=N created=S deleted=S finalizers=ours,legacy,foreign reference=NAME content=HEX status=HEX"
 *   counts                   "objects=N bytes=N lists=N watches=N events=N relists=N rss=KILOBYTES peak=KILOBYTES"
 *   told                     "came=N changed=N went=N wrong=N": what listeners heard; wrong: what cannot follow on what was before
 *   secret NS NAME KEY       "value TEXT" | "failed REASON text"
 *   await NS NAME            a Secret: "ok"
 *   secrets                  "changed=N" | "changed=N polled: why"
 *   fill NS PREFIX N         creates N OmniMachines at once through the API: "filled N failed N MILLISECONDS"
 *   storm SECONDS SEED       random creations, changes and deletions through the API: "stormed OPERATIONS failed N"
 *   bye                      the end, as is that of the input
 *
 * PROBE_DEAF in the environment: nobody listens, and nothing is kept but by the cache. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/kube/cache.h"
#include "agent/kube/client.h"
#include "agent/kube/config.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/secret.h"

enum { WORDS_MAX = 8 };

struct probe {
	struct kube_client *client;
	struct kube_cache *cache;
	struct kube_secrets *secrets;
	pthread_mutex_t lock; /* of all below */
	struct arena arena;
	struct map known; /* what listeners heard of: "KIND NS NAME", to the uid it has now, or NULL */
	unsigned came, changed, went, wrong, secrets_changed;
	unsigned done, failed; /* of what was started */
};

/* --- listening ---------------------------------------------------------------------------------------------------------- */

static bool is_known(const char *uid, const struct kube_object *object)
{
	return uid != NULL && span_is(object->uid, uid);
}

static void on_changed(void *ctx, const struct kube_object *old, const struct kube_object *now)
{
	struct probe *probe = ctx;
	const struct kube_object *object = now != NULL ? now : old;
	char key[1024];
	int len = snprintf(key, sizeof key, "%s %.*s %.*s", object->kind->plural, SPAN_ARG(object->ns), SPAN_ARG(object->name));
	struct span name = {key, (size_t)len};
	pthread_mutex_lock(&probe->lock);
	const char *uid = map_get(&probe->known, name);
	bool fits = old == NULL ? uid == NULL : is_known(uid, old) && (now == NULL || span_eq(old->uid, now->uid));
	probe->wrong += !fits || (object->first_seen_ms <= 0);
	probe->came += old == NULL;
	probe->went += now == NULL;
	probe->changed += old != NULL && now != NULL;
	if (uid == NULL)
		name = arena_copy(&probe->arena, name);
	*map_at(&probe->known, name) = now == NULL ? NULL : old != NULL ? (void *)(uintptr_t)uid : arena_string(&probe->arena, now->uid);
	pthread_mutex_unlock(&probe->lock);
}

static void on_secret(void *ctx, struct span ns, struct span name)
{
	struct probe *probe = ctx;
	pthread_mutex_lock(&probe->lock);
	probe->secrets_changed++;
	pthread_mutex_unlock(&probe->lock);
	(void)ns;
	(void)name;
}

/* --- looking ------------------------------------------------------------------------------------------------------------- */

static void print_failure(const char *verdict, const struct fail *fail)
{
	printf("%s %s %s\n", verdict, fail_name(fail->code), fail->text);
}

static void do_wait(struct probe *probe, bool wanted, long seconds)
{
	int64_t from_ms = clock_monotonic_ms();
	struct fail why = {0};
	while (kube_cache_is_synced(probe->cache, &why) != wanted && clock_monotonic_ms() < from_ms + seconds * 1000)
		clock_sleep_ms(5);
	if (kube_cache_is_synced(probe->cache, &why) == wanted)
		printf("%s %lld\n", wanted ? "synced" : "lost", (long long)(clock_monotonic_ms() - from_ms));
	else
		print_failure("waiting", &why);
}

static void do_kind(struct probe *probe, const char *kind)
{
	struct fail why = {0};
	if (kube_cache_kind_is_synced(probe->cache, kind_guess(span_of(kind)), &why))
		puts("synced");
	else
		print_failure("failed", &why);
}

static bool print_object(void *ctx, const struct kube_object *object)
{
	size_t *count = ctx;
	++*count;
	printf("%s %.*s %.*s %.*s %.*s\n", object->kind->plural, SPAN_ARG(object->ns), SPAN_ARG(object->name), SPAN_ARG(object->uid),
	       SPAN_ARG(object->resource_version));
	return true;
}

static void do_list(struct probe *probe)
{
	size_t count = 0;
	kube_cache_each(probe->cache, NULL, print_object, &count);
	printf("end %zu\n", count);
}

static void print_hex(const char *name, const unsigned char id[KUBE_CONTENT_ID])
{
	printf(" %s=", name);
	for (int i = 0; i < KUBE_CONTENT_ID; i++)
		printf("%02x", id[i]);
}

static void print_facts(const struct kube_object *object)
{
	printf("generation=%lld created=%lld deleted=%lld finalizers=%s%s%s reference=%.*s", (long long)object->generation,
	       (long long)object->created_s, (long long)object->deleted_s, object->has_finalizer ? "ours," : "",
	       object->has_legacy_finalizer ? "legacy," : "", object->has_foreign_finalizers ? "foreign," : "",
	       SPAN_ARG(object->reference));
	print_hex("content", object->content_id);
	print_hex("status", object->status_id);
	putchar('\n');
}

static void print_part(const struct kube_object *object, const char *part, struct arena *arena)
{
	struct span document;
	struct fail fail = {0};
	if (strcmp(part, "document") == 0) {
		if (kube_object_document(object, arena, &document, &fail))
			printf("%.*s\n", SPAN_ARG(document));
		else
			print_failure("failed", &fail);
		return;
	}
	json_t *value = strcmp(part, "status") == 0	      ? kube_object_status(object)
			: strcmp(part, "annotations") == 0 ? kube_object_annotations(object)
							    : kube_object_finalizers(object);
	json_dumpf(value, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	putchar('\n');
	json_decref(value);
}

static void do_part(struct probe *probe, const char *part, char *const words[])
{
	struct arena arena;
	struct kube_object object;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!kube_cache_find(probe->cache, kind_guess(span_of(words[1])), span_of(words[2]), span_of(words[3]), &arena, &object))
		puts("absent");
	else if (strcmp(part, "facts") == 0)
		print_facts(&object);
	else
		print_part(&object, part, &arena);
	arena_done(&arena);
}

static long status_kb(const char *key)
{
	char line[256];
	long kb = 0;
	FILE *file = fopen("/proc/self/status", "r");
	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			kb = strtol(line + strlen(key), NULL, 10);
	if (file != NULL)
		fclose(file);
	return kb;
}

static void do_counts(struct probe *probe)
{
	struct kube_cache_counts counts;
	kube_cache_counts(probe->cache, &counts);
	printf("objects=%zu bytes=%zu lists=%llu watches=%llu events=%llu relists=%llu rss=%ld peak=%ld\n", counts.objects, counts.bytes,
	       (unsigned long long)counts.lists, (unsigned long long)counts.watches, (unsigned long long)counts.events,
	       (unsigned long long)counts.relists, status_kb("VmRSS:"), status_kb("VmHWM:"));
}

static void do_told(struct probe *probe)
{
	pthread_mutex_lock(&probe->lock);
	printf("came=%u changed=%u went=%u wrong=%u\n", probe->came, probe->changed, probe->went, probe->wrong);
	pthread_mutex_unlock(&probe->lock);
}

/* --- Secrets --------------------------------------------------------------------------------------------------------------- */

static void do_secret(struct probe *probe, char *const words[])
{
	CLEANUP(secret_done) struct secret secret = {0};
	struct fail fail = {0};
	if (kube_secret_read(probe->client, span_of(words[1]), span_of(words[2]), span_of(words[3]), 0, &secret, &fail))
		printf("value %.*s\n", SPAN_ARG(secret_span(&secret)));
	else
		print_failure("failed", &fail);
}

static void do_secrets(struct probe *probe)
{
	struct fail why = {0};
	bool are_polled = kube_secrets_are_polled(probe->secrets, &why);
	pthread_mutex_lock(&probe->lock);
	printf("changed=%u%s%s\n", probe->secrets_changed, are_polled ? " polled: " : "", why.text);
	pthread_mutex_unlock(&probe->lock);
}

/* --- making ---------------------------------------------------------------------------------------------------------------- */

static json_t *machine(const char *ns, const char *name, unsigned value)
{
	char id[64];
	snprintf(id, sizeof id, "%08x-0000-4000-8000-000000000000", value);
	return json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s}}, s:{s:{s:s}, s:s}}", "apiVersion", CRD_GROUP "/" CRD_VERSION, "kind",
			 "OmniMachine", "metadata", "name", name, "namespace", ns, "labels", "team", value % 2 == 0 ? "a" : "b", "spec",
			 "clusterRef", "name", "some", "machineID", id);
}

static void on_filled(void *ctx, json_t *answer, const struct fail *fail)
{
	struct probe *probe = ctx;
	(void)fail;
	pthread_mutex_lock(&probe->lock);
	probe->done++;
	probe->failed += answer == NULL;
	pthread_mutex_unlock(&probe->lock);
}

static unsigned count_done(struct probe *probe)
{
	pthread_mutex_lock(&probe->lock);
	unsigned done = probe->done;
	pthread_mutex_unlock(&probe->lock);
	return done;
}

static void do_fill(struct probe *probe, char *const words[])
{
	struct arena arena;
	unsigned count = (unsigned)strtoul(words[3], NULL, 10);
	int64_t from_ms = clock_monotonic_ms();
	arena_init(&arena, ARENA_NO_LIMIT);
	probe->done = probe->failed = 0;
	for (unsigned i = 0; i < count; i++) {
		char name[64];
		snprintf(name, sizeof name, "%s-%05u", words[2], (unsigned)(i * 7919ul % count));
		json_t *body = machine(words[1], name, i);
		const char *path = kube_object_path(&arena, kind_guess(SPAN("OmniMachine")), span_of(words[1]), (struct span){0}, "");
		kube_start(probe->client, &(struct kube_request){.method = "POST", .path = path, .body = body, .deadline_ms = from_ms + 300000},
			   on_filled, probe);
		json_decref(body);
	}
	while (count_done(probe) < count)
		clock_sleep_ms(10);
	printf("filled %u failed %u %lld\n", count, probe->failed, (long long)(clock_monotonic_ms() - from_ms));
	arena_done(&arena);
}

static bool storm_once(struct probe *probe, struct arena *arena, unsigned random)
{
	const struct kind *kind = kind_guess(SPAN("OmniMachine"));
	char ns[16], name[32];
	snprintf(ns, sizeof ns, "ns-%u", random % 3);
	snprintf(name, sizeof name, "m-%u", (random >> 4) % 150);
	bool creates = (random >> 16) % 3 == 0, deletes = (random >> 16) % 3 == 1;
	const char *path = kube_object_path(arena, kind, span_of(ns), creates ? (struct span){0} : span_of(name), "");
	json_t *body = creates ? machine(ns, name, random)
			       : json_pack("{s:{s:{s:s}}}", "metadata", "labels", "team", (random >> 20) % 2 ? "a" : "b");
	struct kube_request request = {.method = creates ? "POST" : deletes ? "DELETE" : "PATCH", .path = path, .body = deletes ? NULL : body,
				       .content_type = creates ? NULL : KUBE_MERGE, .deadline_ms = clock_monotonic_ms() + 2000};
	struct fail fail = {0};
	bool ok = kube_call(probe->client, &request, NULL, &fail);
	json_decref(body);
	return ok || fail.code == FAIL_NOT_FOUND || fail.code == FAIL_EXISTS;
}

static void do_storm(struct probe *probe, char *const words[])
{
	int64_t until_ms = clock_monotonic_ms() + strtol(words[1], NULL, 10) * 1000;
	unsigned random = (unsigned)strtoul(words[2], NULL, 10), count = 0, failed = 0;
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (; clock_monotonic_ms() < until_ms; count++) {
		random = random * 1664525 + 1013904223;
		failed += !storm_once(probe, &arena, random >> 3);
		arena_rewind(&arena);
	}
	printf("stormed %u failed %u\n", count, failed);
	arena_done(&arena);
}

/* --- obeying ----------------------------------------------------------------------------------------------------------------- */

static void obey(struct probe *probe, char *const words[], size_t count)
{
	const char *verb = words[0];
	if (strcmp(verb, "sync") == 0 && count == 2)
		do_wait(probe, true, strtol(words[1], NULL, 10));
	else if (strcmp(verb, "lost") == 0 && count == 2)
		do_wait(probe, false, strtol(words[1], NULL, 10));
	else if (strcmp(verb, "kind") == 0 && count == 2)
		do_kind(probe, words[1]);
	else if (strcmp(verb, "list") == 0)
		do_list(probe);
	else if (strcmp(verb, "counts") == 0)
		do_counts(probe);
	else if (strcmp(verb, "told") == 0)
		do_told(probe);
	else if (strcmp(verb, "secrets") == 0)
		do_secrets(probe);
	else if (strcmp(verb, "secret") == 0 && count == 4)
		do_secret(probe, words);
	else if (strcmp(verb, "await") == 0 && count == 3)
		kube_secrets_watch(probe->secrets, span_of(words[1]), span_of(words[2]), on_secret, probe), puts("ok");
	else if (strcmp(verb, "fill") == 0 && count == 4)
		do_fill(probe, words);
	else if (strcmp(verb, "storm") == 0 && count == 3)
		do_storm(probe, words);
	else if (count == 4)
		do_part(probe, verb, words);
	else
		puts("what?");
	fflush(stdout);
}

static void obey_all(struct probe *probe)
{
	char line[1024];
	while (fgets(line, sizeof line, stdin) != NULL) {
		char *words[WORDS_MAX + 1] = {NULL}, *rest = line;
		size_t count = 0;
		for (char *word; count < WORDS_MAX && (word = strsep(&rest, " \n")) != NULL;)
			if (*word != '\0')
				words[count++] = word;
		if (count > 0 && strcmp(words[0], "bye") == 0)
			return;
		if (count > 0)
			obey(probe, words, count);
	}
}

static bool connect_to(const char *file, struct probe *probe, struct fail *fail)
{
	struct arena arena;
	struct kube_config config;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = kube_config_find(&arena, &(struct kube_config_from){.file = file, .environment = environ}, &config, fail) &&
		  kube_client_new(&config, &(struct kube_client_options){.rate = 100000, .burst = 100000}, &probe->client, fail);
	arena_done(&arena);
	return ok;
}

int main(int argc, char **argv)
{
	static struct probe probe = {.lock = PTHREAD_MUTEX_INITIALIZER};
	const struct kind *kinds[WORDS_MAX + 16] = {NULL};
	struct fail fail = {0};
	size_t count = 0;
	if (argc < 2 || !connect_to(argv[1], &probe, &fail)) {
		fprintf(stderr, "cache: %s\n", argc < 2 ? "which kubeconfig?" : fail.text);
		return 2;
	}
	for (int i = 4; i < argc && count < WORDS_MAX; i++)
		kinds[count++] = kind_guess(span_of(argv[i]));
	for (size_t i = 0; argc <= 4 && kind_at(i) != NULL && i < WORDS_MAX + 8; i++)
		kinds[count++] = kind_at(i);
	arena_init(&probe.arena, ARENA_NO_LIMIT);
	map_init(&probe.known, &probe.arena);
	probe.cache = kube_cache_new(probe.client, kinds,
				     &(struct kube_cache_options){argc > 2 ? argv[2] : "", argc > 3 ? argv[3] : NULL});
	if (getenv("PROBE_DEAF") == NULL)
		kube_cache_listen(probe.cache, &(struct kube_listener){.changed = on_changed, .ctx = &probe});
	probe.secrets = kube_secrets_new(probe.client);
	obey_all(&probe);
	kube_secrets_free(probe.secrets);
	kube_cache_free(probe.cache);
	kube_client_free(probe.client);
	arena_done(&probe.arena);
	return 0;
}
