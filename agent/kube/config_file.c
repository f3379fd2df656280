/* What a context of kubeconfig files leads to. Failures name the entry and the key, and never show a value of it. */
#include "agent/kube/config_int.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/secret.h"

enum { GROUPS_MAX = 1000 };

/* One entry of a list, and where it came from. */
struct entry {
	const struct node *value; /* below "cluster", "user" or "context" */
	const struct kube_file *file;
	const char *who; /* `clusters.yaml: the user "me"` */
};

static void wipe(void *secret)
{
	secret_done(secret);
}

struct span kube_hide(struct arena *arena, struct span bytes)
{
	struct secret *secret = ARENA_NEW(arena, struct secret);
	secret_set(secret, bytes);
	arena_defer(arena, wipe, secret);
	return secret_span(secret);
}

const char *kube_path(struct arena *arena, const char *dir, struct span name)
{
	if (name.len == 0 || name.ptr[0] == '/' || dir == NULL)
		return arena_string(arena, name);
	return arena_spanf(arena, "%s/%.*s", dir, SPAN_ARG(name)).ptr;
}

/* --- finding ------------------------------------------------------------------------------------------------------------ */

static const struct node *item_of(const struct node *list, struct span name)
{
	for (uint32_t i = 0; node_is(list, NODE_SEQ) && i < list->len; i++)
		if (span_eq(node_source_text(node_get(&list->items[i], "name")), name))
			return &list->items[i];
	return NULL;
}

static bool find(struct arena *arena, const struct kube_file *files, size_t count, const char *kind, struct span name, struct entry *out)
{
	char list[16];
	snprintf(list, sizeof list, "%ss", kind);
	for (size_t i = 0; i < count; i++) {
		const struct node *item = item_of(node_get(&files[i].root, list), name);
		if (item == NULL)
			continue;
		out->value = node_get(item, kind);
		out->file = &files[i];
		out->who = arena_spanf(arena, "%s: the %s \"%.*s\"", files[i].path == NULL ? "the kubeconfig" : files[i].path, kind,
				       SPAN_ARG(name)).ptr;
		return true;
	}
	return false;
}

static const char *place_of(struct arena *arena, const struct kube_file *files, size_t count)
{
	if (files[0].path == NULL)
		return "the kubeconfig";
	return count == 1 ? files[0].path : arena_spanf(arena, "%s and %zu more", files[0].path, count - 1).ptr;
}

static void add_name(struct text *names, struct span name)
{
	enum { NAMES_MAX = 300 };
	if (name.len > 0 && names->len < NAMES_MAX)
		text_addf(names, "%s%.*s", names->len == 0 ? "" : ", ", SPAN_ARG(name));
}

static bool refuse_context(struct arena *arena, const struct kube_file *files, size_t count, struct span name, struct fail *fail)
{
	struct text names;
	text_init(&names, 4096);
	for (size_t i = 0; i < count; i++) {
		const struct node *list = node_get(&files[i].root, "contexts");
		for (uint32_t k = 0; node_is(list, NODE_SEQ) && k < list->len; k++)
			add_name(&names, node_source_text(node_get(&list->items[k], "name")));
	}
	const char *place = place_of(arena, files, count), *known = names.len == 0 ? "none at all" : names.ptr;
	bool is_named = name.len > 0;
	if (is_named)
		fail_set(fail, FAIL_NOT_FOUND, "%s: there is no context \"%.*s\"; there is: %s", place, SPAN_ARG(name), known);
	else
		fail_set(fail, FAIL_INVALID, "%s: no current-context; %s. There is: %s", place,
			 files[0].path == NULL ? "write one into it" : "name one: --kube-context NAME", known);
	text_done(&names);
	return false;
}

/* --- values ------------------------------------------------------------------------------------------------------------- */

/* A text, or nothing; *out stays NULL then. */
static bool take_text(struct arena *arena, const struct entry *entry, const char *key, const char **out, struct fail *fail)
{
	const struct node *node = node_get(entry->value, key);
	if (!node_is_set(node))
		return true;
	struct span text = node_source_text(node);
	if (!node_is_scalar(node) || memchr(text.ptr, '\0', text.len) != NULL)
		return fail_set(fail, FAIL_INVALID, "%s: %s: a text is wanted", entry->who, key);
	if (text.len > 0)
		*out = arena_string(arena, text);
	return true;
}

static bool take_secret(struct arena *arena, const struct entry *entry, const char *key, struct span *out, struct fail *fail)
{
	const char *text = NULL;
	if (!take_text(arena, entry, key, &text, fail))
		return false;
	if (text == NULL)
		return true;
	*out = kube_hide(arena, span_of(text));
	explicit_bzero((char *)(uintptr_t)text, out->len);
	return true;
}

static bool take_flag(const struct entry *entry, const char *key, bool *out, struct fail *fail)
{
	const struct node *node = node_get(entry->value, key);
	if (node_is_set(node) && !node_is(node, NODE_BOOL))
		return fail_set(fail, FAIL_INVALID, "%s: %s: write true or false", entry->who, key);
	*out = span_is(node_text(node), "true");
	return true;
}

static bool take_file(struct arena *arena, const struct entry *entry, const char *key, const char **out, struct fail *fail)
{
	const char *name = NULL;
	if (!take_text(arena, entry, key, &name, fail))
		return false;
	if (name == NULL)
		return true;
	*out = kube_path(arena, entry->file->dir, span_of(name));
	return true;
}

static bool take_data(struct arena *arena, const struct entry *entry, const char *key, struct span *out, struct fail *fail)
{
	struct span text = {0};
	size_t len = 0, bad = 0;
	if (!take_secret(arena, entry, key, &text, fail))
		return false;
	if (text.len == 0)
		return true;
	if (!base64_decode(text, true, (char *)(uintptr_t)text.ptr, &len, &bad))
		return fail_set(fail, FAIL_INVALID, "%s: %s: this is no base64, character %zu is wrong", entry->who, key, bad + 1);
	((char *)(uintptr_t)text.ptr)[len] = '\0';
	text.len = len;
	if (!span_contains(text, "-----BEGIN "))
		return fail_set(fail, FAIL_INVALID, "%s: %s: what is in it is not in PEM form (-----BEGIN …)", entry->who, key);
	*out = text;
	return true;
}

/* Data beats the file. */
static bool take_pem(struct arena *arena, const struct entry *entry, const char *key, const char **file, struct span *data, struct fail *fail)
{
	const char *data_key = arena_spanf(arena, "%s-data", key).ptr;
	if (!take_data(arena, entry, data_key, data, fail))
		return false;
	return data->len > 0 || take_file(arena, entry, key, file, fail);
}

/* --- a cluster ---------------------------------------------------------------------------------------------------------- */

static bool take_url(struct arena *arena, const struct entry *entry, const char *key, const char *const *schemes, const char **out,
		     struct fail *fail)
{
	const char *url = NULL;
	if (!take_text(arena, entry, key, &url, fail) || url == NULL)
		return url == NULL && fail->code == FAIL_NONE;
	return kube_url_read(arena, span_of(url), schemes, arena_spanf(arena, "%s: %s", entry->who, key).ptr, out, fail);
}

static bool read_cluster(struct arena *arena, const struct entry *entry, struct kube_config *out, struct fail *fail)
{
	static const char *const servers[] = {"https", "http", NULL}, *const encrypted[] = {"https", NULL};
	static const char *const proxies[] = {"http", "https", "socks5", "socks5h", NULL};
	bool is_foreign = entry->file->path == NULL;
	if (is_foreign && !kube_foreign_cluster(entry->value, entry->who, fail))
		return false;
	if (!take_url(arena, entry, "server", is_foreign ? encrypted : servers, &out->server, fail) ||
	    !take_url(arena, entry, "proxy-url", proxies, &out->proxy_url, fail))
		return false;
	if (!take_pem(arena, entry, "certificate-authority", &out->ca_file, &out->ca_data, fail) ||
	    !take_text(arena, entry, "tls-server-name", &out->tls_server_name, fail) ||
	    !take_flag(entry, "insecure-skip-tls-verify", &out->insecure_skip_tls_verify, fail))
		return false;
	if (out->server == NULL)
		return fail_set(fail, FAIL_INVALID, "%s: server is missing: write https://HOST:PORT", entry->who);
	if (out->insecure_skip_tls_verify && (out->ca_file != NULL || out->ca_data.len > 0))
		return fail_set(fail, FAIL_INVALID, "%s: insecure-skip-tls-verify and a certificate-authority contradict each other: remove one",
				entry->who);
	return true;
}

/* --- a user ------------------------------------------------------------------------------------------------------------- */

static bool read_groups(struct arena *arena, const struct entry *entry, struct kube_config *out, struct fail *fail)
{
	const struct node *groups = node_get(entry->value, "as-groups");
	if (!node_is_set(groups) || (node_is(groups, NODE_SEQ) && groups->len == 0))
		return true;
	if (!node_is(groups, NODE_SEQ) || groups->len > GROUPS_MAX)
		return fail_set(fail, FAIL_INVALID, "%s: as-groups: a list of at most %d texts is wanted", entry->who, GROUPS_MAX);
	const char **list = ARENA_ARRAY(arena, const char *, (size_t)groups->len + 1);
	for (uint32_t i = 0; i < groups->len; i++)
		list[i] = arena_string(arena, node_source_text(&groups->items[i]));
	out->as_groups = list;
	return true;
}

static bool read_extra(struct arena *arena, const struct entry *entry, struct kube_config *out, struct fail *fail)
{
	const struct node *extra = node_get(entry->value, "as-user-extra");
	const char **list = NULL;
	size_t count = 0, cap = 0;
	for (uint32_t i = 0; node_is(extra, NODE_MAP) && i < extra->len; i++) {
		const struct node *values = &extra->pairs[i].value;
		if (!node_is(values, NODE_SEQ) || values->len > GROUPS_MAX || count > GROUPS_MAX)
			return fail_set(fail, FAIL_INVALID, "%s: as-user-extra: a list of texts is wanted for each key", entry->who);
		for (uint32_t k = 0; k < values->len; k++) {
			ARENA_PUSH(arena, list, count, cap) = arena_string(arena, node_source_text(&extra->pairs[i].key));
			ARENA_PUSH(arena, list, count, cap) = arena_string(arena, node_source_text(&values->items[k]));
		}
	}
	if (count > 0)
		ARENA_PUSH(arena, list, count, cap) = NULL;
	out->as_extra = list;
	return true;
}

static bool read_impersonation(struct arena *arena, const struct entry *entry, struct kube_config *out, struct fail *fail)
{
	if (!take_text(arena, entry, "as", &out->as_user, fail) || !take_text(arena, entry, "as-uid", &out->as_uid, fail) ||
	    !read_groups(arena, entry, out, fail) || !read_extra(arena, entry, out, fail))
		return false;
	if (out->as_user == NULL && (out->as_uid != NULL || out->as_groups != NULL || out->as_extra != NULL))
		return fail_set(fail, FAIL_INVALID, "%s: as-uid, as-groups and as-user-extra mean nothing without as", entry->who);
	return true;
}

static bool read_program(struct arena *arena, const struct entry *entry, const struct kube_config_from *from, struct kube_config *out,
			 struct fail *fail)
{
	const struct node *exec = node_get(entry->value, "exec");
	if (node_is_set(node_get(entry->value, "auth-provider")))
		return fail_set(fail, FAIL_UNSUPPORTED,
				"%s: auth-provider is not supported, and by kubectl neither any more: use a token, a certificate or exec",
				entry->who);
	bool has_other = out->token.len > 0 || out->token_file != NULL || out->user != NULL;
	if (!node_is_set(exec) || has_other)
		return true;
	if (!from->allow_exec)
		return fail_set(fail, FAIL_DENIED,
				"%s: its credentials come from a program (exec), which is not run unless you allow it: --allow-exec-credentials",
				entry->who);
	return kube_exec_read(arena, exec, entry->file->dir, entry->who, &out->exec, fail);
}

static bool check_user(const struct entry *entry, const struct kube_config *config, struct fail *fail)
{
	bool has_cert = config->cert_data.len > 0 || config->cert_file != NULL, has_key = config->key_data.len > 0 || config->key_file != NULL;
	bool has_token = config->token.len > 0 || config->token_file != NULL;
	if (has_cert != has_key)
		return fail_set(fail, FAIL_INVALID, "%s: client-%s is missing: a certificate needs its key, and the other way round", entry->who,
				has_cert ? "key" : "certificate");
	if (has_token && config->user != NULL)
		return fail_set(fail, FAIL_INVALID, "%s: a token and a username contradict each other: remove one", entry->who);
	if (config->password != NULL && config->user == NULL)
		return fail_set(fail, FAIL_INVALID, "%s: a password without a username", entry->who);
	if (span_contains(config->token, "\n") || span_contains(config->token, "\r"))
		return fail_set(fail, FAIL_INVALID, "%s: token: it has a line end in it", entry->who);
	return true;
}

static bool read_user(struct arena *arena, const struct entry *entry, const struct kube_config_from *from, struct kube_config *out,
		      struct fail *fail)
{
	struct span password = {0};
	if (entry->file->path == NULL && !kube_foreign_user(entry->value, entry->who, fail))
		return false;
	if (!take_file(arena, entry, "tokenFile", &out->token_file, fail) || !take_secret(arena, entry, "token", &out->token, fail) ||
	    !take_pem(arena, entry, "client-certificate", &out->cert_file, &out->cert_data, fail) ||
	    !take_pem(arena, entry, "client-key", &out->key_file, &out->key_data, fail) ||
	    !take_text(arena, entry, "username", &out->user, fail) || !take_secret(arena, entry, "password", &password, fail))
		return false;
	out->password = password.ptr;
	return check_user(entry, out, fail) && read_impersonation(arena, entry, out, fail) && read_program(arena, entry, from, out, fail);
}

/* --- a context ---------------------------------------------------------------------------------------------------------- */

static struct span current_of(const struct kube_file *files, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct span current = node_source_text(node_get(&files[i].root, "current-context"));
		if (current.len > 0)
			return current;
	}
	return (struct span){0};
}

bool kube_files_read(struct arena *arena, const struct kube_file *files, size_t count, const struct kube_config_from *from,
		     struct kube_config *out, struct fail *fail)
{
	struct entry context = {0}, cluster = {0}, user = {0};
	struct kube_config config = {0};
	struct fail unwanted;
	struct span name = from->context != NULL ? span_of(from->context) : current_of(files, count);
	fail = fail == NULL ? &unwanted : fail;
	fail->code = FAIL_NONE;
	if (name.len == 0 || !find(arena, files, count, "context", name, &context))
		return refuse_context(arena, files, count, name, fail);
	struct span cluster_name = node_source_text(node_get(context.value, "cluster")), user_name = node_source_text(node_get(context.value, "user"));
	if (!find(arena, files, count, "cluster", cluster_name, &cluster))
		return fail_set(fail, FAIL_INVALID, "%s: there is no cluster \"%.*s\", which it leads to", context.who, SPAN_ARG(cluster_name));
	if (user_name.len > 0 && !find(arena, files, count, "user", user_name, &user))
		return fail_set(fail, FAIL_INVALID, "%s: there is no user \"%.*s\", whom it names", context.who, SPAN_ARG(user_name));
	if (!take_text(arena, &context, "namespace", &config.ns, fail) || !read_cluster(arena, &cluster, &config, fail))
		return false;
	if (user.value != NULL && !read_user(arena, &user, from, &config, fail))
		return false;
	*out = config;
	return true;
}
