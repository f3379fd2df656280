/* What the headers and trailers of an answer say, line by line as libcurl hands them over. */
#ifndef AGENT_GRPC_RESPONSE_H
#define AGENT_GRPC_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/text.h"

enum response_phase { RESPONSE_NOTHING, RESPONSE_HEADERS, RESPONSE_BODY, RESPONSE_TRAILERS };

struct response {
	enum response_phase phase;
	unsigned http_version;	   /* 2, 1, 0: not said yet */
	long http_status;
	bool is_grpc;		   /* content-type */
	bool is_gzip;		   /* grpc-encoding */
	int grpc_status;	   /* -1: none came; trailers win */
	int64_t server_ms;	   /* date */
	struct text message;	   /* grpc-message, decoded */
	struct text content_type, server, location, encoding; /* for explanations */
};

enum { RESPONSE_MESSAGE_MAX = 64 * 1024 };

void response_init(struct response *response);
void response_done(struct response *response);
void response_reset(struct response *response);
/* One line with its line end. */
void response_line(struct response *response, struct span line);

#endif
