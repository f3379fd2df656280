/* Where a gRPC status comes from: the tables of codes, and the small encodings of its headers. */
#ifndef AGENT_GRPC_STATUS_H
#define AGENT_GRPC_STATUS_H

#include "agent/grpc/grpc.h"
#include "base/text.h"

/* An answer without grpc-status, by its HTTP status. */
enum grpc_code status_of_http(long http_status);
/* A stream that the server reset, by HTTP/2's error code. */
enum grpc_code status_of_reset(unsigned error);

/* grpc-message: %XX becomes a byte, a bad escape stays as it is, and what is not UTF-8 then becomes U+FFFD. */
void status_decode_message(struct text *out, struct span encoded);
/* Foreign text of one line for a message of ours: control characters become blanks, at most `max` bytes. */
void status_add_foreign(struct text *out, struct span foreign, size_t max);

enum { STATUS_TIMEOUT_SIZE = 16 };
/* grpc-timeout: the finest unit for which eight digits are enough, rounded up. */
void status_encode_timeout(int64_t ms, char out[STATUS_TIMEOUT_SIZE]);

/* Names: lower-case letters, digits, '-', '_', '.'; values: visible ASCII and blanks inside. */
bool status_is_header(struct span name, struct span value);

#endif
