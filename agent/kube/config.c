/* Where a configuration is looked for. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/kube/config_int.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "base/secret.h"
#include "render/load.h"

#define POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

enum { FILES_MAX = 64 };

static const char *variable(const struct kube_config_from *from, const char *name)
{
	size_t len = strlen(name);
	for (char *const *at = from->environment; at != NULL && *at != NULL; at++)
		if (strncmp(*at, name, len) == 0 && (*at)[len] == '=')
			return (*at)[len + 1] == '\0' ? NULL : *at + len + 1;
	return NULL;
}

/* --- files ---------------------------------------------------------------------------------------------------------------- */

/* Configurations are taken from what is read here; then the bytes are wiped, and the nodes given back. */
struct reading {
	struct arena scratch;
	struct kube_file files[FILES_MAX];
	struct secret bytes[FILES_MAX];
	size_t count;
};

static void wipe_texts(const struct node *node, unsigned depth)
{
	if (depth == 0)
		return;
	if (node_is_scalar(node) && node->len >= 16) /* names, true, the empty text: may stand in constant memory */
		explicit_bzero((char *)(uintptr_t)node->text, node->len);
	for (uint32_t i = 0; node_is(node, NODE_SEQ) && i < node->len; i++)
		wipe_texts(&node->items[i], depth - 1);
	for (uint32_t i = 0; node_is(node, NODE_MAP) && i < node->len; i++)
		wipe_texts(&node->pairs[i].value, depth - 1);
}

static void reading_done(struct reading *reading)
{
	enum { DEPTH_MAX = 64 };
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (i < reading->count)
			wipe_texts(node_get(&reading->files[i].root, "users"), DEPTH_MAX);
		secret_done(&reading->bytes[i]);
	}
	arena_done(&reading->scratch);
}

static const char *dir_of(struct arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return ".";
	return slash == path ? "/" : arena_string(arena, (struct span){path, (size_t)(slash - path)});
}

static bool load(struct reading *reading, struct span yaml, const char *path, struct fail *fail)
{
	struct kube_file *file = &reading->files[reading->count];
	const char *name = path == NULL ? "the kubeconfig" : path;
	struct fail why = {0};
	*file = (struct kube_file){.path = path, .dir = path == NULL ? NULL : dir_of(&reading->scratch, path)};
	if (!load_one(&reading->scratch, yaml, LOAD_KUBERNETES, &file->root, &why))
		return fail_set(fail, FAIL_INVALID, "%s: this is no YAML that can be read, at %.*s", name,
				SPAN_ARG(span_before(span_of(why.text), ':'))); /* not the text: it may show a key */
	struct span kind = node_text_at(&file->root, "kind");
	if ((node_is_set(&file->root) && !node_is(&file->root, NODE_MAP)) || (kind.len > 0 && !span_is(kind, "Config")))
		return fail_set(fail, FAIL_INVALID, "%s: this is no kubeconfig (kind: Config)", name);
	reading->count++;
	return true;
}

static bool read_file(struct reading *reading, const char *path, struct fail *fail)
{
	if (!secret_read(&reading->bytes[reading->count], AT_FDCWD, path, KUBE_FILE_MAX, fail))
		return fail_wrap(fail, "the kubeconfig");
	return load(reading, secret_span(&reading->bytes[reading->count]), path, fail);
}

static bool take_file(struct arena *arena, const struct kube_config_from *from, const char *path, struct kube_config *out, struct fail *fail)
{
	CLEANUP(reading_done) struct reading reading = {0};
	arena_init(&reading.scratch, ARENA_NO_LIMIT);
	return read_file(&reading, path, fail) && kube_files_read(arena, reading.files, reading.count, from, out, fail);
}

/* Files of the list that do not exist are passed over, as by kubectl. */
static bool take_list(struct arena *arena, const struct kube_config_from *from, struct span list, struct kube_config *out, struct fail *fail)
{
	CLEANUP(reading_done) struct reading reading = {0};
	struct span rest = list, name;
	arena_init(&reading.scratch, ARENA_NO_LIMIT);
	while (span_next(&rest, ':', &name)) {
		if (name.len == 0)
			continue;
		const char *path = arena_string(arena, name);
		if (reading.count == FILES_MAX)
			return fail_set(fail, FAIL_TOO_BIG, "KUBECONFIG names more than %d files", FILES_MAX);
		if (access(path, F_OK) != 0 && errno == ENOENT)
			continue;
		if (!read_file(&reading, path, fail))
			return false;
	}
	if (reading.count == 0)
		return fail_set(fail, FAIL_NOT_FOUND, "no file exists that KUBECONFIG names (%.*s)", SPAN_ARG(list));
	return kube_files_read(arena, reading.files, reading.count, from, out, fail);
}

bool kube_config_foreign(struct arena *arena, struct span yaml, struct kube_config *out, struct fail *fail)
{
	CLEANUP(reading_done) struct reading reading = {0};
	struct kube_config_from from = {0};
	arena_init(&reading.scratch, ARENA_NO_LIMIT);
	if (yaml.len > KUBE_FILE_MAX)
		return fail_set(fail, FAIL_TOO_BIG, "the kubeconfig has more than %d MiB", KUBE_FILE_MAX >> 20);
	secret_set(&reading.bytes[0], yaml); /* nodes may stand in it, and are wiped */
	bool is_fine = load(&reading, secret_span(&reading.bytes[0]), NULL, fail) &&
		       kube_files_read(arena, reading.files, reading.count, &from, out, fail);
	if (!is_fine && fail != NULL)
		fail->code = FAIL_INVALID;
	return is_fine;
}

/* --- in a pod ------------------------------------------------------------------------------------------------------------- */

static const char *pod_file(struct arena *arena, const struct kube_config_from *from, const char *name)
{
	return arena_spanf(arena, "%s/%s", from->service_account_dir != NULL ? from->service_account_dir : POD_DIR, name).ptr;
}

static bool is_in_pod(struct arena *arena, const struct kube_config_from *from)
{
	return from->context == NULL && variable(from, "KUBERNETES_SERVICE_HOST") != NULL && variable(from, "KUBERNETES_SERVICE_PORT") != NULL &&
	       access(pod_file(arena, from, "token"), F_OK) == 0;
}

static bool take_pod(struct arena *arena, const struct kube_config_from *from, struct kube_config *out, struct fail *fail)
{
	static const char *const schemes[] = {"https", NULL};
	const char *host = variable(from, "KUBERNETES_SERVICE_HOST"), *port = variable(from, "KUBERNETES_SERVICE_PORT");
	bool is_bare_ipv6 = strchr(host, ':') != NULL && host[0] != '[';
	struct kube_config config = {.token_file = pod_file(arena, from, "token"), .ca_file = pod_file(arena, from, "ca.crt")};
	struct span url = arena_spanf(arena, is_bare_ipv6 ? "https://[%s]:%s" : "https://%s:%s", host, port), ns;
	if (!kube_url_read(arena, url, schemes, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT", &config.server, fail))
		return false;
	if (files_read(arena, pod_file(arena, from, "namespace"), 1024, &ns, NULL))
		config.ns = arena_string(arena, span_trim(ns));
	*out = config;
	return true;
}

/* --- all of them ---------------------------------------------------------------------------------------------------------- */

static bool refuse(struct arena *arena, const struct kube_config_from *from, const char *home_file, struct fail *fail)
{
	const char *pod = "this is no pod (KUBERNETES_SERVICE_HOST is not set)";
	if (variable(from, "KUBERNETES_SERVICE_HOST") != NULL)
		pod = arena_spanf(arena, "this pod has no token (%s; is automountServiceAccountToken false?)", pod_file(arena, from, "token")).ptr;
	if (from->context != NULL)
		pod = "a context was named, which a pod does not have";
	return fail_set(fail, FAIL_NOT_FOUND,
			"no way to a Kubernetes API is known: %s, KUBECONFIG is not set, and %s does not exist; name a file: --kubeconfig FILE", pod,
		        home_file == NULL ? "HOME" : home_file);
}

bool kube_config_find(struct arena *arena, const struct kube_config_from *from, struct kube_config *out, struct fail *fail)
{
	if (from->file != NULL)
		return take_file(arena, from, from->file, out, fail);
	if (is_in_pod(arena, from))
		return take_pod(arena, from, out, fail);
	const char *list = variable(from, "KUBECONFIG"), *home = variable(from, "HOME");
	if (list != NULL)
		return take_list(arena, from, span_of(list), out, fail);
	const char *home_file = home == NULL ? NULL : arena_spanf(arena, "%s/.kube/config", home).ptr;
	if (home_file == NULL || access(home_file, F_OK) != 0)
		return refuse(arena, from, home_file, fail);
	return take_file(arena, from, home_file, out, fail);
}
