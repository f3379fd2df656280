/* omniops get: look at resources. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "agent/commands/command.h"
#include "agent/omni/records.h"
#include "agent/settings/target.h"
#include "base/clock.h"

enum { CALL_MS = 30000 };

static int64_t deadline(void)
{
	return clock_monotonic_ms() + CALL_MS;
}

/* --- forms ------------------------------------------------------------------------------------------------------------ */

static void print_yaml(struct text *out, const struct resource_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			text_adds(out, "---\n");
		resource_print(out, list->items[i], true);
	}
}

static void print_json(struct text *out, const struct resource_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		resource_print_json(out, list->items[i]);
}

enum { COLUMNS = 4 };

static void cells_of(struct arena *arena, const struct resource *resource, struct span cells[COLUMNS])
{
	cells[0] = resource->ns;
	cells[1] = resource->type_name;
	cells[2] = resource->id;
	cells[3] = arena_spanf(arena, "%llu%s", (unsigned long long)resource->version,
			       resource->phase == RESOURCE_TEARING_DOWN ? " (tearing down)" : "");
}

/* Characters, not bytes: what continues one takes no place. */
static size_t width_of(struct span text)
{
	size_t width = 0;
	for (size_t i = 0; i < text.len; i++)
		width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return width;
}

static void print_row(struct text *out, const struct span cells[COLUMNS], const size_t widths[COLUMNS])
{
	enum { GAP = 3 };
	for (size_t i = 0; i < COLUMNS; i++) {
		text_add(out, cells[i]);
		if (i + 1 < COLUMNS)
			text_pad(out, ' ', widths[i] - width_of(cells[i]) + GAP);
	}
	text_addc(out, '\n');
}

static void print_table(struct text *out, const struct resource_list *list)
{
	const struct span head[COLUMNS] = {SPAN("NAMESPACE"), SPAN("TYPE"), SPAN("ID"), SPAN("VERSION")};
	size_t widths[COLUMNS] = {0};
	struct span cells[COLUMNS];
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (size_t i = 0; i <= list->count; i++) {
		if (i < list->count)
			cells_of(&arena, list->items[i], cells);
		for (size_t j = 0; j < COLUMNS; j++) {
			size_t width = width_of(i < list->count ? cells[j] : head[j]);
			widths[j] = width > widths[j] ? width : widths[j];
		}
	}
	for (size_t i = 0; i < list->count; i++) {
		if (i == 0)
			print_row(out, head, widths);
		cells_of(&arena, list->items[i], cells);
		print_row(out, cells, widths);
	}
	arena_done(&arena);
}

static const struct {
	const char *name;
	void (*print)(struct text *out, const struct resource_list *list);
} forms[] = {{"table", print_table}, {"yaml", print_yaml}, {"json", print_json}};

/* --- types ------------------------------------------------------------------------------------------------------------- */

static void list_types(struct text *out, const char *name, bool all)
{
	size_t before = out->len;
	for (size_t i = 0; omni_type_at(i) != NULL; i++) {
		struct span short_name = span_before(span_of(omni_type_at(i)->name), '.');
		if (all || omni_type_is_near(omni_type_at(i), span_of(name)))
			text_addf(out, "%s%.*s", out->len > before ? ", " : "", SPAN_ARG(short_name));
	}
}

static int unknown_type(const struct call *call)
{
	const char *name = call->words[0];
	struct text near, all;
	text_init(&near, TEXT_NO_LIMIT);
	text_init(&all, TEXT_NO_LIMIT);
	list_types(&near, name, false);
	list_types(&all, name, true);
	int code = near.len > 0 ? command_usage_error(call->command, "\"%s\" is no type of resource; is one of these meant: %s?", name, near.ptr)
				: command_usage_error(call->command, "\"%s\" is no type of resource; there are: %s", name, all.ptr);
	text_done(&near);
	text_done(&all);
	return code;
}

/* --- the command ------------------------------------------------------------------------------------------------------- */

/* Every ID is looked for; what is missing is said, and counts as an error at the end. */
static bool find_ids(struct call *call, struct omni_store *store, const struct omni_type *type, struct resource_list *list)
{
	bool ok = true;
	for (size_t i = 1; i < call->word_count; i++) {
		struct resource *resource;
		struct fail fail = {0};
		if (store->ops->get(store, call->arena, type, span_of(call->words[i]), deadline(), &resource, &fail))
			resource_push(call->arena, list, resource);
		else
			ok = command_error(&fail) == EXIT_OK;
	}
	return ok;
}

static bool find_all(struct call *call, struct omni_store *store, const struct omni_type *type, struct resource_list *list)
{
	struct omni_query query = {0};
	struct fail fail = {0};
	const char *selector = call->settings.selector;
	if (selector != NULL && !omni_query_parse(call->arena, span_of(selector), &query, &fail))
		fail_wrap(&fail, "--selector");
	else if (store->ops->list(store, call->arena, type, selector == NULL ? NULL : &query, deadline(), list, &fail))
		return true;
	return command_error(&fail) == EXIT_OK;
}

static int show(struct call *call, struct omni_store *store, const struct omni_type *type, size_t form)
{
	struct resource_list list = {0};
	struct text out;
	bool ok = call->word_count > 1 ? find_ids(call, store, type, &list) : find_all(call, store, type, &list);
	if (ok && list.count == 0 && call->color)
		fprintf(stderr, "No %s there.\n", type->name);
	text_init(&out, TEXT_NO_LIMIT);
	forms[form].print(&out, &list);
	return command_print(&out, ok ? EXIT_OK : EXIT_ERROR);
}

/* --- following ---------------------------------------------------------------------------------------------------------- */

struct follower {
	struct call *call;
	struct omni_store *store;
	const struct omni_type *type;
	struct omni_query query;
	size_t form;
	char bookmark[64];
	size_t bookmark_len;
};

static bool is_wanted(const struct follower *f, const struct resource *resource)
{
	bool is_named = f->call->word_count == 1;
	for (size_t i = 1; i < f->call->word_count; i++)
		is_named = is_named || span_is(resource->id, f->call->words[i]);
	return is_named && omni_query_match(&f->query, &resource->labels);
}

/* "+ created", then the resource in its form; flushed, since somebody is waiting for it. */
static bool print_event(const struct follower *f, struct omni_event *event)
{
	static const char *const signs[] = {[OMNI_CREATED] = "+", [OMNI_UPDATED] = "~", [OMNI_DESTROYED] = "-"};
	struct resource_list one = {&event->resource, 1, 1};
	struct text out;
	if (event->resource == NULL || event->kind > OMNI_DESTROYED || !is_wanted(f, event->resource))
		return true;
	text_init(&out, TEXT_NO_LIMIT);
	if (strcmp(forms[f->form].name, "table") == 0)
		text_addf(&out, "%s %.*s   %.*s   %.*s   %llu%s\n", signs[event->kind], SPAN_ARG(event->resource->ns),
			  SPAN_ARG(event->resource->type_name), SPAN_ARG(event->resource->id),
			  (unsigned long long)event->resource->version,
			  event->resource->phase == RESOURCE_TEARING_DOWN ? " (tearing down)" : "");
	else {
		if (strcmp(forms[f->form].name, "yaml") == 0)
			text_addf(&out, "--- # %s\n", signs[event->kind]);
		forms[f->form].print(&out, &one);
	}
	return command_print(&out, EXIT_OK) == EXIT_OK;
}

static bool wait_for(struct omni_watch *watch)
{
	struct pollfd fd = {.fd = watch->ops->fd(watch), .events = POLLIN};
	return poll(&fd, 1, -1) >= 0 || errno == EINTR;
}

/* Until the watch ends; false: nobody reads any more. */
static bool take_events(struct follower *f, struct omni_watch *watch, struct fail *fail)
{
	struct arena arena;
	bool goes_on = true;
	arena_init(&arena, ARENA_NO_LIMIT);
	for (;;) {
		struct omni_event event = {0};
		bool has = false;
		if (!watch->ops->next(watch, &arena, &event, &has, fail))
			break;
		if (has && event.kind == OMNI_ERRORED) {
			*fail = event.fail;
			break;
		}
		if (!has && !wait_for(watch))
			break;
		if (event.bookmark.len > 0 && event.bookmark.len <= sizeof f->bookmark) {
			memcpy(f->bookmark, event.bookmark.ptr, event.bookmark.len);
			f->bookmark_len = event.bookmark.len;
		}
		goes_on = !has || print_event(f, &event);
		if (!goes_on)
			break;
		arena_reset(&arena);
	}
	arena_done(&arena);
	return goes_on;
}

/* What breaks off goes on where it was, as long as there is hope. */
static int follow(struct follower *f)
{
	enum { AGAIN_MS = 1000 };
	for (;;) {
		struct omni_watch *watch;
		struct fail fail = {0};
		if (f->store->ops->watch(f->store, f->type, (struct span){f->bookmark, f->bookmark_len}, &watch, &fail)) {
			bool goes_on = take_events(f, watch, &fail);
			watch->ops->close(watch);
			if (!goes_on)
				return EXIT_ERROR;
		}
		if (fail.code == FAIL_PRECONDITION && f->bookmark_len > 0)
			f->bookmark_len = 0; /* too old: from the beginning */
		else if (!fail_is_retryable(fail.code))
			return command_error(&fail);
		else
			fprintf(stderr, "omniops: %s; going on\n", fail.text);
		clock_sleep_ms(AGAIN_MS);
	}
}

static int watch_type(struct call *call, struct omni_store *store, const struct omni_type *type, size_t form)
{
	struct follower f = {.call = call, .store = store, .type = type, .form = form};
	struct fail fail;
	if (call->settings.selector != NULL && !omni_query_parse(call->arena, span_of(call->settings.selector), &f.query, &fail)) {
		fail_wrap(&fail, "--selector");
		return command_error(&fail);
	}
	return follow(&f);
}

/* As it is in Omni, without the marks that are kept beside it. */
static int show_target(struct call *call, const struct target *target, const struct omni_type *type, size_t form)
{
	struct omni_store *store = records_inner(target->store);
	return call->settings.watch ? watch_type(call, store, type, form) : show(call, store, type, form);
}

static int run_get(struct call *call)
{
	const char *output = call->settings.output == NULL ? "table" : call->settings.output;
	size_t form = 0;
	while (form < sizeof forms / sizeof *forms && strcmp(forms[form].name, output) != 0)
		form++;
	if (form == sizeof forms / sizeof *forms)
		return command_usage_error(call->command, "get prints table, yaml or json, not \"%s\"", output);
	const struct omni_type *type = omni_type_guess(span_of(call->words[0]));
	if (type == NULL)
		return unknown_type(call);
	if (call->word_count > 1 && call->settings.selector != NULL)
		return command_usage_error(call->command, "name IDs or give --selector, not both");
	struct targets targets;
	struct target *target;
	struct fail fail;
	targets_init(&targets, call->arena, &call->settings);
	int code = targets_find(&targets, NULL, (struct span){"", 0}, &target, &fail) ? show_target(call, target, type, form)
										       : command_error(&fail);
	targets_done(&targets);
	return code;
}

static const char *const get_settings[] = {OMNI_SETTINGS, "selector", "watch", "output", "help", NULL};

const struct command cmd_get = {
	"get", "TYPE [ID…]", "Show resources of an Omni",
	"TYPE may be short: machineclasses, mc, cluster. Output: table, yaml or json (as omnictl get prints them; several JSON\n"
	"objects follow each other). With --watch what there is, then every change: + created, ~ updated, - destroyed.\n"
	"Exit status: 1 when an ID does not exist, or on any other error.",
	"  $ omniops get machineclasses\n  $ omniops get clusters prod staging -o json\n"
	"  $ omniops get configpatches -l 'omni.sidero.dev/cluster = prod' -o yaml",
	get_settings, 1, 1000000, run_get,
};
