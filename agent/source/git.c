/* A Git repository as a source: the agent's side. Prepares the request (credentials are read anew at every poll, so that
 * they can be rotated), talks to the child, and keeps what it needs to tell "unchanged". No libgit2 here. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/source/fetch.h"
#include "agent/source/internal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/files.h"
#include "base/map.h"
#include "base/secret.h"

enum { READ_TIMEOUT_MS = 30000, SECRET_MAX = 64 << 10, KEYS_MAX = 1 << 20 };

/* Outlives the source when a tree does. */
struct git_shared {
	unsigned references;
	atomic_bool used_outside; /* a rendering read a file outside of the configured path */
	struct source_config config;
	char *cache_dir;
};

struct git_source {
	struct source base;
	struct git_shared *shared;
	bool has_last;
	char tip[OBJECT_ID_SIZE], path_id[OBJECT_ID_SIZE], root_id[OBJECT_ID_SIZE], content_id[65];
	char revision[SOURCE_REVISION_MAX];
};

/* The ctx of a tree: a child that can read the objects, started when it is needed. */
struct git_tree_reader {
	struct source_tree *tree;
	struct git_shared *shared;
	struct channel channel;
	char root_id[OBJECT_ID_SIZE];
	struct map files; /* path → struct tree_file: what was read */
	size_t total_bytes;
	pthread_mutex_t lock;
};

struct credentials {
	struct secret token, ssh_key, ssh_passphrase;
	struct arena arena;
	struct span known_hosts, verify_keys;
};

static struct git_shared *shared_ref(struct git_shared *shared)
{
	__atomic_add_fetch(&shared->references, 1, __ATOMIC_RELAXED);
	return shared;
}

static void shared_unref(struct git_shared *shared)
{
	if (__atomic_sub_fetch(&shared->references, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	free(shared->cache_dir);
	config_done(&shared->config);
	free(shared);
}

/* --- the request ---------------------------------------------------------------------------------------------------- */

static void credentials_done(struct credentials *credentials)
{
	secret_done(&credentials->token);
	secret_done(&credentials->ssh_key);
	secret_done(&credentials->ssh_passphrase);
	arena_done(&credentials->arena);
}

static bool read_secret(struct secret *secret, const char *file, const char *what, struct fail *fail)
{
	if (file == NULL || secret_read(secret, AT_FDCWD, file, SECRET_MAX, fail))
		return true;
	return fail_wrap(fail, "the %s cannot be read", what);
}

static const char *known_hosts_file(const struct source_config *config, struct arena *arena)
{
	const char *home = getenv("HOME");
	if (config->known_hosts != NULL)
		return config->known_hosts;
	const char *file = home == NULL ? NULL : arena_spanf(arena, "%s/.ssh/known_hosts", home).ptr;
	if (file != NULL && access(file, R_OK) == 0)
		return file;
	return access("/etc/ssh/ssh_known_hosts", R_OK) == 0 ? "/etc/ssh/ssh_known_hosts" : NULL;
}

static bool read_ssh(const struct source_config *config, struct credentials *out, struct fail *fail)
{
	const char *known_hosts = known_hosts_file(config, &out->arena);
	if (config->ssh_key_file == NULL)
		return fail_set(fail, FAIL_INVALID, "git+ssh:// needs ssh-key-file= (ed25519 or ECDSA, OpenSSH form)");
	if (known_hosts == NULL)
		return fail_set(fail, FAIL_INVALID,
				"git+ssh:// needs known-hosts=: make the file with `ssh-keyscan %s` and compare the keys",
				config->host);
	return read_secret(&out->ssh_key, config->ssh_key_file, "SSH key", fail) &&
	       read_secret(&out->ssh_passphrase, config->ssh_passphrase_file, "pass phrase", fail) &&
	       (files_read(&out->arena, known_hosts, KEYS_MAX, &out->known_hosts, fail) ||
		fail_wrap(fail, "the known hosts cannot be read"));
}

static bool read_credentials(const struct source_config *config, struct credentials *out, struct fail *fail)
{
	arena_init(&out->arena, ARENA_NO_LIMIT);
	if (config->verify_keys != NULL && !files_read(&out->arena, config->verify_keys, KEYS_MAX, &out->verify_keys, fail))
		return fail_wrap(fail, "the keys that commits are verified with cannot be read");
	if (config->scheme == SCHEME_SSH)
		return read_ssh(config, out, fail);
	if (config->scheme == SCHEME_FILE)
		return true;
	const char *value = config->token_env == NULL ? NULL : getenv(config->token_env);
	if (config->token_env != NULL && (value == NULL || *value == '\0') && config->token_file == NULL)
		return fail_set(fail, FAIL_UNAUTHENTICATED, "the environment variable %s is not set", config->token_env);
	if (value != NULL && *value != '\0')
		secret_set(&out->token, span_of(value));
	return out->token.len > 0 || read_secret(&out->token, config->token_file, "token", fail);
}

static const char *environment_of(const char *lower, const char *upper)
{
	const char *value = getenv(lower);
	return value != NULL ? value : getenv(upper);
}

static struct fetch_request make_request(const struct git_shared *shared, enum fetch_task task)
{
	const struct source_config *config = &shared->config;
	struct fetch_request request = {
		.task = task, .scheme = config->scheme, .url = config->place, .host = config->host,
		.user = config->user, .ref_kind = config->ref_kind, .ref = config->ref, .path = config->path,
		.cache_dir = shared->cache_dir, .limits = config->limits, .max_fetch_bytes = config->max_fetch_bytes,
		.timeout_ms = config->timeout_ms,
	};
	return request;
}

static void add_network(struct fetch_request *request, const struct source_config *config)
{
	request->ca_file = config->ca_file != NULL ? config->ca_file : getenv("SSL_CERT_FILE");
	request->no_proxy = environment_of("no_proxy", "NO_PROXY");
	request->proxy = config->scheme == SCHEME_HTTPS ? environment_of("https_proxy", "HTTPS_PROXY")
							: getenv("http_proxy");
	if (request->proxy == NULL)
		request->proxy = environment_of("all_proxy", "ALL_PROXY");
}

static bool send_request(struct channel *channel, const struct fetch_request *request, struct patience patience,
			 struct fail *fail)
{
	struct text message;
	text_init(&message, TEXT_NO_LIMIT);
	text_pad(&message, '\0', request->verify_keys.len + request->known_hosts.len + 4 * SECRET_MAX);
	text_reset(&message); /* room for everything, so that growing leaves no copies of secrets behind */
	request_put(&message, request);
	bool ok = channel_send(channel, MESSAGE_OPEN, text_span(&message), patience, fail);
	explicit_bzero(message.ptr, message.len);
	text_done(&message);
	return ok;
}

/* --- reading files later -------------------------------------------------------------------------------------------- */

static bool ensure_channel(struct git_tree_reader *reader, struct patience patience, struct fail *fail)
{
	if (reader->channel.fd >= 0)
		return true;
	struct fetch_request request = make_request(reader->shared, FETCH_SERVE);
	request.root_id = reader->root_id;
	if (!channel_start(&reader->channel, CHILD_ARGUMENT_GIT, "the Git child", fail))
		return false;
	if (send_request(&reader->channel, &request, patience, fail))
		return true;
	channel_stop(&reader->channel);
	return false;
}

static bool ask(struct git_tree_reader *reader, struct span path, struct tree_file *out, struct fail *fail)
{
	struct arena *arena = &reader->tree->arena;
	struct patience patience = {clock_monotonic_ms() + READ_TIMEOUT_MS, -1};
	struct text question;
	struct span answer;
	struct wire wire;
	struct fail sent = {0};
	uint8_t type = 0;
	if (!ensure_channel(reader, patience, fail))
		return false;
	text_init(&question, TEXT_NO_LIMIT);
	wire_put_span(&question, path);
	size_t max_bytes = reader->tree->tree.limits.max_file_bytes + FAIL_TEXT_MAX + 128;
	bool ok = channel_send(&reader->channel, MESSAGE_READ, text_span(&question), patience, fail) &&
		  channel_receive(&reader->channel, arena, max_bytes, patience, &type, &answer, fail);
	text_done(&question);
	if (!ok)
		return false;
	wire_init(&wire, arena, answer, 0);
	bool found = wire_bool(&wire);
	if (wire_bool(&wire))
		atomic_store(&reader->shared->used_outside, true);
	out->id = wire_span(&wire);
	if (found)
		out->bytes = wire_span(&wire);
	else
		wire_fail(&wire, &sent);
	if (!wire_end(&wire) || type != MESSAGE_BYTES || out->id.len != OBJECT_ID_RAW ||
	    (found ? out->bytes.ptr == NULL : sent.code == FAIL_NONE))
		return fail_set(fail, FAIL_PROTOCOL, "the Git child sent a malformed answer");
	if (!found && fail != NULL)
		*fail = sent;
	return found;
}

static bool is_outside(const char *selected, struct span path)
{
	size_t length = strlen(selected);
	return length > 0 && !(span_starts(path, selected) && (path.len == length || path.ptr[length] == '/'));
}

static bool read_locked(struct git_tree_reader *reader, struct span path, struct span *out_bytes, struct fail *fail)
{
	struct arena *arena = &reader->tree->arena;
	const struct tree_file *known = map_get(&reader->files, path);
	struct tree_file file = {.bytes = {NULL, 0}};
	if (known != NULL) {
		*out_bytes = known->bytes;
		return true;
	}
	if (path.len > WIRE_NAME_MAX)
		return fail_set(fail, FAIL_INVALID, "the path is too long");
	if (is_outside(reader->shared->config.path, path))
		atomic_store(&reader->shared->used_outside, true);
	if (!ask(reader, path, &file, fail))
		return false;
	*out_bytes = file.bytes;
	reader->total_bytes += out_bytes->len;
	if (reader->total_bytes > reader->tree->tree.limits.max_total_bytes)
		return fail_set(fail, FAIL_TOO_BIG, "the files that are named by documents are too big together");
	*map_at(&reader->files, arena_copy(arena, path)) = arena_dup(arena, &file, sizeof file);
	return true;
}

/* An input whose bytes were left out, because they are known. */
static bool git_tree_load(void *ctx, struct tree_file *input, struct fail *fail)
{
	struct git_tree_reader *reader = ctx;
	struct tree_file file = {.bytes = {NULL, 0}};
	pthread_mutex_lock(&reader->lock);
	bool ok = ask(reader, input->path, &file, fail);
	pthread_mutex_unlock(&reader->lock);
	if (ok && !span_eq(file.id, input->id))
		return fail_set(fail, FAIL_PROTOCOL, "the Git child tells two stories about %.*s", SPAN_ARG(input->path));
	input->bytes = file.bytes;
	return ok;
}

static bool git_tree_identify(void *ctx, struct span path, struct span *out_id)
{
	struct git_tree_reader *reader = ctx;
	pthread_mutex_lock(&reader->lock);
	const struct tree_file *known = map_get(&reader->files, path);
	if (known != NULL)
		*out_id = known->id;
	pthread_mutex_unlock(&reader->lock);
	return known != NULL;
}

static bool git_tree_read_file(void *ctx, struct span path, struct span *out_bytes, struct fail *fail)
{
	struct git_tree_reader *reader = ctx;
	pthread_mutex_lock(&reader->lock);
	bool ok = read_locked(reader, path, out_bytes, fail);
	pthread_mutex_unlock(&reader->lock);
	return ok;
}

static void reader_rest(struct source_tree *tree)
{
	struct git_tree_reader *reader = tree->tree.ctx;
	pthread_mutex_lock(&reader->lock);
	channel_stop(&reader->channel);
	pthread_mutex_unlock(&reader->lock);
}

static void reader_done(void *ctx)
{
	struct git_tree_reader *reader = ctx;
	channel_stop(&reader->channel);
	pthread_mutex_destroy(&reader->lock);
	shared_unref(reader->shared);
}

static void attach_reader(struct source_tree *tree, struct git_shared *shared, struct channel *channel,
			  const char *root_id)
{
	struct git_tree_reader *reader = ARENA_NEW(&tree->arena, struct git_tree_reader);
	*reader = (struct git_tree_reader){.tree = tree, .shared = shared_ref(shared), .channel = *channel};
	*channel = CHANNEL_NONE;
	memcpy(reader->root_id, root_id, OBJECT_ID_SIZE);
	map_init(&reader->files, &tree->arena);
	pthread_mutex_init(&reader->lock, NULL);
	tree->tree.read = git_tree_read_file;
	tree->tree.load = git_tree_load;
	tree->tree.identify = git_tree_identify;
	tree->tree.ctx = reader;
	tree->rest = reader_rest;
	arena_defer(&tree->arena, reader_done, reader);
}

/* --- one poll ------------------------------------------------------------------------------------------------------- */

static void add_known(struct fetch_request *request, const struct source_known *known, struct source_tree *tree)
{
	if (known == NULL)
		return;
	request->known = *known;
	tree->others = ARENA_ARRAY(&tree->arena, struct source_file, known->other_count + 1);
	tree->other_count = known->other_count;
	for (size_t i = 0; i < known->other_count; i++)
		tree->others[i].path = arena_copy(&tree->arena, known->others[i].path);
}

static bool converse(struct git_source *source, struct channel *channel, struct patience patience,
		     struct source_tree *tree, struct fetch_answer *answer)
{
	struct git_shared *shared = source->shared;
	struct credentials credentials = {0};
	struct fetch_request request = make_request(shared, FETCH_POLL);
	struct fail *fail = &answer->fail;
	struct span message;
	uint8_t type;
	bool ok = read_credentials(&shared->config, &credentials, fail);
	request.token = secret_span(&credentials.token);
	request.ssh_key = secret_span(&credentials.ssh_key);
	request.ssh_passphrase = secret_span(&credentials.ssh_passphrase);
	request.known_hosts = credentials.known_hosts;
	request.verify_keys = credentials.verify_keys;
	add_network(&request, &shared->config);
	request.compare_root = atomic_load(&shared->used_outside);
	add_known(&request, source->base.known, tree);
	if (source->has_last && !source->base.again) {
		request.last_tip = source->tip;
		request.last_path_id = source->path_id;
		request.last_root_id = source->root_id;
	}
	ok = ok && channel_start(channel, CHILD_ARGUMENT_GIT, "the Git child", fail) &&
	     send_request(channel, &request, patience, fail) &&
	     channel_receive(channel, &tree->arena, FETCH_ANSWER_MAX, patience, &type, &message, fail);
	credentials_done(&credentials);
	if (!ok)
		return false;
	struct wire wire;
	wire_init(&wire, &tree->arena, message, (size_t)64 << 20);
	answer_get(&wire, answer, tree);
	if (wire_end(&wire) && type == MESSAGE_RESULT)
		return answer->verdict != SOURCE_FAILED;
	return fail_set(fail, FAIL_PROTOCOL, "the Git child sent a malformed answer");
}

static void keep(struct git_source *source, const struct fetch_answer *answer)
{
	bool by_root = source->has_last && atomic_load(&source->shared->used_outside);
	memcpy(source->tip, answer->tip, sizeof source->tip);
	memcpy(source->path_id, answer->path_id, sizeof source->path_id);
	memcpy(source->root_id, answer->root_id, sizeof source->root_id);
	if (answer->verdict == SOURCE_CHANGED)
		snprintf(source->content_id, sizeof source->content_id, "%s",
			 by_root ? answer->root_id : answer->path_id);
	if (answer->revision[0] != '\0') /* the tip is the known one: nothing was looked up */
		memcpy(source->revision, answer->revision, sizeof source->revision);
	source->has_last = true;
	/* a link may lead anywhere in the repository: from now on any change of it counts */
	if (answer->followed_links)
		atomic_store(&source->shared->used_outside, true);
}

static void git_poll(struct source *base, struct patience patience, struct source_result *out)
{
	struct git_source *source = (struct git_source *)base;
	struct channel channel = CHANNEL_NONE;
	struct fetch_answer answer = {.verdict = SOURCE_FAILED};
	struct source_tree *tree = source_tree_new(&source->shared->config.limits);
	bool ok = converse(source, &channel, patience, tree, &answer);
	out->retry_after_ms = answer.retry_after_ms;
	memcpy(out->revision, answer.revision, sizeof out->revision);
	if (ok) {
		out->verdict = answer.verdict;
		keep(source, &answer);
		memcpy(out->content_id, source->content_id, sizeof out->content_id);
		memcpy(out->revision, source->revision, sizeof out->revision);
	} else {
		out->verdict = SOURCE_FAILED;
		out->fail = answer.fail;
		fail_wrap(&out->fail, "%s", base->config.name);
	}
	if (out->verdict == SOURCE_CHANGED) {
		memcpy(tree->content_id, source->content_id, sizeof tree->content_id);
		tree->tree.revision = arena_copy(&tree->arena, span_of(answer.revision));
		attach_reader(tree, source->shared, &channel, answer.root_id);
		out->tree = source_tree_ref(tree);
	}
	channel_stop(&channel);
	source_tree_unref(tree);
}

static void git_forget(struct source *base)
{
	((struct git_source *)base)->has_last = false;
}

static void git_free(struct source *base)
{
	struct git_source *source = (struct git_source *)base;
	shared_unref(source->shared);
	free(source);
}

/* CACHE/<hash of the URL>, so that two URLs never share objects. */
static char *cache_dir_of(const struct source_config *config)
{
	char hash[DIGEST_HEX_SIZE], *path = NULL;
	digest_hex(span_of(config->place), hash);
	if (asprintf(&path, "%s/git-%.20s", config->cache_dir, hash) < 0)
		abort();
	return path;
}

bool git_source_new(const struct source_config *config, struct source **out, struct fail *fail)
{
	static const struct source_ops ops = {.poll = git_poll, .forget = git_forget, .free = git_free};
	if (config->scheme == SCHEME_HTTP && (config->token_file != NULL || config->token_env != NULL) &&
	    strcmp(config->host, "localhost") != 0 && strncmp(config->host, "127.", 4) != 0)
		return fail_set(fail, FAIL_INVALID, "source %s: a token is not sent over plain http", config->name);
	struct git_source *source = calloc(1, sizeof *source);
	struct git_shared *shared = calloc(1, sizeof *shared);
	if (source == NULL || shared == NULL)
		abort();
	shared->references = 1;
	shared->config = *config;
	shared->cache_dir = cache_dir_of(config);
	source->shared = shared;
	source->base = (struct source){.ops = &ops, .config = *config};
	source->base.config.arena = (struct arena){0}; /* its memory belongs to `shared` */
	*out = &source->base;
	return true;
}
