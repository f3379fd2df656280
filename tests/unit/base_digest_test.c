#include "base/digest.h"
#include "tests/unit/test.h"

static void known_sums(void **state)
{
	(void)state;
	char hex[DIGEST_HEX_SIZE];
	digest_hex(SPAN(""), hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_hex((struct span){0}, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	digest_hex(SPAN("abc"), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void pieces_do_not_run_together(void **state)
{
	(void)state;
	char one[DIGEST_HEX_SIZE], other[DIGEST_HEX_SIZE], same[DIGEST_HEX_SIZE];
	struct digest *digest = digest_new();
	digest_add(digest, SPAN("ab"));
	digest_add(digest, SPAN("c"));
	digest_finish(digest, one);
	digest = digest_new();
	digest_add(digest, SPAN("a"));
	digest_add(digest, SPAN("bc"));
	digest_finish(digest, other);
	digest = digest_new();
	digest_add(digest, SPAN("ab"));
	digest_add(digest, SPAN("c"));
	digest_finish(digest, same);
	assert_string_not_equal(one, other);
	assert_string_equal(one, same);
}

static void the_local_one_tells_texts_apart(void **state)
{
	(void)state;
	assert_true(digest_local(SPAN("abc")) == digest_local(SPAN("abc")));
	assert_true(digest_local(SPAN("abc")) != digest_local(SPAN("abd")));
	assert_true(digest_local(SPAN("")) != 0);
	assert_true(digest_local(SPAN("abc")) != UINT64_C(0xeacf018fbf1678ba)); /* not what everybody can work out */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sums),
		cmocka_unit_test(pieces_do_not_run_together),
		cmocka_unit_test(the_local_one_tells_texts_apart),
	};
	return RUN_TESTS(tests);
}
