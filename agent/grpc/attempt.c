/* One transfer: an easy handle set up once for all calls that it will carry, then what differs from call to call. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "agent/grpc/internal.h"
#include "agent/grpc/status.h"
#include "base/clock.h"

enum { ODD_BODY_KEPT = 512, ODD_BODY_MAX = 64 * 1024 };

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
	struct call *call = ctx;
	call->channel->has_heard = true;
	response_line(&call->response, (struct span){bytes, size * count});
	call->reader.can_expand = call->response.is_gzip;
	return size * count;
}

/* What is not gRPC is only read to say what it is. */
static bool take_odd(struct call *call, struct span chunk)
{
	size_t room = ODD_BODY_KEPT - (call->odd_body.len < ODD_BODY_KEPT ? call->odd_body.len : ODD_BODY_KEPT);
	text_add(&call->odd_body, (struct span){chunk.ptr, chunk.len < room ? chunk.len : room});
	call->received_bytes += chunk.len;
	return call->received_bytes <= ODD_BODY_MAX;
}

static bool refuse_queue(struct call *call, size_t max_bytes)
{
	call->problem.code = GRPC_RESOURCE_EXHAUSTED;
	snprintf(call->problem.text, sizeof call->problem.text,
		 "more than %zu MiB of messages are waiting to be read here: the reader is slower than the server", max_bytes >> 20);
	return false;
}

static bool take_messages(struct call *call, struct span chunk)
{
	struct frame_list fresh = {0};
	bool is_fine = frame_feed(&call->reader, chunk.ptr, chunk.len, &fresh, &call->problem);
	size_t max_bytes = call->kind == CALL_STREAM ? STREAM_QUEUE_MAX : MANY_QUEUE_MAX;
	call->received_bytes += chunk.len;
	call->messages += fresh.messages;
	if (fresh.first != NULL)
		call_publish(call, &fresh);
	if (is_fine && call->kind != CALL_MANY && call->kind != CALL_STREAM && call->messages > 1) {
		call->problem.code = GRPC_INTERNAL;
		snprintf(call->problem.text, sizeof call->problem.text, "the server sent more than one message where one was asked for");
		return false;
	}
	if (is_fine && atomic_load_explicit(&call->queued_bytes, memory_order_relaxed) > max_bytes)
		return refuse_queue(call, max_bytes);
	return is_fine;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct call *call = ctx;
	struct span chunk = {bytes, size * count};
	call->channel->has_heard = true;
	bool is_grpc = call->response.is_grpc && call->response.http_status == 200 && call->response.http_version == 2;
	bool is_fine = is_grpc ? take_messages(call, chunk) : take_odd(call, chunk);
	if (call->channel->loses_ends)
		lent_give_back(&call->lent, chunk);
	return is_fine ? chunk.len : 0;
}

/* Before a request goes over a connection. libcurl would send it once more on another one when a kept connection breaks,
 * whether or not the server has seen it: that is not its to decide. */
static int on_request(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
	struct call *call = ctx;
	(void)peer, (void)local, (void)peer_port, (void)local_port;
	if (++call->connects > 1)
		return CURL_PREREQFUNC_ABORT;
	atomic_store(&call->was_sent, true);
	return CURL_PREREQFUNC_OK;
}

static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	struct call *call = ctx;
	unsigned dead_ms = (unsigned)call->channel->options.dead_after_ms;
	if (purpose == CURLSOCKTYPE_IPCXN)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof dead_ms); /* where it is not known, probes remain */
	pthread_mutex_lock(&call->channel->lock);
	call->channel->counts.connections++;
	pthread_mutex_unlock(&call->channel->lock);
	return CURL_SOCKOPT_OK;
}

static void set_callbacks(CURL *easy, struct call *call)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, call);
}

static void set_tls(CURL *easy, const struct grpc_options *options)
{
	enum { CA_CACHE_SECONDS = 60 }; /* a renewed file is seen by the next connection */
	if (options->ca_file != NULL) { /* this one, and not the system's as well */
		curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, (long)CA_CACHE_SECONDS);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (options->skip_verify) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static long at_least_a_second(int64_t ms)
{
	return ms < 1000 ? 1 : (long)(ms / 1000);
}

/* Transfers that share a connection read for each other, into a buffer of each. When one is full, libcurl before 8.1 stops
 * reading until it is emptied, and a transfer whose answer had ended meanwhile ends without its trailers. So none gets full:
 * address space it is, and memory only as far as something is put in, until it was read (on_body). */
static void set_buffer(CURL *easy, const struct grpc_channel *channel)
{
	if (channel->loses_ends)
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_MAX_READ_SIZE);
}

static void set_connection(CURL *easy, const struct grpc_channel *channel)
{
	const struct grpc_options *options = &channel->options;
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, options->endpoint.is_tls ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
			 options->endpoint.is_tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)GRPC_CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, at_least_a_second(options->dead_after_ms / 3));
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, at_least_a_second(options->dead_after_ms / 9));
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L); /* no proxy passes cleartext HTTP/2 on */
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (options->proxy != NULL)
		curl_easy_setopt(easy, CURLOPT_PROXY, options->proxy);
	if (options->user_agent != NULL)
		curl_easy_setopt(easy, CURLOPT_USERAGENT, options->user_agent);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, channel->is_reuse_broken ? 0L : 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, channel->is_reuse_broken ? 1L : 0L);
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, channel->is_reuse_broken ? 1L : 0L);
}

CURL *attempt_handle(struct call *call)
{
	CURL *easy = curl_easy_init();
	if (easy == NULL)
		abort();
	set_callbacks(easy, call);
	set_tls(easy, &call->channel->options);
	set_connection(easy, call->channel);
	set_buffer(easy, call->channel);
	curl_easy_setopt(easy, CURLOPT_POST, 1L);
	return easy;
}

static void add_line(struct call *call, const char *line)
{
	struct curl_slist *item = &call->lines[call->line_count];
	*item = (struct curl_slist){.data = (char *)(uintptr_t)line};
	if (call->line_count > 0)
		call->lines[call->line_count - 1].next = item;
	call->line_count++;
}

static void add_header(struct call *call, const struct grpc_header *header)
{
	/* "name:" would remove a header, "name;" sends an empty one */
	size_t name_len = header->name.len, value_len = header->value.len;
	char *line = arena_alloc(&call->arena, name_len + value_len + 3);
	memcpy(line, header->name.ptr, name_len);
	memcpy(line + name_len, value_len == 0 ? ";" : ": ", 2);
	if (value_len > 0)
		memcpy(line + name_len + 2, header->value.ptr, value_len);
	add_line(call, line);
}

static bool add_signature(struct call *call, struct grpc_status *status)
{
	const struct grpc_signer *signer = &call->channel->options.signer;
	struct grpc_header headers[GRPC_SIGNED_MAX];
	size_t count = 0;
	struct fail fail;
	if (signer->sign == NULL)
		return true;
	if (!signer->sign(signer->ctx, &call->arena, span_of(call->method), call->headers, call->header_count, headers, &count, &fail)) {
		outcome_local(call, status, GRPC_UNAUTHENTICATED, "the request could not be signed: %s", fail.text);
		status->is_permanent = true;
		return false;
	}
	for (size_t i = 0; i < count && i < GRPC_SIGNED_MAX; i++) {
		if (!status_is_header(headers[i].name, headers[i].value)) {
			outcome_local(call, status, GRPC_INTERNAL, "the signature is no header that may be sent");
			status->is_permanent = true;
			return false;
		}
		add_header(call, &headers[i]);
	}
	return true;
}

static void add_timeout(struct call *call, int64_t now_ms)
{
	char timeout[STATUS_TIMEOUT_SIZE];
	if (call->deadline_ms == 0)
		return;
	status_encode_timeout(call->deadline_ms - now_ms, timeout);
	add_line(call, arena_spanf(&call->arena, "grpc-timeout: %s", timeout).ptr);
}

static void clear_attempt(struct call *call)
{
	response_reset(&call->response);
	frame_reader_done(&call->reader);
	call->reader.can_expand = false;
	call->problem.code = GRPC_OK;
	call->error[0] = '\0';
	call->line_count = call->messages = call->received_bytes = 0;
	call->connects = 0;
	call->lent = (struct lent){0};
	text_reset(&call->odd_body);
	text_reset(&call->text);
	atomic_store(&call->was_sent, false);
}

bool attempt_prepare(struct call *call, struct grpc_status *status)
{
	if (call->easy == NULL)
		call->easy = attempt_handle(call);
	clear_attempt(call);
	call->attempts++;
	call->attempt_ms = clock_monotonic_ms();
	if (call->deadline_ms != 0 && call->attempt_ms >= call->deadline_ms) { /* it waited too long, or this process was stopped */
		outcome_deadline(call, status);
		status->is_permanent = true;
		return false;
	}
	add_line(call, "content-type: application/grpc");
	add_line(call, "te: trailers");
	add_line(call, "Accept:");
	add_line(call, "Expect:");
	add_timeout(call, clock_monotonic_ms());
	for (size_t i = 0; i < call->header_count; i++)
		add_header(call, &call->headers[i]);
	if (!add_signature(call, status))
		return false;
	const char *url = arena_spanf(&call->arena, "%s%s", call->channel->options.endpoint.url, call->method).ptr;
	curl_easy_setopt(call->easy, CURLOPT_URL, url);
	curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->lines);
	curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->frame.len);
	curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->frame.ptr);
	return true;
}
