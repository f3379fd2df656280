/* A client of the Kubernetes API that does what standard input says, a line at a time, and tells each result on a line:
 *
 *   get PATH [TIMEOUT_MS [MAX_BYTES]]  ok JSON | fail CODE TEXT
 *   send METHOD PATH TYPE BODY         the same; TYPE: json, apply, merge, patch
 *   start METHOD PATH TYPE BODY        the same without waiting; the result follows as "started …"
 *   many COUNT PATH                    so many at once: "many OK FAILED" and the first failure
 *   open NAME PATH SILENCE_MS          later "NAME opened", "NAME line BYTES …", "NAME end CODE TEXT"
 *   close NAME                         closed
 *   post DELAY_MS TEXT                 later "posted TEXT"
 *   unpost TEXT                        unposted
 *   counts                             counts requests=… failures=… retries=… throttled=… connections=…
 *   wind MS                            winding: nothing is read any more, writes have so long
 *   call-inside PATH                   what the client's own thread gets when it wants to wait
 *
 * client [--kubeconfig FILE] [--context NAME] [--allow-exec] [--pod DIR] [--rate N] [--burst N] [--foreign FILE] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/kube/client.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/text.h"

enum { STREAMS_MAX = 64, SHOWN_MAX = 300, POSTS_MAX = 64 };

struct watch {
	char name[32];
	struct kube_stream *stream;
};

static struct kube_client *client;
static struct watch watches[STREAMS_MAX];
static char *posts[POSTS_MAX];
static pthread_mutex_t print_lock = PTHREAD_MUTEX_INITIALIZER;

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	pthread_mutex_lock(&print_lock);
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	pthread_mutex_unlock(&print_lock);
	va_end(args);
}

static void tell_answer(const char *before, json_t *answer, const struct fail *fail)
{
	if (fail->code != FAIL_NONE) {
		tell("%sfail %s %s", before, fail_name(fail->code), fail->text);
		return;
	}
	char *text = json_dumps(answer, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text != NULL)
		tell("%sok %.*s", before, SHOWN_MAX, text);
	free(text);
}

static const char *word(char **rest)
{
	char *at = *rest;
	while (*at == ' ')
		at++;
	char *end = at + strcspn(at, " ");
	*rest = *end == '\0' ? end : end + 1;
	*end = '\0';
	return at;
}

static void ask(const struct kube_request *request)
{
	struct fail fail = {0};
	json_t *answer = NULL;
	bool is_fine = kube_call(client, request, &answer, &fail);
	if (is_fine == (fail.code == FAIL_NONE))
		tell_answer("", answer, &fail);
	else
		tell("verdict and failure contradict each other");
	json_decref(answer);
}

static void do_get(char *rest)
{
	const char *path = word(&rest);
	long timeout_ms = strtol(word(&rest), NULL, 10);
	struct kube_request request = {.method = "GET", .path = path, .max_bytes = strtoul(rest, NULL, 10),
				       .deadline_ms = timeout_ms > 0 ? clock_monotonic_ms() + timeout_ms : 0};
	ask(&request);
}

static struct kube_request read_request(char *rest)
{
	static const struct {
		const char *name, *type;
	} types[] = {{"json", KUBE_JSON}, {"apply", KUBE_APPLY}, {"merge", KUBE_MERGE}, {"patch", KUBE_JSON_PATCH}};
	struct kube_request request = {.method = word(&rest), .path = word(&rest)};
	const char *type = word(&rest);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(type, types[i].name) == 0)
			request.content_type = types[i].type;
	request.body = *rest == '\0' ? NULL : json_loads(rest, JSON_DECODE_ANY, NULL);
	return request;
}

static void do_send(char *rest)
{
	struct kube_request request = read_request(rest);
	ask(&request);
	json_decref(request.body);
}

static void on_done(void *ctx, json_t *answer, const struct fail *fail)
{
	(void)ctx;
	tell_answer("started ", answer, fail);
}

static void do_start(char *rest)
{
	struct kube_request request = read_request(rest);
	kube_start(client, &request, on_done, NULL);
	json_decref(request.body);
}

/* --- many at once --------------------------------------------------------------------------------------------------------- */

struct crowd {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned fine, failed;
	struct fail first;
};

static void on_crowd(void *ctx, json_t *answer, const struct fail *fail)
{
	struct crowd *crowd = ctx;
	pthread_mutex_lock(&crowd->lock);
	crowd->fine += fail->code == FAIL_NONE && answer != NULL;
	if (fail->code != FAIL_NONE && crowd->failed++ == 0)
		crowd->first = *fail;
	pthread_cond_signal(&crowd->changed);
	pthread_mutex_unlock(&crowd->lock);
}

static void do_many(char *rest)
{
	static struct crowd crowd;
	unsigned count = (unsigned)strtoul(word(&rest), NULL, 10);
	struct kube_request request = {.method = "GET", .path = word(&rest)};
	crowd = (struct crowd){.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
	for (unsigned i = 0; i < count; i++)
		kube_start(client, &request, on_crowd, &crowd);
	pthread_mutex_lock(&crowd.lock);
	while (crowd.fine + crowd.failed < count)
		pthread_cond_wait(&crowd.changed, &crowd.lock);
	pthread_mutex_unlock(&crowd.lock);
	tell("many %u %u %s", crowd.fine, crowd.failed, crowd.first.text);
}

/* --- watches -------------------------------------------------------------------------------------------------------------- */

static void on_opened(void *ctx)
{
	tell("%s opened", ((struct watch *)ctx)->name);
}

static void on_line(void *ctx, struct span line)
{
	tell("%s line %zu %.*s", ((struct watch *)ctx)->name, line.len, line.len < SHOWN_MAX ? (int)line.len : SHOWN_MAX, line.ptr);
}

static void on_end(void *ctx, const struct fail *fail)
{
	tell("%s end %s %s", ((struct watch *)ctx)->name, fail_name(fail->code), fail->text);
}

/* Of that name, or a free one. */
static struct watch *find_watch(const char *name)
{
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (watches[i].name[0] == '\0' || strcmp(watches[i].name, name) == 0)
			return &watches[i];
	fprintf(stderr, "too many watches\n");
	exit(1);
}

static void do_open(char *rest)
{
	static const struct kube_stream_callbacks callbacks = {.line = on_line, .end = on_end, .opened = on_opened};
	const char *name = word(&rest), *path = word(&rest);
	struct watch *watch = find_watch(name);
	snprintf(watch->name, sizeof watch->name, "%s", name);
	kube_stream_close(watch->stream);
	watch->stream = kube_stream_open(client, path, strtol(rest, NULL, 10), &callbacks, watch);
}

static void do_close(char *rest)
{
	struct watch *watch = find_watch(word(&rest));
	kube_stream_close(watch->stream);
	watch->stream = NULL;
	tell("closed");
}

/* --- the rest --------------------------------------------------------------------------------------------------------------- */

static void on_post(void *ctx)
{
	tell("posted %s", (char *)ctx);
}

static void do_post(char *rest)
{
	long delay_ms = strtol(word(&rest), NULL, 10);
	for (size_t i = 0; i < POSTS_MAX; i++)
		if (posts[i] == NULL) {
			posts[i] = strdup(rest);
			kube_post(client, delay_ms, on_post, posts[i]);
			return;
		}
}

static void do_unpost(char *rest)
{
	for (size_t i = 0; i < POSTS_MAX && posts[i] != NULL; i++)
		if (strcmp(posts[i], rest) == 0)
			kube_unpost(client, on_post, posts[i]);
	tell("unposted");
}

static void do_counts(char *rest)
{
	struct kube_counts counts;
	uint64_t requests = 0;
	(void)rest;
	kube_client_counts(client, &counts);
	for (size_t i = 0; i < sizeof counts.requests / sizeof *counts.requests; i++)
		requests += counts.requests[i];
	tell("counts requests=%llu watches=%llu failures=%llu retries=%llu throttled=%llu connections=%llu", (unsigned long long)requests,
	     (unsigned long long)counts.requests[5], (unsigned long long)counts.failures, (unsigned long long)counts.retries,
	     (unsigned long long)counts.throttled, (unsigned long long)counts.connections);
}

static void do_wind(char *rest)
{
	kube_client_wind_down(client, clock_monotonic_ms() + strtol(rest, NULL, 10));
	tell("winding");
}

static void on_inside(void *ctx)
{
	do_get(ctx);
}

static void do_call_inside(char *rest)
{
	static char path[512];
	snprintf(path, sizeof path, "%s", rest);
	kube_post(client, 0, on_inside, path);
}

static const struct {
	const char *name;
	void (*run)(char *rest);
} orders[] = {
	{"get", do_get},     {"send", do_send}, {"start", do_start},   {"many", do_many},     {"open", do_open},	       {"close", do_close},
	{"post", do_post},   {"unpost", do_unpost}, {"counts", do_counts}, {"wind", do_wind}, {"call-inside", do_call_inside},
};

static void obey(void)
{
	char *line = NULL;
	size_t cap = 0;
	while (getline(&line, &cap, stdin) > 0) {
		char *rest = line;
		line[strcspn(line, "\n")] = '\0';
		const char *name = word(&rest);
		for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
			if (strcmp(name, orders[i].name) == 0)
				orders[i].run(rest);
	}
	free(line);
}

struct options {
	struct kube_config_from from;
	const char *foreign;
	struct kube_client_options client;
};

static void read_options(int argc, char **argv, struct options *out)
{
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : "";
		bool has_value = true;
		if (strcmp(argv[i], "--kubeconfig") == 0)
			out->from.file = value;
		else if (strcmp(argv[i], "--context") == 0)
			out->from.context = value;
		else if (strcmp(argv[i], "--pod") == 0)
			out->from.service_account_dir = value;
		else if (strcmp(argv[i], "--rate") == 0)
			out->client.rate = (double)strtol(value, NULL, 10);
		else if (strcmp(argv[i], "--burst") == 0)
			out->client.burst = (unsigned)strtoul(value, NULL, 10);
		else if (strcmp(argv[i], "--foreign") == 0)
			out->foreign = value;
		else
			has_value = false;
		if (strcmp(argv[i], "--allow-exec") == 0)
			out->from.allow_exec = true;
		i += has_value;
	}
}

static bool find_config(struct arena *arena, const struct options *options, struct kube_config *out, struct fail *fail)
{
	struct span yaml;
	if (options->foreign == NULL)
		return kube_config_find(arena, &options->from, out, fail);
	return files_read(arena, options->foreign, 1 << 20, &yaml, fail) && kube_config_foreign(arena, yaml, out, fail);
}

int main(int argc, char **argv)
{
	struct arena arena;
	struct kube_config config;
	struct fail fail = {0};
	struct log log;
	struct options options = {.from.environment = environ};
	log_init(&log, STDERR_FILENO, getenv("RIG_DEBUG") == NULL ? LEVEL_INFO : LEVEL_DEBUG, FORMAT_TEXT);
	options.client.log = &log;
	read_options(argc, argv, &options);
	arena_init(&arena, ARENA_NO_LIMIT);
	bool is_fine = find_config(&arena, &options, &config, &fail) && kube_client_new(&config, &options.client, &client, &fail);
	arena_done(&arena); /* the client has its own */
	if (!is_fine) {
		tell("none %s %s", fail_name(fail.code), fail.text);
		return 1;
	}
	tell("ready %s %s", kube_client_url(client), kube_client_namespace(client));
	obey();
	for (size_t i = 0; i < STREAMS_MAX; i++)
		kube_stream_close(watches[i].stream);
	kube_client_free(client);
	for (size_t i = 0; i < POSTS_MAX; i++)
		free(posts[i]);
	log_done(&log);
	return 0;
}
