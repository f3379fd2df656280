/* Flags, environment, lists, and what is said about mistakes. */
#include "tests/unit/test.h"

#include <stdio.h>

#include "agent/commands/command.h"

static const char *const names[] = {"omni", "timeout", "gate", "approve", "approve-all", "selector", "workers", "ca-file", "help", NULL};

static struct arena arena = {.limit_bytes = ARENA_NO_LIMIT}; /* what lists of the environment are copied to */

static bool parse(struct settings *settings, const char *const *environment, const char *line, int *out_first, struct fail *fail)
{
	static char copy[512];
	static char *argv[32];
	int argc = 0;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *rest = copy, *word; (word = strsep(&rest, " ")) != NULL;)
		argv[argc++] = word;
	argv[argc] = NULL;
	return settings_init(settings, names, (char *const *)(uintptr_t)environment, &arena, fail) &&
	       settings_parse(settings, names, argc, argv, out_first, fail);
}

static void defaults(void **state)
{
	(void)state;
	struct settings settings;
	struct fail fail;
	int first;
	assert_true(parse(&settings, NULL, "plan", &first, &fail));
	assert_int_equal(first, 1);
	assert_null(settings.omni);
	assert_int_equal(settings.timeout_ms, 5 * 60 * 1000);
	assert_string_equal(settings.gate, "disruptive");
	assert_int_equal(settings.approve.count, 0);
}

static void flags_and_words_may_be_mixed(void **state)
{
	(void)state;
	struct settings settings;
	struct fail fail;
	int first;
	assert_true(parse(&settings, NULL, "plan one --omni=dir:/x two --timeout 90s -l a=b --approve-all --approve h1 --approve h2", &first, &fail));
	assert_int_equal(first, 11); /* words go behind the flags */
	assert_string_equal(settings.omni, "dir:/x");
	assert_int_equal(settings.timeout_ms, 90000);
	assert_string_equal(settings.selector, "a=b");
	assert_true(settings.approve_all);
	assert_int_equal(settings.approve.count, 2);
	assert_string_equal(settings.approve.items[1], "h2");
}

static void the_environment_is_overruled_by_flags(void **state)
{
	(void)state;
	const char *const environment[] = {"OMNIOPS_OMNI=dir:/env", "OMNIOPS_APPROVE= a\tb \n", "OMNIOPS_APPROVE_ALL=false", "OMNIOPS_GATE=safe", NULL};
	struct settings settings;
	struct fail fail;
	int first;
	assert_true(parse(&settings, environment, "plan", &first, &fail));
	assert_string_equal(settings.omni, "dir:/env");
	assert_int_equal(settings.approve.count, 2);
	assert_string_equal(settings.approve.items[1], "b");
	assert_false(settings.approve_all);
	assert_true(parse(&settings, environment, "plan --omni dir:/flag --approve c --gate critical", &first, &fail));
	assert_string_equal(settings.omni, "dir:/flag");
	assert_int_equal(settings.approve.count, 1);
	assert_string_equal(settings.approve.items[0], "c");
	assert_string_equal(settings.gate, "critical");
}

static void second_names_in_the_environment(void **state)
{
	(void)state;
	const char *const environment[] = {"OMNI_ENDPOINT=https://a", "SSL_CERT_FILE=/c", "OMNIOPS_CA_FILE=/d", NULL};
	struct settings settings;
	struct fail fail;
	int first;
	assert_true(parse(&settings, environment, "plan", &first, &fail));
	assert_string_equal(settings.omni, "https://a");
	assert_string_equal(settings.ca_file, "/d");
}

static void mistakes_are_explained(void **state)
{
	(void)state;
	static const struct {
		const char *line, *says;
	} cases[] = {
		{"plan --gate low", "--gate: \"low\" is not one of: safe, disruptive, destructive, critical"},
		{"plan --timeout soon", "write it like 90s"},
		{"plan --timeout -5s", "write it like 90s"},
		{"plan --workers many", "not a number"},
		{"plan --workers 1025", "not a number"},
		{"plan --aprove x", "is --approve meant?"},
		{"plan --omni", "--omni wants a value"},
		{"plan -x", "unknown flag -x"},
		{"plan --zzzzzzzzzzzz", "unknown flag --zzzzzzzzzzzz"},
		{"plan --interval 3s", "unknown flag --interval"}, /* a flag of another command */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct settings settings;
		struct fail fail = {0};
		int first;
		assert_false(parse(&settings, NULL, cases[i].line, &first, &fail));
		if (strstr(fail.text, cases[i].says) == NULL)
			fail_msg("%s: «%s» lacks «%s»", cases[i].line, fail.text, cases[i].says);
	}
}

static void a_mistake_in_the_environment_names_the_variable(void **state)
{
	(void)state;
	const char *const environment[] = {"OMNIOPS_TIMEOUT=5", NULL};
	struct settings settings;
	struct fail fail;
	int first;
	assert_false(parse(&settings, environment, "plan", &first, &fail));
	assert_non_null(strstr(fail.text, "OMNIOPS_TIMEOUT"));
}

static void a_list_has_an_end(void **state)
{
	(void)state;
	static const char *const only[] = {"approve", NULL};
	static char command[] = "plan", flag[] = "--approve=x";
	char *argv[65 + 2] = {command};
	for (int i = 0; i < 65; i++)
		argv[1 + i] = flag;
	struct settings settings;
	struct fail fail;
	int first;
	assert_true(settings_init(&settings, only, NULL, &arena, &fail));
	assert_false(settings_parse(&settings, only, 66, argv, &first, &fail));
	assert_non_null(strstr(fail.text, "more than 64 times"));
}

static void every_flag_of_every_command_exists_and_every_flag_is_used(void **state)
{
	(void)state;
	for (size_t i = 0; command_at(i) != NULL; i++)
		for (const char *const *name = command_at(i)->settings; *name != NULL; name++)
			if (setting_find(*name) == NULL)
				fail_msg("%s: no flag --%s", command_at(i)->name, *name);
	for (size_t i = 0; setting_at(i) != NULL; i++) {
		bool is_used = false;
		for (size_t j = 0; command_at(j) != NULL; j++)
			for (const char *const *name = command_at(j)->settings; *name != NULL; name++)
				is_used = is_used || strcmp(*name, setting_at(i)->name) == 0;
		if (!is_used)
			fail_msg("no command takes --%s", setting_at(i)->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(flags_and_words_may_be_mixed),
		cmocka_unit_test(the_environment_is_overruled_by_flags),
		cmocka_unit_test(second_names_in_the_environment),
		cmocka_unit_test(mistakes_are_explained),
		cmocka_unit_test(a_mistake_in_the_environment_names_the_variable),
		cmocka_unit_test(a_list_has_an_end),
		cmocka_unit_test(every_flag_of_every_command_exists_and_every_flag_is_used),
	};
	int failed = RUN_TESTS(tests);
	arena_done(&arena);
	return failed;
}
