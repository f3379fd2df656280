#include "agent/helm/chart_fetch.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "agent/helm/chart.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"

enum { CONNECT_MS = 20000, SLOW_SECONDS = 60, URL_MAX = 4096 };

struct transfer {
	const struct fetch_request *request;
	struct fetch_answer *answer;
	EVP_MD_CTX *digest;
	struct fail fail; /* of writing */
	char error[CURL_ERROR_SIZE];
	struct curl_slist *headers;
};

void fetcher_init(struct fetcher *fetcher)
{
	*fetcher = (struct fetcher){.cancel_fd = -1};
	fetcher->multi = curl_multi_init();
	fetcher->easy = curl_easy_init();
	if (fetcher->multi == NULL || fetcher->easy == NULL)
		abort();
}

void fetcher_done(struct fetcher *fetcher)
{
	curl_easy_cleanup(fetcher->easy);
	curl_multi_cleanup(fetcher->multi);
}

void fetch_answer_done(struct fetch_answer *answer)
{
	if (answer->body.len > 0)
		explicit_bzero(answer->body.ptr, answer->body.len); /* tokens */
	text_done(&answer->body);
}

/* --- URLs ----------------------------------------------------------------------------------------------------------- */

static char *url_part(CURLU *url, CURLUPart part)
{
	char *out = NULL;
	return curl_url_get(url, part, &out, part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0) == CURLUE_OK ? out : NULL;
}

static bool has_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
	curl_free(text);
	return has;
}

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static bool is_http(CURLU *url)
{
	char *scheme = url_part(url, CURLUPART_SCHEME);
	bool is = scheme != NULL && (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
	curl_free(scheme);
	return is;
}

bool fetch_url_check(struct span text, struct fail *fail)
{
	char copy[URL_MAX];
	CLEANUP(free_url) CURLU *url = curl_url();
	if (text.len >= sizeof copy || memchr(text.ptr == NULL ? "" : text.ptr, '\0', text.len) != NULL)
		return fail_set(fail, FAIL_INVALID, "the address is too long, or none");
	snprintf(copy, sizeof copy, "%.*s", SPAN_ARG(text));
	if (curl_url_set(url, CURLUPART_URL, copy, 0) != CURLUE_OK || !is_http(url) || !has_part(url, CURLUPART_HOST))
		return fail_set(fail, FAIL_INVALID, "\"%.200s\" is no address of a repository: https://HOST/PATH, or oci://HOST/PATH", copy);
	if (has_part(url, CURLUPART_USER) || has_part(url, CURLUPART_PASSWORD))
		return fail_set(fail, FAIL_INVALID,
				"the address of the repository has credentials in it, where everybody reads them: they belong into a Secret");
	if (has_part(url, CURLUPART_FRAGMENT))
		return fail_set(fail, FAIL_INVALID, "the address of the repository has a fragment (#…)");
	return true;
}

bool fetch_same_host(const char *a, const char *b)
{
	static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
	CLEANUP(free_url) CURLU *left = curl_url();
	CLEANUP(free_url) CURLU *right = curl_url();
	bool same = curl_url_set(left, CURLUPART_URL, a, 0) == CURLUE_OK && curl_url_set(right, CURLUPART_URL, b, 0) == CURLUE_OK;
	for (size_t i = 0; i < COUNT_OF(parts) && same; i++) {
		char *x = url_part(left, parts[i]), *y = url_part(right, parts[i]);
		same = x != NULL && y != NULL && strcasecmp(x, y) == 0;
		curl_free(x);
		curl_free(y);
	}
	return same;
}

static void keep_query(CURLU *url, const char *base)
{
	CLEANUP(free_url) CURLU *from = curl_url();
	if (has_part(url, CURLUPART_QUERY) || curl_url_set(from, CURLUPART_URL, base, 0) != CURLUE_OK)
		return;
	char *query = url_part(from, CURLUPART_QUERY);
	if (query != NULL)
		curl_url_set(url, CURLUPART_QUERY, query, 0);
	curl_free(query);
}

char *fetch_url_join(struct arena *arena, const char *base, struct span relative)
{
	CLEANUP(free_url) CURLU *url = curl_url();
	char *text = arena_string(arena, relative), *out = NULL;
	bool is_whole = memmem(relative.ptr, relative.len, "://", 3) != NULL;
	if (relative.len == 0 || relative.len > URL_MAX || strlen(text) != relative.len || curl_url_set(url, CURLUPART_URL, base, 0) != CURLUE_OK ||
	    curl_url_set(url, CURLUPART_URL, text, CURLU_URLENCODE) != CURLUE_OK || !is_http(url) || has_part(url, CURLUPART_USER))
		return NULL;
	if (!is_whole)
		keep_query(url, base);
	char *joined = url_part(url, CURLUPART_URL);
	out = joined == NULL ? NULL : arena_string(arena, span_of(joined));
	curl_free(joined);
	return out;
}

/* --- one request ---------------------------------------------------------------------------------------------------- */

static bool is_good(const struct transfer *transfer, CURL *easy)
{
	long status = 0;
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 200 && status < 300 && transfer->fail.code == FAIL_NONE;
}

struct sink {
	struct transfer *transfer;
	CURL *easy;
};

static size_t on_body(char *bytes, size_t one, size_t count, void *ctx)
{
	const struct sink *sink = ctx;
	struct transfer *transfer = sink->transfer;
	size_t len = one * count;
	struct fetch_answer *answer = transfer->answer;
	if (!is_good(transfer, sink->easy))
		return transfer->fail.code == FAIL_NONE ? len : 0; /* what an error page says is not wanted */
	if (answer->bytes + len > transfer->request->max_bytes) {
		fail_set(&transfer->fail, FAIL_TOO_BIG, "%s has more than %zu bytes", transfer->request->what, transfer->request->max_bytes);
		return 0;
	}
	answer->bytes += len;
	EVP_DigestUpdate(transfer->digest, bytes, len);
	if (transfer->request->file_fd < 0)
		text_add(&answer->body, (struct span){bytes, len});
	else if (!files_write_all(transfer->request->file_fd, (struct span){bytes, len}, transfer->request->what, &transfer->fail))
		return 0;
	return len;
}

static void take_header(struct span value, char *out, size_t size)
{
	value = span_trim(value);
	snprintf(out, size, "%.*s", value.len < size ? (int)value.len : 0, value.ptr == NULL ? "" : value.ptr);
}

static size_t on_header(char *bytes, size_t one, size_t count, void *ctx)
{
	const struct sink *sink = ctx;
	struct fetch_answer *answer = sink->transfer->answer;
	struct span line = {bytes, one * count};
	struct span name = span_before(line, ':'), value = span_behind(line, ':');
	const struct {
		const char *name;
		char *out;
		size_t size;
	} wanted[] = {
		{"etag", answer->etag, sizeof answer->etag},
		{"link", answer->next, sizeof answer->next},
		{"www-authenticate", answer->challenge, sizeof answer->challenge},
	};
	for (size_t i = 0; i < COUNT_OF(wanted); i++)
		if (name.len == strlen(wanted[i].name) && strncasecmp(name.ptr, wanted[i].name, name.len) == 0 && wanted[i].out[0] == '\0')
			take_header(value, wanted[i].out, wanted[i].size);
	return line.len;
}

static void add_header(struct transfer *transfer, const char *name, struct span value)
{
	struct text line;
	if (value.len == 0)
		return;
	text_init(&line, TEXT_NO_LIMIT);
	text_addf(&line, "%s: %.*s", name, SPAN_ARG(value));
	transfer->headers = curl_slist_append(transfer->headers, line.ptr);
	explicit_bzero(line.ptr, line.len);
	text_done(&line);
}

static void set_trust(const struct fetcher *fetcher)
{
	CURL *easy = fetcher->easy;
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (fetcher->ca.len > 0) {
		struct curl_blob blob = {(void *)(uintptr_t)fetcher->ca.ptr, fetcher->ca.len, CURL_BLOB_COPY};
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	} else if (fetcher->ca_file != NULL) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, fetcher->ca_file);
	}
}

static void set_connection(struct fetcher *fetcher, struct sink *sink, const char *url, int64_t left_ms)
{
	CURL *easy = fetcher->easy;
	curl_easy_reset(easy);
	set_trust(fetcher);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, sink->transfer->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(left_ms < CONNECT_MS ? left_ms : CONNECT_MS));
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SLOW_SECONDS);
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)sink->transfer->request->max_bytes);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "omniops");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, sink);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, sink);
	if (sink->transfer->request->is_text)
		curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
}

/* What belongs to the host that was asked. */
static void set_ours(struct fetcher *fetcher, struct transfer *transfer, struct arena *arena)
{
	const struct fetch_request *request = transfer->request;
	if (request->bearer.len > 0) {
		add_header(transfer, "Authorization", arena_spanf(arena, "Bearer %.*s", SPAN_ARG(request->bearer)));
	} else if (request->user.len > 0 || request->password.len > 0) {
		curl_easy_setopt(fetcher->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(fetcher->easy, CURLOPT_USERNAME, arena_string(arena, request->user));
		curl_easy_setopt(fetcher->easy, CURLOPT_PASSWORD, arena_string(arena, request->password));
	}
	add_header(transfer, "If-None-Match", request->etag);
}

static bool is_readable(int fd, const struct curl_waitfd *extra)
{
	return fd >= 0 && extra->revents != 0;
}

/* CURLE_ABORTED_BY_CALLBACK: cancelled. */
static CURLcode perform(struct fetcher *fetcher)
{
	CURLcode result = CURLE_OK;
	int running = 1;
	curl_multi_add_handle(fetcher->multi, fetcher->easy);
	for (;;) {
		struct curl_waitfd extra = {fetcher->cancel_fd, CURL_WAIT_POLLIN, 0};
		if (curl_multi_perform(fetcher->multi, &running) != CURLM_OK) {
			result = CURLE_FAILED_INIT;
			break;
		}
		if (running == 0)
			break;
		curl_multi_poll(fetcher->multi, &extra, fetcher->cancel_fd >= 0, 1000, NULL);
		if (is_readable(fetcher->cancel_fd, &extra)) {
			result = CURLE_ABORTED_BY_CALLBACK;
			break;
		}
	}
	int left;
	const CURLMsg *message = running == 0 ? curl_multi_info_read(fetcher->multi, &left) : NULL;
	if (message != NULL && message->msg == CURLMSG_DONE)
		result = message->data.result;
	curl_multi_remove_handle(fetcher->multi, fetcher->easy);
	fetcher->requests++;
	return result;
}

static bool fail_curl(const struct transfer *transfer, CURLcode result, struct fail *fail)
{
	const char *what = transfer->request->what;
	const char *why = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(result);
	switch (result) {
	case CURLE_ABORTED_BY_CALLBACK:
		return fail_set(fail, FAIL_CANCELLED, "%s: the agent ends", what);
	case CURLE_OPERATION_TIMEDOUT:
		return fail_set(fail, FAIL_TIMEOUT, "%s: %.300s", what, why);
	case CURLE_FILESIZE_EXCEEDED:
		return fail_set(fail, FAIL_TOO_BIG, "%s has more than %zu bytes", what, transfer->request->max_bytes);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return fail_set(fail, FAIL_UNAUTHENTICATED, "%s: %.300s (a certificate authority of your own can be named for the repository)", what, why);
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
		return fail_set(fail, FAIL_INVALID, "%s: %.300s", what, why);
	default:
		return fail_set(fail, FAIL_UNAVAILABLE, "%s: %.300s", what, why);
	}
}

static bool begin_body(struct transfer *transfer, struct fail *fail)
{
	struct fetch_answer *answer = transfer->answer;
	int fd = transfer->request->file_fd;
	text_reset(&answer->body);
	answer->bytes = 0;
	answer->etag[0] = answer->next[0] = answer->challenge[0] = '\0';
	if (EVP_DigestInit_ex(transfer->digest, EVP_sha256(), NULL) != 1)
		abort();
	if (fd >= 0 && (lseek(fd, 0, SEEK_SET) < 0 || ftruncate(fd, 0) != 0))
		return fail_errno(fail, errno, "the cache of charts");
	return true;
}

static bool once(struct fetcher *fetcher, struct transfer *transfer, const char *url, struct arena *arena, struct fail *fail)
{
	struct sink sink = {transfer, fetcher->easy};
	int64_t left_ms = fetcher->deadline_ms - clock_monotonic_ms();
	if (left_ms <= 0)
		return fail_set(fail, FAIL_TIMEOUT, "%s: there is no time left", transfer->request->what);
	if (!begin_body(transfer, fail))
		return false;
	set_connection(fetcher, &sink, url, left_ms);
	if (transfer->request->accept != NULL)
		add_header(transfer, "Accept", span_of(transfer->request->accept));
	if (fetch_same_host(url, transfer->request->url))
		set_ours(fetcher, transfer, arena);
	curl_easy_setopt(fetcher->easy, CURLOPT_HTTPHEADER, transfer->headers);
	CURLcode result = perform(fetcher);
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	if (transfer->fail.code != FAIL_NONE)
		return fail_set(fail, transfer->fail.code, "%s", transfer->fail.text);
	if (result != CURLE_OK)
		return fail_curl(transfer, result, fail);
	curl_easy_getinfo(fetcher->easy, CURLINFO_RESPONSE_CODE, &transfer->answer->status);
	return true;
}

static void finish_digest(struct transfer *transfer)
{
	unsigned char raw[DIGEST_RAW_SIZE];
	if (EVP_DigestFinal_ex(transfer->digest, raw, NULL) != 1)
		abort();
	for (size_t i = 0; i < sizeof raw; i++)
		snprintf(transfer->answer->digest + 2 * i, 3, "%02x", raw[i]);
}

/* Where a redirect leads; NULL: not where we go. */
static char *redirect(struct fetcher *fetcher, const char *from, struct arena *arena)
{
	char *target = NULL;
	curl_easy_getinfo(fetcher->easy, CURLINFO_REDIRECT_URL, &target);
	bool is_fine = target != NULL && (strncmp(target, "https://", 8) == 0 || (strncmp(target, "http://", 7) == 0 && strncmp(from, "http://", 7) == 0));
	return is_fine ? arena_string(arena, span_of(target)) : NULL;
}

static bool go(struct fetcher *fetcher, struct transfer *transfer, struct arena *arena, struct fail *fail)
{
	const char *url = transfer->request->url;
	for (unsigned i = 0; i <= CHART_REDIRECTS; i++) {
		if (!once(fetcher, transfer, url, arena, fail))
			return false;
		long status = transfer->answer->status;
		if (status == 429 || status >= 500)
			return fetch_fail_status(transfer->request, status, fail);
		if (status < 300 || status >= 400 || status == 304) {
			finish_digest(transfer);
			return true;
		}
		url = redirect(fetcher, url, arena);
		if (url == NULL)
			return fail_set(fail, FAIL_INVALID, "%s: the host sends us where we do not go (HTTP %ld)", transfer->request->what, status);
	}
	return fail_set(fail, FAIL_INVALID, "%s: the host sends us in a circle", transfer->request->what);
}

bool fetch(struct fetcher *fetcher, const struct fetch_request *request, struct fetch_answer *out, struct fail *fail)
{
	struct transfer transfer = {.request = request, .answer = out};
	struct arena arena;
	*out = (struct fetch_answer){0};
	text_init(&out->body, request->max_bytes + 1);
	transfer.digest = EVP_MD_CTX_new();
	if (transfer.digest == NULL)
		abort();
	arena_init(&arena, ARENA_NO_LIMIT);
	bool ok = go(fetcher, &transfer, &arena, fail);
	EVP_MD_CTX_free(transfer.digest);
	arena_done(&arena);
	return ok;
}

bool fetch_fail_status(const struct fetch_request *request, long status, struct fail *fail)
{
	bool has_login = request->user.len > 0 || request->password.len > 0 || request->bearer.len > 0;
	switch (status) {
	case 401:
		return fail_set(fail, FAIL_UNAUTHENTICATED, "%s: %s (HTTP 401)", request->what,
				has_login ? "the credentials were refused" : "the host asks for credentials");
	case 403:
		return fail_set(fail, FAIL_DENIED, "%s: access is denied (HTTP 403)%s", request->what, has_login ? "" : "; maybe it wants credentials");
	case 404:
	case 410:
		return fail_set(fail, FAIL_NOT_FOUND, "%s is not there (HTTP %ld)", request->what, status);
	case 429:
		return fail_set(fail, FAIL_UNAVAILABLE, "%s: the host says that it was asked too often (HTTP 429)", request->what);
	default:
		return fail_set(fail, status >= 500 ? FAIL_UNAVAILABLE : FAIL_PROTOCOL, "%s: HTTP %ld", request->what, status);
	}
}
