#include "agent/source/wire.h"

#include <limits.h>
#include <stdio.h>

void wire_init(struct wire *wire, struct arena *arena, struct span message, size_t budget)
{
	const unsigned char *begin = (const unsigned char *)message.ptr;
	*wire = (struct wire){.at = begin, .end = begin == NULL ? NULL : begin + message.len, .arena = arena,
			      .budget = budget, .bad = begin == NULL};
}

struct span wire_keep(struct wire *wire, struct span text)
{
	unsigned last = text.len == 0 ? 0 : (unsigned char)text.ptr[text.len - 1];
	struct span *recent = &wire->recent[(text.len * 7 + last) % WIRE_RECENT];
	if (!wire->copies)
		return text;
	if (recent->ptr == NULL || !span_eq(*recent, text))
		*recent = arena_copy(wire->arena, text);
	return *recent;
}

static size_t left(const struct wire *wire)
{
	return (size_t)(wire->end - wire->at);
}

static uint64_t bad(struct wire *wire)
{
	wire->bad = true;
	wire->at = wire->end;
	return 0;
}

uint64_t wire_int(struct wire *wire, uint64_t max)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (wire->at == wire->end)
			return bad(wire);
		unsigned char byte = *wire->at++;
		if (shift == 63 && byte > 1)
			return bad(wire);
		value |= (uint64_t)(byte & 127) << shift;
		if (byte < 128)
			return value <= max ? value : bad(wire);
	}
	return bad(wire);
}

bool wire_bool(struct wire *wire)
{
	return wire_int(wire, 1) != 0;
}

struct span wire_span(struct wire *wire)
{
	uint64_t size = wire_int(wire, SIZE_MAX);
	if (size == 0)
		return (struct span){NULL, 0};
	if (size > left(wire) || wire->at[size - 1] != '\0') {
		bad(wire);
		return (struct span){NULL, 0};
	}
	struct span text = {(const char *)wire->at, (size_t)size - 1};
	wire->at += size;
	return wire_keep(wire, text);
}

struct span wire_name(struct wire *wire)
{
	struct span name = wire_span(wire);
	bool is_clean = name.len <= WIRE_NAME_MAX;
	for (size_t i = 0; is_clean && i < name.len; i++)
		is_clean = (unsigned char)name.ptr[i] >= 32 && name.ptr[i] != 127;
	if (is_clean)
		return name;
	bad(wire);
	return (struct span){NULL, 0};
}

const char *wire_string(struct wire *wire)
{
	struct span text = wire_span(wire);
	if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
		bad(wire);
	return wire->bad ? NULL : text.ptr;
}

size_t wire_count(struct wire *wire)
{
	return (size_t)wire_int(wire, left(wire));
}

void *wire_alloc(struct wire *wire, size_t count, size_t size)
{
	if (count == 0 || wire->bad)
		return NULL;
	void *memory = count > wire->budget / size ? NULL : arena_try_alloc(wire->arena, count * size);
	if (memory == NULL) {
		bad(wire);
		return NULL;
	}
	wire->budget -= count * size;
	return memory;
}

static void get_node(struct wire *wire, struct node *out, unsigned depth);

static void get_children(struct wire *wire, struct node *out, unsigned depth)
{
	size_t count = wire_count(wire);
	bool is_map = out->kind == NODE_MAP;
	void *children = wire_alloc(wire, count, is_map ? sizeof(struct pair) : sizeof(struct node));
	out->items = children;
	if (children == NULL)
		return;
	if (count > NODE_LEN_MAX) {
		bad(wire);
		return;
	}
	for (size_t i = 0; i < count && !wire->bad; i++) {
		struct node *value = is_map ? &out->pairs[i].value : &out->items[i];
		if (is_map) {
			get_node(wire, &out->pairs[i].key, depth + 1);
			if (out->pairs[i].key.kind < NODE_NULL || out->pairs[i].key.kind > NODE_STRING)
				bad(wire);
		}
		get_node(wire, value, depth + 1);
	}
	out->len = wire->bad ? 0 : NODE_LEN(count);
}

static void get_scalar(struct wire *wire, struct node *out)
{
	struct span text = wire_span(wire);
	const char *canonical_end = out->has_source && text.len > 0 ? memchr(text.ptr, '\0', text.len) : NULL;
	size_t len = canonical_end != NULL ? (size_t)(canonical_end - text.ptr) : text.len;
	if (len > NODE_LEN_MAX || (out->has_source && canonical_end == NULL)) {
		bad(wire);
		text = (struct span){NULL, 0};
		len = 0;
	}
	out->has_source = out->has_source && canonical_end != NULL;
	out->text = text.ptr == NULL && out->kind != NODE_ABSENT ? "" : text.ptr;
	out->len = NODE_LEN(len);
}

static void get_node(struct wire *wire, struct node *out, unsigned depth)
{
	unsigned head = (unsigned)wire_int(wire, 255);
	*out = (struct node){.kind = head & 15, .style = head >> 4 & 7, .has_source = head >> 7 & 1};
	out->line = NODE_LINE(wire_int(wire, NODE_LINE_MAX));
	out->column = NODE_COLUMN(wire_int(wire, NODE_COLUMN_MAX));
	if (out->kind > NODE_MAP || out->style > NODE_FOLDED || depth > WIRE_DEPTH) {
		bad(wire);
		*out = (struct node){.kind = NODE_ABSENT};
		return;
	}
	if (out->kind >= NODE_SEQ) {
		get_children(wire, out, depth);
		return;
	}
	get_scalar(wire, out);
}

void wire_node(struct wire *wire, struct node *out)
{
	get_node(wire, out, 0);
	if (wire->bad)
		*out = (struct node){.kind = NODE_ABSENT};
}

static void get_diag(struct wire *wire, struct diag *diag)
{
	diag->severity = (enum diag_severity)wire_int(wire, DIAG_NOTE);
	diag->file = wire_name(wire);
	diag->line = (uint32_t)wire_int(wire, UINT32_MAX);
	diag->column = (uint32_t)wire_int(wire, UINT32_MAX);
	diag->object = wire_span(wire);
	diag->path = wire_span(wire);
	diag->code = wire_string(wire);
	diag->message = wire_span(wire);
	diag->hint = wire_span(wire);
	if (diag->code == NULL)
		diag->code = "";
}

void wire_diags(struct wire *wire, struct diag_list *list)
{
	size_t count = (size_t)wire_int(wire, DIAG_MAX + 1);
	bool is_full = wire_bool(wire);
	struct diag *items = wire_alloc(wire, list->count + count, sizeof *items);
	if (items == NULL)
		return;
	if (list->count > 0)
		memcpy(items, list->items, list->count * sizeof *items);
	list->items = items;
	list->cap = list->count + count;
	for (size_t i = 0; i < count; i++) {
		struct diag *diag = &items[list->count + i];
		get_diag(wire, diag);
		list->error_count += diag->severity == DIAG_ERROR;
		list->warning_count += diag->severity == DIAG_WARNING;
	}
	list->count = list->cap;
	list->is_full = list->is_full || is_full;
}

void wire_fail(struct wire *wire, struct fail *out)
{
	out->code = (enum fail_code)wire_int(wire, FAIL_BUG);
	struct span text = wire_span(wire);
	snprintf(out->text, sizeof out->text, "%.*s", (int)(text.len > INT_MAX ? INT_MAX : text.len),
		 text.ptr == NULL ? "" : text.ptr);
}

bool wire_end(const struct wire *wire)
{
	return !wire->bad && wire->at == wire->end;
}
