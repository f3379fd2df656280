/* The writer: what is read is written, what is written is read, and it means the same; writing it again gives the same
 * bytes. For both readers, both widths, sorted and not. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "render/diag.h"
#include "render/emit.h"
#include "render/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool load_document(struct arena *arena, struct span bytes, enum load_dialect dialect, struct node *out)
{
	struct diag_list diags;
	struct load_limits limits = {1, 20, 2000, 0};
	struct load_document *documents = NULL;
	size_t count = 0;
	diag_list_init(&diags, arena);
	struct diag_at at = {.list = &diags};
	if (!load_yaml(arena, bytes, dialect, &limits, &at, &documents, &count) || diags.error_count > 0 || count != 1)
		return false;
	*out = documents[0].root;
	return true;
}

static void write_document(struct text *out, const struct node *root, int form)
{
	if (form == 4)
		emit_template_document(out, root);
	else
		emit_document(out, root, (form & 1) != 0 ? EMIT_CONTENT : EMIT_RESOURCE, (form & 2) != 0);
}

/* A line break of YAML 1.1 that is printable: the reference writes it as it is, and readers differ about it. */
static bool has_separator(struct span bytes)
{
	return span_contains(bytes, "\xE2\x80\xA8") || span_contains(bytes, "\xE2\x80\xA9") ||
	       span_contains(bytes, "\\L") || span_contains(bytes, "\\P") || span_contains(bytes, "\\u2028") ||
	       span_contains(bytes, "\\u2029") || span_contains(bytes, "\\U0000202");
}

static void round_trip(struct arena *arena, const struct node *root, enum load_dialect dialect, int form)
{
	struct text out, again;
	struct node back;
	text_init(&out, TEXT_NO_LIMIT);
	text_init(&again, TEXT_NO_LIMIT);
	write_document(&out, root, form);
	if (!load_document(arena, text_span(&out), dialect, &back) || !node_equal(root, &back)) {
		fprintf(stderr, "form %d wrote:\n%s\n", form, out.ptr);
		abort();
	}
	write_document(&again, &back, form);
	assert(span_eq(text_span(&out), text_span(&again)));
	text_done(&again);
	text_done(&out);
}

static void write_as(struct span bytes, enum load_dialect dialect)
{
	struct arena arena;
	struct node root;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (load_document(&arena, bytes, dialect, &root) && !has_separator(bytes))
		for (int form = 0; form < 5; form++)
			round_trip(&arena, &root, dialect, form);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span bytes = {(const char *)data, size};
	write_as(bytes, LOAD_KUBERNETES);
	write_as(bytes, LOAD_OMNI);
	return 0;
}
