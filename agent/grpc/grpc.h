/* gRPC over HTTP/2 by libcurl. A channel is one long-lived connection that all calls and streams share, driven by a thread
 * of its own; it connects when it is used, and again after a loss. It knows nothing of Omni: who signs is told by options.
 *
 * Any thread may call. A call blocks until its deadline (CLOCK_MONOTONIC milliseconds, 0: the channel's default) and never
 * longer; a stream never blocks. Nothing is retried here but what the server provably did not process (refused stream,
 * connection that was never made); `was_sent` tells the caller about everything else. */
#ifndef AGENT_GRPC_GRPC_H
#define AGENT_GRPC_GRPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/grpc/endpoint.h"
#include "base/arena.h"
#include "base/fail.h"
#include "base/log.h"
#include "base/span.h"

enum { GRPC_MESSAGE_MAX_BYTES = 32 << 20, GRPC_CALL_TIMEOUT_MS = 30000, GRPC_CONNECT_TIMEOUT_MS = 10000 };

/* The numbers of the protocol. */
enum grpc_code {
	GRPC_OK,
	GRPC_CANCELLED,
	GRPC_UNKNOWN,
	GRPC_INVALID_ARGUMENT,
	GRPC_DEADLINE_EXCEEDED,
	GRPC_NOT_FOUND,
	GRPC_ALREADY_EXISTS,
	GRPC_PERMISSION_DENIED,
	GRPC_RESOURCE_EXHAUSTED,
	GRPC_FAILED_PRECONDITION,
	GRPC_ABORTED,
	GRPC_OUT_OF_RANGE,
	GRPC_UNIMPLEMENTED,
	GRPC_INTERNAL,
	GRPC_UNAVAILABLE,
	GRPC_DATA_LOSS,
	GRPC_UNAUTHENTICATED,
	GRPC_CODES,
};
const char *grpc_code_name(enum grpc_code code); /* "NOT_FOUND" */

/* How a call or a stream ended. */
struct grpc_status {
	enum grpc_code code;
	bool is_local;	    /* found by us (network, deadline, protocol), not said by the server */
	bool was_sent;	    /* the server may have processed it: a write must not simply be repeated */
	bool is_permanent;  /* local, and trying again will not help: certificate, no HTTP/2, not gRPC */
	struct span text;   /* complete, may have several lines; what to do is in it when is_local */
	int64_t server_ms;  /* wall clock of an HTTP `date` header; 0: none seen */
};

struct grpc_header {
	struct span name, value; /* lower-case name */
};

/* Called on the channel's thread before every attempt: headers that authorise this very call now (at most
 * GRPC_SIGNED_MAX), in the arena. */
enum { GRPC_SIGNED_MAX = 4 };
struct grpc_signer {
	bool (*sign)(void *ctx, struct arena *arena, struct span method, const struct grpc_header *headers,
		     size_t header_count, struct grpc_header *out_headers, size_t *out_count, struct fail *fail);
	void *ctx;
};

struct grpc_options {
	struct endpoint endpoint;	/* copied */
	const char *user_agent;		/* "omniops/1.2.3" */
	const char *ca_file;		/* NULL: the system's, or SSL_CERT_FILE */
	const char *proxy;		/* NULL: https_proxy and its relatives */
	bool skip_verify;		/* insecureSkipTLSVerify */
	struct grpc_signer signer;	/* sign NULL: nothing is signed */
	int64_t call_timeout_ms;	/* 0: GRPC_CALL_TIMEOUT_MS */
	int64_t dead_after_ms;		/* a peer that is silent for so long is dead; 0: 90 s */
	unsigned max_calls;		/* under way at once; 0: 64. More wait, within their deadline */
	unsigned calls_per_second;	/* 0: no limit */
	/* For liveness while streams are open: a cheap unary method and request, sent every dead_after_ms / 3 of silence. */
	const char *probe_method;
	struct span probe_request;
	struct log *log; /* debug: every call with method, code, bytes, milliseconds; no payload, no header values */
};

struct grpc_channel;
struct grpc_stream;

/* Connects nothing. INVALID for options that cannot work (unreadable CA file). */
bool grpc_open(const struct grpc_options *options, struct grpc_channel **out, struct fail *fail)
	__attribute__((warn_unused_result));
/* Ends what is under way with CANCELLED, and the thread. Streams must have been closed. NULL is fine. */
void grpc_close(struct grpc_channel *channel);

/* Before the end: what is under way ends with CANCELLED, at once or, where its request says that it may finish, at
 * finish_by_ms; what comes now is refused. */
void grpc_wind_down(struct grpc_channel *channel, int64_t finish_by_ms);

struct grpc_request {
	const char *method;		    /* "/cosi.resource.State/Get" */
	const struct grpc_header *headers;  /* further ones ("cluster"); may be NULL */
	size_t header_count;
	struct span message;		    /* protobuf bytes, without the frame */
	int64_t deadline_ms;		    /* streams: 0 is none */
	bool may_finish;		    /* grpc_wind_down lets it go on for a while */
};

/* One message in, one message out. True: status->code is OK and *out_message is it, in the arena. False otherwise; the
 * status says all there is to say. */
bool grpc_call(struct grpc_channel *channel, struct arena *arena, const struct grpc_request *request,
	       struct span *out_message, struct grpc_status *status) __attribute__((warn_unused_result));

/* One message in, any number out; each is handed to `take` on the caller's thread, valid until it returns; false from it
 * ends the call with CANCELLED. Returns as grpc_call. */
bool grpc_call_many(struct grpc_channel *channel, struct arena *arena, const struct grpc_request *request,
		    bool (*take)(void *ctx, struct span message), void *ctx, struct grpc_status *status)
	__attribute__((warn_unused_result));

/* The same calls in two halves, so that one thread can have many under way: handed in without waiting, and ended later, each
 * exactly once and in any order, by its finish or by grpc_drop. The request may go as soon as the first half returns; its
 * deadline counts from there. */
struct grpc_flight;
struct grpc_flight *grpc_begin(struct grpc_channel *channel, const struct grpc_request *request);
struct grpc_flight *grpc_begin_many(struct grpc_channel *channel, const struct grpc_request *request);
bool grpc_finish(struct grpc_flight *flight, struct arena *arena, struct span *out_message, struct grpc_status *status)
	__attribute__((warn_unused_result));
bool grpc_finish_many(struct grpc_flight *flight, struct arena *arena, bool (*take)(void *ctx, struct span message), void *ctx,
		      struct grpc_status *status) __attribute__((warn_unused_result));
void grpc_drop(struct grpc_flight *flight); /* cancels on the server; NULL is fine */

/* A stream of messages that may stay open for ever. Never blocks; what goes wrong is told as its end. */
struct grpc_stream *grpc_stream_open(struct grpc_channel *channel, const struct grpc_request *request);
int grpc_stream_fd(const struct grpc_stream *stream); /* readable when there is something to take */
enum grpc_take { GRPC_NOTHING, GRPC_MESSAGE, GRPC_END };
/* GRPC_MESSAGE: *out_message lives in the arena. GRPC_END: *out_status, again and again. */
enum grpc_take grpc_stream_take(struct grpc_stream *stream, struct arena *arena, struct span *out_message,
				struct grpc_status *out_status);
void grpc_stream_close(struct grpc_stream *stream); /* cancels on the server; NULL is fine */

/* What was done so far, for metrics. */
struct grpc_method_count {
	const char *method;
	uint64_t calls[GRPC_CODES]; /* by how they ended; streams, too */
	uint64_t sent_bytes, received_bytes; /* messages */
	uint64_t total_ms;
};
struct grpc_counts {
	struct grpc_method_count methods[24];
	size_t method_count;
	uint64_t connections, retries;
	unsigned open_streams, open_calls;
};
void grpc_count(struct grpc_channel *channel, struct grpc_counts *out);

#endif
