/* A client's life. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/kube/internal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

enum { RATE = 50, BURST = 100, CURL_8_1 = 0x080100 };

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

/* --- the configuration, copied -------------------------------------------------------------------------------------------- */

static const char *copy_string(struct arena *arena, const char *string)
{
	return string == NULL ? NULL : arena_string(arena, span_of(string));
}

static const char *const *copy_list(struct arena *arena, const char *const *list)
{
	size_t count = 0;
	while (list != NULL && list[count] != NULL)
		count++;
	if (list == NULL)
		return NULL;
	const char **out = ARENA_ARRAY(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		out[i] = copy_string(arena, list[i]);
	return out;
}

static void wipe(void *secret)
{
	secret_done(secret);
}

static struct span copy_secret(struct arena *arena, struct span bytes)
{
	if (bytes.len == 0)
		return (struct span){0};
	struct secret *secret = ARENA_NEW(arena, struct secret);
	secret_set(secret, bytes);
	arena_defer(arena, wipe, secret);
	return secret_span(secret);
}

static const struct kube_exec *copy_exec(struct arena *arena, const struct kube_exec *exec)
{
	if (exec == NULL)
		return NULL;
	struct kube_exec copy = *exec;
	copy.api_version = copy_string(arena, exec->api_version);
	copy.command = copy_string(arena, exec->command);
	copy.install_hint = copy_string(arena, exec->install_hint);
	copy.args = copy_list(arena, exec->args);
	size_t count = 0;
	while (exec->env != NULL && exec->env[count] != NULL)
		count++;
	const char **env = ARENA_ARRAY(arena, const char *, count + 1);
	for (size_t i = 0; i < count; i++)
		env[i] = copy_secret(arena, span_of(exec->env[i])).ptr;
	copy.env = env;
	return arena_dup(arena, &copy, sizeof copy);
}

static void copy_config(struct arena *arena, const struct kube_config *config, struct kube_config *out)
{
	*out = *config;
	out->server = copy_string(arena, config->server);
	out->ca_file = copy_string(arena, config->ca_file);
	out->cert_file = copy_string(arena, config->cert_file);
	out->key_file = copy_string(arena, config->key_file);
	out->ca_data = arena_copy(arena, config->ca_data);
	out->cert_data = arena_copy(arena, config->cert_data);
	out->key_data = copy_secret(arena, config->key_data);
	out->token_file = copy_string(arena, config->token_file);
	out->token = copy_secret(arena, config->token);
	out->user = copy_string(arena, config->user);
	out->password = copy_secret(arena, span_of(config->password)).ptr;
	out->tls_server_name = copy_string(arena, config->tls_server_name);
	out->proxy_url = copy_string(arena, config->proxy_url);
	out->ns = copy_string(arena, config->ns);
	out->as_user = copy_string(arena, config->as_user);
	out->as_uid = copy_string(arena, config->as_uid);
	out->as_groups = copy_list(arena, config->as_groups);
	out->as_extra = copy_list(arena, config->as_extra);
	out->exec = copy_exec(arena, config->exec);
}

/* --- where it is ---------------------------------------------------------------------------------------------------------- */

/* "https:", "host:port", "/prefix" of "https://host:port/prefix". */
static void split(struct span url, struct span *scheme, struct span *place, struct span *prefix)
{
	*scheme = span_before(url, '/');
	struct span rest = {url.ptr + scheme->len + 2, url.len - scheme->len - 2};
	*place = span_before(rest, '/');
	*prefix = (struct span){rest.ptr + place->len, rest.len - place->len};
}

static bool is_this_machine(struct span place)
{
	return span_starts(place, "127.") || span_starts(place, "[::1]") || span_is(span_before(place, ':'), "localhost");
}

/* libcurl verifies, and asks for, the name that it finds in the URL: so it is put there, and the connection and the Host
 * header lead where the server is. */
static void set_place(struct kube_client *client)
{
	struct arena *arena = &client->arena;
	struct span scheme, place, prefix;
	const char *name = client->config.tls_server_name;
	split(span_of(client->config.server), &scheme, &place, &prefix);
	client->base_url = client->config.server;
	client->proxy = client->config.proxy_url != NULL ? client->config.proxy_url : is_this_machine(place) ? "" : NULL;
	if (name == NULL || !span_is(scheme, "https:"))
		return;
	bool is_bare_ipv6 = strchr(name, ':') != NULL && name[0] != '[';
	struct span host = place.len > 0 && place.ptr[0] == '[' ? span_before(place, ']') : span_before(place, ':');
	const char *behind = place.ptr + host.len + (place.ptr[0] == '[');
	struct span port = {behind, (size_t)(place.ptr + place.len - behind)}; /* ":6443" or nothing */
	const char *shown_port = port.len > 0 ? arena_string(arena, port) : ":443";
	const char *shown_host = place.ptr[0] == '[' ? arena_spanf(arena, "%.*s]", SPAN_ARG(host)).ptr : arena_string(arena, host);
	client->base_url = arena_spanf(arena, is_bare_ipv6 ? "https://[%s]%s%.*s" : "https://%s%s%.*s", name, shown_port, SPAN_ARG(prefix)).ptr;
	client->host_line = arena_spanf(arena, "Host: %.*s", SPAN_ARG(place)).ptr;
	client->connect_to = curl_slist_append(NULL, arena_spanf(arena, "::%s%s", shown_host, shown_port).ptr);
}

/* --- life ------------------------------------------------------------------------------------------------------------------- */

static void wake(void *client)
{
	client_wake(client);
}

static struct kube_client *make_client(const struct kube_config *config, const struct kube_client_options *options)
{
	struct kube_client *client = calloc(1, sizeof *client);
	if (client == NULL)
		abort();
	arena_init(&client->arena, ARENA_NO_LIMIT);
	copy_config(&client->arena, config, &client->config);
	client->options = *options;
	client->options.rate = options->rate > 0 ? options->rate : RATE;
	client->options.burst = options->burst > 0 ? options->burst : BURST;
	client->options.max_bytes = options->max_bytes > 0 ? options->max_bytes : KUBE_ANSWER_MAX;
	client->options.max_line = options->max_line > 0 ? options->max_line : KUBE_LINE_MAX;
	client->options.patience_ms = options->patience_ms > 0 ? options->patience_ms : KUBE_DEADLINE_MS;
	pthread_mutex_init(&client->lock, NULL);
	pthread_cond_init(&client->changed, NULL);
	client->loses_ends = curl_version_info(CURLVERSION_NOW)->version_num < CURL_8_1;
	client->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	client->multi = client_new_multi();
	credential_init(&client->credential, &client->config, wake, client);
	if (getrandom(&client->random, sizeof client->random, 0) < 0)
		client->random = (uint64_t)clock_wall_ms();
	set_place(client);
	return client;
}

static void free_client(struct kube_client *client)
{
	credential_done(&client->credential);
	curl_multi_cleanup(client->multi);
	curl_slist_free_all(client->connect_to);
	if (client->wake_fd >= 0)
		close(client->wake_fd);
	warnings_free(client->warnings);
	free(client->posts.items);
	pthread_cond_destroy(&client->changed);
	pthread_mutex_destroy(&client->lock);
	arena_done(&client->arena);
	free(client);
}

static bool start_thread(struct kube_client *client, struct fail *fail)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread; SIGPIPE for nobody */
	int error = pthread_create(&client->thread, NULL, client_drive, client);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0 || fail_errno(fail, error, "a thread cannot be started");
}

/* What stands in files is read once here: what is wrong with it shows at once. A program is not run for that. */
static bool check_credential(struct kube_client *client, struct fail *fail)
{
	if (client->config.exec != NULL || credential_look(&client->credential, clock_monotonic_ms()) == CREDENTIAL_READY)
		return true;
	return fail_set(fail, client->credential.problem.code, "%s: %s", client->config.server, client->credential.problem.text);
}

bool kube_client_new(const struct kube_config *config, const struct kube_client_options *options, struct kube_client **out,
		     struct fail *fail)
{
	pthread_once(&curl_once, start_curl);
	struct kube_client *client = make_client(config, options);
	bool is_fine = client->wake_fd >= 0 || fail_errno(fail, errno, "no descriptor for waking a thread");
	if (!is_fine || !check_credential(client, fail) || !start_thread(client, fail)) {
		free_client(client);
		return false;
	}
	if (span_starts(span_of(client->config.server), "http:"))
		log_warn(client->options.log, "kubernetes", "the connection is not encrypted", log_string("server", client->config.server));
	if (client->config.insecure_skip_tls_verify)
		log_warn(client->options.log, "kubernetes", "the server's certificate is not verified", log_string("server", client->config.server));
	*out = client;
	return true;
}

void kube_client_wind_down(struct kube_client *client, int64_t deadline_ms)
{
	pthread_mutex_lock(&client->lock);
	client->finish_by_ms = deadline_ms;
	client->winds_down = true;
	pthread_mutex_unlock(&client->lock);
	client_wake(client);
}

void kube_client_free(struct kube_client *client)
{
	if (client == NULL)
		return;
	pthread_mutex_lock(&client->lock);
	client->is_closing = true;
	pthread_mutex_unlock(&client->lock);
	client_wake(client);
	pthread_join(client->thread, NULL);
	pthread_mutex_lock(&client->lock);
	while (client->callers > 0)
		pthread_cond_wait(&client->changed, &client->lock);
	pthread_mutex_unlock(&client->lock);
	free_client(client);
}

const char *kube_client_url(const struct kube_client *client)
{
	return client->config.server;
}

const char *kube_client_namespace(const struct kube_client *client)
{
	return client->config.ns == NULL ? "" : client->config.ns;
}

void kube_client_counts(struct kube_client *client, struct kube_counts *out)
{
	pthread_mutex_lock(&client->lock);
	*out = client->counts;
	pthread_mutex_unlock(&client->lock);
}
