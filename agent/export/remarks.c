/* What the documents do not say. */
#include <stdarg.h>
#include <stdio.h>

#include "agent/export/internal.h"

struct export_remark *export_find_remark(struct exporter *x, const struct omni_type *type, struct span id)
{
	struct export_remarks *remarks = &x->out->remarks;
	for (size_t i = 0; type != NULL && i < remarks->count; i++)
		if (remarks->items[i].type == type && span_eq(remarks->items[i].id, id))
			return &remarks->items[i];
	return NULL;
}

void export_remark(struct exporter *x, enum export_weight weight, const struct omni_type *type, struct span id,
		   const char *format, ...)
{
	struct export_remarks *remarks = &x->out->remarks;
	struct export_remark *known = export_find_remark(x, type, id);
	va_list args;
	va_start(args, format);
	struct span text = arena_spanfv(x->arena, format, args);
	va_end(args);
	if (known == NULL) {
		ARENA_PUSH(x->arena, remarks->items, remarks->count, remarks->cap) = (struct export_remark){weight, type, id, text};
		return;
	}
	known->weight = weight > known->weight ? weight : known->weight;
	if (span_contains(known->text, text.ptr))
		return;
	known->text = arena_spanf(x->arena, "%.*s; %.*s", SPAN_ARG(known->text), SPAN_ARG(text));
}

size_t export_count(const struct export_remarks *remarks, enum export_weight weight)
{
	size_t count = 0;
	for (size_t i = 0; i < remarks->count; i++)
		count += remarks->items[i].weight == weight;
	return count;
}

/* A comment ends with its line: nothing in an ID may begin another one. */
static void add_on_one_line(struct text *out, struct span part)
{
	for (size_t i = 0; i < part.len; i++)
		text_addc(out, (unsigned char)part.ptr[i] < ' ' || part.ptr[i] == 0x7f ? ' ' : part.ptr[i]);
}

void export_print_remark(struct text *out, const struct export_remark *remark)
{
	if (remark->type != NULL) {
		text_addf(out, "%s(", remark->type->name);
		add_on_one_line(out, remark->id);
		text_adds(out, "): ");
	}
	add_on_one_line(out, remark->text);
}

static void print_list(struct text *out, const char *head, const struct export_remarks *remarks, enum export_weight weight)
{
	if (export_count(remarks, weight) == 0)
		return;
	text_addf(out, "# %s\n", head);
	for (size_t i = 0; i < remarks->count; i++) {
		if (remarks->items[i].weight != weight)
			continue;
		text_adds(out, "#   - ");
		export_print_remark(out, &remarks->items[i]);
		text_addc(out, '\n');
	}
}

void export_print_remarks(struct text *out, const struct export_remarks *remarks)
{
	print_list(out, "Omni holds it otherwise than these documents say; a plan of them would change it:", remarks, EXPORT_LOST);
	print_list(out, "Not said in these documents; it stays in Omni as it is:", remarks, EXPORT_LEFT);
	print_list(out, "Worth knowing:", remarks, EXPORT_NOTE);
}

void export_print_reasons(struct text *out, const struct export_remarks *remarks)
{
	print_list(out, "This is a template, because custom resources could not say:", remarks, EXPORT_LOST);
}
