/* What an action is in words of the command line. Long options with their values behind '=', names behind "--": nothing that is
 * declared can become an option. */
#include <stdio.h>

#include "agent/helm/run_int.h"
#include "base/cleanup.h"

enum {
	INSTALL = 1 << HELM_INSTALL | 1 << HELM_PREVIEW_INSTALL,
	UPGRADE = 1 << HELM_UPGRADE | 1 << HELM_PREVIEW_UPGRADE,
	UNINSTALL = 1 << HELM_UNINSTALL,
	ROLLBACK = 1 << HELM_ROLLBACK,
	PREVIEW = 1 << HELM_PREVIEW_INSTALL | 1 << HELM_PREVIEW_UPGRADE,
	CHART = INSTALL | UPGRADE, /* takes a chart and values */
	ALL = CHART | UNINSTALL | ROLLBACK,
};

enum { MAJOR_3, MAJOR_4, MAJORS };

/* A flag of the action, or (without one) always; NULL: this major does not have it. */
struct row {
	unsigned verbs;
	size_t flag;
	const char *words[MAJORS];
};

#define FLAG(member) offsetof(struct helm_action, member)
#define BOTH(word) {word, word}
static const size_t ALWAYS = (size_t)-1;

static const struct row rows[] = {
	{CHART, ALWAYS, BOTH("--values=" HELM_FD_PATH(HELM_FD_VALUES))},
	{CHART, ALWAYS, BOTH("--hide-notes")},
	{UPGRADE, ALWAYS, BOTH("--reset-values")},
	{PREVIEW, ALWAYS, BOTH("--dry-run=server")},
	{PREVIEW, ALWAYS, BOTH("--output=json")},
	{INSTALL, FLAG(create_namespace), BOTH("--create-namespace")},
	{INSTALL, FLAG(skip_crds), BOTH("--skip-crds")},
	{INSTALL, FLAG(replace), BOTH("--replace")},
	{ALL, FLAG(wait), {"--wait", "--wait=watcher"}},
	{CHART | ROLLBACK, FLAG(wait_for_jobs), BOTH("--wait-for-jobs")},
	{ALL, FLAG(disable_hooks), BOTH("--no-hooks")},
	{CHART, FLAG(atomic), {"--atomic", "--rollback-on-failure"}},
	{UPGRADE, FLAG(atomic), BOTH("--cleanup-on-fail")},
	{CHART, FLAG(take_ownership), BOTH("--take-ownership")},
	{CHART | ROLLBACK, FLAG(force_conflicts), {NULL, "--force-conflicts"}},
};

static const char *const verb_words[] = {
	[HELM_INSTALL] = "install", [HELM_UPGRADE] = "upgrade", [HELM_UNINSTALL] = "uninstall",
	[HELM_ROLLBACK] = "rollback", [HELM_PREVIEW_INSTALL] = "install", [HELM_PREVIEW_UPGRADE] = "upgrade",
};

struct words {
	struct arena *arena;
	const char **items;
	size_t count;
};

static void add(struct words *words, const char *word)
{
	if (words->count + 1 < HELM_ARGUMENTS_MAX)
		words->items[words->count++] = word;
}

static void addf(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void addf(struct words *words, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	add(words, arena_spanfv(words->arena, format, args).ptr);
	va_end(args);
}

/* --- names ---------------------------------------------------------------------------------------------------------- */

enum { RELEASE_MAX = 53, LABEL_MAX = 63, DESCRIPTION_MAX = 1024 };

static bool is_low(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Words of small letters, digits and dashes inside, with dots between them where that is allowed. */
static bool is_name(const char *name, size_t max, bool dots)
{
	size_t len = name == NULL ? 0 : strlen(name);
	if (len == 0 || len > max)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool at_end = i == 0 || i + 1 == len || (dots && (name[i - 1] == '.' || name[i + 1] == '.'));
		bool is_inner = name[i] == '-' || (dots && name[i] == '.');
		if (!is_low(name[i]) && (!is_inner || at_end))
			return false;
	}
	return true;
}

static bool has_only(const char *text, size_t max, const char *others)
{
	size_t len = strlen(text);
	for (size_t i = 0; i < len; i++)
		if (!is_low(text[i]) && !(text[i] >= 'A' && text[i] <= 'Z') && strchr(others, text[i]) == NULL)
			return false;
	return len <= max;
}

static bool check_label(const struct helm_label *label, struct fail *fail)
{
	static const char *const taken[] = {"name", "owner", "status", "version", "createdAt", "modifiedAt"};
	for (size_t i = 0; i < COUNT_OF(taken); i++)
		if (strcmp(label->name, taken[i]) == 0)
			return fail_set(fail, FAIL_INVALID, "the label \"%s\" of a release is Helm's own", label->name);
	if (*label->name == '\0' || !has_only(label->name, 253 + 1 + LABEL_MAX, "-_./") || !has_only(label->value, LABEL_MAX, "-_."))
		return fail_set(fail, FAIL_INVALID, "\"%.80s\"=\"%.80s\" is no label", label->name, label->value);
	return true;
}

static bool check_description(const char *text, struct fail *fail)
{
	for (const char *c = text; c != NULL && *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || (unsigned char)*c == 0x7F || c - text >= DESCRIPTION_MAX)
			return fail_set(fail, FAIL_INVALID, "a description is one line of at most %d bytes", DESCRIPTION_MAX);
	return true;
}

static bool check(const struct helm_action *action, struct fail *fail)
{
	if (!is_name(action->release, RELEASE_MAX, true))
		return fail_set(fail, FAIL_INVALID,
				"\"%.80s\" cannot be the name of a release: at most %d small letters, digits, '-' and '.', a letter or "
				"digit at both ends of each part. Set spec.releaseName",
				action->release == NULL ? "" : action->release, RELEASE_MAX);
	if (!is_name(action->ns, LABEL_MAX, false))
		return fail_set(fail, FAIL_INVALID, "\"%.80s\" cannot be a namespace", action->ns == NULL ? "" : action->ns);
	if (action->timeout_ns < 0 || action->max_history < 0 || action->revision < 0)
		return fail_set(fail, FAIL_INVALID, "time-out, history and revision are not negative");
	for (size_t i = 0; i < action->label_count; i++)
		if (!check_label(&action->labels[i], fail))
			return false;
	return check_description(action->description, fail);
}

/* --- what has a value ------------------------------------------------------------------------------------------------ */

enum { NS_PER_MS = 1000000, NS_PER_S = 1000000000, DEFAULT_HISTORY = 10 };
static const int64_t DEFAULT_TIMEOUT_NS = 300 * (int64_t)NS_PER_S;

static int64_t timeout_of(const struct helm_action *action)
{
	return action->timeout_ns == 0 ? DEFAULT_TIMEOUT_NS : action->timeout_ns;
}

static void add_timeout(struct words *words, int64_t ns)
{
	if (ns % NS_PER_S == 0)
		addf(words, "--timeout=%llds", (long long)(ns / NS_PER_S));
	else if (ns % NS_PER_MS == 0)
		addf(words, "--timeout=%lldms", (long long)(ns / NS_PER_MS));
	else
		addf(words, "--timeout=%lldns", (long long)ns);
}

/* 0 would be no limit at all, and every revision is a Secret. */
static void add_history(struct words *words, const struct helm_action *action)
{
	if (((UPGRADE | ROLLBACK) >> action->verb & 1) != 0)
		addf(words, "--history-max=%lld", (long long)(action->max_history == 0 ? DEFAULT_HISTORY : action->max_history));
}

static void add_apply(struct words *words, const struct helm_action *action, unsigned major)
{
	bool is_server = action->apply == HELM_APPLY_SERVER || action->force_conflicts;
	if (major >= 4 && ((CHART | ROLLBACK) >> action->verb & 1) != 0 && (is_server || action->apply == HELM_APPLY_CLIENT))
		addf(words, "--server-side=%s", is_server ? "true" : "false");
}

static void add_texts(struct words *words, const struct helm_action *action)
{
	if ((CHART >> action->verb & 1) == 0)
		return;
	for (size_t i = 0; i < action->label_count; i++)
		addf(words, "--labels=%s=%s", action->labels[i].name, action->labels[i].value);
	if (action->description != NULL)
		addf(words, "--description=%s", action->description);
}

static void add_flags(struct words *words, const struct helm_action *action, unsigned major)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		const char *word = row->words[major >= 4 ? MAJOR_4 : MAJOR_3];
		bool is_set = row->flag == ALWAYS || *(const bool *)((const char *)action + row->flag);
		if (is_set && word != NULL && (row->verbs >> action->verb & 1) != 0)
			add(words, word);
	}
}

bool helm_arguments(const struct helm_action *action, unsigned major, struct arena *arena, const char *out[HELM_ARGUMENTS_MAX],
		    struct fail *fail)
{
	enum { FIXED = 24 }; /* words of the longest action without labels */
	struct words words = {arena, out, 0};
	if (!check(action, fail))
		return false;
	if (action->label_count > HELM_ARGUMENTS_MAX - FIXED)
		return fail_set(fail, FAIL_TOO_BIG, "a release has at most %d labels", HELM_ARGUMENTS_MAX - FIXED);
	add(&words, verb_words[action->verb]);
	addf(&words, "--namespace=%s", action->ns);
	add(&words, "--kubeconfig=" HELM_FD_PATH(HELM_FD_KUBECONFIG));
	add_timeout(&words, timeout_of(action));
	add_history(&words, action);
	add_apply(&words, action, major);
	add_flags(&words, action, major);
	add_texts(&words, action);
	add(&words, "--");
	add(&words, arena_spanf(arena, "%s", action->release).ptr);
	if ((CHART >> action->verb & 1) != 0)
		add(&words, HELM_FD_PATH(HELM_FD_CHART));
	if (action->verb == HELM_ROLLBACK && action->revision > 0)
		addf(&words, "%lld", (long long)action->revision);
	out[words.count] = NULL;
	return true;
}

/* Every hook waits twice, for what it makes and for what it deletes; the end waits once more, and definitions for a minute. */
int64_t helm_limit_ms(const struct helm_action *action, size_t hooks)
{
	enum { REST_MS = 180000, HOOKS_MAX = 1000 };
	const int64_t longest_ms = 24 * 3600 * (int64_t)1000;
	int64_t timeout_ms = timeout_of(action) / NS_PER_MS + 1;
	int64_t waits = 2 + 2 * (int64_t)(action->disable_hooks ? 0 : hooks > HOOKS_MAX ? HOOKS_MAX : hooks);
	if (timeout_ms > longest_ms / waits)
		return longest_ms;
	int64_t limit_ms = (timeout_ms * waits + REST_MS) * (action->atomic ? 2 : 1);
	return limit_ms > longest_ms ? longest_ms : limit_ms;
}
