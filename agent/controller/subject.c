#include "agent/controller/subject.h"

#include <assert.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/map.h"
#include "base/text.h"
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
			struct subject **slot = slot_of(subjects, s->kind, subject_ns(s), subject_name(s));
			next = s->next_in_slot;
			s->next_in_slot = *slot;
			*slot = s;
		}
	free(old);
}

struct subject *subject_find(const struct subjects *subjects, const struct kind *kind, struct span ns, struct span name)
{
	struct subject *s = subjects->slot_count == 0 ? NULL : *slot_of(subjects, kind, ns, name);
	while (s != NULL && (s->kind != kind || !span_eq(subject_name(s), name) || !span_eq(subject_ns(s), ns)))
		s = s->next_in_slot;
	return s;
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
	s->ns_len = (uint16_t)ns.len;
	s->name_len = (uint16_t)name.len;
	text_copy(s->texts, ns.ptr, ns.len);
	text_copy(s->texts + ns.len, name.ptr, name.len);
	if (kind == &KIND_CLUSTER)
		s->life = must(calloc(1, sizeof *s->life));
	struct subject **slot = slot_of(subjects, kind, ns, name);
	s->next_in_slot = *slot;
	*slot = s;
	subjects->count++;
	return s;
}

struct span subject_ns(const struct subject *subject)
{
	return (struct span){subject->texts, subject->ns_len};
}

struct span subject_name(const struct subject *subject)
{
	return (struct span){subject->texts + subject->ns_len, subject->name_len};
}

bool subject_is_part(const struct subject *subject)
{
	return subject->kind == &KIND_CONTROL_PLANE || subject->kind == &KIND_WORKERS || subject->kind == &KIND_MACHINE;
}

const struct cluster_life *subject_life(const struct subject *subject)
{
	return subject->kind == &KIND_CLUSTER ? subject->life : NULL;
}

static uint64_t digest_of(struct span uid)
{
	return uid.len == 0 ? 0 : digest_local(uid);
}

bool subject_is(const struct subject *subject, struct span uid)
{
	return subject->uid == digest_of(uid);
}

void subject_identify(struct subject *subject, struct span uid)
{
	subject->uid = digest_of(uid);
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
	struct subject *parent = kind == NULL || name.len == 0 ? NULL : subject_get(subjects, kind, subject_ns(subject), name);
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

/* --- writes ------------------------------------------------------------------------------------------------------------ */

static struct writes *need_writes(struct subject *subject)
{
	if (subject->writes == NULL)
		subject->writes = must(calloc(1, sizeof *subject->writes));
	return subject->writes;
}

static void free_writes(struct subject *subject)
{
	if (subject->writes != NULL)
		echo_free(subject->writes->echo);
	free(subject->writes);
	subject->writes = NULL;
}

/* Those that say nothing any more. */
static void forget_writes(struct subject *subject)
{
	const struct writes *writes = subject->writes;
	if (writes != NULL && subject->turn.state != TURN_BUSY && writes->echo == NULL && writes->complaint == 0)
		free_writes(subject);
}

static void show(struct writes *writes, uint64_t version)
{
	if (writes->shown_count == SHOWN_MAX) {
		memmove(writes->shown, writes->shown + 1, sizeof *writes->shown * (SHOWN_MAX - 1));
		writes->shown_count--;
	}
	writes->shown[writes->shown_count++] = version;
}

void subject_see(struct subject *subject, struct span version)
{
	uint64_t before = subject->version;
	subject->version = digest_local(version);
	if (subject->turn.state == TURN_BUSY) {
		struct writes *writes = need_writes(subject);
		if (writes->shown_count == 0)
			show(writes, before);
		show(writes, subject->version);
	} else if (subject->writes != NULL) {
		subject->writes->shown_count = 0;
	}
	if (subject->writes != NULL)
		subject->writes->echo = echo_see(subject->writes->echo, version);
	forget_writes(subject);
}

void subject_take_answer(struct subject *subject, const json_t *answer, int64_t now_ms)
{
	struct writes *writes = need_writes(subject);
	if (writes->shown_count == 0)
		show(writes, subject->version);
	writes->echo = echo_take(writes->echo, answer, writes->shown, writes->shown_count, now_ms);
}

const struct echo *subject_echo(const struct subject *subject)
{
	return subject->writes == NULL ? NULL : subject->writes->echo;
}

bool subject_complains(struct subject *subject, uint64_t failure)
{
	struct writes *writes = need_writes(subject);
	bool is_other = failure != writes->complaint;
	writes->complaint = failure;
	return is_other;
}

void subject_rest(struct subject *subject)
{
	forget_writes(subject);
	if (subject_is_part(subject) && subject->turn.state == TURN_IDLE) {
		free(subject->facts);
		subject->facts = NULL;
	}
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
	subject_identify(subject, uid);
	free_writes(subject);
	free(subject->facts);
	subject->facts = NULL;
	subject->applied = subject->applied_to = 0;
	subject->is_released = false;
	if (subject->kind == &KIND_CLUSTER) {
		forget_life(subject->life);
	} else if (subject->kind != &KIND_CONNECTION) { /* what is told of a way is said of the name, too */
		free(subject->of_kind);
		subject->of_kind = NULL;
	}
}

static void free_subject(struct subject *s)
{
	if (s->kind == &KIND_CLUSTER) {
		forget_life(s->life);
		free(s->life->declared);
	}
	free(s->of_kind);
	free(s->facts);
	free_writes(s);
	free(s);
}

bool subject_drop_unused(struct subjects *subjects, struct subject *subject)
{
	bool is_declared = subject_life(subject) != NULL && subject->life->declared != NULL;
	if (subject->is_there || subject->children != NULL || is_declared || subject->turn.state != TURN_IDLE)
		return false;
	struct subject *parent = subject->parent, **slot = slot_of(subjects, subject->kind, subject_ns(subject), subject_name(subject));
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
