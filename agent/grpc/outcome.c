/* How a transfer ended, in the terms of gRPC, with words that help. The order matters: what we refused ourselves, then
 * what the server said, then what HTTP said, then what happened to the connection. A status that has arrived counts even
 * when the stream was reset behind it. */
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/grpc/internal.h"
#include "agent/grpc/status.h"
#include "base/cleanup.h"
#include "base/clock.h"

bool outcome_local(struct call *call, struct grpc_status *status, enum grpc_code code, const char *format, ...)
{
	va_list args;
	*status = (struct grpc_status){
		.code = code,
		.is_local = true,
		.was_sent = atomic_load(&call->was_sent),
		.server_ms = call->response.server_ms,
	};
	text_reset(&call->text);
	va_start(args, format);
	text_addv(&call->text, format, args);
	va_end(args);
	return false;
}

static const char *place(const struct call *call)
{
	return call->channel->options.endpoint.url;
}

void outcome_deadline(struct call *call, struct grpc_status *status)
{
	outcome_local(call, status, GRPC_DEADLINE_EXCEEDED, "%s: %s within %.1f s", place(call),
		      atomic_load(&call->was_sent) ? "no answer" : "the request could not be sent",
		      (double)(clock_monotonic_ms() - call->started_ms) / 1000);
}

/* --- what the server said ------------------------------------------------------------------------------------------------ */

static void read_said(struct call *call, struct grpc_status *status)
{
	int code = call->response.grpc_status;
	*status = (struct grpc_status){
		.code = code < GRPC_CODES ? (enum grpc_code)code : GRPC_UNKNOWN,
		.was_sent = true,
		.server_ms = call->response.server_ms,
	};
	text_reset(&call->text);
	text_add(&call->text, text_span(&call->response.message));
	if (code >= GRPC_CODES)
		text_addf(&call->text, "%s(unknown gRPC status %d)", call->text.len > 0 ? " " : "", code);
	if (status->code != GRPC_OK)
		return;
	if (!frame_reader_is_between(&call->reader))
		outcome_local(call, status, GRPC_INTERNAL, "%s: the last message was cut off", place(call));
	else if ((call->kind == CALL_ONE || call->kind == CALL_PROBE) && call->messages == 0)
		outcome_local(call, status, GRPC_INTERNAL, "%s: the server sent no message in its answer", place(call));
}

/* Streams end like this when the server is stopped in good order. */
static void read_unsaid(struct call *call, struct grpc_status *status)
{
	bool is_stream = call->kind == CALL_STREAM || call->kind == CALL_MANY;
	outcome_local(call, status, is_stream ? GRPC_UNAVAILABLE : GRPC_INTERNAL,
		      "%s: the server closed the stream without sending trailers%s", place(call),
		      is_stream ? "; it is probably being stopped" : "");
}

/* --- what happened to the connection ------------------------------------------------------------------------------------- */

static bool says(const struct call *call, const char *part)
{
	return span_contains(span_of(call->error), part);
}

static const char *curl_says(const struct call *call, CURLcode result)
{
	return call->error[0] != '\0' ? call->error : curl_easy_strerror(result);
}

/* "HTTP/2 stream 5 was not closed cleanly: INTERNAL_ERROR (err 2)" */
static void read_reset(struct call *call, struct grpc_status *status)
{
	const char *at = strstr(call->error, "(err ");
	unsigned error = at == NULL ? 0 : (unsigned)strtoul(at + strlen("(err "), NULL, 10);
	outcome_local(call, status, status_of_reset(error), "%s: the server reset the stream: %s", place(call), curl_says(call, CURLE_HTTP2_STREAM));
}

static const struct {
	long result;
	const char *what, *advice;
} certificates[] = {
	{X509_V_ERR_CERT_HAS_EXPIRED, "the server's certificate has expired", "renew it there, or look at the clock of this machine"},
	{X509_V_ERR_CERT_NOT_YET_VALID, "the server's certificate is not valid yet", "look at the clock of this machine and of the server"},
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "the server's certificate is signed by itself, and not known here",
	 "name a file with it: --omni-ca-file FILE"},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "the server's certificate comes from an authority that is not known here",
	 "name a file with the authority's certificate: --omni-ca-file FILE"},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "the server's certificate comes from an authority that is not known here",
	 "name a file with the authority's certificate: --omni-ca-file FILE"},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "the server's certificate comes from an authority that is not known here",
	 "name a file with the authority's certificate: --omni-ca-file FILE"},
};

static void read_certificate(struct call *call, struct grpc_status *status)
{
	const char *what = "the server's certificate is refused", *advice = "name a file with the right authority: --omni-ca-file FILE";
	long verify = 0;
	curl_easy_getinfo(call->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
	for (size_t i = 0; i < COUNT_OF(certificates); i++)
		if (certificates[i].result == verify) {
			what = certificates[i].what;
			advice = certificates[i].advice;
		}
	if (says(call, "subject name") || says(call, "does not match")) {
		what = "the server's certificate is for another name";
		advice = "write the endpoint with a name that is in it";
	}
	outcome_local(call, status, GRPC_UNAVAILABLE, "%s: %s (%s); %s", place(call), what, curl_says(call, CURLE_PEER_FAILED_VERIFICATION),
		      advice);
	status->is_permanent = true;
}

static void read_handshake(struct call *call, struct grpc_status *status)
{
	if (says(call, "wrong version number")) {
		outcome_local(call, status, GRPC_UNAVAILABLE,
			      "%s: the server does not speak TLS on this port; write another port, or http:// for a server without TLS",
			      place(call));
		status->is_permanent = true;
		return;
	}
	outcome_local(call, status, GRPC_UNAVAILABLE, "%s: no TLS connection: %s", place(call), curl_says(call, CURLE_SSL_CONNECT_ERROR));
	status->is_permanent = says(call, "alert") || says(call, "unsupported protocol");
}

/* On a cleartext port nothing is agreed on: HTTP/1.1 is what the bytes look like. */
static void read_framing(struct call *call, struct grpc_status *status)
{
	if (!says(call, "SETTINGS") && !says(call, "HTTP/1") && !says(call, "HTTP/0.9")) {
		outcome_local(call, status, GRPC_UNAVAILABLE, "%s: HTTP/2 failed: %s", place(call), curl_says(call, CURLE_HTTP2));
		return;
	}
	outcome_local(call, status, GRPC_UNAVAILABLE,
		      "%s does not speak HTTP/2 (%s); name Omni's own address, or a proxy that passes gRPC on", place(call),
		      curl_says(call, CURLE_HTTP2));
	status->is_permanent = true;
}

/* Servers without HTTP/2 on a cleartext port do that with its first bytes. */
static void read_lost(struct call *call, struct grpc_status *status)
{
	bool is_hint = !call->channel->options.endpoint.is_tls && call->response.phase == RESPONSE_NOTHING;
	outcome_local(call, status, GRPC_UNAVAILABLE, "%s: the connection was lost: %s%s", place(call), curl_says(call, CURLE_RECV_ERROR),
		      is_hint ? "; if it always is, the server does not speak HTTP/2 without TLS: write https://, or another port" : "");
}

static void read_proxy(struct call *call, struct grpc_status *status)
{
	outcome_local(call, status, GRPC_UNAVAILABLE, "%s: the proxy cannot be used: %s; look at https_proxy and no_proxy", place(call),
		      curl_says(call, CURLE_COULDNT_RESOLVE_PROXY));
}

static void read_broken(struct call *call, struct grpc_status *status)
{
	if (says(call, "SETTINGS"))
		read_framing(call, status);
	else if (says(call, "proxy"))
		read_proxy(call, status);
	else
		read_lost(call, status);
}

static void read_no_name(struct call *call, struct grpc_status *status)
{
	outcome_local(call, status, GRPC_UNAVAILABLE, "%s: %s; look at the endpoint's host name and at DNS", place(call),
		      curl_says(call, CURLE_COULDNT_RESOLVE_HOST));
}

static void read_no_connection(struct call *call, struct grpc_status *status)
{
	outcome_local(call, status, GRPC_UNAVAILABLE, "%s: no connection: %s", place(call), curl_says(call, CURLE_COULDNT_CONNECT));
}

static void read_timeout(struct call *call, struct grpc_status *status)
{
	if (atomic_load(&call->was_sent)) {
		outcome_deadline(call, status);
		return;
	}
	outcome_local(call, status, GRPC_UNAVAILABLE, "%s: no connection within %d s", place(call), GRPC_CONNECT_TIMEOUT_MS / 1000);
}

static void read_ca_file(struct call *call, struct grpc_status *status)
{
	outcome_local(call, status, GRPC_UNAVAILABLE, "%s: the certificates of authorities cannot be read: %s; look at --omni-ca-file", place(call),
		      curl_says(call, CURLE_SSL_CACERT_BADFILE));
	status->is_permanent = true;
}

static const struct {
	CURLcode result;
	void (*read)(struct call *call, struct grpc_status *status);
} results[] = {
	{CURLE_HTTP2_STREAM, read_reset},
	{CURLE_HTTP2, read_framing},
	{CURLE_UNSUPPORTED_PROTOCOL, read_framing},
	{CURLE_WEIRD_SERVER_REPLY, read_framing},
	{CURLE_PEER_FAILED_VERIFICATION, read_certificate},
	{CURLE_SSL_CONNECT_ERROR, read_handshake},
	{CURLE_SSL_CACERT_BADFILE, read_ca_file},
	{CURLE_COULDNT_RESOLVE_HOST, read_no_name},
	{CURLE_COULDNT_CONNECT, read_no_connection},
	{CURLE_COULDNT_RESOLVE_PROXY, read_proxy},
	{CURLE_PROXY, read_proxy},
	{CURLE_OPERATION_TIMEDOUT, read_timeout},
	{CURLE_PARTIAL_FILE, read_lost},
	{CURLE_GOT_NOTHING, read_lost},
	{CURLE_SEND_ERROR, read_lost},
	{CURLE_RECV_ERROR, read_broken},
	{CURLE_ABORTED_BY_CALLBACK, read_lost},
};

static void read_result(struct call *call, CURLcode result, struct grpc_status *status)
{
	for (size_t i = 0; i < COUNT_OF(results); i++)
		if (results[i].result == result) {
			results[i].read(call, status);
			return;
		}
	outcome_local(call, status, GRPC_INTERNAL, "%s: %s", place(call), curl_says(call, result));
}

/* libcurl wanted to send the request once more. When nothing had failed before, the server had refused the stream: it says
 * with that that it has not looked at it. */
static bool was_refused(const struct call *call, CURLcode result)
{
	return result == CURLE_ABORTED_BY_CALLBACK && call->connects > 1 &&
	       span_starts(span_of(call->error), "operation aborted by pre-request callback");
}

enum outcome outcome_read(struct call *call, CURLcode result, struct grpc_status *status)
{
	const struct response *response = &call->response;
	if (call->problem.code != GRPC_OK) {
		outcome_local(call, status, call->problem.code, "%s: %s", place(call), call->problem.text);
	} else if (was_refused(call, result)) {
		outcome_local(call, status, GRPC_UNAVAILABLE, "%s: the server refused the request without looking at it", place(call));
		status->was_sent = false;
		return OUTCOME_REFUSED;
	} else if (response->http_version == 2 && response->is_grpc && response->grpc_status >= 0) {
		read_said(call, status);
	} else if (response->http_status != 0 &&
		   (response->http_version != 2 || !response->is_grpc || response->http_status != 200)) {
		outcome_explain_http(call, status);
	} else if (result == CURLE_OK) {
		read_unsaid(call, status);
	} else {
		read_result(call, result, status);
		return status->was_sent ? OUTCOME_END : OUTCOME_NOT_CONNECTED;
	}
	return OUTCOME_END;
}
