/* What the agent tells: what is declared, what came of it, how the way to an Omni is, how a deletion goes. */
#include "agent/controller/internal.h"

#include <stdlib.h>

#include "base/clock.h"
#include "crds/kinds.h"

enum { NEWS_MS = 50 }; /* states that follow each other quickly are not all written */

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
