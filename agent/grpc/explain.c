/* An answer that is not gRPC: what it is, who gave it as far as can be seen, and what to set. */
#include "agent/grpc/internal.h"
#include "agent/grpc/status.h"
#include "base/cleanup.h"

enum { QUOTED_MAX = 80 };

static const struct {
	long from, to; /* HTTP status */
	bool is_permanent;
	const char *advice;
} rows[] = {
	{200, 200, true, "this is a web page and not Omni's API: name Omni's own address, or make the proxy pass gRPC on"},
	{300, 399, true, "redirects are not followed: name the address behind it as the endpoint"},
	{400, 400, true, "Omni or a proxy before it cannot read the request"},
	{401, 401, true, "a proxy before Omni wants a login: let requests to the API through without one"},
	{403, 403, true, "a proxy before Omni forbids it: let requests to the API through"},
	{404, 404, true, "there is no gRPC here: look at the endpoint, or make the proxy pass gRPC on"},
	{405, 405, true, "this is Omni's user interface or a web server: make the proxy pass HTTP/2 and the header content-type on"},
	{415, 415, true, "the content type of gRPC is refused: make the proxy pass gRPC on"},
	{429, 429, false, "too many requests; lower the rate"},
	{431, 431, true, "the headers are too large for a proxy: let it take 8 KiB"},
	{502, 502, false, "a proxy cannot reach Omni: look whether Omni runs, and whether the proxy speaks HTTP/2 (gRPC) to it"},
	{503, 503, false, "a proxy has no Omni to pass the request to: look whether Omni runs"},
	{504, 504, false, "Omni did not answer the proxy in time"},
};

static struct span title_of(struct span body)
{
	static const char open[] = "<title>";
	const char *at = memmem(body.ptr, body.len, open, sizeof open - 1);
	if (at == NULL)
		return body;
	at += sizeof open - 1;
	return span_before((struct span){at, (size_t)(body.ptr + body.len - at)}, '<');
}

static void add_what(struct text *out, const char *name, const struct text *value, bool *is_first)
{
	if (value->len == 0)
		return;
	text_adds(out, *is_first ? " (" : ", ");
	text_addf(out, "%s%.*s", name, SPAN_ARG(text_span(value)));
	*is_first = false;
}

void outcome_explain_http(struct call *call, struct grpc_status *status)
{
	const struct response *response = &call->response;
	const char *advice = "it is no answer of Omni's API: look at the endpoint and at the proxy before it";
	bool is_permanent = response->http_status < 500, is_first = true;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (response->http_status >= rows[i].from && response->http_status <= rows[i].to) {
			advice = rows[i].advice;
			is_permanent = rows[i].is_permanent;
		}
	if (response->http_version != 2 && response->http_status < 500) {
		advice = "it does not speak HTTP/2: name Omni's own address, or make the proxy pass HTTP/2 (gRPC) on";
		is_permanent = true;
	}
	outcome_local(call, status, status_of_http(response->http_status), "%s%s answered with HTTP %ld",
		      call->channel->options.endpoint.url, call->method, response->http_status);
	status->is_permanent = is_permanent;
	add_what(&call->text, "", &response->content_type, &is_first);
	add_what(&call->text, "server ", &response->server, &is_first);
	add_what(&call->text, "to ", &response->location, &is_first);
	text_adds(&call->text, is_first ? "" : ")");
	struct span title = span_trim(title_of(text_span(&call->odd_body)));
	if (title.len > 0) {
		text_adds(&call->text, " \"");
		status_add_foreign(&call->text, title, QUOTED_MAX);
		text_adds(&call->text, "\"");
	}
	text_addf(&call->text, "; %s", advice);
}
