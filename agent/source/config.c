#include "agent/source/config.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/duration.h"

enum { GIT_INTERVAL_MS = 60000, DIR_INTERVAL_MS = 30000, TIMEOUT_MS = 120000, MAX_REF = 255 };

/* One object is one small file. */
#define KUBERNETES_LIMITS ((struct tree_limits){4u << 20, 256u << 20, 250000})

static const struct {
	const char *prefix;
	enum source_scheme scheme;
	size_t cut; /* bytes dropped to get the URL that libgit2 wants */
} schemes[] = {
	{"git+https://", SCHEME_HTTPS, 4},
	{"git+http://", SCHEME_HTTP, 4},
	{"git+ssh://", SCHEME_SSH, 4},
	{"git+file://", SCHEME_FILE, 11},
	{"dir:", SCHEME_DIR, 4},
	{"kubernetes:", SCHEME_KUBERNETES, 0},
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool percent_decode(struct arena *arena, struct span text, const char **out)
{
	char *copy = arena_string(arena, text), *to = copy;
	for (size_t i = 0; i < text.len; i++, to++) {
		*to = text.ptr[i];
		if (*to != '%')
			continue;
		int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(text.ptr[i + 2]) : -1;
		if (low < 0 || high * 16 + low < 32)
			return false;
		*to = (char)(high * 16 + low);
		i += 2;
	}
	*to = '\0';
	*out = copy;
	return true;
}

/* --- options behind "?" --------------------------------------------------------------------------------------------- */

static bool set_ref(struct source_config *config, enum ref_kind kind, const char *value, struct fail *fail)
{
	struct span ref = span_of(value);
	bool ok = ref.len > 0 && ref.len <= MAX_REF && !span_contains(ref, "..") && strpbrk(value, " ~^:?*[\\") == NULL &&
		  ref.ptr[0] != '-' && ref.ptr[0] != '/' && !span_ends(ref, "/") && !span_ends(ref, ".lock");
	if (!ok)
		return fail_set(fail, FAIL_INVALID, "\"%s\" is no name of a Git branch or tag", value);
	if (kind == REF_COMMIT && (ref.len != 40 || strspn(value, "0123456789abcdef") != 40))
		return fail_set(fail, FAIL_INVALID, "commit= needs 40 hexadecimal digits in lower case, not \"%s\"", value);
	if (config->ref_kind != REF_HEAD)
		return fail_set(fail, FAIL_INVALID, "only one of ref=, tag= and commit= can be given");
	config->ref_kind = kind;
	config->ref = value;
	return true;
}

static bool set_path(struct source_config *config, const char *value, struct fail *fail)
{
	struct span clean;
	struct span given = span_of(value);
	while (given.len > 1 && span_ends(given, "/"))
		given.len--;
	config->path = "";
	if (given.len == 0 || span_is(given, "."))
		return true;
	if (!tree_resolve(&config->arena, SPAN(""), given, &clean))
		return fail_set(fail, FAIL_INVALID, "path=%s is not a path below the root of the tree", value);
	config->path = arena_string(&config->arena, clean);
	return true;
}

static bool set_duration(int64_t *out_ms, const char *value, struct fail *fail)
{
	int64_t ns;
	if (!duration_parse(span_of(value), &ns, fail))
		return false;
	if (ns < DURATION_SECOND / 10)
		return fail_set(fail, FAIL_INVALID, "%s is too short: at least 100ms", value);
	*out_ms = ns / DURATION_MS;
	return true;
}

static bool set_option(struct source_config *config, struct span key, const char *value, struct fail *fail)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {
		{"user", &config->user}, {"token-file", &config->token_file}, {"token-env", &config->token_env},
		{"ssh-key-file", &config->ssh_key_file}, {"ssh-passphrase-file", &config->ssh_passphrase_file},
		{"known-hosts", &config->known_hosts}, {"ca-file", &config->ca_file},
		{"verify-keys", &config->verify_keys}, {"name", &config->name},
	};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (span_is(key, texts[i].key)) {
			*texts[i].to = value;
			return true;
		}
	if (span_is(key, "path"))
		return set_path(config, value, fail);
	if (span_is(key, "interval"))
		return set_duration(&config->interval_ms, value, fail);
	if (span_is(key, "timeout"))
		return set_duration(&config->timeout_ms, value, fail);
	if (span_is(key, "ref") || span_is(key, "branch"))
		return set_ref(config, REF_BRANCH, value, fail);
	if (span_is(key, "tag"))
		return set_ref(config, REF_TAG, value, fail);
	if (span_is(key, "commit"))
		return set_ref(config, REF_COMMIT, value, fail);
	if (span_is(key, "insecure") && (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)) {
		config->is_insecure = value[0] == 't';
		return true;
	}
	return fail_set(fail, FAIL_INVALID,
			"unknown option \"%.*s=%s\"; known: ref, tag, commit, path, interval, timeout, user, token-file, "
			"token-env, ssh-key-file, ssh-passphrase-file, known-hosts, ca-file, verify-keys, name, insecure",
			SPAN_ARG(key), value);
}

/* A label of a namespace, as Kubernetes has it. */
static bool is_namespace(const char *value)
{
	size_t len = strlen(value);
	return len > 0 && len <= 63 && strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") == len && value[0] != '-' &&
	       value[len - 1] != '-';
}

static bool set_kubernetes_option(struct source_config *config, struct span key, const char *value, struct fail *fail)
{
	struct source_scope *scope = &config->scope;
	if (span_is(key, "namespace")) {
		scope->ns = value;
		return is_namespace(value) ? true : fail_set(fail, FAIL_INVALID, "\"%s\" is no name of a namespace", value);
	}
	if (span_is(key, "all-namespaces") && (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)) {
		scope->all_namespaces = value[0] == 't';
		return true;
	}
	if (span_is(key, "selector") || span_is(key, "name")) {
		*(span_is(key, "name") ? &config->name : &scope->selector) = value;
		return value[0] != '\0' ? true : fail_set(fail, FAIL_INVALID, "%.*s= is empty", SPAN_ARG(key));
	}
	if (span_is(key, "interval"))
		return set_duration(&config->interval_ms, value, fail);
	return fail_set(fail, FAIL_INVALID, "unknown option \"%.*s=%s\"; of kubernetes: known are: namespace, all-namespaces, selector, name, interval",
			SPAN_ARG(key), value);
}

static bool set_options(struct source_config *config, struct span query, struct fail *fail)
{
	struct span piece;
	while (span_next(&query, '&', &piece)) {
		const char *value;
		struct span text = span_behind(piece, '=');
		if (piece.len == 0)
			continue;
		if (!percent_decode(&config->arena, text.ptr == NULL ? SPAN("") : text, &value))
			return fail_set(fail, FAIL_INVALID, "\"%.*s\" is not percent-encoded correctly",
					SPAN_ARG(span_before(piece, '=')));
		bool is_kubernetes = config->scheme == SCHEME_KUBERNETES;
		if (!(is_kubernetes ? set_kubernetes_option : set_option)(config, span_before(piece, '='), value, fail))
			return false;
	}
	return true;
}

/* --- the place in front of "?" -------------------------------------------------------------------------------------- */

static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static bool take_host(struct source_config *config, struct span authority, struct fail *fail)
{
	struct span host = span_before(authority, ':');
	if (authority.len > 0 && authority.ptr[0] == '[')
		host = span_before((struct span){authority.ptr + 1, authority.len - 1}, ']');
	if (host.len == 0 || host.ptr[0] == '-')
		return fail_set(fail, FAIL_INVALID, "the URL names no host");
	char *lower = arena_string(&config->arena, host);
	for (char *c = lower; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 32 : *c);
	config->host = lower;
	return true;
}

static bool take_remote(struct source_config *config, struct span scheme, struct span rest, struct fail *fail)
{
	struct span authority = span_before(rest, '/'), path = span_behind(rest, '/');
	struct span user = {NULL, 0}, host = authority;
	for (size_t i = 0; i < authority.len; i++)
		if (authority.ptr[i] == '@') {
			user = (struct span){authority.ptr, i};
			host = (struct span){authority.ptr + i + 1, authority.len - i - 1};
		}
	if (path.len == 0)
		return fail_set(fail, FAIL_INVALID, "the URL names no repository behind the host");
	if (user.ptr != NULL && memchr(user.ptr, ':', user.len) != NULL)
		return fail_set(fail, FAIL_INVALID,
				"a password in the URL ends up in logs and process lists: use token-file= or token-env=");
	if (user.len > 0 && config->user == NULL && !percent_decode(&config->arena, user, &config->user))
		return fail_set(fail, FAIL_INVALID, "the user in the URL is not percent-encoded correctly");
	if (!take_host(config, host, fail))
		return false;
	config->place = arena_spanf(&config->arena, "%.*s%.*s/%.*s", SPAN_ARG(scheme), SPAN_ARG(host), SPAN_ARG(path)).ptr;
	if (config->name == NULL)
		config->name = config->place;
	if (config->scheme == SCHEME_HTTP && !config->is_insecure && !is_loopback(config->host))
		return fail_set(fail, FAIL_INVALID,
				"git+http:// sends everything in the clear: use git+https://, or add insecure=true");
	return true;
}

static bool take_local(struct source_config *config, struct span rest, struct fail *fail)
{
	if (!percent_decode(&config->arena, rest, &config->place))
		return fail_set(fail, FAIL_INVALID, "the path is not percent-encoded correctly");
	size_t len = strlen(config->place);
	while (len > 1 && config->place[len - 1] == '/')
		len--;
	config->place = arena_string(&config->arena, (struct span){config->place, len});
	config->host = "";
	if (config->name == NULL)
		config->name = config->place;
	if (config->place[0] == '/')
		return true;
	if (config->scheme == SCHEME_FILE || len == 0)
		return fail_set(fail, FAIL_INVALID, "an absolute path is needed, as in git+file:///srv/repo.git");
	char *absolute = realpath(".", NULL);
	if (absolute == NULL)
		return fail_set(fail, FAIL_IO, "the working directory has no path");
	config->place = arena_spanf(&config->arena, "%s/%s", absolute, config->place).ptr;
	free(absolute);
	return true;
}

static bool take_kubernetes(struct source_config *config, struct span rest, struct fail *fail)
{
	const struct source_scope *scope = &config->scope;
	config->place = config->host = "";
	if (config->name == NULL)
		config->name = scope->ns == NULL ? "kubernetes" : arena_spanf(&config->arena, "kubernetes:%s", scope->ns).ptr;
	if (rest.len > 0)
		return fail_set(fail, FAIL_INVALID, "nothing stands between \"kubernetes:\" and \"?\": a namespace is given as "
				"kubernetes:?namespace=%.*s, the API server by --kubeconfig", SPAN_ARG(rest));
	if (scope->ns != NULL && scope->all_namespaces)
		return fail_set(fail, FAIL_INVALID, "only one of namespace= and all-namespaces=true can be given");
	return true;
}

/* --- defaults ------------------------------------------------------------------------------------------------------- */

static const char *copy_string(struct arena *arena, const char *text)
{
	return text == NULL || *text == '\0' ? NULL : arena_string(arena, span_of(text));
}

const char *source_cache_dir(struct arena *arena)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	if (cache != NULL && cache[0] == '/')
		return arena_spanf(arena, "%s/omniops", cache).ptr;
	if (home != NULL && home[0] == '/' && home[1] != '\0')
		return arena_spanf(arena, "%s/.cache/omniops", home).ptr;
	return "/var/cache/omniops";
}

static void take_defaults(struct source_config *config, const struct source_options *options)
{
	struct arena *arena = &config->arena;
	const char *token_env = options->token_env;
	*config = (struct source_config){.arena = config->arena, .scheme = config->scheme, .ref = "", .path = "", .host = ""};
	config->user = copy_string(arena, options->user);
	config->token_file = copy_string(arena, options->token_file);
	config->token_env = copy_string(arena, token_env);
	config->ssh_key_file = copy_string(arena, options->ssh_key_file);
	config->ssh_passphrase_file = copy_string(arena, options->ssh_passphrase_file);
	config->known_hosts = copy_string(arena, options->known_hosts);
	config->ca_file = copy_string(arena, options->ca_file);
	config->verify_keys = copy_string(arena, options->verify_keys);
	config->cache_dir = copy_string(arena, options->cache_dir);
	if (config->cache_dir == NULL)
		config->cache_dir = source_cache_dir(arena);
	int64_t interval_ms = config->scheme >= SCHEME_DIR ? DIR_INTERVAL_MS : GIT_INTERVAL_MS;
	config->interval_ms = options->interval_ms > 0 ? options->interval_ms : interval_ms;
	config->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS;
	config->limits = options->limits.max_files != 0		? options->limits
			 : config->scheme == SCHEME_KUBERNETES ? KUBERNETES_LIMITS
								: TREE_LIMITS_DEFAULT;
	config->objects = options->objects;
	config->settle_ms = options->settle_ms;
	config->admits = options->admits;
	config->max_fetch_bytes = options->max_fetch_bytes == 0 ? (size_t)1 << 30 : options->max_fetch_bytes;
}

/* For messages: what stands in front of the host may be a password. */
static struct span without_user(struct span url)
{
	struct span shown = span_before(url, '?');
	const char *at = shown.len == 0 ? NULL : memrchr(shown.ptr, '@', shown.len);
	return at == NULL ? shown : (struct span){at + 1, shown.len - (size_t)(at + 1 - shown.ptr)};
}

bool config_parse(struct source_config *config, const char *url, const struct source_options *options,
		  struct fail *fail)
{
	static const struct source_options none;
	struct span text = span_of(url);
	arena_init(&config->arena, 1 << 20);
	for (size_t i = 0; i < COUNT_OF(schemes); i++) {
		if (!span_starts(text, schemes[i].prefix))
			continue;
		config->scheme = schemes[i].scheme;
		take_defaults(config, options == NULL ? &none : options);
		struct span query = span_behind(text, '?'), place = span_before(text, '?');
		size_t prefix = strlen(schemes[i].prefix);
		struct span scheme = {place.ptr + schemes[i].cut, prefix - schemes[i].cut};
		struct span rest = {place.ptr + prefix, place.len - prefix};
		bool ok = (query.ptr == NULL || set_options(config, query, fail)) &&
			  (config->scheme <= SCHEME_SSH		  ? take_remote(config, scheme, rest, fail)
			   : config->scheme == SCHEME_KUBERNETES ? take_kubernetes(config, rest, fail)
								 : take_local(config, rest, fail));
		return ok ? true : fail_wrap(fail, "source %.*s", SPAN_ARG(without_user(text)));
	}
	return fail_set(fail, FAIL_INVALID,
			"source \"%.*s\": an address starts with git+https://, git+ssh://, git+file://, dir: or kubernetes: "
			"(for git@host:org/repo write git+ssh://git@host/org/repo)",
			SPAN_ARG(without_user(text)));
}

void config_done(struct source_config *config)
{
	arena_done(&config->arena);
}

struct span config_normal_url(struct arena *arena, struct span url)
{
	struct span rest = span_trim(url);
	bool has_scheme = false;
	for (size_t i = 0; i + 2 < rest.len && !has_scheme; i++)
		if (memcmp(rest.ptr + i, "://", 3) == 0) {
			rest = (struct span){rest.ptr + i + 3, rest.len - i - 3};
			has_scheme = true;
		}
	struct span authority = span_before(rest, '/');
	const char *at = authority.len == 0 ? NULL : memrchr(authority.ptr, '@', authority.len);
	if (at != NULL)
		rest = (struct span){at + 1, rest.len - (size_t)(at + 1 - rest.ptr)};
	struct span host = span_before(rest, has_scheme ? '/' : ':');
	struct span path = span_behind(rest, has_scheme ? '/' : ':');
	if (has_scheme)
		host = span_before(host, ':');
	while (path.len > 0 && path.ptr[0] == '/')
		path = (struct span){path.ptr + 1, path.len - 1};
	while (path.len > 0 && span_ends(path, "/"))
		path.len--;
	if (span_ends(path, ".git"))
		path.len -= 4;
	struct span normal = arena_spanf(arena, "%.*s/%.*s", SPAN_ARG(host), SPAN_ARG(path));
	for (char *c = (char *)(uintptr_t)normal.ptr; *c != '\0'; c++)
		*c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 32 : *c);
	return normal;
}
