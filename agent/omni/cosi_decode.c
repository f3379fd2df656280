#include <inttypes.h>
#include <stdlib.h>

#include "agent/omni/cosi.h"
#include "agent/omni/proto/cosi.pb-c.h"
#include "base/cleanup.h"
#include "base/timestamp.h"

/* --- metadata --------------------------------------------------------------------------------------------------------- */

static struct span read_time(struct arena *arena, const Cosi__Resource__Timestamp *time)
{
	enum { THOUSAND = 1000 };
	char text[TIMESTAMP_SIZE];
	if (time == NULL || time->seconds == 0 || time->seconds > INT64_MAX / THOUSAND || time->seconds < INT64_MIN / THOUSAND)
		return (struct span){0};
	timestamp_format(time->seconds * THOUSAND, TIMESTAMP_SECONDS, text);
	return arena_copy(arena, span_of(text));
}

static int by_key(const void *a, const void *b)
{
	return span_cmp(((const struct label *)a)->key, ((const struct label *)b)->key);
}

/* Maps have no order on the wire. Of a key that is there twice the last one counts, as everywhere. */
static void read_labels(struct arena *arena, Cosi__Resource__Pair *const *pairs, size_t count, struct labels *out)
{
	bool is_sorted = true;
	*out = (struct labels){count == 0 ? NULL : ARENA_ARRAY(arena, struct label, count), count, count};
	for (size_t i = 0; i < count; i++) {
		out->items[i] = (struct label){arena_copy(arena, span_of(pairs[i]->key)), arena_copy(arena, span_of(pairs[i]->value))};
		is_sorted &= i == 0 || by_key(&out->items[i - 1], &out->items[i]) < 0;
	}
	if (is_sorted)
		return;
	struct labels unique = {0};
	for (size_t i = 0; i < count; i++)
		labels_set(arena, &unique, out->items[i].key, out->items[i].value);
	*out = unique;
}

static int by_bytes(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

static void read_finalizers(struct arena *arena, const Cosi__Resource__Metadata *metadata, struct resource *out)
{
	size_t kept = 0;
	if (metadata->n_finalizers == 0)
		return;
	out->finalizers = ARENA_ARRAY(arena, struct span, metadata->n_finalizers);
	for (size_t i = 0; i < metadata->n_finalizers; i++)
		out->finalizers[i] = arena_copy(arena, span_of(metadata->finalizers[i]));
	qsort(out->finalizers, metadata->n_finalizers, sizeof *out->finalizers, by_bytes);
	for (size_t i = 0; i < metadata->n_finalizers; i++)
		if (i == 0 || !span_eq(out->finalizers[i], out->finalizers[kept - 1]))
			out->finalizers[kept++] = out->finalizers[i];
	out->finalizer_count = kept;
}

static bool read_version(const struct span text, uint64_t *out, struct fail *fail)
{
	int64_t number = 0;
	if (!span_is(text, "undefined") && !span_int(text, 1, INT64_MAX, &number))
		return fail_set(fail, FAIL_PROTOCOL, "the version \"%.40s\" is none", text.ptr);
	*out = (uint64_t)number;
	return true;
}

static bool read_phase(const struct span text, enum resource_phase *out, struct fail *fail)
{
	*out = span_is(text, "tearingDown") ? RESOURCE_TEARING_DOWN : RESOURCE_RUNNING;
	return *out == RESOURCE_TEARING_DOWN || span_is(text, "running") ||
	       fail_set(fail, FAIL_PROTOCOL, "the phase \"%.40s\" is none", text.ptr);
}

static bool read_metadata(struct arena *arena, const struct omni_type *type, const Cosi__Resource__Metadata *from,
			  struct resource *out, struct fail *fail)
{
	if (strcmp(from->type, type->name) != 0 || strcmp(from->namespace_, type->ns) != 0)
		return fail_set(fail, FAIL_PROTOCOL, "the answer holds %.80s(%.80s/%.80s), where %s of the namespace %s were asked for",
				from->type, from->namespace_, from->id, type->name, type->ns);
	out->id = arena_copy(arena, span_of(from->id));
	if (!read_version(span_of(from->version), &out->version, fail) || !read_phase(span_of(from->phase), &out->phase, fail))
		return fail_wrap(fail, "%s(%.200s)", type->name, from->id);
	out->owner = arena_copy(arena, span_of(from->owner));
	out->created = read_time(arena, from->created);
	out->updated = read_time(arena, from->updated);
	read_labels(arena, from->labels, from->n_labels, &out->labels);
	read_labels(arena, from->annotations, from->n_annotations, &out->annotations);
	read_finalizers(arena, from, out);
	return true;
}

/* --- resources -------------------------------------------------------------------------------------------------------- */

static bool read_spec(const struct cosi_reader *reader, struct arena *arena, const Cosi__Resource__Spec *from,
		      struct resource *out, struct fail *fail)
{
	if (from == NULL)
		return true;
	struct span bytes = {(const char *)from->proto_spec.data, from->proto_spec.len};
	struct codec_content content = {reader->dictionary, span_of(from->yaml_spec)};
	if (!codec_decode(arena, reader->type, bytes, &content, &out->spec, fail))
		return fail_wrap(fail, "%s(%.*s)", reader->type->name, SPAN_ARG(out->id));
	if ((reader->type->flags & OMNI_USER) != 0) /* what nobody may write is never sent back */
		out->wire = arena_copy(arena, bytes);
	return true;
}

static bool read_resource(const struct cosi_reader *reader, struct arena *arena, const Cosi__Resource__Resource *from,
			  struct resource **out, struct fail *fail)
{
	if (from == NULL || from->metadata == NULL)
		return fail_set(fail, FAIL_PROTOCOL, "the answer holds no resource");
	struct resource *made = resource_new(arena, reader->type, (struct span){0});
	if (!read_metadata(arena, reader->type, from->metadata, made, fail) ||
	    !read_spec(reader, arena, from->spec, made, fail))
		return false;
	*out = made;
	return true;
}

bool cosi_decode_resource(const struct cosi_reader *reader, struct arena *arena, struct span message,
			  struct resource **out, struct fail *fail)
{
	arena_rewind(reader->scratch);
	const Cosi__Resource__ResourceResponse *response =
		codec_unpack(reader->scratch, &cosi__resource__resource_response__descriptor, message);
	if (response == NULL)
		return fail_set(fail, FAIL_PROTOCOL, "the answer cannot be decoded");
	return read_resource(reader, arena, response->resource, out, fail);
}

bool cosi_decode_teardown(struct arena *scratch, struct span message, bool *out_ready, struct fail *fail)
{
	const Cosi__Resource__TeardownResponse *response =
		codec_unpack(scratch, &cosi__resource__teardown_response__descriptor, message);
	if (response == NULL)
		return fail_set(fail, FAIL_PROTOCOL, "the answer cannot be decoded");
	*out_ready = response->destroy_ready;
	return true;
}

/* --- events ----------------------------------------------------------------------------------------------------------- */

/* Messages with tens of thousands of events are taken apart here, so that only one at a time takes memory. */
static bool read_varint(struct span *rest, uint64_t *out)
{
	enum { MORE = 0x80, BITS = 7, WIDTH = 64 };
	*out = 0;
	for (unsigned shift = 0; rest->len > 0 && shift < WIDTH; shift += BITS) {
		unsigned char byte = (unsigned char)*rest->ptr++;
		rest->len--;
		*out |= (uint64_t)(byte & (MORE - 1u)) << shift;
		if ((byte & MORE) == 0)
			return true;
	}
	return false;
}

static bool skip_bytes(struct span *rest, uint64_t count, struct span *out)
{
	if (count > rest->len)
		return false;
	*out = (struct span){rest->ptr, (size_t)count};
	rest->ptr += count;
	rest->len -= (size_t)count;
	return true;
}

/* One field; *out is empty but for those with a length. */
static bool read_field(struct span *rest, uint64_t *out_key, struct span *out)
{
	enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5, TYPE_MASK = 7 };
	uint64_t number;
	if (!read_varint(rest, out_key))
		return false;
	switch (*out_key & TYPE_MASK) {
	case VARINT: return read_varint(rest, &number);
	case FIXED64: return skip_bytes(rest, sizeof(uint64_t), out);
	case FIXED32: return skip_bytes(rest, sizeof(uint32_t), out);
	case LENGTH: return read_varint(rest, &number) && skip_bytes(rest, number, out);
	default: return false;
	}
}

bool cosi_events_next(struct cosi_events *events, struct span *out_event, bool *out_has, struct fail *fail)
{
	enum { EVENT_KEY = 1 << 3 | 2 };
	uint64_t key = 0;
	struct span value = {0};
	*out_has = false;
	while (events->rest.len > 0) {
		if (!read_field(&events->rest, &key, &value))
			return fail_set(fail, FAIL_PROTOCOL, "the events cannot be decoded");
		if (key != EVENT_KEY)
			continue; /* of a newer server */
		*out_event = value;
		*out_has = true;
		return true;
	}
	return true;
}

static enum cosi_event_kind event_kind(int number)
{
	return number >= 0 && number < COSI_UNKNOWN ? (enum cosi_event_kind)number : COSI_UNKNOWN;
}

bool cosi_decode_event(const struct cosi_reader *reader, struct arena *arena, struct span event, bool wants_old,
		       struct cosi_event *out, struct fail *fail)
{
	arena_rewind(reader->scratch);
	const Cosi__Resource__Event *from = codec_unpack(reader->scratch, &cosi__resource__event__descriptor, event);
	if (from == NULL)
		return fail_set(fail, FAIL_PROTOCOL, "an event cannot be decoded");
	struct cosi_event made = {.kind = event_kind((int)from->event_type)};
	if (from->has_bookmark_case == COSI__RESOURCE__EVENT__HAS_BOOKMARK_BOOKMARK)
		made.bookmark = arena_copy(arena, (struct span){(const char *)from->bookmark.data, from->bookmark.len});
	if (from->has_error_case == COSI__RESOURCE__EVENT__HAS_ERROR_ERROR)
		made.error = arena_copy(arena, span_of(from->error));
	bool has_resource = made.kind == COSI_CREATED || made.kind == COSI_UPDATED || made.kind == COSI_DESTROYED;
	if (has_resource && !read_resource(reader, arena, from->resource, &made.resource, fail))
		return false;
	if (wants_old && from->old != NULL && !read_resource(reader, arena, from->old, &made.old, fail))
		return false;
	*out = made;
	return true;
}
