#include "render/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void diag_list_init(struct diag_list *list, struct arena *arena)
{
	*list = (struct diag_list){.arena = arena};
}

static void count_severity(struct diag_list *list, enum diag_severity severity)
{
	list->error_count += severity == DIAG_ERROR;
	list->warning_count += severity == DIAG_WARNING;
}

/* The list is full: what comes later is counted and lost. The caller still gets an entry to write a hint into. */
static struct diag *overflow(struct diag_list *list, enum diag_severity severity)
{
	if (!list->is_full) {
		list->is_full = true;
		list->items[list->count - 1] = (struct diag){
			.severity = DIAG_ERROR,
			.code = "TooManyFaults",
			.message = SPAN("more faults were found than are listed"),
			.hint = SPAN("correct those shown and run again"),
		};
		list->error_count++;
	}
	count_severity(list, severity);
	return ARENA_NEW(list->arena, struct diag);
}

__attribute__((format(printf, 2, 0))) static struct span formatted(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int need = vsnprintf(NULL, 0, format, args);
	size_t len = need < 0 ? 0 : (size_t)need;
	char *text = arena_alloc(arena, len + 1);
	vsnprintf(text, len + 1, format, again);
	va_end(again);
	return (struct span){text, len};
}

struct diag *diag_add(const struct diag_at *at, enum diag_severity severity, const char *code, const struct node *node,
		      const char *path, const char *format, ...)
{
	struct diag_list *list = at->list;
	if (list->count >= DIAG_MAX)
		return overflow(list, severity);
	struct diag *diag = &ARENA_PUSH(list->arena, list->items, list->count, list->cap);
	*diag = (struct diag){.severity = severity, .file = at->file, .object = at->object, .code = code};
	if (node != NULL) {
		diag->line = node->line;
		diag->column = node->column;
	}
	if (path != NULL)
		diag->path = arena_copy(list->arena, span_of(path));
	va_list args;
	va_start(args, format);
	diag->message = formatted(list->arena, format, args);
	va_end(args);
	count_severity(list, severity);
	return diag;
}

void diag_append(struct diag_list *list, const struct diag_list *from)
{
	for (size_t i = 0; i < from->count && list->count < DIAG_MAX; i++) {
		ARENA_PUSH(list->arena, list->items, list->count, list->cap) = from->items[i];
		count_severity(list, from->items[i].severity);
	}
	list->is_full |= from->is_full;
}

void diag_hint(const struct diag_at *at, struct diag *diag, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	diag->hint = formatted(at->list->arena, format, args);
	va_end(args);
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_diags(const void *a, const void *b)
{
	const struct diag *x = *(const struct diag *const *)a, *y = *(const struct diag *const *)b;
	int order = compare_numbers(x->file.len == 0, y->file.len == 0); /* faults without a place come last */
	if (order == 0)
		order = span_cmp(x->file, y->file);
	if (order == 0)
		order = compare_numbers(x->line, y->line);
	if (order == 0)
		order = compare_numbers(x->column, y->column);
	if (order == 0)
		order = x < y ? -1 : x > y;
	return order;
}

static bool same_diag(const struct diag *a, const struct diag *b)
{
	return a->severity == b->severity && a->line == b->line && a->column == b->column &&
	       strcmp(a->code, b->code) == 0 && span_eq(a->file, b->file) && span_eq(a->object, b->object) &&
	       span_eq(a->path, b->path) && span_eq(a->message, b->message) && span_eq(a->hint, b->hint);
}

/* Repetitions stand at the same place, which is where a search for them ends. */
static bool is_repeated(const struct diag *kept, size_t count, const struct diag *diag)
{
	for (size_t i = count; i > 0; i--) {
		const struct diag *other = &kept[i - 1];
		if (other->line != diag->line || other->column != diag->column || !span_eq(other->file, diag->file))
			return false;
		if (same_diag(other, diag))
			return true;
	}
	return false;
}

void diag_sort(struct diag_list *list)
{
	if (list->count < 2)
		return;
	const struct diag **order = ARENA_ARRAY(list->arena, const struct diag *, list->count);
	for (size_t i = 0; i < list->count; i++)
		order[i] = &list->items[i];
	qsort(order, list->count, sizeof *order, compare_diags);

	struct diag *kept = ARENA_ARRAY(list->arena, struct diag, list->count);
	size_t count = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (!is_repeated(kept, count, order[i])) {
			kept[count++] = *order[i];
			continue;
		}
		list->error_count -= order[i]->severity == DIAG_ERROR;
		list->warning_count -= order[i]->severity == DIAG_WARNING;
	}
	list->cap = list->count;
	list->items = kept;
	list->count = count;
}
