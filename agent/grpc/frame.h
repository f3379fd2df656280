/* Messages out of the bytes of a response body: each has a flag and its length in front, and neither has anything to do
 * with how the bytes arrive. A reader takes chunks and gives blocks, which are whole frames in one piece of memory, so
 * that a chunk costs one copy however many messages are in it. Nothing larger than the limit is ever accepted. */
#ifndef AGENT_GRPC_FRAME_H
#define AGENT_GRPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/grpc/grpc.h"
#include "base/span.h"

enum { FRAME_HEAD = 5 };

struct frame_block {
	struct frame_block *next;
	size_t len, at; /* bytes; those that were taken */
	char bytes[];
};

struct frame_list {
	struct frame_block *first, *last;
	size_t bytes, messages;
};

struct frame_reader {
	struct frame_block *partial; /* a message of which the beginning has come */
	size_t partial_filled, head_filled;
	unsigned char head[FRAME_HEAD];
	size_t max_bytes;
	bool can_expand; /* the response says grpc-encoding: gzip */
};

/* What was wrong with the bytes; code GRPC_OK: nothing. */
struct frame_problem {
	enum grpc_code code;
	char text[160];
};

void frame_reader_init(struct frame_reader *reader, size_t max_bytes);
void frame_reader_done(struct frame_reader *reader);
bool frame_reader_is_between(const struct frame_reader *reader); /* no message is cut off here */

/* Take a chunk; blocks with the messages that became whole are put behind *list. False: *problem says why, the reader
 * takes nothing more. */
bool frame_feed(struct frame_reader *reader, const char *bytes, size_t len, struct frame_list *list, struct frame_problem *problem);

/* The next message of a block, borrowed; false: there is none left. */
bool frame_next(struct frame_block *block, struct span *out_message);

void frame_list_join(struct frame_list *list, struct frame_list *more); /* `more` is empty afterwards */
void frame_list_free(struct frame_list *list);

/* The five bytes in front of a message of ours. */
void frame_head(size_t len, char out[FRAME_HEAD]);

#endif
