#include "agent/grpc/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/grpc/expand.h"

void frame_reader_init(struct frame_reader *reader, size_t max_bytes)
{
	*reader = (struct frame_reader){.max_bytes = max_bytes};
}

void frame_reader_done(struct frame_reader *reader)
{
	free(reader->partial);
	*reader = (struct frame_reader){.max_bytes = reader->max_bytes};
}

bool frame_reader_is_between(const struct frame_reader *reader)
{
	return reader->partial == NULL && reader->head_filled == 0;
}

static struct frame_block *new_block(size_t len)
{
	struct frame_block *block = malloc(sizeof *block + len);
	if (block == NULL)
		abort();
	block->next = NULL;
	block->len = len;
	block->at = 0;
	return block;
}

static void push(struct frame_list *list, struct frame_block *block, size_t messages)
{
	if (list->last == NULL)
		list->first = block;
	else
		list->last->next = block;
	list->last = block;
	list->bytes += block->len;
	list->messages += messages;
}

static size_t body_len(const char *head)
{
	const unsigned char *byte = (const unsigned char *)head;
	return (size_t)byte[1] << 24 | (size_t)byte[2] << 16 | (size_t)byte[3] << 8 | byte[4];
}

void frame_head(size_t len, char out[FRAME_HEAD])
{
	out[0] = 0;
	for (int i = 0; i < 4; i++)
		out[1 + i] = (char)(len >> (24 - 8 * i));
}

static bool refuse(struct frame_problem *problem, enum grpc_code code, const char *text)
{
	problem->code = code;
	snprintf(problem->text, sizeof problem->text, "%s", text);
	return false;
}

static bool accept_head(const struct frame_reader *reader, const char *head, struct frame_problem *problem)
{
	unsigned char flag = (unsigned char)head[0];
	size_t len = body_len(head);
	if (flag == 1 && !reader->can_expand)
		return refuse(problem, GRPC_INTERNAL, "a message is marked as compressed, but the answer names no compression that is known");
	if (flag > 1) {
		problem->code = GRPC_INTERNAL;
		snprintf(problem->text, sizeof problem->text, "a message has the unknown flag %u", flag);
		return false;
	}
	if (len > reader->max_bytes) {
		problem->code = GRPC_RESOURCE_EXHAUSTED;
		snprintf(problem->text, sizeof problem->text, "a message of %zu bytes came; %zu is the limit", len, reader->max_bytes);
		return false;
	}
	return true;
}

/* A compressed message becomes a plain one in a block of its own. */
static bool expand(const struct frame_reader *reader, struct span body, struct frame_list *list, struct frame_problem *problem)
{
	char *bytes;
	size_t len;
	struct fail fail;
	if (!expand_gzip(body, reader->max_bytes, &bytes, &len, &fail)) {
		problem->code = fail.code == FAIL_TOO_BIG ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL;
		snprintf(problem->text, sizeof problem->text, "%.150s", fail.text);
		return false;
	}
	struct frame_block *block = new_block(FRAME_HEAD + len);
	frame_head(len, block->bytes);
	if (len > 0)
		memcpy(block->bytes + FRAME_HEAD, bytes, len);
	free(bytes);
	push(list, block, 1);
	return true;
}

/* Whole frames at the front of the chunk go into one block; *out_used: their bytes. Stops before a compressed one. */
static bool take_whole(const struct frame_reader *reader, struct span chunk, size_t *out_used, struct frame_list *list,
		       struct frame_problem *problem)
{
	size_t used = 0, messages = 0;
	bool is_fine = true;
	while (chunk.len - used >= FRAME_HEAD) {
		const char *head = chunk.ptr + used;
		is_fine = accept_head(reader, head, problem);
		if (!is_fine || chunk.len - used - FRAME_HEAD < body_len(head) || head[0] != 0)
			break;
		used += FRAME_HEAD + body_len(head);
		messages++;
	}
	if (messages > 0) { /* also those in front of a bad one */
		struct frame_block *block = new_block(used);
		memcpy(block->bytes, chunk.ptr, used);
		push(list, block, messages);
	}
	*out_used = used;
	return is_fine;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Goes on with a message whose beginning has come, or begins with the next one; *out_used: bytes of the chunk. */
static bool take_part(struct frame_reader *reader, struct span chunk, size_t *out_used, struct frame_list *list,
		      struct frame_problem *problem)
{
	size_t used = 0;
	if (reader->partial == NULL) {
		used = smaller(FRAME_HEAD - reader->head_filled, chunk.len);
		memcpy(reader->head + reader->head_filled, chunk.ptr, used);
		reader->head_filled += used;
		*out_used = used;
		if (reader->head_filled < FRAME_HEAD)
			return true;
		if (!accept_head(reader, (const char *)reader->head, problem))
			return false;
		reader->partial = new_block(FRAME_HEAD + body_len((const char *)reader->head));
		memcpy(reader->partial->bytes, reader->head, FRAME_HEAD);
		reader->partial_filled = FRAME_HEAD;
	}
	struct frame_block *block = reader->partial;
	size_t more = smaller(block->len - reader->partial_filled, chunk.len - used);
	memcpy(block->bytes + reader->partial_filled, chunk.ptr + used, more);
	reader->partial_filled += more;
	*out_used = used + more;
	if (reader->partial_filled < block->len)
		return true;
	reader->partial = NULL;
	reader->head_filled = 0;
	if (block->bytes[0] == 0) {
		push(list, block, 1);
		return true;
	}
	bool is_fine = expand(reader, (struct span){block->bytes + FRAME_HEAD, block->len - FRAME_HEAD}, list, problem);
	free(block);
	return is_fine;
}

bool frame_feed(struct frame_reader *reader, const char *bytes, size_t len, struct frame_list *list, struct frame_problem *problem)
{
	struct span chunk = {bytes, len};
	while (chunk.len > 0) {
		size_t used = 0;
		if (frame_reader_is_between(reader) && !take_whole(reader, chunk, &used, list, problem))
			return false;
		if (used == 0 && !take_part(reader, chunk, &used, list, problem))
			return false;
		chunk.ptr += used;
		chunk.len -= used;
	}
	return true;
}

bool frame_next(struct frame_block *block, struct span *out_message)
{
	if (block->at >= block->len)
		return false;
	const char *head = block->bytes + block->at;
	*out_message = (struct span){head + FRAME_HEAD, body_len(head)};
	block->at += FRAME_HEAD + out_message->len;
	return true;
}

void frame_list_join(struct frame_list *list, struct frame_list *more)
{
	if (more->first == NULL)
		return;
	if (list->last == NULL)
		list->first = more->first;
	else
		list->last->next = more->first;
	list->last = more->last;
	list->bytes += more->bytes;
	list->messages += more->messages;
	*more = (struct frame_list){0};
}

void frame_list_free(struct frame_list *list)
{
	for (struct frame_block *block = list->first, *next; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	*list = (struct frame_list){0};
}
