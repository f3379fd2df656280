/* Git's smart protocol over https with libcurl: TLS 1.3, proxies, addresses in certificates, one CA file per source,
 * clear status codes, and the token goes nowhere but to the configured host. libgit2's own transport lacks all of these
 * in 1.5. Two streams: GET info/refs and POST git-upload-pack; the body is handed over while it arrives. */
#include <curl/curl.h>
#include <git2/sys/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/source/git_session.h"

enum { MAX_REDIRECTS = 5, SLOW_SECONDS = 60, CONNECT_SECONDS = 20, PAUSE_BYTES = 4 << 20 };

struct http_transport {
	git_smart_subtransport base;
	struct git_session *session;
	char *url; /* after redirects; no slash at the end */
};

struct http_stream {
	git_smart_subtransport_stream base;
	struct http_transport *transport;
	const char *service;
	bool is_post, started, finished, paused;
	CURL *easy;
	CURLM *multi;
	struct curl_slist *headers;
	struct text request, body;
	size_t consumed;
	long status;
	int64_t retry_after_s;
	char error[CURL_ERROR_SIZE];
};

static size_t on_body(char *bytes, size_t one, size_t count, void *ctx)
{
	struct http_stream *stream = ctx;
	if (stream->is_post && stream->body.len - stream->consumed > PAUSE_BYTES) {
		stream->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	text_add(&stream->body, (struct span){bytes, one * count});
	return one * count;
}

static void set_credentials(struct http_stream *stream)
{
	const struct fetch_request *request = stream->transport->session->request;
	if (request->token.len == 0)
		return;
	curl_easy_setopt(stream->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl_easy_setopt(stream->easy, CURLOPT_USERNAME, request->user == NULL ? "git" : request->user);
	curl_easy_setopt(stream->easy, CURLOPT_PASSWORD, request->token.ptr);
}

static void set_connection(struct http_stream *stream)
{
	const struct fetch_request *request = stream->transport->session->request;
	CURL *easy = stream->easy;
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, stream->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, request->scheme == SCHEME_HTTP ? "http,https" : "https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "git/2.0 (omniops)");
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy == NULL ? "" : request->proxy);
	if (request->no_proxy != NULL)
		curl_easy_setopt(easy, CURLOPT_NOPROXY, request->no_proxy);
	if (request->ca_file != NULL)
		curl_easy_setopt(easy, CURLOPT_CAINFO, request->ca_file);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, stream);
}

static void set_request(struct http_stream *stream, const char *url)
{
	CURL *easy = stream->easy;
	curl_easy_setopt(easy, CURLOPT_URL, url);
	if (!stream->is_post)
		return;
	stream->headers = curl_slist_append(NULL, "Content-Type: application/x-git-upload-pack-request");
	stream->headers = curl_slist_append(stream->headers, "Accept: application/x-git-upload-pack-result");
	stream->headers = curl_slist_append(stream->headers, "Expect:");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, stream->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)stream->request.len);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, stream->request.ptr);
}

static void end_transfer(struct http_stream *stream)
{
	if (stream->easy != NULL)
		curl_multi_remove_handle(stream->multi, stream->easy);
	curl_easy_cleanup(stream->easy);
	curl_multi_cleanup(stream->multi);
	curl_slist_free_all(stream->headers);
	stream->easy = NULL;
	stream->multi = NULL;
	stream->headers = NULL;
}

static int fail_http(struct http_stream *stream, enum fail_code code, const char *text)
{
	fail_set(&stream->transport->session->fail, code, "%s", text);
	git_error_set_str(GIT_ERROR_HTTP, text);
	return -1;
}

static int fail_curl(struct http_stream *stream, CURLcode result)
{
	char text[400];
	bool is_trust = result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE;
	snprintf(text, sizeof text, "%.300s%s", stream->error[0] != '\0' ? stream->error : curl_easy_strerror(result),
		 is_trust ? " (a certificate authority of your own goes into ca-file=)" : "");
	return fail_http(stream, is_trust ? FAIL_UNAUTHENTICATED : FAIL_UNAVAILABLE, text);
}

static int fail_status(struct http_stream *stream)
{
	bool has_token = stream->transport->session->request->token.len > 0;
	char text[200];
	switch (stream->status) {
	case 401:
		return fail_http(stream, FAIL_UNAUTHENTICATED,
				 has_token ? "the host refused the token (HTTP 401)"
					   : "the host asks for a token (HTTP 401): token-file= or token-env=");
	case 403:
		return fail_http(stream, FAIL_DENIED, "the host denies access to the repository (HTTP 403)");
	case 404:
		return fail_http(stream, FAIL_NOT_FOUND,
				 has_token ? "no such repository, or the token may not see it (HTTP 404)"
					   : "no such repository, or it is private and needs a token (HTTP 404)");
	default:
		snprintf(text, sizeof text, "the host answers with HTTP status %ld%s", stream->status,
			 stream->status == 429 ? ": asked too often" : "");
		if (stream->status == 429 || stream->status == 503)
			stream->transport->session->retry_after_ms = stream->retry_after_s * 1000;
		return fail_http(stream, FAIL_UNAVAILABLE, text);
	}
}

static int start(struct http_stream *stream, const char *url)
{
	stream->easy = curl_easy_init();
	stream->multi = curl_multi_init();
	if (stream->easy == NULL || stream->multi == NULL)
		abort();
	text_reset(&stream->body);
	stream->consumed = 0;
	stream->error[0] = '\0';
	stream->finished = false;
	set_connection(stream);
	set_credentials(stream);
	set_request(stream, url);
	return curl_multi_add_handle(stream->multi, stream->easy) == CURLM_OK ? 0 : -1;
}

static int take_result(struct http_stream *stream)
{
	int left = 0;
	const CURLMsg *message = curl_multi_info_read(stream->multi, &left);
	stream->finished = true;
	curl_off_t retry_after = 0;
	curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &stream->status);
	curl_easy_getinfo(stream->easy, CURLINFO_RETRY_AFTER, &retry_after);
	stream->retry_after_s = retry_after < 0 ? 0 : retry_after > 3600 ? 3600 : retry_after;
	return message == NULL || message->data.result == CURLE_OK ? 0 : fail_curl(stream, message->data.result);
}

/* Move on until there is something to hand over (or, with `all`, until the end). */
static int pump(struct http_stream *stream, bool all)
{
	while (!stream->finished && (all || stream->body.len == stream->consumed)) {
		int running = 0;
		if (stream->paused) {
			stream->paused = false;
			curl_easy_pause(stream->easy, CURLPAUSE_CONT);
		}
		if (curl_multi_perform(stream->multi, &running) != CURLM_OK)
			return fail_http(stream, FAIL_UNAVAILABLE, "the transfer failed");
		if (running == 0 && take_result(stream) < 0)
			return -1;
		if (running != 0 && !stream->paused && (all || stream->body.len == stream->consumed))
			curl_multi_poll(stream->multi, NULL, 0, 1000, NULL);
	}
	return 0;
}

/* --- redirects ------------------------------------------------------------------------------------------------------ */

static bool same_host(const char *a, const char *b)
{
	CURLU *left = curl_url(), *right = curl_url();
	char *left_part = NULL, *right_part = NULL;
	bool same = curl_url_set(left, CURLUPART_URL, a, 0) == CURLUE_OK &&
		    curl_url_set(right, CURLUPART_URL, b, 0) == CURLUE_OK;
	static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
	for (size_t i = 0; i < 3 && same; i++) {
		same = curl_url_get(left, parts[i], &left_part, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		       curl_url_get(right, parts[i], &right_part, CURLU_DEFAULT_PORT) == CURLUE_OK &&
		       strcasecmp(left_part, right_part) == 0;
		curl_free(left_part);
		curl_free(right_part);
		left_part = right_part = NULL;
	}
	curl_url_cleanup(left);
	curl_url_cleanup(right);
	return same;
}

/* Only the first request may be redirected, and only on the same scheme, host and port: a token must not travel. */
static int follow(struct http_stream *stream)
{
	static const char tail[] = "/info/refs?service=git-upload-pack";
	char text[600];
	char *target = NULL;
	curl_easy_getinfo(stream->easy, CURLINFO_REDIRECT_URL, &target);
	size_t length = target == NULL ? 0 : strlen(target);
	if (length <= sizeof tail || strcmp(target + length - (sizeof tail - 1), tail) != 0 ||
	    !same_host(target, stream->transport->url)) {
		snprintf(text, sizeof text, "the host sends us elsewhere: %.300s. Use that address in the source",
			 target == NULL ? "(nowhere)" : target);
		return fail_http(stream, FAIL_INVALID, text);
	}
	free(stream->transport->url);
	stream->transport->url = strndup(target, length - (sizeof tail - 1));
	return 1;
}

/* The list of refs is read as a whole: it is short, and its status and redirects come first. */
static int get_refs(struct http_stream *stream)
{
	for (unsigned i = 0; i <= MAX_REDIRECTS; i++) {
		char url[4096];
		snprintf(url, sizeof url, "%s/info/refs?service=git-upload-pack", stream->transport->url);
		if (start(stream, url) < 0 || pump(stream, true) < 0)
			return -1;
		if (stream->status == 200)
			return 0;
		if (stream->status < 300 || stream->status >= 400)
			return fail_status(stream);
		if (follow(stream) < 0)
			return -1;
		end_transfer(stream);
	}
	return fail_http(stream, FAIL_INVALID, "the host redirects in a circle");
}

static int post_request(struct http_stream *stream)
{
	char url[4096];
	snprintf(url, sizeof url, "%s/git-upload-pack", stream->transport->url);
	if (start(stream, url) < 0 || pump(stream, false) < 0)
		return -1;
	curl_easy_getinfo(stream->easy, CURLINFO_RESPONSE_CODE, &stream->status);
	return stream->status == 200 ? 0 : fail_status(stream);
}

/* --- what libgit2 calls --------------------------------------------------------------------------------------------- */

static int stream_read(git_smart_subtransport_stream *base, char *buffer, size_t size, size_t *out_read)
{
	struct http_stream *stream = (struct http_stream *)base;
	*out_read = 0;
	if (!stream->started) {
		stream->started = true;
		if ((stream->is_post ? post_request(stream) : get_refs(stream)) < 0)
			return -1;
	}
	if (pump(stream, false) < 0)
		return -1;
	size_t ready = stream->body.len - stream->consumed;
	*out_read = ready < size ? ready : size;
	memcpy(buffer, stream->body.ptr + stream->consumed, *out_read);
	stream->consumed += *out_read;
	if (stream->consumed == stream->body.len) {
		text_reset(&stream->body);
		stream->consumed = 0;
	}
	return 0;
}

static int stream_write(git_smart_subtransport_stream *base, const char *bytes, size_t size)
{
	struct http_stream *stream = (struct http_stream *)base;
	if (stream->started)
		return -1;
	text_add(&stream->request, (struct span){bytes, size});
	return 0;
}

static void stream_free(git_smart_subtransport_stream *base)
{
	struct http_stream *stream = (struct http_stream *)base;
	end_transfer(stream);
	text_done(&stream->request);
	text_done(&stream->body);
	free(stream);
}

static int transport_action(git_smart_subtransport_stream **out, git_smart_subtransport *base, const char *url,
			    git_smart_service_t action)
{
	struct http_transport *transport = (struct http_transport *)base;
	struct http_stream *stream = calloc(1, sizeof *stream);
	if (stream == NULL || (action != GIT_SERVICE_UPLOADPACK_LS && action != GIT_SERVICE_UPLOADPACK))
		abort();
	if (transport->url == NULL) {
		size_t length = strlen(url);
		while (length > 0 && url[length - 1] == '/')
			length--;
		transport->url = strndup(url, length);
	}
	stream->base = (git_smart_subtransport_stream){base, stream_read, stream_write, stream_free};
	stream->transport = transport;
	stream->is_post = action == GIT_SERVICE_UPLOADPACK;
	text_init(&stream->request, (size_t)64 << 20);
	text_init(&stream->body, (size_t)256 << 20);
	*out = &stream->base;
	return 0;
}

static int transport_close(git_smart_subtransport *base)
{
	(void)base;
	return 0;
}

static void transport_free(git_smart_subtransport *base)
{
	struct http_transport *transport = (struct http_transport *)base;
	free(transport->url);
	free(transport);
}

static int new_transport(git_smart_subtransport **out, git_transport *owner, void *session)
{
	(void)owner;
	struct http_transport *transport = calloc(1, sizeof *transport);
	if (transport == NULL)
		abort();
	transport->base = (git_smart_subtransport){transport_action, transport_close, transport_free};
	transport->session = session;
	*out = &transport->base;
	return 0;
}

bool http_register(struct git_session *session, struct fail *fail)
{
	static git_smart_subtransport_definition definition;
	if (session->request->scheme > SCHEME_HTTP)
		return true;
	definition = (git_smart_subtransport_definition){new_transport, 1, session};
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || git_transport_register("https", git_transport_smart, &definition) != 0 ||
	    git_transport_register("http", git_transport_smart, &definition) != 0)
		return session_fail(session, fail, "the transport cannot be set up");
	return true;
}
