#include "agent/settings/target.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/grpc/endpoint.h"
#include "agent/settings/keys.h"
#include "agent/omni/records.h"
#include "agent/omni/swap.h"
#include "agent/settings/secret_dir.h"
#include "base/cleanup.h"

/* --- the way -------------------------------------------------------------------------------------------------------- */

static const char *find_value(const struct string_list *list, struct span name)
{
	for (size_t i = 0; i < list->count; i++)
		if (span_eq(span_before(span_of(list->items[i]), '='), name))
			return span_behind(span_of(list->items[i]), '=').ptr;
	return NULL;
}

/* What a list of NAME=VALUE says about a connection; NULL: nothing. */
static const char *value_for(const struct string_list *list, struct arena *arena, const struct connection_name *name)
{
	struct span full = arena_spanf(arena, "%.*s/%.*s", SPAN_ARG(name->ns), SPAN_ARG(name->name));
	const char *value = name->is_object && list->count > 0 ? find_value(list, full) : NULL;
	return value != NULL ? value : find_value(list, name->name);
}

static bool is_remote(struct span url)
{
	return !span_starts(url, "dir:");
}

struct span target_address(struct arena *arena, struct span url)
{
	struct endpoint endpoint;
	if (!is_remote(url) || !endpoint_read(arena, url, &endpoint, NULL))
		return url;
	struct span full = span_of(endpoint.url);
	size_t kept = full.len;
	if (endpoint.port == (endpoint.is_tls ? 443u : 80u))
		while (full.ptr[--kept] != ':')
			;
	char *address = arena_string(arena, (struct span){full.ptr, kept});
	for (char *c = address; *c != '\0'; c++)
		*c = (char)tolower((unsigned char)*c);
	return (struct span){address, kept};
}

/* Does a flag name this very address? */
static bool is_named_somewhere(const struct settings *settings, struct arena *arena, struct span address)
{
	if (settings->omni != NULL && span_eq(target_address(arena, span_of(settings->omni)), address))
		return true;
	for (size_t i = 0; i < settings->connection.count; i++)
		if (span_eq(target_address(arena, span_behind(span_of(settings->connection.items[i]), '=')), address))
			return true;
	return false;
}

/* The Secret beside a connection, unless a flag leads elsewhere and has a key for that. */
static bool has_object_key(const struct settings *settings, const struct connection_name *name, const struct connection *declared,
			   const struct target_way *way)
{
	bool has_flag = settings->omni_key_file != NULL || (settings->keys != NULL && (settings->keys->variable != NULL ||
										       settings->keys->credential[0] != '\0'));
	return name->is_object && declared != NULL && is_remote(way->url) && !(way->is_named && has_flag);
}

/* The nearest word counts: about this connection, then about the Secret that it names, then about all. */
static void choose_key(const struct settings *settings, const struct connection_name *name, const struct connection *declared,
		       struct arena *arena, struct target_way *way)
{
	const struct keys *keys = settings->keys;
	way->key_file = value_for(&settings->connection_key, arena, name);
	way->key_from = way->key_file != NULL ? KEY_FILE : KEY_NOWHERE;
	if (way->key_from == KEY_NOWHERE && has_object_key(settings, name, declared, way)) {
		way->key_from = KEY_OBJECT;
		way->secret_name = declared->secret_name;
		way->secret_key = declared->secret_key;
	} else if (way->key_from == KEY_NOWHERE && settings->secret_dir != NULL && declared != NULL && !name->is_object) {
		way->key_from = KEY_SECRET;
		way->secret_name = declared->secret_name;
		way->secret_key = declared->secret_key;
		way->key_file = secret_dir_file(arena, settings->secret_dir, way->secret_name, way->secret_key);
		way->skip_verify = settings->insecure_skip_tls_verify;
	} else if (way->key_from == KEY_NOWHERE && way->is_named) {
		bool has_variable = keys != NULL && keys->variable != NULL;
		bool has_credential = keys != NULL && keys->credential[0] != '\0';
		way->key_file = settings->omni_key_file != NULL ? settings->omni_key_file
				: !has_variable && has_credential ? keys->credential
								  : NULL;
		way->key_from = way->key_file != NULL ? KEY_FILE : has_variable ? KEY_ENVIRONMENT : KEY_NOWHERE;
	}
}

/* In files a connection of another namespace serves, too, where there is none of the same. */
static const struct connection *find_declared(const struct connection_name *name)
{
	const struct fleet *fleet = name->fleet;
	const struct connection *first = NULL;
	for (size_t i = 0; fleet != NULL && i < fleet->connection_count; i++) {
		const struct connection *connection = fleet->connections[i];
		if (!span_eq(connection->name, name->name) || connection->endpoint.len == 0)
			continue;
		if (span_eq(connection->ns, name->ns))
			return connection;
		first = first == NULL && !name->is_object ? connection : first;
	}
	return first;
}

bool target_way(const struct settings *settings, const struct connection_name *name, struct arena *arena, struct target_way *out)
{
	struct target_way way = {.connection = name->name, .ns = name->ns, .is_named = true,
				 .skip_verify = settings->insecure_skip_tls_verify};
	const char *named = value_for(&settings->connection, arena, name);
	const struct connection *declared = find_declared(name);
	if (named == NULL)
		named = settings->omni;
	if (named != NULL) {
		way.url = target_address(arena, span_of(named));
	} else if (declared != NULL) {
		way.url = target_address(arena, declared->endpoint);
		way.is_named = !name->is_object && is_named_somewhere(settings, arena, way.url);
		way.skip_verify = way.is_named ? way.skip_verify : declared->insecure_skip_tls_verify;
	} else {
		return false;
	}
	choose_key(settings, name, declared, arena, &way);
	*out = way;
	return true;
}

bool target_same_key(const struct target_way *a, const struct target_way *b)
{
	if (a->key_from != KEY_OBJECT || b->key_from != KEY_OBJECT)
		return a->key_from != KEY_OBJECT && b->key_from != KEY_OBJECT;
	return span_eq(a->ns, b->ns) && span_eq(a->secret_name, b->secret_name) && span_eq(a->secret_key, b->secret_key) &&
	       a->skip_verify == b->skip_verify;
}

/* --- opening -------------------------------------------------------------------------------------------------------- */

static char *text_of(struct span span)
{
	char *text = strndup(span.ptr == NULL ? "" : span.ptr, span.len);
	if (text == NULL)
		abort();
	return text;
}

static bool no_key(const struct target_way *way, struct fail *fail)
{
	if (!way->is_named)
		return fail_set(fail, FAIL_UNAUTHENTICATED,
				"the address %.*s of the connection \"%.*s\" comes from the declarations alone, and no key is sent "
				"there unasked: name it with --connection %.*s=%.*s, write it beside a key of --secret-dir, or trust what "
				"is declared for it with --connection-key %.*s=FILE",
				SPAN_ARG(way->url), SPAN_ARG(way->connection), SPAN_ARG(way->connection), SPAN_ARG(way->url),
				SPAN_ARG(way->connection));
	return fail_set(fail, FAIL_UNAUTHENTICATED,
			"there is no service-account key for %.*s: set OMNI_SERVICE_ACCOUNT_KEY, or give --omni-key-file FILE",
			SPAN_ARG(way->url));
}

static bool take_variable(const struct keys *keys, struct omni_store_options *options, struct fail *fail)
{
	options->key = secret_span(&keys->key);
	options->key_source = keys->variable;
	if (keys->key.len > 0)
		return true;
	return fail_set(fail, FAIL_UNAUTHENTICATED, "%s is set, but empty%s: unset it, or put the key into it", keys->variable,
			keys->hides_other ? ", and because it is set OMNI_SERVICE_ACCOUNT_KEY is not looked at" : "");
}

static bool take_object(const struct target_way *way, char *source, size_t size, struct omni_store_options *options, struct fail *fail)
{
	if (way->key == NULL)
		return fail_set(fail, FAIL_UNAVAILABLE, "the Secret %.*s/%.*s of the connection \"%.*s\" was not read yet", SPAN_ARG(way->ns),
				SPAN_ARG(way->secret_name), SPAN_ARG(way->connection));
	if (span_trim(secret_span(way->key)).len == 0)
		return fail_set(fail, FAIL_UNAUTHENTICATED, "the key \"%.*s\" of the Secret %.*s/%.*s is empty: put the service-account key there",
				SPAN_ARG(way->secret_key), SPAN_ARG(way->ns), SPAN_ARG(way->secret_name));
	snprintf(source, size, "the key \"%.*s\" of the Secret %.*s/%.*s", SPAN_ARG(way->secret_key), SPAN_ARG(way->ns),
		 SPAN_ARG(way->secret_name));
	options->key = secret_span(way->key);
	options->key_source = source;
	return true;
}

static bool open_remote(const struct settings *settings, const struct target_way *way, struct log *log,
			struct omni_store **out, struct fail *fail)
{
	struct omni_store_options options = {.ca_file = settings->omni_ca_file,
					     .skip_verify = way->skip_verify,
					     .dead_after_ms = settings->dead_after_ms,
					     .log = log};
	CLEANUP(free_ptr) char *url = text_of(way->url);
	CLEANUP(secret_done) struct secret key = {0};
	char source[600];
	if (way->key_from == KEY_NOWHERE)
		return no_key(way, fail);
	if (way->key_from == KEY_ENVIRONMENT && !take_variable(settings->keys, &options, fail))
		return false;
	if (way->key_from == KEY_OBJECT && !take_object(way, source, sizeof source, &options, fail))
		return false;
	if (way->key_from == KEY_SECRET && !secret_dir_allows(way, fail))
		return false;
	if (way->key_file != NULL) {
		if (!secret_read(&key, AT_FDCWD, way->key_file, KEY_MAX_BYTES, fail))
			return fail_wrap(fail, "service-account key for %s", url);
		if (key.len == 0)
			return fail_set(fail, FAIL_UNAUTHENTICATED, "the key file %s is empty", way->key_file);
		snprintf(source, sizeof source, "the file %s", way->key_file);
		options.key = secret_span(&key);
		options.key_source = source;
	}
	return omni_store_open(url, &options, out, fail);
}

bool target_open(const struct settings *settings, const struct target_way *way, struct log *log, struct omni_store **out,
		 struct fail *fail)
{
	struct omni_store *store;
	if (is_remote(way->url)) {
		if (!open_remote(settings, way, log, &store, fail))
			return false;
		*out = records_wrap(swap_wrap(store));
		return true;
	}
	CLEANUP(free_ptr) char *url = text_of(way->url);
	if (!way->is_named)
		return fail_set(fail, FAIL_DENIED,
				"the connection \"%.*s\" leads to the directory %s by its declaration alone; directories have to be "
				"named with --connection %.*s=%s", SPAN_ARG(way->connection), url, SPAN_ARG(way->connection), url);
	return omni_store_open(url, NULL, out, fail);
}

bool target_renew(const struct settings *settings, const struct target_way *way, struct log *log, struct omni_store *store,
		  struct fail *fail)
{
	struct omni_store *fresh;
	if (!open_remote(settings, way, log, &fresh, fail))
		return false;
	swap_replace(records_inner(store), fresh);
	return true;
}

/* --- warnings ------------------------------------------------------------------------------------------------------- */

static void warn(const struct target_way *way, struct log *log, const char *message)
{
	if (log != NULL)
		log_warn(log, "omni", message, log_span("omni", way->url), log_string("keyFile", way->key_file == NULL ? "" : way->key_file));
	else
		fprintf(stderr, "omniops: warning: %.*s: %s\n", SPAN_ARG(way->url), message);
}

void target_warn(const struct target_way *way, struct log *log)
{
	struct stat status;
	if (!is_remote(way->url))
		return;
	bool is_plain = span_starts(way->url, "http:") || span_starts(way->url, "grpc:");
	if (is_plain && log == NULL) /* with a log the store says so */
		warn(way, log, "the connection is not encrypted: who sees one request can make others");
	if (!is_plain && way->skip_verify)
		warn(way, log, "the server's certificate is not verified: anybody on the way can pose as the server");
	if (way->key_file != NULL && stat(way->key_file, &status) == 0 &&
	    (status.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0)
		warn(way, log, "others on this machine may read or change the key file: chmod 600");
}

static struct file_stamp stamp_of(const char *file)
{
	struct stat status;
	if (file == NULL || stat(file, &status) != 0)
		return (struct file_stamp){0};
	return (struct file_stamp){status.st_mtim, status.st_dev, status.st_ino, status.st_size};
}

struct file_stamp target_key_stamp(const struct target_way *way)
{
	return stamp_of(way->key_file);
}

struct file_stamp target_ca_stamp(const struct settings *settings, const struct target_way *way)
{
	const char *file = settings->omni_ca_file != NULL ? settings->omni_ca_file : getenv("SSL_CERT_FILE");
	return stamp_of(is_remote(way->url) ? file : NULL);
}

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec && a->device == b->device &&
	       a->inode == b->inode && a->size == b->size;
}

/* --- for commands --------------------------------------------------------------------------------------------------- */

void targets_init(struct targets *targets, struct arena *arena, const struct settings *settings)
{
	*targets = (struct targets){.arena = arena, .settings = settings};
}

void targets_done(struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++) {
		bool is_shared = false;
		for (size_t j = 0; j < i; j++)
			is_shared = is_shared || targets->items[j]->store == targets->items[i]->store;
		if (!is_shared)
			omni_store_close(targets->items[i]->store);
	}
	targets->count = 0;
}

/* Two names for one URL and one key share a store. */
static struct omni_store *open_already(const struct targets *targets, const struct target_way *way)
{
	for (size_t i = 0; i < targets->count; i++) {
		const struct target_way *other = &targets->items[i]->way;
		bool same_key = way->key_from == other->key_from && target_same_key(way, other) &&
				(way->key_file == other->key_file ||
				 (way->key_file != NULL && other->key_file != NULL && strcmp(way->key_file, other->key_file) == 0));
		if (same_key && way->skip_verify == other->skip_verify && span_eq(way->url, other->url))
			return targets->items[i]->store;
	}
	return NULL;
}

static bool is_open(const struct targets *targets, struct span connection, struct target **out)
{
	for (size_t i = 0; i < targets->count; i++)
		if (span_eq(targets->items[i]->connection, connection)) {
			*out = targets->items[i];
			return true;
		}
	return false;
}

bool targets_find(struct targets *targets, const struct fleet *fleet, struct span connection, struct target **out,
		  struct fail *fail)
{
	struct target_way way;
	if (is_open(targets, connection, out))
		return true;
	const struct connection_name name = {.fleet = fleet, .name = connection};
	if (!target_way(targets->settings, &name, targets->arena, &way))
		return fail_set(fail, FAIL_NOT_FOUND,
				"no Omni is named%s%.*s: give --omni URL (or OMNI_ENDPOINT); --omni dir:PATH is the embedded store",
				connection.len > 0 ? " for the connection " : "", SPAN_ARG(connection));
	struct omni_store *store = open_already(targets, &way);
	if (store == NULL) {
		target_warn(&way, NULL);
		if (!target_open(targets->settings, &way, NULL, &store, fail))
			return false;
	}
	struct target *target = ARENA_NEW(targets->arena, struct target);
	way.connection = arena_copy(targets->arena, connection);
	*target = (struct target){way.connection, arena_string(targets->arena, way.url), way, store};
	ARENA_PUSH(targets->arena, targets->items, targets->count, targets->cap) = target;
	*out = target;
	return true;
}
