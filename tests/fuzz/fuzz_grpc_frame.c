/* An answer of a server that may be anybody: header lines and a body, cut into chunks by the input itself. What comes out
 * is never larger than allowed, and the same wherever the body was cut. */
#include <assert.h>
#include <stdint.h>

#include "agent/grpc/frame.h"
#include "agent/grpc/response.h"
#include "base/arena.h"

enum { LIMIT = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool feed(struct span body, size_t step, bool can_expand, struct text *out, enum grpc_code *out_code)
{
	struct frame_reader reader;
	struct frame_list list = {0};
	struct frame_problem problem = {0};
	struct span message;
	bool is_fine = true;
	frame_reader_init(&reader, LIMIT);
	reader.can_expand = can_expand;
	for (size_t at = 0; at < body.len && is_fine; at += step)
		is_fine = frame_feed(&reader, body.ptr + at, body.len - at < step ? body.len - at : step, &list, &problem);
	for (struct frame_block *block = list.first; block != NULL; block = block->next)
		while (frame_next(block, &message)) {
			assert(message.len <= LIMIT);
			text_addf(out, "%zu:", message.len);
			text_add(out, message);
		}
	*out_code = problem.code;
	frame_list_free(&list);
	frame_reader_done(&reader);
	return is_fine;
}

static void read_lines(struct span lines)
{
	struct response response;
	struct span line;
	response_init(&response);
	while (span_next(&lines, '\n', &line))
		response_line(&response, line);
	assert(response.grpc_status >= -1);
	response_done(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text whole, pieces;
	enum grpc_code code, again;
	if (size < 2)
		return 0;
	struct span body = {(const char *)data + 2, size - 2};
	text_init(&whole, TEXT_NO_LIMIT);
	text_init(&pieces, TEXT_NO_LIMIT);
	bool is_fine = feed(body, body.len + 1, data[0] & 1, &whole, &code);
	assert(feed(body, (size_t)data[1] + 1, data[0] & 1, &pieces, &again) == is_fine);
	assert(code == again && span_eq(text_span(&whole), text_span(&pieces)));
	read_lines(body);
	text_done(&pieces);
	text_done(&whole);
	return 0;
}
