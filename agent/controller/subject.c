#include "agent/controller/subject.h"

#include <assert.h>
#include <stdlib.h>

#include "base/map.h"
#include "crds/kinds.h"

static uint64_t hash_of(const struct kind *kind, struct span ns, struct span name)
{
	return map_hash(map_hash((uint64_t)(uintptr_t)kind, ns), name);
}

static struct subject **slot_of(const struct subjects *subjects, const struct kind *kind, struct span ns, struct span name)
{
	return &subjects->slots[hash_of(kind, ns, name) & (subjects->slot_count - 1)];
}

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static void grow(struct subjects *subjects)
{
	size_t old_count = subjects->slot_count;
	struct subject **old = subjects->slots;
	subjects->slot_count = old_count == 0 ? 256 : old_count * 2;
	subjects->slots = must(calloc(subjects->slot_count, sizeof *subjects->slots));
	for (size_t i = 0; i < old_count; i++)
		for (struct subject *s = old[i], *next; s != NULL; s = next) {
			struct subject **slot = slot_of(subjects, s->kind, s->ns, s->name);
			next = s->next_in_slot;
			s->next_in_slot = *slot;
			*slot = s;
		}
	free(old);
}

struct subject *subject_find(const struct subjects *subjects, const struct kind *kind, struct span ns, struct span name)
{
	struct subject *s = subjects->slot_count == 0 ? NULL : *slot_of(subjects, kind, ns, name);
	while (s != NULL && (s->kind != kind || !span_eq(s->name, name) || !span_eq(s->ns, ns)))
		s = s->next_in_slot;
	return s;
}

static struct span keep(char *place, struct span text)
{
	if (text.len > 0)
		memcpy(place, text.ptr, text.len);
	return (struct span){place, text.len};
}

struct subject *subject_get(struct subjects *subjects, const struct kind *kind, struct span ns, struct span name)
{
	struct subject *s = subject_find(subjects, kind, ns, name);
	if (s != NULL)
		return s;
	if (subjects->count >= subjects->slot_count)
		grow(subjects);
	s = must(calloc(1, sizeof *s + ns.len + name.len));
	s->kind = kind;
	s->ns = keep(s->texts, ns);
	s->name = keep(s->texts + ns.len, name);
	if (kind == &KIND_CLUSTER)
		s->life = must(calloc(1, sizeof *s->life));
	struct subject **slot = slot_of(subjects, kind, ns, name);
	s->next_in_slot = *slot;
	*slot = s;
	subjects->count++;
	return s;
}

/* --- families ---------------------------------------------------------------------------------------------------------- */

static void leave_parent(struct subject *s)
{
	if (s->parent == NULL)
		return;
	*(s->prev_sibling == NULL ? &s->parent->children : &s->prev_sibling->next_sibling) = s->next_sibling;
	if (s->next_sibling != NULL)
		s->next_sibling->prev_sibling = s->prev_sibling;
	s->parent = s->prev_sibling = s->next_sibling = NULL;
}

void subject_refer(struct subjects *subjects, struct subject *subject, const struct kind *kind, struct span name)
{
	struct subject *parent = kind == NULL || name.len == 0 ? NULL : subject_get(subjects, kind, subject->ns, name);
	if (parent == subject->parent)
		return;
	leave_parent(subject);
	if (parent == NULL)
		return;
	subject->parent = parent;
	subject->next_sibling = parent->children;
	if (parent->children != NULL)
		parent->children->prev_sibling = subject;
	parent->children = subject;
}

size_t subject_count_children(const struct subject *subject, const struct kind *kind)
{
	size_t count = 0;
	for (const struct subject *child = subject->children; child != NULL; child = child->next_sibling)
		count += child->is_there && child->kind == kind;
	return count;
}

/* --- life ---------------------------------------------------------------------------------------------------------------- */

static void forget_order(struct cluster_life *life)
{
	free(life->why);
	life->why = NULL;
	life->is_done = life->is_waiting = life->is_secret_gone = false;
	life->missing_since_ms = life->secret_asked_ms = 0;
}

/* What is declared is said of the name, not of the object. */
static void forget_life(struct cluster_life *life)
{
	forget_order(life);
	free(life->told);
	free(life->told_errors);
	free(life->requested);
	free(life->handled);
	life->told = NULL;
	life->told_errors = life->requested = life->handled = NULL;
	life->tokens[0] = life->tokens[1] = 0;
}

void subject_renew(struct subject *subject, struct span uid)
{
	snprintf(subject->uid, sizeof subject->uid, "%.*s", SPAN_ARG(uid));
	echo_free(subject->echo);
	free(subject->facts);
	free(subject->handled);
	subject->echo = NULL;
	subject->facts = NULL;
	subject->handled = NULL;
	subject->applied = subject->applied_to = subject->complaint = 0;
	subject->is_released = false;
	if (subject->life != NULL)
		forget_life(subject->life);
}

static void free_subject(struct subject *s)
{
	if (s->life != NULL)
		forget_life(s->life);
	free(s->life);
	free(s->facts);
	free(s->way);
	free(s->handled);
	echo_free(s->echo);
	free(s);
}

bool subject_drop_unused(struct subjects *subjects, struct subject *subject)
{
	if (subject->is_there || subject->children != NULL || subject->turn.state != TURN_IDLE)
		return false;
	struct subject *parent = subject->parent, **slot = slot_of(subjects, subject->kind, subject->ns, subject->name);
	while (*slot != subject)
		slot = &(*slot)->next_in_slot;
	*slot = subject->next_in_slot;
	leave_parent(subject);
	free_subject(subject);
	subjects->count--;
	if (parent != NULL)
		subject_drop_unused(subjects, parent);
	return true;
}

void subjects_done(struct subjects *subjects)
{
	for (size_t i = 0; i < subjects->slot_count; i++)
		for (struct subject *s = subjects->slots[i], *next; s != NULL; s = next) {
			next = s->next_in_slot;
			free_subject(s);
		}
	free(subjects->slots);
	*subjects = (struct subjects){0};
}
