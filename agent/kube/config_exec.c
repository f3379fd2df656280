/* What a kubeconfig says about the program that gets a user's credentials. */
#include "agent/kube/config_int.h"

enum { WORDS_MAX = 1000 };

static const char *string_at(struct arena *arena, const struct node *node, const char *key)
{
	struct span text = node_source_text(node_get(node, key));
	return text.len == 0 ? NULL : arena_string(arena, text);
}

static bool read_args(struct arena *arena, const struct node *args, const char *who, const char *const **out, struct fail *fail)
{
	size_t count = node_is(args, NODE_SEQ) ? args->len : 0;
	if ((node_is_set(args) && !node_is(args, NODE_SEQ)) || count > WORDS_MAX)
		return fail_set(fail, FAIL_INVALID, "%s: exec.args: a list of at most %d texts is wanted", who, WORDS_MAX);
	const char **list = ARENA_ARRAY(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++) {
		if (!node_is_scalar(&args->items[i]))
			return fail_set(fail, FAIL_INVALID, "%s: exec.args[%zu]: a text is wanted", who, i);
		list[i] = arena_string(arena, node_source_text(&args->items[i]));
	}
	*out = list;
	return true;
}

/* Values may be secrets: they are hidden, and never shown. */
static bool read_env(struct arena *arena, const struct node *env, const char *who, const char *const **out, struct fail *fail)
{
	size_t count = node_is(env, NODE_SEQ) ? env->len : 0;
	if ((node_is_set(env) && !node_is(env, NODE_SEQ)) || count > WORDS_MAX)
		return fail_set(fail, FAIL_INVALID, "%s: exec.env: a list of at most %d pairs of name and value is wanted", who, WORDS_MAX);
	const char **list = ARENA_ARRAY(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++) {
		struct span name = node_source_text(node_get(&env->items[i], "name"));
		struct span value = node_source_text(node_get(&env->items[i], "value"));
		if (name.len == 0 || memchr(name.ptr, '=', name.len) != NULL)
			return fail_set(fail, FAIL_INVALID, "%s: exec.env[%zu]: it has no name of a variable", who, i);
		struct span pair = arena_spanf(arena, "%.*s=%.*s", SPAN_ARG(name), SPAN_ARG(value));
		list[i] = kube_hide(arena, pair).ptr;
		explicit_bzero((char *)(uintptr_t)pair.ptr, pair.len);
	}
	*out = list;
	return true;
}

static bool check_version(const char *version, const char *who, struct fail *fail)
{
	static const char prefix[] = "client.authentication.k8s.io/";
	if (version == NULL)
		return fail_set(fail, FAIL_INVALID, "%s: exec.apiVersion is missing: write %sv1", who, prefix);
	if (strcmp(version, "client.authentication.k8s.io/v1") == 0 || strcmp(version, "client.authentication.k8s.io/v1beta1") == 0)
		return true;
	return fail_set(fail, FAIL_UNSUPPORTED, "%s: exec.apiVersion \"%.80s\" is not supported: %sv1 and %sv1beta1 are", who, version, prefix,
			prefix);
}

static bool check_mode(const struct node *node, bool is_v1, const char *who, struct fail *fail)
{
	struct span mode = node_text_at(node, "interactiveMode");
	if (span_is(mode, "Always"))
		return fail_set(fail, FAIL_UNSUPPORTED,
				"%s: its program wants a terminal (exec.interactiveMode: Always), and there is none: use a token or a certificate", who);
	if (span_is(mode, "Never") || span_is(mode, "IfAvailable") || (mode.len == 0 && !is_v1))
		return true;
	return fail_set(fail, FAIL_INVALID, "%s: exec.interactiveMode: write Never, IfAvailable or Always", who);
}

bool kube_exec_read(struct arena *arena, const struct node *node, const char *dir, const char *who, const struct kube_exec **out,
		    struct fail *fail)
{
	struct kube_exec exec = {
		.api_version = string_at(arena, node, "apiVersion"),
		.command = string_at(arena, node, "command"),
		.install_hint = string_at(arena, node, "installHint"),
		.provides_cluster_info = span_is(node_text_at(node, "provideClusterInfo"), "true"),
	};
	if (!check_version(exec.api_version, who, fail))
		return false;
	if (exec.command == NULL)
		return fail_set(fail, FAIL_INVALID, "%s: exec.command is missing: name the program", who);
	if (!check_mode(node, strcmp(exec.api_version, "client.authentication.k8s.io/v1") == 0, who, fail))
		return false;
	if (!read_args(arena, node_get(node, "args"), who, &exec.args, fail) || !read_env(arena, node_get(node, "env"), who, &exec.env, fail))
		return false;
	if (strchr(exec.command, '/') != NULL)
		exec.command = kube_path(arena, dir, span_of(exec.command));
	*out = arena_dup(arena, &exec, sizeof exec);
	return true;
}
