#include "tests/unit/remote_rig.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/test.h"

#include "base/files.h"

static const char *setting(const char *name)
{
	const char *value = getenv(name);
	if (value == NULL)
		fail_msg("%s is not set: tests/e2e/cosi.sh does it", name);
	return value;
}

bool rig_try_open(const char *endpoint, const char *key_file, struct omni_store **out, struct fail *fail)
{
	enum { KEY_MAX = 1 << 16 };
	struct omni_store_options options = {.key_source = key_file, .ca_file = setting("COSI_CA")};
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (options.ca_file[0] == '\0')
		options.ca_file = NULL;
	bool ok = files_read(&arena, key_file, KEY_MAX, &options.key, fail) && omni_store_open(endpoint, &options, out, fail);
	arena_done(&arena);
	return ok;
}

struct omni_store *rig_open(const char *key_file)
{
	struct omni_store *store = NULL;
	struct fail fail;
	if (!rig_try_open(setting("COSI_ENDPOINT"), key_file != NULL ? key_file : setting("COSI_KEY"), &store, &fail))
		fail_msg("%s", fail.text);
	return store;
}

static size_t take(char *bytes, size_t size, size_t count, void *ctx)
{
	text_add(ctx, (struct span){bytes, size * count});
	return size * count;
}

/* body NULL: a question. */
static void talk(const char *what, const char *body, struct text *out)
{
	char url[2048];
	long status = 0;
	CURL *curl = curl_easy_init();
	snprintf(url, sizeof url, "%s/%s", setting("COSI_CONTROL"), what);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
	if (body != NULL)
		curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	if (code != CURLE_OK || status / 100 != 2)
		fail_msg("%s: %s, %ld: %s", url, curl_easy_strerror(code), status, out->ptr);
}

void rig_order(const char *order, ...)
{
	char line[8192];
	struct text answer;
	va_list args;
	va_start(args, order);
	vsnprintf(line, sizeof line, order, args);
	va_end(args);
	text_init(&answer, TEXT_NO_LIMIT);
	talk(line, "", &answer);
	text_done(&answer);
}

void rig_put(const char *yaml)
{
	struct text answer;
	text_init(&answer, TEXT_NO_LIMIT);
	talk("put", yaml, &answer);
	text_done(&answer);
}

void rig_ask(struct text *out, const char *question)
{
	text_reset(out);
	talk(question, NULL, out);
}

unsigned rig_count(const char *method)
{
	struct text answer;
	text_init(&answer, TEXT_NO_LIMIT);
	rig_ask(&answer, "counts");
	json_t *counts = json_loads(answer.ptr, 0, NULL);
	assert_non_null(counts);
	unsigned count = (unsigned)json_integer_value(json_object_get(counts, method));
	json_decref(counts);
	text_done(&answer);
	return count;
}

static void clear_type(struct omni_store *store, const struct omni_type *type)
{
	struct arena arena;
	struct resource_list list;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!store->ops->list(store, &arena, type, NULL, 0, &list, &fail))
		fail_msg("%s", fail.text);
	for (size_t i = 0; i < list.count; i++) {
		char *id = curl_easy_escape(NULL, list.items[i]->id.ptr, (int)list.items[i]->id.len);
		rig_order("destroy?type=%s&id=%s", type->name, id);
		curl_free(id);
	}
	arena_done(&arena);
}

void rig_clear(void)
{
	static const char *const types[] = {"Clusters", "MachineSets", "MachineSetNodes", "ConfigPatches", "MachineLabels",
					    "MachineClasses"};
	rig_order("reset");
	struct omni_store *store = rig_open(NULL);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		char name[64];
		snprintf(name, sizeof name, "%s.omni.sidero.dev", types[i]);
		clear_type(store, omni_type_find(span_of(name)));
	}
	omni_store_close(store);
	rig_order("reset");
}
