/* Help, completion and the manual are complete and fit. */
#include <signal.h>

#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/commands/command.h"

/* Characters: what continues one takes no place. */
static void fits(const char *what, struct span text, size_t most)
{
	struct span rest = text, line;
	while (span_next(&rest, '\n', &line)) {
		size_t width = 0;
		for (size_t i = 0; i < line.len; i++)
			width += ((unsigned char)line.ptr[i] & 0xc0) != 0x80;
		if (width > most)
			fail_msg("%s: %zu columns: %.*s", what, width, SPAN_ARG(line));
	}
}

static void every_command_has_all(void **state)
{
	(void)state;
	for (size_t i = 0; command_at(i) != NULL; i++) {
		const struct command *command = command_at(i);
		size_t len = strlen(command->summary);
		assert_true(len > 10 && command->summary[len - 1] != '.');
		if (command->examples == NULL || strstr(command->examples, "$ omniops ") == NULL)
			fail_msg("%s has no example", command->name);
		bool has_help = false;
		for (const char *const *name = command->settings; *name != NULL; name++)
			has_help = has_help || strcmp(*name, "help") == 0;
		assert_true(has_help);
		assert_ptr_equal(command_find(command->name), command);
	}
	assert_null(command_find("nothing"));
}

static void help_fits_a_hundred_columns(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	help_overview(&text);
	fits("overview", text_span(&text), 100);
	for (size_t i = 0; command_at(i) != NULL; i++) {
		text_reset(&text);
		help_command(&text, command_at(i));
		fits(command_at(i)->name, text_span(&text), 100);
		for (const char *const *name = command_at(i)->settings; *name != NULL; name++) {
			char flag[64];
			snprintf(flag, sizeof flag, "--%s", *name);
			assert_true(span_contains(text_span(&text), flag));
		}
	}
	text_done(&text);
}

static void the_manual_names_everything(void **state)
{
	(void)state;
	struct text text;
	text_init(&text, TEXT_NO_LIMIT);
	help_man_page(&text);
	for (size_t i = 0; command_at(i) != NULL; i++) {
		char head[64];
		snprintf(head, sizeof head, ".SS omniops %s", command_at(i)->name);
		assert_true(span_contains(text_span(&text), head));
	}
	for (size_t i = 0; setting_at(i) != NULL; i++) {
		struct text name;
		text_init(&name, 256);
		setting_env_name(setting_at(i), &name);
		assert_true(span_contains(text_span(&text), name.ptr));
		text_done(&name);
	}
	text_done(&text);
}

/* The shell itself reads the script; where it is not installed nothing is known. */
static void completion_parses(void **state)
{
	(void)state;
	static const char *const shells[] = {"bash", "zsh", "fish"};
	for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
		struct text text;
		struct fail fail;
		char line[64];
		text_init(&text, TEXT_NO_LIMIT);
		assert_true(help_completion(&text, shells[i], &fail));
		snprintf(line, sizeof line, "command -v %s >/dev/null || exec cat >/dev/null; %s -n", shells[i], shells[i]);
		FILE *pipe = popen(line, "w");
		assert_non_null(pipe);
		fwrite(text.ptr, 1, text.len, pipe);
		assert_int_equal(pclose(pipe), 0);
		text_done(&text);
	}
}

static void an_unknown_shell_is_refused(void **state)
{
	(void)state;
	struct text text;
	struct fail fail;
	text_init(&text, TEXT_NO_LIMIT);
	assert_false(help_completion(&text, "csh", &fail));
	assert_non_null(strstr(fail.text, "bash, zsh and fish"));
	text_done(&text);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* a shell that finds a fault may stop reading */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_has_all),
		cmocka_unit_test(help_fits_a_hundred_columns),
		cmocka_unit_test(the_manual_names_everything),
		cmocka_unit_test(completion_parses),
		cmocka_unit_test(an_unknown_shell_is_refused),
	};
	return RUN_TESTS(tests);
}
