/* Every unit test program: cmocka, TAP output. */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/span.h"

#define RUN_TESTS(tests) (cmocka_set_message_output(CM_OUTPUT_TAP), cmocka_run_group_tests((tests), NULL, NULL))

#define assert_span(actual, expected)                                                                                  \
	do {                                                                                                           \
		struct span span_actual = (actual), span_expected = span_of(expected);                                 \
		if (!span_eq(span_actual, span_expected))                                                              \
			fail_msg("is «%.*s», should be «%.*s»", SPAN_ARG(span_actual), SPAN_ARG(span_expected));       \
	} while (0)

#endif
