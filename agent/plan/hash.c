/* The name of a plan: SHA-256 of what it does. Independent of versions, dates, finalizers and of our own annotations, so
 * that the same change has the same hash on every run, and an approval of it stays good until the change changes.
 *
 * It is the same whether Omni was asked or a snapshot that hides secrets: of what Omni holds, values that look secret count
 * only by whether they equal each other or the expected ones, which a snapshot can tell. They are numbered in the order in
 * which they appear. What is expected counts in full: an approval never covers another secret than that which was approved,
 * and nothing can be guessed from a hash about a secret that only Omni knows. */
#include <stdio.h>

#include "agent/plan/internal.h"
#include "render/emit.h"

struct sealer {
	struct digest *digest;
	const struct hide_book *book; /* of what is expected */
	bool is_copy;		      /* the resources are hidden already */
	struct arena scratch;	      /* of one operation */
	struct hide_book own;	      /* when they are not */
	struct map numbers;	      /* of marks, from 1 */
	bool is_unknown;	      /* a mark is in no book */
};

static void add_number(struct digest *digest, unsigned value)
{
	char digits[16];
	int len = snprintf(digits, sizeof digits, "%u", value);
	digest_add(digest, (struct span){digits, (size_t)len});
}

static size_t number_of(struct sealer *sealer, struct span mark)
{
	size_t **place = (size_t **)map_at(&sealer->numbers, arena_copy(&sealer->scratch, mark));
	if (*place == NULL) {
		*place = ARENA_NEW(&sealer->scratch, size_t);
		**place = sealer->numbers.count;
	}
	return **place;
}

/* A number stands behind a byte that no printed text has, so nobody can write one. */
static void add_text(struct sealer *sealer, struct span text)
{
	size_t at = 0, begin, end;
	struct span mark;
	if (!hide_next_mark(text, 0, &begin, &end, &mark)) {
		digest_add(sealer->digest, text);
		return;
	}
	struct text out;
	text_init(&out, TEXT_NO_LIMIT);
	do {
		text_add(&out, (struct span){text.ptr + at, begin - at});
		text_addf(&out, "\001%zu\001", number_of(sealer, mark));
		at = end;
	} while (hide_next_mark(text, at, &begin, &end, &mark));
	text_add(&out, (struct span){text.ptr + at, text.len - at});
	digest_add(sealer->digest, text_span(&out));
	text_done(&out);
}

static void number_text(struct sealer *sealer, struct span text)
{
	struct span mark;
	for (size_t begin, end = 0; hide_next_mark(text, end, &begin, &end, &mark);)
		number_of(sealer, mark);
}

typedef void text_taker(struct sealer *sealer, struct span text);

static void take_labels(struct sealer *sealer, const struct labels *labels, text_taker *take)
{
	for (size_t i = 0; i < labels->count; i++) {
		if (span_starts(labels->items[i].key, ANNOTATION_OURS))
			continue;
		take(sealer, labels->items[i].key);
		take(sealer, labels->items[i].value);
	}
	take(sealer, SPAN("."));
}

static void take_resource(struct sealer *sealer, const struct resource *resource, text_taker *take)
{
	struct text spec;
	text_init(&spec, TEXT_NO_LIMIT);
	emit_document(&spec, &resource->spec, EMIT_RESOURCE, true);
	take_labels(sealer, &resource->labels, take);
	take_labels(sealer, &resource->annotations, take);
	take(sealer, text_span(&spec));
	text_done(&spec);
}

static void add_resource(struct sealer *sealer, const struct resource *resource)
{
	if (resource == NULL)
		digest_add(sealer->digest, SPAN("none"));
	else
		take_resource(sealer, resource, add_text);
}

static const struct resource *hidden(struct sealer *sealer, const struct resource *resource)
{
	static const struct span key = {"plan", 4}; /* nobody sees the marks */
	return resource == NULL || sealer->is_copy ? resource : hide_resource(&sealer->scratch, key, resource, &sealer->own);
}

/* What stands behind the first numbers. */
static void add_values(struct sealer *sealer, size_t count)
{
	const struct hide_book *book = sealer->is_copy ? sealer->book : &sealer->own;
	for (size_t i = 0; i < count; i++) {
		struct span mark = sealer->numbers.entries[i].key;
		const struct span *value = hide_book_find(book, mark);
		sealer->is_unknown |= value == NULL;
		digest_add(sealer->digest, value == NULL ? mark : *value);
	}
}

/* Secrets that are expected have the lowest numbers. What a destroyed resource holds does not matter: it goes. */
static void add_contents(struct sealer *sealer, const struct plan_op *op)
{
	arena_reset(&sealer->scratch);
	map_init(&sealer->numbers, &sealer->scratch);
	hide_book_init(&sealer->own, &sealer->scratch);
	const struct resource *desired = hidden(sealer, op->desired);
	if (desired != NULL)
		take_resource(sealer, desired, number_text);
	size_t expected = sealer->numbers.count;
	add_resource(sealer, hidden(sealer, op->kind == PLAN_UPDATE ? op->actual : NULL));
	add_resource(sealer, desired);
	add_values(sealer, expected);
}

void plan_seal(struct plan *plan)
{
	struct sealer sealer = {.digest = digest_new(), .book = plan->hidden, .is_copy = plan->hidden != NULL};
	struct digest *digest = sealer.digest;
	arena_init(&sealer.scratch, ARENA_NO_LIMIT);
	digest_add(digest, SPAN("omniops plan 1"));
	digest_add(digest, plan->cluster);
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_op *op = &plan->ops[i];
		digest_add(digest, span_of(plan_op_name(op->kind)));
		digest_add(digest, span_of(op->type->name));
		digest_add(digest, op->id);
		add_number(digest, op->phase);
		add_contents(&sealer, op);
	}
	digest_finish(digest, plan->hash);
	plan->is_of_copy = sealer.is_copy && sealer.is_unknown;
	arena_done(&sealer.scratch);
}

void plan_note_copy(struct arena *arena, struct plan *plan)
{
	if (plan->is_of_copy)
		plan_add_note(arena, plan, "values that the snapshot hides stay as they are in Omni, so the hash is that of the snapshot: "
					   "approve by the hash of a plan of the Omni itself");
}
