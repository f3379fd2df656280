/* A channel's life. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/grpc/internal.h"
#include "base/clock.h"
#include "base/files.h"

enum { MAX_CALLS = 64, DEAD_AFTER_MS = 90000, CURL_8 = 0x080000, CURL_8_1 = 0x080100, CA_FILE_MAX = 16 << 20 };

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void start_curl(void)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
}

static bool check_library(struct fail *fail)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	if ((info->features & CURL_VERSION_HTTP2) == 0)
		return fail_set(fail, FAIL_UNSUPPORTED, "this machine's libcurl %s cannot do HTTP/2, which Omni's API needs", info->version);
	return true;
}

static bool check_ca_file(const char *name, struct fail *fail)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	char bytes[64 * 1024];
	if (fd < 0)
		return fail_errno(fail, errno, "the file of certificates \"%s\" cannot be opened", name);
	ssize_t len = read(fd, bytes, sizeof bytes);
	int error = errno;
	close(fd);
	if (len < 0)
		return fail_errno(fail, error, "the file of certificates \"%s\" cannot be read", name);
	if (!span_contains((struct span){bytes, (size_t)len}, "-----BEGIN "))
		return fail_set(fail, FAIL_INVALID, "the file \"%s\" has no certificate in PEM form (-----BEGIN CERTIFICATE-----)", name);
	return true;
}

static const char *copy_string(struct arena *arena, const char *string)
{
	return string == NULL ? NULL : arena_string(arena, span_of(string));
}

static void copy_options(struct grpc_channel *channel, const struct grpc_options *options)
{
	struct arena *arena = &channel->arena;
	struct grpc_options *own = &channel->options;
	*own = *options;
	own->endpoint.url = copy_string(arena, options->endpoint.url);
	own->endpoint.host = copy_string(arena, options->endpoint.host);
	own->user_agent = copy_string(arena, options->user_agent);
	own->ca_file = copy_string(arena, options->ca_file != NULL ? options->ca_file : getenv("SSL_CERT_FILE"));
	own->proxy = copy_string(arena, options->proxy);
	own->probe_method = copy_string(arena, options->probe_method);
	own->probe_request = arena_copy(arena, options->probe_request);
	if (own->call_timeout_ms == 0)
		own->call_timeout_ms = GRPC_CALL_TIMEOUT_MS;
	if (own->dead_after_ms == 0)
		own->dead_after_ms = DEAD_AFTER_MS;
	if (own->max_calls == 0)
		own->max_calls = MAX_CALLS;
}

static bool start_thread(struct grpc_channel *channel, struct fail *fail)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread; SIGPIPE for nobody */
	int error = pthread_create(&channel->thread, NULL, channel_drive, channel);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error == 0 || fail_errno(fail, error, "a thread cannot be started");
}

static void free_channel(struct grpc_channel *channel)
{
	struct call *call;
	while ((call = list_take(&channel->pool)) != NULL)
		call_free(call);
	if (channel->multi != NULL)
		curl_multi_cleanup(channel->multi);
	if (channel->wake_fd >= 0)
		close(channel->wake_fd);
	pthread_cond_destroy(&channel->left);
	pthread_mutex_destroy(&channel->lock);
	arena_done(&channel->arena);
	free(channel);
}

static struct grpc_channel *make_channel(const struct grpc_options *options)
{
	struct grpc_channel *channel = calloc(1, sizeof *channel);
	if (channel == NULL)
		abort();
	arena_init(&channel->arena, ARENA_NO_LIMIT);
	copy_options(channel, options);
	pthread_mutex_init(&channel->lock, NULL);
	pthread_cond_init(&channel->left, NULL);
	/* before 8.0, a cleartext connection that had known beforehand to be HTTP/2 fails with its second request */
	unsigned version = curl_version_info(CURLVERSION_NOW)->version_num;
	channel->is_reuse_broken = !options->endpoint.is_tls && version < CURL_8;
	channel->loses_ends = version < CURL_8_1;
	channel->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	channel->multi = channel_new_multi(channel);
	channel->quiet_since_ms = channel->credit_at_ms = clock_monotonic_ms();
	if (getrandom(&channel->random, sizeof channel->random, 0) < 0)
		channel->random = (uint64_t)clock_wall_ms();
	return channel;
}

bool grpc_open(const struct grpc_options *options, struct grpc_channel **out, struct fail *fail)
{
	pthread_once(&curl_once, start_curl);
	if (!check_library(fail))
		return false;
	struct grpc_channel *channel = make_channel(options);
	const struct endpoint *endpoint = &channel->options.endpoint;
	bool is_fine = channel->wake_fd >= 0 || fail_errno(fail, errno, "no descriptor for waking a thread");
	if (is_fine && endpoint->is_tls && channel->options.ca_file != NULL)
		is_fine = check_ca_file(channel->options.ca_file, fail);
	if (!is_fine || !start_thread(channel, fail)) {
		free_channel(channel);
		return false;
	}
	if (!endpoint->is_tls)
		log_warn(channel->options.log, "grpc", "the connection is not encrypted", log_string("endpoint", endpoint->url));
	*out = channel;
	return true;
}

void grpc_wind_down(struct grpc_channel *channel, int64_t finish_by_ms)
{
	pthread_mutex_lock(&channel->lock);
	channel->finish_by_ms = finish_by_ms;
	pthread_mutex_unlock(&channel->lock);
	channel_wake(channel);
}

void grpc_close(struct grpc_channel *channel)
{
	if (channel == NULL)
		return;
	pthread_mutex_lock(&channel->lock);
	channel->is_closing = true;
	pthread_mutex_unlock(&channel->lock);
	channel_wake(channel);
	pthread_join(channel->thread, NULL);
	pthread_mutex_lock(&channel->lock);
	while (channel->callers > 0)
		pthread_cond_wait(&channel->left, &channel->lock);
	pthread_mutex_unlock(&channel->lock);
	free_channel(channel);
}
