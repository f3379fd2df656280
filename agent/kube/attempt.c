/* One transfer of libcurl: what all have in common, then what the request and the identity say. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "agent/kube/internal.h"
#include "base/clock.h"

enum { KEEPALIVE_IDLE_S = 15, KEEPALIVE_EACH_S = 5, UNACKNOWLEDGED_MS = 30000 };

/* --- callbacks ------------------------------------------------------------------------------------------------------------ */

static void heard(struct transfer *transfer)
{
	transfer->heard_ms = transfer->client->heard_ms = clock_monotonic_ms();
	transfer->client->is_unanswered = false;
}

static bool is_named(struct span line, const char *name, struct span *value)
{
	size_t len = strlen(name);
	if (line.len <= len || line.ptr[len] != ':' || strncasecmp(line.ptr, name, len) != 0)
		return false;
	*value = span_trim((struct span){line.ptr + len + 1, line.len - len - 1});
	return true;
}

/* An answer begins, or the real one after an interim one. */
static void begin_answer(struct transfer *transfer, struct span line)
{
	int64_t status = 0;
	transfer->http_version = line.len > 5 && line.ptr[5] == '2' ? 2 : 1;
	span_int(span_before(span_trim(span_behind(line, ' ')), ' '), 100, 999, &status);
	transfer->http_status = (long)status;
	transfer->retry_after_ms = -1;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *transfer = ctx;
	struct span line = span_trim((struct span){bytes, size * count}), value;
	heard(transfer);
	if (span_starts(line, "HTTP/"))
		begin_answer(transfer, line);
	else if (is_named(line, "retry-after", &value))
		transfer->retry_after_ms = retry_after_ms(value, clock_wall_ms());
	else if (is_named(line, "warning", &value))
		warnings_note(transfer->client, transfer, value);
	else if (line.len == 0 && transfer->http_status == 200 && transfer->opened != NULL && !transfer->opened(transfer))
		return 0;
	return size * count;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *ctx)
{
	struct transfer *transfer = ctx;
	struct span chunk = {bytes, size * count};
	heard(transfer);
	if (transfer->take == NULL || transfer->http_status != 200) {
		text_add(&transfer->answer, chunk);
		transfer->is_too_big = !text_ok(&transfer->answer);
		return transfer->is_too_big ? 0 : chunk.len;
	}
	bool is_fine = transfer->take(transfer, chunk);
	if (transfer->client->loses_ends) /* its buffer is large, and a watch's lives as long as the watch */
		lent_give_back(&transfer->lent, chunk);
	return is_fine ? chunk.len : 0;
}

/* Before a request goes over a connection. libcurl would send it once more on another one when a kept connection breaks,
 * whether or not the server has seen it: that is not its to decide. */
static int on_request(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
	struct transfer *transfer = ctx;
	struct kube_client *client = transfer->client;
	(void)peer, (void)local, (void)peer_port, (void)local_port;
	if (!client->is_unanswered)
		client->asked_ms = clock_monotonic_ms();
	client->is_unanswered = true;
	return ++transfer->connects > 1 ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
	struct transfer *transfer = ctx;
	unsigned unacknowledged_ms = UNACKNOWLEDGED_MS;
	if (purpose == CURLSOCKTYPE_IPCXN)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacknowledged_ms, sizeof unacknowledged_ms); /* where it is known */
	pthread_mutex_lock(&transfer->client->lock);
	transfer->client->counts.connections++;
	pthread_mutex_unlock(&transfer->client->lock);
	return CURL_SOCKOPT_OK;
}

/* --- the handle ----------------------------------------------------------------------------------------------------------- */

static void set_callbacks(CURL *easy, struct transfer *transfer)
{
	curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
	curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, transfer);
}

static void set_blob(CURL *easy, CURLoption option, const struct secret *secret)
{
	struct curl_blob blob = {.data = secret->ptr, .len = secret->len, .flags = CURL_BLOB_NOCOPY};
	if (secret->len > 0)
		curl_easy_setopt(easy, option, &blob);
}

/* The authorities that are named, and not the system's as well. */
static void set_tls(CURL *easy, const struct kube_config *config, const struct identity *identity)
{
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (identity->ca.len > 0) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
		set_blob(easy, CURLOPT_CAINFO_BLOB, &identity->ca);
	}
	set_blob(easy, CURLOPT_SSLCERT_BLOB, &identity->cert);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, &identity->key);
	if (config->insecure_skip_tls_verify) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void set_connection(CURL *easy, const struct kube_client *client)
{
	bool is_tls = span_starts(span_of(client->config.server), "https:");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_tls ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, is_tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)KUBE_CONNECT_TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
	curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_EACH_S);
	curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "omniops");
	curl_easy_setopt(easy, CURLOPT_CONNECT_TO, client->connect_to);
	if (client->proxy != NULL)
		curl_easy_setopt(easy, CURLOPT_PROXY, client->proxy);
	if (client->config.proxy_url != NULL)
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
	if (client->loses_ends)
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_MAX_READ_SIZE);
}

/* --- the request ---------------------------------------------------------------------------------------------------------- */

static void add_line(struct transfer *transfer, const char *line)
{
	struct curl_slist *longer = curl_slist_append(transfer->headers, line);
	if (longer == NULL)
		abort();
	transfer->headers = longer;
}

static void add_linef(struct transfer *transfer, const char *name, const char *value)
{
	struct text line;
	text_init(&line, TEXT_NO_LIMIT);
	text_addf(&line, value[0] == '\0' ? "%s;" : "%s: %s", name, value);
	add_line(transfer, line.ptr);
	text_done(&line);
}

/* Keys may have any character, names of headers may not. */
static void add_extra(struct transfer *transfer, const char *key, const char *value)
{
	static const char plain[] = "!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	struct text name;
	text_init(&name, TEXT_NO_LIMIT);
	text_adds(&name, "Impersonate-Extra-");
	for (; *key != '\0'; key++)
		if (strchr(plain, *key) != NULL)
			text_addc(&name, *key);
		else
			text_addf(&name, "%%%02X", (unsigned char)*key);
	add_linef(transfer, name.ptr, value);
	text_done(&name);
}

static void add_impersonation(struct transfer *transfer, const struct kube_config *config)
{
	if (config->as_user == NULL)
		return;
	add_linef(transfer, "Impersonate-User", config->as_user);
	if (config->as_uid != NULL)
		add_linef(transfer, "Impersonate-Uid", config->as_uid);
	for (const char *const *group = config->as_groups; group != NULL && *group != NULL; group++)
		add_linef(transfer, "Impersonate-Group", *group);
	for (const char *const *extra = config->as_extra; extra != NULL && *extra != NULL; extra += 2)
		add_extra(transfer, extra[0], extra[1]);
}

/* The line with the token is libcurl's to read and the identity's to wipe: it stands in front of the list. */
static void add_lines(struct transfer *transfer)
{
	const struct kube_client *client = transfer->client;
	add_linef(transfer, "Accept", transfer->accept);
	add_line(transfer, "Expect:");
	if (transfer->body.len > 0)
		add_linef(transfer, "Content-Type", transfer->content_type);
	if (client->host_line != NULL)
		add_line(transfer, client->host_line);
	add_impersonation(transfer, &client->config);
	transfer->authorization = (struct curl_slist){.data = transfer->identity->header.ptr, .next = transfer->headers};
	bool has_header = transfer->identity->header.len > 0;
	curl_easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, has_header ? &transfer->authorization : transfer->headers);
}

static void set_body(struct transfer *transfer)
{
	curl_easy_setopt(transfer->easy, CURLOPT_CUSTOMREQUEST, answer_verb(transfer->verb));
	if (transfer->body.len == 0)
		return;
	curl_easy_setopt(transfer->easy, CURLOPT_KEEP_SENDING_ON_ERROR, 1L); /* else an early refusal costs the connection, and its text */
	curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)transfer->body.len);
	curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDS, transfer->body.ptr);
}

static void clear_attempt(struct transfer *transfer)
{
	transfer->error[0] = '\0';
	transfer->http_status = 0;
	transfer->http_version = 0;
	transfer->retry_after_ms = -1;
	transfer->is_too_big = transfer->is_tls_refused = false;
	transfer->connects = 0;
	transfer->lent = (struct lent){0};
	text_reset(&transfer->answer);
}

void kube_attempt_done(struct transfer *transfer)
{
	curl_easy_cleanup(transfer->easy);
	curl_slist_free_all(transfer->headers);
	identity_release(transfer->identity);
	transfer->easy = NULL;
	transfer->headers = NULL;
	transfer->identity = NULL;
}

/* A handle has one transfer: what it held of the last one is gone, and connections belong to the multi handle. */
void kube_attempt_prepare(struct transfer *transfer)
{
	struct kube_client *client = transfer->client;
	kube_attempt_done(transfer);
	transfer->easy = curl_easy_init();
	if (transfer->easy == NULL)
		abort();
	clear_attempt(transfer);
	transfer->identity = identity_hold(client->credential.now);
	transfer->attempts++;
	transfer->attempt_ms = transfer->heard_ms = clock_monotonic_ms();
	set_callbacks(transfer->easy, transfer);
	set_tls(transfer->easy, &client->config, transfer->identity);
	set_connection(transfer->easy, client);
	add_lines(transfer);
	set_body(transfer);
	struct text url;
	text_init(&url, TEXT_NO_LIMIT);
	text_addf(&url, "%s%s", client->base_url, transfer->path);
	curl_easy_setopt(transfer->easy, CURLOPT_URL, url.ptr);
	text_done(&url);
}
