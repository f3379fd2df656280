/* Messages out of chunks: wherever they are cut, whatever is wrong with them. */
#include "agent/grpc/frame.h"
#include "base/text.h"
#include "tests/unit/test.h"

static void add_frame(struct text *out, char flag, struct span message)
{
	char head[FRAME_HEAD];
	frame_head(message.len, head);
	head[0] = flag;
	text_add(out, (struct span){head, FRAME_HEAD});
	text_add(out, message);
}

/* "one||three" */
static void tell(struct frame_list *list, struct text *out)
{
	struct span message;
	size_t count = 0;
	text_reset(out);
	for (struct frame_block *block = list->first; block != NULL; block = block->next)
		while (frame_next(block, &message)) {
			text_adds(out, count++ > 0 ? "|" : "");
			text_add(out, message);
		}
	assert_int_equal(count, list->messages);
}

static void cut_everywhere(void **state)
{
	struct text bytes, found;
	(void)state;
	text_init(&bytes, TEXT_NO_LIMIT);
	text_init(&found, TEXT_NO_LIMIT);
	add_frame(&bytes, 0, SPAN("one"));
	add_frame(&bytes, 0, SPAN(""));
	add_frame(&bytes, 0, SPAN("three"));
	for (size_t first = 0; first <= bytes.len; first++)
		for (size_t second = first; second <= bytes.len; second++) {
			struct frame_reader reader;
			struct frame_list list = {0};
			struct frame_problem problem = {0};
			frame_reader_init(&reader, 100);
			assert_true(frame_feed(&reader, bytes.ptr, first, &list, &problem));
			assert_true(frame_feed(&reader, bytes.ptr + first, second - first, &list, &problem));
			assert_true(frame_feed(&reader, bytes.ptr + second, bytes.len - second, &list, &problem));
			assert_true(frame_reader_is_between(&reader));
			tell(&list, &found);
			assert_span(text_span(&found), "one||three");
			frame_list_free(&list);
			frame_reader_done(&reader);
		}
	text_done(&found);
	text_done(&bytes);
}

static void half_a_message(void **state)
{
	static const char bytes[] = {0, 0, 0, 0, 5, 'a', 'b'};
	(void)state;
	for (size_t len = 1; len <= sizeof bytes; len++) {
		struct frame_reader reader;
		struct frame_list list = {0};
		struct frame_problem problem = {0};
		frame_reader_init(&reader, 100);
		assert_true(frame_feed(&reader, bytes, len, &list, &problem));
		assert_false(frame_reader_is_between(&reader));
		assert_null(list.first);
		frame_reader_done(&reader);
		assert_true(frame_reader_is_between(&reader));
	}
}

static void refuse(struct span bytes, bool can_expand, enum grpc_code code, const char *part)
{
	for (size_t cut = 0; cut <= bytes.len; cut++) {
		struct frame_reader reader;
		struct frame_list list = {0};
		struct frame_problem problem = {0};
		frame_reader_init(&reader, 100);
		reader.can_expand = can_expand;
		bool is_fine = frame_feed(&reader, bytes.ptr, cut, &list, &problem) &&
			       frame_feed(&reader, bytes.ptr + cut, bytes.len - cut, &list, &problem);
		assert_false(is_fine);
		assert_int_equal(problem.code, code);
		if (strstr(problem.text, part) == NULL)
			fail_msg("%s", problem.text);
		frame_list_free(&list);
		frame_reader_done(&reader);
	}
}

static void limits_and_flags(void **state)
{
	static const char largest[105] = {0, 0, 0, 0, 100};
	struct frame_reader reader;
	struct frame_list list = {0};
	struct frame_problem problem = {0};
	(void)state;
	frame_reader_init(&reader, 100);
	assert_true(frame_feed(&reader, largest, sizeof largest, &list, &problem));
	assert_int_equal(list.messages, 1);
	frame_list_free(&list);
	assert_false(frame_feed(&reader, "\0\0\0\0\1a\2\0\0\0\0", 11, &list, &problem));
	assert_int_equal(list.messages, 1); /* what came before the bad one counts */
	frame_list_free(&list);
	refuse((struct span){"\0\0\0\0\145", 5}, false, GRPC_RESOURCE_EXHAUSTED, "101 bytes came; 100 is the limit");
	refuse((struct span){"\0\377\377\377\377", 5}, false, GRPC_RESOURCE_EXHAUSTED, "4294967295 bytes");
	refuse((struct span){"\1\0\0\0\0", 5}, false, GRPC_INTERNAL, "marked as compressed");
	refuse((struct span){"\2\0\0\0\0", 5}, true, GRPC_INTERNAL, "flag 2");
	refuse((struct span){"\1\0\0\0\0", 5}, true, GRPC_INTERNAL, "damaged");
	refuse((struct span){"\1\0\0\0\3abc", 8}, true, GRPC_INTERNAL, "damaged");
}

/* "one", as gzip writes it. */
static const unsigned char packed_one[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0xcf, 0x4b, 5, 0, 0xf1, 0x86, 0x6c, 0x7a, 3, 0, 0, 0};

static void compressed(void **state)
{
	struct text bytes, found;
	struct span packed = {(const char *)packed_one, sizeof packed_one};
	(void)state;
	text_init(&bytes, TEXT_NO_LIMIT);
	text_init(&found, TEXT_NO_LIMIT);
	add_frame(&bytes, 0, SPAN("plain"));
	add_frame(&bytes, 1, packed);
	add_frame(&bytes, 0, SPAN("again"));
	for (size_t cut = 0; cut <= bytes.len; cut++) {
		struct frame_reader reader;
		struct frame_list list = {0};
		struct frame_problem problem = {0};
		frame_reader_init(&reader, 100);
		reader.can_expand = true;
		assert_true(frame_feed(&reader, bytes.ptr, cut, &list, &problem));
		assert_true(frame_feed(&reader, bytes.ptr + cut, bytes.len - cut, &list, &problem));
		tell(&list, &found);
		assert_span(text_span(&found), "plain|one|again");
		frame_list_free(&list);
		frame_reader_done(&reader);
	}
	text_reset(&bytes);
	add_frame(&bytes, 1, (struct span){packed.ptr, packed.len - 1});
	refuse(text_span(&bytes), true, GRPC_INTERNAL, "damaged");
	text_done(&found);
	text_done(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_everywhere),
		cmocka_unit_test(half_a_message),
		cmocka_unit_test(limits_and_flags),
		cmocka_unit_test(compressed),
	};
	return RUN_TESTS(tests);
}
