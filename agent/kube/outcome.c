/* How a transfer ended, in words that help. The order matters: what we refused ourselves, then what the server said, then what
 * happened to the connection. */
#include <openssl/x509_vfy.h>

#include "agent/kube/internal.h"
#include "agent/kube/pem.h"
#include "base/cleanup.h"
#include "base/clock.h"

static bool says(const struct transfer *transfer, const char *part)
{
	return span_contains(span_of(transfer->error), part);
}

static bool fail_at(const struct transfer *transfer, struct fail *fail, enum fail_code code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static bool fail_at(const struct transfer *transfer, struct fail *fail, enum fail_code code, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fail_setv(fail, code, format, args);
	va_end(args);
	return fail_wrap(fail, "%s %.*s", answer_verb(transfer->verb), SPAN_ARG(answer_path(transfer)));
}

static const char *server_of(const struct transfer *transfer)
{
	return transfer->client->config.server;
}

bool kube_outcome_deadline(const struct transfer *transfer, struct fail *fail)
{
	double seconds = (double)(clock_monotonic_ms() - transfer->started_ms) / 1000;
	if (transfer->client->credential.now == NULL && transfer->client->credential.problem.code != FAIL_NONE)
		return fail_at(transfer, fail, transfer->client->credential.problem.code, "%s", transfer->client->credential.problem.text);
	const char *what = transfer->connects > 0 ? "no answer" : transfer->attempts > 0 ? "no connection" : "not sent";
	return fail_at(transfer, fail, FAIL_TIMEOUT, "%s of %s within %.1f s", what, server_of(transfer), seconds);
}

/* --- certificates --------------------------------------------------------------------------------------------------------- */

#define UNKNOWN_AUTHORITY "the server's certificate comes from an authority that is not known here"
#define NAME_AUTHORITY "put the cluster's own authority into certificate-authority-data"

static const struct {
	long result;
	const char *what, *advice;
} certificates[] = {
	{X509_V_ERR_CERT_HAS_EXPIRED, "the server's certificate has expired", "renew it there, or look at the clock of this machine"},
	{X509_V_ERR_CERT_NOT_YET_VALID, "the server's certificate is not valid yet", "look at the clock of this machine and of the server"},
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "the server's certificate is signed by itself, and not known here", NAME_AUTHORITY},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, UNKNOWN_AUTHORITY, NAME_AUTHORITY},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, UNKNOWN_AUTHORITY, NAME_AUTHORITY},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, UNKNOWN_AUTHORITY, NAME_AUTHORITY},
	{X509_V_ERR_CERT_SIGNATURE_FAILURE, UNKNOWN_AUTHORITY, NAME_AUTHORITY},
};

static bool read_certificate(const struct transfer *transfer, const char *said, struct fail *fail)
{
	const char *what = "the server's certificate is refused", *advice = NAME_AUTHORITY;
	long verify = 0;
	curl_easy_getinfo(transfer->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
	for (size_t i = 0; i < COUNT_OF(certificates); i++)
		if (certificates[i].result == verify) {
			what = certificates[i].what;
			advice = certificates[i].advice;
		}
	if (says(transfer, "subject name") || says(transfer, "does not match")) {
		what = "the server's certificate is for another name";
		advice = "write a name of it as tls-server-name";
	}
	return fail_at(transfer, fail, FAIL_UNAVAILABLE, "%s: %s (%s); %s", server_of(transfer), what, said, advice);
}

static bool read_handshake(const struct transfer *transfer, const char *said, struct fail *fail)
{
	if (says(transfer, "wrong version number"))
		return fail_at(transfer, fail, FAIL_UNAVAILABLE, "%s: the server does not speak TLS on this port", server_of(transfer));
	return fail_at(transfer, fail, FAIL_UNAVAILABLE, "%s: no TLS connection: %s", server_of(transfer), said);
}

static bool read_proxy(const struct transfer *transfer, const char *said, struct fail *fail)
{
	return fail_at(transfer, fail, FAIL_UNAVAILABLE, "%s: the proxy cannot be used: %s; look at %s", server_of(transfer), said,
		       transfer->client->config.proxy_url != NULL ? "proxy-url" : "https_proxy and no_proxy");
}

static bool read_no_name(const struct transfer *transfer, const char *said, struct fail *fail)
{
	return fail_at(transfer, fail, FAIL_UNAVAILABLE, "%s: %s; look at the server's host name and at DNS", server_of(transfer), said);
}

static bool read_no_connection(const struct transfer *transfer, const char *said, struct fail *fail)
{
	if (transfer->client->config.proxy_url != NULL || says(transfer, "proxy") || says(transfer, "CONNECT"))
		return read_proxy(transfer, said, fail);
	return fail_at(transfer, fail, FAIL_UNAVAILABLE, "%s: no connection: %s", server_of(transfer), said);
}

static bool read_lost(const struct transfer *transfer, const char *said, struct fail *fail)
{
	if (transfer->connects == 0 && (says(transfer, "proxy") || says(transfer, "CONNECT")))
		return read_proxy(transfer, said, fail);
	return fail_at(transfer, fail, FAIL_UNAVAILABLE, "%s: the connection was lost: %s", server_of(transfer), said);
}

static bool read_key(const struct transfer *transfer, const char *said, struct fail *fail)
{
	return fail_at(transfer, fail, FAIL_INVALID, "the client's certificate or key cannot be used: %s", said);
}

static bool read_authorities(const struct transfer *transfer, const char *said, struct fail *fail)
{
	return fail_at(transfer, fail, FAIL_INVALID, "the certificate authority cannot be read: %s", said);
}

static const struct {
	CURLcode result;
	bool (*read)(const struct transfer *transfer, const char *said, struct fail *fail);
} results[] = {
	{CURLE_PEER_FAILED_VERIFICATION, read_certificate},
	{CURLE_SSL_CONNECT_ERROR, read_handshake},
	{CURLE_SSL_CERTPROBLEM, read_key},
	{CURLE_SSL_CACERT_BADFILE, read_authorities},
	{CURLE_COULDNT_RESOLVE_HOST, read_no_name},
	{CURLE_COULDNT_RESOLVE_PROXY, read_proxy},
	{CURLE_PROXY, read_proxy},
	{CURLE_COULDNT_CONNECT, read_no_connection},
	{CURLE_OPERATION_TIMEDOUT, read_no_connection},
};

static bool read_result(const struct transfer *transfer, CURLcode result, struct fail *fail)
{
	const char *said = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(result);
	for (size_t i = 0; i < COUNT_OF(results); i++)
		if (results[i].result == result)
			return results[i].read(transfer, said, fail);
	return read_lost(transfer, said, fail);
}

/* libcurl wanted to send the request once more. When nothing had failed before, the server had refused the stream: it says
 * with that that it has not looked at it. */
static bool was_refused(const struct transfer *transfer, CURLcode result)
{
	return result == CURLE_ABORTED_BY_CALLBACK && transfer->connects > 1 &&
	       span_starts(span_of(transfer->error), "operation aborted by pre-request callback");
}

static bool read_too_big(const struct transfer *transfer, struct fail *fail)
{
	size_t max_bytes = transfer->is_stream && transfer->http_status == 200 ? transfer->client->options.max_line : transfer->max_bytes;
	return fail_at(transfer, fail, FAIL_TOO_BIG, "the answer of %s has more than %zu bytes%s", server_of(transfer), max_bytes,
		       transfer->is_stream ? " in a line" : "");
}

static void read_answer(const struct transfer *transfer, struct fail *fail)
{
	char expired[TIMESTAMP_SIZE];
	fail->code = FAIL_NONE;
	if (transfer->http_status >= 200 && transfer->http_status < 300)
		return;
	answer_fail(answer_verb(transfer->verb), transfer->path, transfer->http_status, text_span(&transfer->answer), fail);
	if (transfer->http_status == 401 && pem_has_expired(&transfer->identity->cert, clock_wall_ms(), expired)) {
		size_t len = strlen(fail->text);
		snprintf(fail->text + len, sizeof fail->text - len, "; the client's certificate has expired on %s", expired);
	}
}

enum outcome outcome_of(struct transfer *transfer, CURLcode result, struct fail *fail)
{
	if (transfer->is_too_big) {
		read_too_big(transfer, fail);
		return OUTCOME_OURS;
	}
	if (was_refused(transfer, result)) {
		fail_at(transfer, fail, FAIL_UNAVAILABLE, "%s refused the request without looking at it", server_of(transfer));
		return OUTCOME_UNSENT;
	}
	bool is_said = transfer->http_status >= 300; /* a refusal counts, also when its text was cut: servers drop who has no credentials */
	transfer->is_tls_refused = result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CONNECT_ERROR;
	if (result != CURLE_OK && !is_said) {
		read_result(transfer, result, fail);
		return transfer->connects > 0 ? OUTCOME_BROKEN : OUTCOME_UNSENT;
	}
	read_answer(transfer, fail);
	return OUTCOME_ANSWER;
}
