/* Actions as words of the command line, for both majors of Helm: the whole line of each row is compared. */
#include "agent/helm/run.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "tests/unit/test.h"

#define KC "--kubeconfig=/proc/self/fd/3"
#define VALUES "--values=/proc/self/fd/4 --hide-notes"
#define CHART "-- web /proc/self/fd/6"

static const struct helm_label labels[] = {{"omni.texashpc.com/desired-hash", "0a1b"}, {"team", "x"}};

static const struct {
	const char *what;
	struct helm_action action;
	const char *major_3, *major_4; /* NULL: as with 3 */
} rows[] = {
	{"install", {.verb = HELM_INSTALL}, "install --namespace=apps " KC " --timeout=300s " VALUES " " CHART, NULL},
	{"upgrade", {.verb = HELM_UPGRADE},
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=10 " VALUES " --reset-values " CHART, NULL},
	{"uninstall", {.verb = HELM_UNINSTALL}, "uninstall --namespace=apps " KC " --timeout=300s -- web", NULL},
	{"rollback", {.verb = HELM_ROLLBACK}, "rollback --namespace=apps " KC " --timeout=300s --history-max=10 -- web", NULL},
	{"rollback to a revision", {.verb = HELM_ROLLBACK, .revision = 7},
	 "rollback --namespace=apps " KC " --timeout=300s --history-max=10 -- web 7", NULL},
	{"preview of an install", {.verb = HELM_PREVIEW_INSTALL},
	 "install --namespace=apps " KC " --timeout=300s " VALUES " --dry-run=server --output=json " CHART, NULL},
	{"preview of an upgrade", {.verb = HELM_PREVIEW_UPGRADE},
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=10 " VALUES " --reset-values --dry-run=server --output=json " CHART, NULL},
	{"what only an install has", {.verb = HELM_INSTALL, .create_namespace = true, .skip_crds = true, .replace = true},
	 "install --namespace=apps " KC " --timeout=300s " VALUES " --create-namespace --skip-crds --replace " CHART, NULL},
	{"an upgrade has none of it", {.verb = HELM_UPGRADE, .create_namespace = true, .skip_crds = true, .replace = true},
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=10 " VALUES " --reset-values " CHART, NULL},
	{"waiting", {.verb = HELM_INSTALL, .wait = true, .wait_for_jobs = true},
	 "install --namespace=apps " KC " --timeout=300s " VALUES " --wait --wait-for-jobs " CHART,
	 "install --namespace=apps " KC " --timeout=300s " VALUES " --wait=watcher --wait-for-jobs " CHART},
	{"waiting for the end", {.verb = HELM_UNINSTALL, .wait = true, .wait_for_jobs = true, .disable_hooks = true},
	 "uninstall --namespace=apps " KC " --timeout=300s --wait --no-hooks -- web",
	 "uninstall --namespace=apps " KC " --timeout=300s --wait=watcher --no-hooks -- web"},
	{"an atomic install", {.verb = HELM_INSTALL, .atomic = true},
	 "install --namespace=apps " KC " --timeout=300s " VALUES " --atomic " CHART,
	 "install --namespace=apps " KC " --timeout=300s " VALUES " --rollback-on-failure " CHART},
	{"an atomic upgrade", {.verb = HELM_UPGRADE, .atomic = true},
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=10 " VALUES " --reset-values --atomic --cleanup-on-fail " CHART,
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=10 " VALUES " --reset-values --rollback-on-failure --cleanup-on-fail " CHART},
	{"an atomic uninstall is none", {.verb = HELM_UNINSTALL, .atomic = true}, "uninstall --namespace=apps " KC " --timeout=300s -- web", NULL},
	{"history", {.verb = HELM_UPGRADE, .max_history = 3},
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=3 " VALUES " --reset-values " CHART, NULL},
	{"seconds", {.verb = HELM_UNINSTALL, .timeout_ns = 90000000000}, "uninstall --namespace=apps " KC " --timeout=90s -- web", NULL},
	{"parts of a second", {.verb = HELM_UNINSTALL, .timeout_ns = 1500000000}, "uninstall --namespace=apps " KC " --timeout=1500ms -- web", NULL},
	{"parts of a millisecond", {.verb = HELM_UNINSTALL, .timeout_ns = 1500}, "uninstall --namespace=apps " KC " --timeout=1500ns -- web", NULL},
	{"applied by the server", {.verb = HELM_UPGRADE, .apply = HELM_APPLY_SERVER},
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=10 " VALUES " --reset-values " CHART,
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=10 --server-side=true " VALUES " --reset-values " CHART},
	{"applied by the client", {.verb = HELM_INSTALL, .apply = HELM_APPLY_CLIENT}, "install --namespace=apps " KC " --timeout=300s " VALUES " " CHART,
	 "install --namespace=apps " KC " --timeout=300s --server-side=false " VALUES " " CHART},
	{"conflicts are won by the server alone", {.verb = HELM_UPGRADE, .apply = HELM_APPLY_CLIENT, .force_conflicts = true},
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=10 " VALUES " --reset-values " CHART,
	 "upgrade --namespace=apps " KC " --timeout=300s --history-max=10 --server-side=true " VALUES " --reset-values --force-conflicts " CHART},
	{"ownership", {.verb = HELM_INSTALL, .take_ownership = true}, "install --namespace=apps " KC " --timeout=300s " VALUES " --take-ownership " CHART,
	 NULL},
	{"labels and description", {.verb = HELM_INSTALL, .labels = labels, .label_count = 2, .description = "by --us, $(really)"},
	 "install --namespace=apps " KC " --timeout=300s " VALUES
	 " --labels=omni.texashpc.com/desired-hash=0a1b --labels=team=x --description=by --us, $(really) " CHART, NULL},
	{"which an uninstall has not", {.verb = HELM_UNINSTALL, .labels = labels, .label_count = 2, .description = "x"},
	 "uninstall --namespace=apps " KC " --timeout=300s -- web", NULL},
};

static void one_line(const char *what, const struct helm_action *action, unsigned major, const char *expected)
{
	const char *words[HELM_ARGUMENTS_MAX];
	struct arena arena;
	struct fail fail;
	struct text line;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&line, TEXT_NO_LIMIT);
	if (!helm_arguments(action, major, &arena, words, &fail))
		fail_msg("%s: %s", what, fail.text);
	for (size_t i = 0; words[i] != NULL; i++)
		text_addf(&line, "%s%s", i == 0 ? "" : " ", words[i]);
	if (strcmp(line.ptr, expected) != 0)
		fail_msg("%s with Helm %u:\n is        %s\n should be %s", what, major, line.ptr, expected);
	text_done(&line);
	arena_done(&arena);
}

static void test_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct helm_action action = rows[i].action;
		action.release = "web";
		action.ns = "apps";
		one_line(rows[i].what, &action, 3, rows[i].major_3);
		one_line(rows[i].what, &action, 4, rows[i].major_4 == NULL ? rows[i].major_3 : rows[i].major_4);
	}
}

static void test_all_at_once_has_room(void **state)
{
	(void)state;
	struct helm_label many[HELM_ARGUMENTS_MAX];
	const char *words[HELM_ARGUMENTS_MAX];
	struct arena arena;
	struct fail fail;
	struct helm_action action = {.release = "a", .ns = "b", .create_namespace = true, .wait = true, .wait_for_jobs = true, .atomic = true,
				     .disable_hooks = true, .skip_crds = true, .replace = true, .force_conflicts = true,
				     .take_ownership = true, .labels = many, .description = "d", .revision = 3};
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(many); i++)
		many[i] = (struct helm_label){"l", "v"};
	for (action.label_count = 0; action.label_count < COUNT_OF(many); action.label_count++)
		for (action.verb = HELM_INSTALL; action.verb <= HELM_PREVIEW_UPGRADE; action.verb++) {
			size_t count = 0;
			if (!helm_arguments(&action, 4, &arena, words, &fail)) {
				assert_int_equal(fail.code, FAIL_TOO_BIG);
				assert_true(action.label_count > 10);
				continue;
			}
			while (words[count] != NULL)
				count++;
			const char *last = words[count - 1];
			assert_true(strcmp(last, "/proc/self/fd/6") == 0 || strcmp(last, "a") == 0 || strcmp(last, "3") == 0);
		}
	arena_done(&arena);
}

static void test_names_are_names(void **state)
{
	(void)state;
	static const struct {
		const char *release, *ns;
		bool is_good;
	} names[] = {
		{"web", "apps", true}, {"a.b-c.0", "a", true}, {"a", "0", true},
		{"-web", "apps", false}, {"web-", "apps", false}, {"Web", "apps", false}, {"", "apps", false}, {"a..b", "apps", false},
		{"a.-b", "apps", false}, {"a-.b", "apps", false}, {".a", "apps", false}, {"web", "--debug", false}, {"web", "a.b", false},
		{"web", "", false}, {"web\n", "apps", false}, {"a b", "apps", false},
		{"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc", "apps", true},
		{"abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd", "apps", false},
	};
	const char *words[HELM_ARGUMENTS_MAX];
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct helm_action action = {.verb = HELM_INSTALL, .release = names[i].release, .ns = names[i].ns};
		struct fail fail = {0};
		if (helm_arguments(&action, 4, &arena, words, &fail) != names[i].is_good)
			fail_msg("\"%s\" in \"%s\"", names[i].release, names[i].ns);
		assert_int_equal(fail.code, names[i].is_good ? FAIL_NONE : FAIL_INVALID);
	}
	arena_done(&arena);
}

static void test_labels_and_descriptions_are_checked(void **state)
{
	(void)state;
	static const struct helm_label bad[] = {{"owner", "me"}, {"a", "b,c=d"}, {"a=b", "c"}, {"", "c"}, {"a", "b c"}};
	const char *words[HELM_ARGUMENTS_MAX];
	struct arena arena;
	struct fail fail;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct helm_action action = {.verb = HELM_INSTALL, .release = "a", .ns = "b", .labels = &bad[i], .label_count = 1};
		assert_false(helm_arguments(&action, 4, &arena, words, &fail));
		assert_int_equal(fail.code, FAIL_INVALID);
	}
	struct helm_action action = {.verb = HELM_INSTALL, .release = "a", .ns = "b", .description = "one\ntwo"};
	assert_false(helm_arguments(&action, 4, &arena, words, &fail));
	arena_done(&arena);
}

static void test_limits(void **state)
{
	(void)state;
	static const struct {
		struct helm_action action;
		size_t hooks;
		int64_t limit_ms;
	} limits[] = {
		{{.timeout_ns = 10000000000}, 0, 2 * 10001 + 180000},
		{{.timeout_ns = 10000000000}, 3, 8 * 10001 + 180000},
		{{.timeout_ns = 10000000000, .disable_hooks = true}, 3, 2 * 10001 + 180000},
		{{.timeout_ns = 10000000000, .atomic = true}, 0, 2 * (2 * 10001 + 180000)},
		{{.timeout_ns = 0}, 0, 2 * 300001 + 180000},
		{{.timeout_ns = INT64_MAX}, 1000000, 24 * 3600 * 1000},
		{{.timeout_ns = INT64_MAX, .atomic = true}, 0, 24 * 3600 * 1000},
	};
	for (size_t i = 0; i < COUNT_OF(limits); i++)
		assert_int_equal(helm_limit_ms(&limits[i].action, limits[i].hooks), limits[i].limit_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_all_at_once_has_room),
		cmocka_unit_test(test_names_are_names),
		cmocka_unit_test(test_labels_and_descriptions_are_checked),
		cmocka_unit_test(test_limits),
	};
	return RUN_TESTS(tests);
}
