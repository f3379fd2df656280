#include "agent/grpc/response.h"

#include <curl/curl.h>
#include <strings.h>

#include "agent/grpc/status.h"

enum { TEXT_MAX = 256 };

void response_init(struct response *response)
{
	*response = (struct response){.grpc_status = -1};
	text_init(&response->message, RESPONSE_MESSAGE_MAX);
	struct text *texts[] = {&response->content_type, &response->server, &response->location, &response->encoding};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		text_init(texts[i], 4 * TEXT_MAX);
}

void response_done(struct response *response)
{
	text_done(&response->message);
	text_done(&response->content_type);
	text_done(&response->server);
	text_done(&response->location);
	text_done(&response->encoding);
}

void response_reset(struct response *response)
{
	response->phase = RESPONSE_NOTHING;
	response->http_version = 0;
	response->http_status = 0;
	response->is_grpc = response->is_gzip = false;
	response->grpc_status = -1;
	response->server_ms = 0;
	text_reset(&response->message);
	text_reset(&response->content_type);
	text_reset(&response->server);
	text_reset(&response->location);
	text_reset(&response->encoding);
}

/* "HTTP/2 200 ", "HTTP/1.1 404 Not Found": an answer begins, or the real one after an interim one. */
static void begin(struct response *response, struct span line)
{
	int64_t status = 0;
	response_reset(response);
	struct span version = span_before(line, ' '), rest = span_trim(span_behind(line, ' '));
	response->http_version = version.len > 5 && version.ptr[5] == '2' ? 2 : 1;
	if (span_int(span_before(rest, ' '), 100, 999, &status))
		response->http_status = (long)status;
	response->phase = RESPONSE_HEADERS;
}

static void keep(struct text *text, struct span value)
{
	text_reset(text);
	status_add_foreign(text, value, TEXT_MAX);
}

static void on_content_type(struct response *response, struct span value)
{
	static const char wanted[] = "application/grpc";
	size_t len = sizeof wanted - 1;
	keep(&response->content_type, value);
	response->is_grpc = value.len >= len && strncasecmp(value.ptr, wanted, len) == 0 &&
			    (value.len == len || value.ptr[len] == '+' || value.ptr[len] == ';');
}

static void on_encoding(struct response *response, struct span value)
{
	keep(&response->encoding, value);
	response->is_gzip = span_is(value, "gzip");
}

static void on_status(struct response *response, struct span value)
{
	int64_t status;
	response->grpc_status = span_int(value, 0, 9999, &status) ? (int)status : GRPC_UNKNOWN;
}

static void on_message(struct response *response, struct span value)
{
	text_reset(&response->message);
	struct span cut = {value.ptr, value.len < RESPONSE_MESSAGE_MAX / 4 ? value.len : RESPONSE_MESSAGE_MAX / 4};
	status_decode_message(&response->message, cut);
}

static void on_date(struct response *response, struct span value)
{
	char date[64];
	if (value.len == 0 || value.len >= sizeof date)
		return;
	memcpy(date, value.ptr, value.len);
	date[value.len] = '\0';
	int64_t seconds = curl_getdate(date, NULL);
	response->server_ms = seconds > 0 ? seconds * 1000 : 0;
}

static void on_server(struct response *response, struct span value)
{
	keep(&response->server, value);
}

static void on_location(struct response *response, struct span value)
{
	keep(&response->location, value);
}

static const struct {
	const char *name;
	void (*take)(struct response *response, struct span value);
} known[] = {
	{"grpc-status", on_status}, {"grpc-message", on_message}, {"content-type", on_content_type},
	{"grpc-encoding", on_encoding}, {"date", on_date},	  {"server", on_server},
	{"location", on_location},
};

void response_line(struct response *response, struct span line)
{
	while (line.len > 0 && (line.ptr[line.len - 1] == '\n' || line.ptr[line.len - 1] == '\r'))
		line.len--;
	if (line.len == 0) {
		response->phase = response->phase == RESPONSE_HEADERS ? RESPONSE_BODY : response->phase;
		return;
	}
	if (span_starts(line, "HTTP/")) {
		begin(response, line);
		return;
	}
	if (response->phase == RESPONSE_BODY)
		response->phase = RESPONSE_TRAILERS;
	struct span name = span_before(line, ':'), value = span_trim(span_behind(line, ':'));
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (name.len == strlen(known[i].name) && strncasecmp(name.ptr, known[i].name, name.len) == 0)
			known[i].take(response, value);
}
