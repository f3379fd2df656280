/* omniops health: is it ready; with --wait, until it is. Driven by what the Omni tells; nothing is asked again and again. */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/commands/command.h"
#include "agent/report/fleet_view.h"
#include "agent/report/live_parts.h"
#include "agent/settings/target.h"
#include "base/clock.h"

enum {
	CALL_MS = 30000,
	HOLD_MS = 500, /* statuses come up to 300 ms after what they are about: what is ready has to stay so for a moment */
	TOLD_REASONS = 4,
};

struct waiting {
	struct call *call;
	struct span name;
	int64_t deadline_ms;
	struct live_parts *live;
	struct arena arena; /* of the view */
	struct cluster_view view;
	bool is_there, was_there;
	int64_t ready_since_ms; /* 0: it is not */
	bool is_terminal;	/* standard error */
	size_t drawn;		/* lines of the tree that stand there */
	char told[1024];
};

/* --- progress ------------------------------------------------------------------------------------------------------- */

/* A line without what does not fit; colours take no room, and end with it. */
static void add_cut(struct text *out, struct span line, size_t columns, bool color)
{
	size_t shown = 0, i = 0;
	for (; i < line.len; i++) {
		bool is_escape = line.ptr[i] == '\033', is_within = ((unsigned char)line.ptr[i] & 0xc0) == 0x80;
		size_t end = i;
		while (is_escape && end < line.len && line.ptr[end] != 'm')
			end++;
		shown += !is_escape && !is_within;
		if (shown > columns)
			break;
		text_add(out, (struct span){line.ptr + i, (end < line.len ? end : line.len - 1) - i + 1});
		i = end < line.len ? end : line.len;
	}
	text_adds(out, i < line.len && color ? "\033[0m\n" : "\n");
}

static void erase(struct waiting *w)
{
	if (w->drawn > 0)
		fprintf(stderr, "\033[%zuA\033[J", w->drawn);
	w->drawn = 0;
}

/* The tree where it stood, as far as the window is high and wide. */
static void draw(struct waiting *w)
{
	struct winsize window = {0};
	struct text tree, shown;
	text_init(&tree, TEXT_NO_LIMIT);
	text_init(&shown, TEXT_NO_LIMIT);
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row < 2 || window.ws_col < 2)
		window = (struct winsize){.ws_row = 24, .ws_col = 80};
	view_print_tree(&tree, &w->view, w->call->color);
	struct span rest = text_span(&tree), line;
	size_t lines = 0;
	while (lines + 1 < window.ws_row && span_next(&rest, '\n', &line) && rest.ptr != NULL) {
		add_cut(&shown, line, (size_t)window.ws_col - 1, w->call->color);
		lines++;
	}
	erase(w);
	fwrite(shown.ptr, 1, shown.len, stderr);
	w->drawn = lines;
	text_done(&tree);
	text_done(&shown);
}

/* A line, when it is another one than before. */
static void say(struct waiting *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct waiting *w, const char *format, ...)
{
	char line[sizeof w->told];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (strcmp(line, w->told) == 0)
		return;
	memcpy(w->told, line, sizeof line);
	erase(w);
	fprintf(stderr, "%s\n", line);
}

static void show(struct waiting *w)
{
	const struct health_reasons *reasons = &w->view.reasons;
	if (w->is_terminal)
		draw(w);
	else if (reasons->count == 0)
		say(w, "%.*s", SPAN_ARG(w->view.root->text));
	else
		say(w, "%.*s: %.*s", SPAN_ARG(w->view.root->text), SPAN_ARG(reasons->items[0].message));
}

/* --- waiting -------------------------------------------------------------------------------------------------------- */

static void look(struct waiting *w)
{
	const struct cluster_parts *parts = live_now(w->live);
	int64_t ready_since_ms = w->ready_since_ms;
	arena_reset(&w->arena);
	w->view = (struct cluster_view){0};
	w->is_there = cluster_parts_check(parts, w->name, "", NULL);
	w->was_there |= w->is_there;
	w->ready_since_ms = 0;
	if (!w->is_there)
		return;
	view_parts(&w->arena, w->name, parts, &w->view);
	show(w);
	if (w->view.health == HEALTH_READY)
		w->ready_since_ms = ready_since_ms > 0 ? ready_since_ms : clock_monotonic_ms();
}

static bool fail_missing(const struct waiting *w, struct fail *fail)
{
	struct span all = SPAN("");
	const struct health_reasons *reasons = &w->view.reasons;
	long long seconds = (long long)(w->call->settings.timeout_ms / 1000);
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i < reasons->count && i < TOLD_REASONS; i++)
		all = arena_spanf(&arena, "%.*s%s%.*s", SPAN_ARG(all), i > 0 ? "; " : ": ", SPAN_ARG(reasons->items[i].message));
	if (reasons->count > TOLD_REASONS)
		all = arena_spanf(&arena, "%.*s; and %zu more", SPAN_ARG(all), reasons->count - TOLD_REASONS);
	if (w->is_there)
		fail_set(fail, FAIL_TIMEOUT, "cluster %.*s is not ready after %lld s%.*s", SPAN_ARG(w->name), seconds, SPAN_ARG(all));
	else
		fail_set(fail, FAIL_TIMEOUT, "there is no cluster %.*s after %lld s", SPAN_ARG(w->name), seconds);
	arena_done(&arena);
	return false;
}

/* True: there is no more to wait for, and *ok says whether it is ready. */
static bool is_decided(struct waiting *w, bool *ok, struct fail *fail)
{
	int64_t now_ms = clock_monotonic_ms();
	*ok = w->ready_since_ms > 0 && now_ms >= w->ready_since_ms + HOLD_MS;
	if (*ok)
		return true;
	if (w->is_there && w->view.health == HEALTH_DESTROYING)
		return !fail_set(fail, FAIL_PRECONDITION, "cluster %.*s is being destroyed", SPAN_ARG(w->name));
	if (!w->is_there && w->was_there)
		return !fail_set(fail, FAIL_NOT_FOUND, "cluster %.*s is gone", SPAN_ARG(w->name));
	return now_ms >= w->deadline_ms && !fail_missing(w, fail);
}

static int64_t next_look_ms(const struct waiting *w)
{
	int64_t held_ms = w->ready_since_ms + HOLD_MS;
	return w->ready_since_ms > 0 && held_ms < w->deadline_ms ? held_ms : w->deadline_ms;
}

static bool wait_ready(struct waiting *w, struct fail *fail)
{
	bool ok = false, has_looked = false;
	while (!is_decided(w, &ok, fail)) {
		struct fail trouble = {0};
		enum live_news news = live_wait(w->live, next_look_ms(w), &trouble);
		if (news == LIVE_FAILED) {
			*fail = trouble;
			return false;
		}
		if (news == LIVE_BROKEN)
			say(w, "omniops: %s; tried again", trouble.text);
		if (news == LIVE_CHANGED)
			look(w);
		has_looked |= news == LIVE_CHANGED;
		if (has_looked && !w->is_there && !w->was_there)
			say(w, "omniops: there is no cluster %.*s yet; waiting for it", SPAN_ARG(w->name));
	}
	return ok;
}

/* --- the command ---------------------------------------------------------------------------------------------------- */

static int print(struct call *call, const struct cluster_view *view, bool json, int code)
{
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	if (json)
		view_print_json(&out, NULL, NULL, view, 1, NULL);
	else
		view_print_tree(&out, view, call->color);
	return command_print(&out, code);
}

static int run_once(struct call *call, struct omni_store *store, bool json)
{
	struct cluster_view view;
	struct fail fail;
	if (!view_cluster(store, call->arena, span_of(call->words[0]), clock_monotonic_ms() + CALL_MS, &view, &fail))
		return command_error(&fail);
	return print(call, &view, json, view.health == HEALTH_READY ? EXIT_OK : EXIT_ERROR);
}

static int run_wait(struct call *call, struct omni_store *store, bool json)
{
	struct waiting w = {.call = call, .name = span_of(call->words[0]), .is_terminal = isatty(STDERR_FILENO)};
	struct fail fail = {0};
	w.deadline_ms = clock_monotonic_ms() + call->settings.timeout_ms;
	w.live = live_open(store, w.name);
	arena_init(&w.arena, ARENA_NO_LIMIT);
	int code = wait_ready(&w, &fail) ? EXIT_OK : EXIT_ERROR;
	erase(&w);
	if (w.is_there)
		code = print(call, &w.view, json, code);
	if (code != EXIT_OK && fail.text[0] != '\0')
		command_error(&fail);
	live_close(w.live);
	arena_done(&w.arena);
	return code;
}

static int run_health(struct call *call)
{
	const char *output = call->settings.output;
	bool json = output != NULL && strcmp(output, "json") == 0;
	struct targets targets;
	struct target *target;
	struct fail fail;
	if (output != NULL && !json && strcmp(output, "text") != 0)
		return command_usage_error(call->command, "health prints text or json, not \"%s\"", output);
	targets_init(&targets, call->arena, &call->settings);
	int code = !targets_find(&targets, NULL, SPAN(""), &target, &fail) ? command_error(&fail)
		   : call->settings.wait				   ? run_wait(call, target->store, json)
									   : run_once(call, target->store, json);
	targets_done(&targets);
	return code;
}

static const char *const health_settings[] = {OMNI_SETTINGS, "wait", "timeout", "output", "color", "help", NULL};

const struct command cmd_health = {
	"health", "CLUSTER", "Tell whether a cluster is ready",
	"Ready: Omni reports the cluster running and ready with all its machine sets, as many machines as are declared, and the\n"
	"declared versions of Talos and Kubernetes with no upgrade under way. With --wait until it is so, also for a cluster that is\n"
	"not there yet; it ends when the cluster is being destroyed. On a terminal the tree is redrawn, else there is a line per\n"
	"change. Exit status: 0 ready, 1 not (with --wait: not within --timeout).",
	"  $ omniops health talos-prod-01 --wait --timeout 20m", health_settings, 1, 1, run_health,
};
