/* Inside of a channel. Its thread owns the multi handle, every list but `incoming`, and a call's attempt; callers own what
 * they take out of a call's mailbox. A call is kept by two: by the caller until it has its answer or gives up, by the
 * thread until libcurl is done with it; who comes last puts it back into the pool.
 *
 * Locks: channel->lock for incoming, pool, counts and the flags; call->lock for one mailbox. Never both at once. */
#ifndef AGENT_GRPC_INTERNAL_H
#define AGENT_GRPC_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agent/grpc/frame.h"
#include "agent/grpc/grpc.h"
#include "agent/grpc/response.h"
#include "base/lent.h"

enum {
	HEADERS_MAX = 8,		  /* of a caller */
	LINES_MAX = 6 + HEADERS_MAX + GRPC_SIGNED_MAX,
	STREAM_QUEUE_MAX = 64 << 20,	  /* received, not taken: a slow reader's stream ends */
	MANY_QUEUE_MAX = 256 << 20,
	SERVER_STREAMS_MAX = 250,	  /* of Omni, per connection */
	POOL_MAX = 128,
	ATTEMPTS_MAX = 3,
	REFUSALS_MAX = 1,
};

enum call_kind { CALL_ONE, CALL_MANY, CALL_STREAM, CALL_PROBE };
enum call_place { PLACE_NONE, PLACE_WAITING, PLACE_ACTIVE, PLACE_LATER };

struct call {
	struct call *next, *prev;
	struct grpc_channel *channel;
	enum call_kind kind;
	atomic_uint refs;

	/* the request; constant once it was submitted */
	struct arena arena;
	const char *method;
	struct grpc_header headers[HEADERS_MAX];
	size_t header_count;
	struct text frame;
	int64_t deadline_ms, started_ms;
	bool may_finish;

	/* the attempt: the channel's thread alone, but for the atomic ones */
	enum call_place place;
	CURL *easy;
	bool is_in_multi;
	unsigned attempts, refusals, connects;
	int64_t attempt_ms, retry_at_ms;
	struct curl_slist lines[LINES_MAX];
	size_t line_count;
	char error[CURL_ERROR_SIZE];
	struct response response;
	struct frame_reader reader;
	struct frame_problem problem;
	struct lent lent; /* what libcurl gives to read */
	struct text odd_body; /* the beginning of what is not gRPC */
	size_t messages, received_bytes;
	atomic_bool was_sent, is_abandoned;

	/* the mailbox */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct frame_list inbox;
	atomic_size_t queued_bytes;
	bool is_done, is_signalled;
	enum grpc_code abandoned_as;
	struct grpc_status status;
	struct text text; /* of the status */
	int event_fd;	  /* streams; -1 */
};

struct call_list {
	struct call *first, *last;
	unsigned count;
};

struct grpc_channel {
	/* constant after grpc_open */
	struct arena arena;
	struct grpc_options options;
	bool is_reuse_broken; /* this libcurl fails on a kept cleartext connection */
	bool loses_ends;      /* this libcurl drops trailers while another transfer's buffer is full */
	int wake_fd;
	pthread_t thread;

	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t left; /* of grpc_close: the last caller has gone */
	struct call_list incoming, pool;
	struct grpc_counts counts;
	unsigned callers;
	bool is_idle, is_closing, has_abandoned;
	int64_t finish_by_ms; /* winding down; 0: not */

	/* the thread's own */
	CURLM *multi;
	struct call_list waiting_calls, waiting_streams, active, later;
	unsigned active_calls, active_streams;
	int64_t credit, credit_at_ms;		    /* calls_per_second: thousandths of a call */
	int64_t heard_ms, quiet_since_ms, next_probe_ms;
	int64_t probe_ms; /* when the probe began that is under way */
	bool has_heard, is_unanswered, has_probe, wants_probe;
	uint64_t random;
};

void list_add(struct call_list *list, struct call *call);
void list_remove(struct call_list *list, struct call *call);
struct call *list_take(struct call_list *list); /* NULL: empty */

/* call.c */
struct call *call_new(struct grpc_channel *channel, enum call_kind kind, const struct grpc_request *request,
		      struct grpc_status *out_refused); /* NULL: out_refused says why */
void call_release(struct call *call);
void call_free(struct call *call);
bool call_refuse(struct grpc_status *status, enum grpc_code code, const char *text); /* always false; text: constant */
bool call_submit(struct call *call); /* false: the channel is closing */
void call_abandon(struct call *call, enum grpc_code code);
void call_publish(struct call *call, struct frame_list *fresh);
void call_end(struct call *call, const struct grpc_status *status); /* its text is in call->text */
bool channel_enter(struct grpc_channel *channel);		    /* false: it is closing */
void channel_leave(struct grpc_channel *channel);
void channel_wake(struct grpc_channel *channel);

/* attempt.c: one transfer of libcurl. */
CURL *attempt_handle(struct call *call);
/* False: it cannot be made, status says why (signature). */
bool attempt_prepare(struct call *call, struct grpc_status *status);

/* outcome.c: how a transfer ended; the text goes to call->text. */
enum outcome { OUTCOME_END, OUTCOME_REFUSED, OUTCOME_NOT_CONNECTED };
enum outcome outcome_read(struct call *call, CURLcode result, struct grpc_status *status);
bool outcome_local(struct call *call, struct grpc_status *status, enum grpc_code code, const char *format, ...)
	__attribute__((format(printf, 4, 5))); /* always false */
void outcome_deadline(struct call *call, struct grpc_status *status);
void outcome_explain_http(struct call *call, struct grpc_status *status);

/* drive.c: the thread. */
void *channel_drive(void *channel);
void channel_finish(struct grpc_channel *channel, struct call *call, const struct grpc_status *status);
bool channel_begin(struct grpc_channel *channel, struct call *call);
CURLM *channel_new_multi(const struct grpc_channel *channel);

/* live.c: liveness. Returns when to look again. */
int64_t live_tend(struct grpc_channel *channel, int64_t now_ms);
int64_t live_nudge(const struct grpc_channel *channel, int64_t now_ms);
void live_heard(struct grpc_channel *channel, int64_t now_ms); /* what the callbacks noted */
void live_timed_out(struct grpc_channel *channel, const struct call *call);

/* count.c */
void count_end(struct grpc_channel *channel, const struct call *call, const struct grpc_status *status);

#endif
