/* What the agent tells: what is declared, what came of it, how the way to an Omni is, how a deletion goes. */
#include "agent/controller/internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "crds/kinds.h"

enum { NEWS_MS = 50, BEHIND_MS = 2000 }; /* states that follow each other quickly are not all written */

static void *must(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

/* --- reports: their thousands of bytes are mostly zeros -------------------------------------------------------------------- */

enum { RUN_MIN = 8 };

/* Pieces of zeros to skip (2 bytes) and bytes to copy (2 bytes, and themselves). */
static unsigned char *pack(const unsigned char *bytes, size_t size, size_t *out_size)
{
	unsigned char *packed = must(malloc(size + size / RUN_MIN * 4 + 8)), *to = packed;
	for (size_t at = 0; at < size;) {
		size_t zeros = at;
		while (zeros < size && bytes[zeros] == 0)
			zeros++;
		size_t end = zeros, run = 0;
		while (end < size && run < RUN_MIN)
			run = bytes[end++] == 0 ? run + 1 : 0;
		end -= run;
		uint16_t sizes[2] = {(uint16_t)(zeros - at), (uint16_t)(end - zeros)};
		memcpy(to, sizes, sizeof sizes);
		memcpy(to + sizeof sizes, bytes + zeros, end - zeros);
		to += sizeof sizes + (end - zeros);
		at = end;
	}
	*out_size = (size_t)(to - packed);
	return must(realloc(packed, *out_size));
}

static void unpack(const unsigned char *packed, size_t packed_size, unsigned char *out)
{
	for (size_t at = 0; at < packed_size;) {
		uint16_t sizes[2];
		memcpy(sizes, packed + at, sizeof sizes);
		out += sizes[0];
		memcpy(out, packed + at + sizeof sizes, sizes[1]);
		out += sizes[1];
		at += sizeof sizes + sizes[1];
	}
}

struct unit_report *told_unpack(const struct cluster_life *life)
{
	if (life->told == NULL)
		return NULL;
	struct unit_report *report = must(calloc(1, sizeof *report));
	unpack(life->told, life->told_size, (unsigned char *)report);
	report->errors = life->told_errors;
	return report;
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

void controller_told(struct controller *controller, struct span ns, struct span object, const struct unit_report *report)
{
	_Static_assert(sizeof *report <= UINT16_MAX, "the sizes of packed pieces");
	struct unit_report *plain = must(malloc(sizeof *plain));
	size_t size;
	memcpy(plain, report, sizeof *plain);
	plain->errors = NULL;
	unsigned char *packed = pack((const unsigned char *)plain, sizeof *plain, &size);
	free(plain);
	pthread_mutex_lock(&controller->lock);
	struct subject *subject = subject_get(&controller->subjects, &KIND_CLUSTER, ns, object);
	struct cluster_life *life = subject->life;
	bool is_news = life->told == NULL || size != life->told_size || memcmp(packed, life->told, size) != 0 ||
		       !same_text(life->told_errors, report->errors);
	free(is_news ? life->told : packed);
	if (is_news) {
		life->told = packed;
		life->told_size = size;
		free(life->told_errors);
		life->told_errors = report->errors == NULL ? NULL : must(strdup(report->errors));
		wake_subject(controller, subject, usual_class(subject), NEWS_MS);
	}
	pthread_mutex_unlock(&controller->lock);
}

/* --- ways -------------------------------------------------------------------------------------------------------------------- */

static bool same_way(const struct controller_way *a, const struct controller_way *b)
{
	return a->is_tried == b->is_tried && a->is_up == b->is_up && a->is_passing == b->is_passing &&
	       a->key_expires_s == b->key_expires_s && span_eq(a->url, b->url) && span_eq(a->trouble, b->trouble) &&
	       span_eq(a->version, b->version) && span_eq(a->identity, b->identity);
}

static struct span keep(char **place, struct span text)
{
	struct span copy = {*place, text.len};
	if (text.len > 0)
		memcpy(*place, text.ptr, text.len);
	*place += text.len;
	return copy;
}

void controller_told_way(struct controller *controller, struct span ns, struct span connection, const struct controller_way *way)
{
	struct connection_way *kept = must(malloc(sizeof *kept + way->url.len + way->trouble.len + way->version.len + way->identity.len));
	char *place = kept->texts;
	kept->way = *way;
	kept->way.url = keep(&place, way->url);
	kept->way.trouble = keep(&place, way->trouble);
	kept->way.version = keep(&place, way->version);
	kept->way.identity = keep(&place, way->identity);
	pthread_mutex_lock(&controller->lock);
	struct subject *subject = subject_get(&controller->subjects, &KIND_CONNECTION, ns, connection);
	bool is_news = subject->way == NULL || !same_way(&subject->way->way, way);
	free(is_news ? subject->way : kept);
	if (is_news) {
		subject->way = kept;
		wake_subject(controller, subject, usual_class(subject), NEWS_MS);
	}
	pthread_mutex_unlock(&controller->lock);
}

/* --- what handlers found ------------------------------------------------------------------------------------------------ */

static struct handled_told *pack_handled(const struct controller_handled *told)
{
	char *text = must(json_dumps(told->status, JSON_COMPACT | JSON_SORT_KEYS));
	size_t len = strlen(text);
	struct handled_told *kept = must(malloc(sizeof *kept + len + 1));
	memcpy(kept->status, text, len + 1);
	kept->status_len = len;
	kept->is_gone = told->is_gone;
	kept->digest = digest_local((struct span){text, len});
	free(text);
	return kept;
}

void controller_told_handled(struct controller *controller, const struct controller_handled *told)
{
	struct handled_told *kept = pack_handled(told);
	const struct event_about about = {told->kind->name, told->ns, told->name, told->uid};
	pthread_mutex_lock(&controller->lock);
	struct subject *subject = subject_find(&controller->subjects, told->kind, told->ns, told->name);
	bool is_there = subject != NULL && subject->is_there && subject_is(subject, told->uid);
	const struct handled_told *old = is_there ? subject->handled : NULL;
	bool is_news = is_there && (old == NULL || old->digest != kept->digest || old->is_gone != kept->is_gone);
	if (is_there)
		events_add(controller, &about, told->events, told->event_count);
	if (is_news) {
		free(subject->handled);
		subject->handled = kept;
		kept = NULL;
		wake_subject(controller, subject, usual_class(subject), told->is_gone ? 0 : NEWS_MS);
	} else if (is_there && told->event_count > 0) {
		pthread_cond_signal(&controller->wake);
	}
	pthread_mutex_unlock(&controller->lock);
	free(kept);
}

/* --- the fleet ---------------------------------------------------------------------------------------------------------------- */

static struct span *copy_spans(struct arena *arena, const struct span *items, size_t count)
{
	struct span *copy = ARENA_ARRAY(arena, struct span, count + 1);
	for (size_t i = 0; i < count; i++)
		copy[i] = arena_copy(arena, items[i]);
	return copy;
}

static const struct diag **copy_diags(struct arena *arena, const struct diag *const *items, size_t count)
{
	const struct diag **copy = ARENA_ARRAY(arena, const struct diag *, count + 1);
	for (size_t i = 0; i < count; i++) {
		struct diag *diag = arena_dup(arena, items[i], sizeof *diag);
		diag->file = arena_copy(arena, diag->file);
		diag->object = arena_copy(arena, diag->object);
		diag->path = arena_copy(arena, diag->path);
		diag->message = arena_copy(arena, diag->message);
		diag->hint = arena_copy(arena, diag->hint);
		diag->code = arena_string(arena, span_of(diag->code)); /* of what was rendered elsewhere, it lives no longer either */
		copy[i] = diag;
	}
	return copy;
}

static struct controller_cluster *copy_cluster(struct arena *arena, const struct controller_cluster *cluster)
{
	struct controller_cluster *copy = arena_dup(arena, cluster, sizeof *copy);
	copy->ns = arena_copy(arena, cluster->ns);
	copy->object = arena_copy(arena, cluster->object);
	copy->cluster = arena_copy(arena, cluster->cluster);
	copy->connection = arena_copy(arena, cluster->connection);
	copy->url = arena_copy(arena, cluster->url);
	copy->control_plane = arena_copy(arena, cluster->control_plane);
	copy->workers = copy_spans(arena, cluster->workers, cluster->worker_count);
	copy->machines = copy_spans(arena, cluster->machines, cluster->machine_count);
	copy->diags = copy_diags(arena, cluster->diags, cluster->diag_count);
	return copy;
}

static bool same_spans(const struct span *a, const struct span *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!span_eq(a[i], b[i]))
			return false;
	return true;
}

static bool same_diags(const struct controller_cluster *a, const struct controller_cluster *b)
{
	if (a->diag_count != b->diag_count)
		return false;
	for (size_t i = 0; i < a->diag_count; i++) {
		const struct diag *x = a->diags[i], *y = b->diags[i];
		if (x->severity != y->severity || strcmp(x->code, y->code) != 0 || !span_eq(x->object, y->object) ||
		    !span_eq(x->path, y->path) || !span_eq(x->message, y->message) || !span_eq(x->hint, y->hint))
			return false;
	}
	return true;
}

static bool same_parts(const struct controller_cluster *a, const struct controller_cluster *b)
{
	return a->worker_count == b->worker_count && a->machine_count == b->machine_count &&
	       span_eq(a->control_plane, b->control_plane) && same_spans(a->workers, b->workers, a->worker_count) &&
	       same_spans(a->machines, b->machines, a->machine_count);
}

static void take_declared(struct controller *controller, struct subject *subject, struct controller_cluster *now)
{
	struct cluster_life *life = subject->life;
	const struct controller_cluster *old = life->declared;
	bool has_other_faults = old == NULL || !same_diags(old, now);
	bool is_other = old == NULL || strcmp(old->template_hash, now->template_hash) != 0;
	bool is_news = is_other || has_other_faults || old->generation != now->generation || old->has_errors != now->has_errors ||
		       !same_parts(old, now);
	life->declared = now;
	/* What comes of another template will be told soon, and then in one. */
	if (is_news)
		wake_subject(controller, subject, usual_class(subject), is_other && life->told != NULL ? BEHIND_MS : NEWS_MS);
	if (has_other_faults)
		wake_children(controller, subject);
}

void controller_take_fleet(struct controller *controller, const struct controller_cluster *clusters, size_t count)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	struct controller_cluster **copies = ARENA_ARRAY(&arena, struct controller_cluster *, count + 1);
	for (size_t i = 0; i < count; i++)
		copies[i] = copy_cluster(&arena, &clusters[i]);
	pthread_mutex_lock(&controller->lock);
	uint64_t number = ++controller->fleet_number;
	for (size_t i = 0; i < count; i++) {
		struct subject *subject = subject_get(&controller->subjects, &KIND_CLUSTER, copies[i]->ns, copies[i]->object);
		take_declared(controller, subject, copies[i]);
		subject->life->fleet = number;
	}
	for (size_t i = 0; i < controller->subjects.slot_count; i++)
		for (struct subject *s = controller->subjects.slots[i]; s != NULL; s = s->next_in_slot)
			if (subject_life(s) != NULL && s->life->declared != NULL && s->life->fleet != number) {
				s->life->declared = NULL;
				wake_subject(controller, s, usual_class(s), NEWS_MS);
				wake_children(controller, s);
			}
	arena_done(&controller->fleet);
	controller->fleet = arena;
	if (number == 1)
		wake_all(controller);
	pthread_mutex_unlock(&controller->lock);
}
