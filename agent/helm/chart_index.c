#include "agent/helm/chart_index.h"

#include "base/cleanup.h"
#include "base/digest.h"
#include "render/load_stream.h"

enum { TEXT_BYTES_MAX = 4096 };

struct reader {
	struct load_stream *stream;
	struct arena *arena;
	struct span chart;
	struct index_entry *entries;
	size_t count, cap;
	bool is_index; /* it names its apiVersion, as all do */
	struct fail *fail;
};

static bool next(struct reader *reader, struct event *out)
{
	return load_stream_next(reader->stream, out, reader->fail);
}

static bool skip_value(struct reader *reader)
{
	struct event event;
	return next(reader, &event) && load_stream_skip(reader->stream, &event, reader->fail);
}

static bool is_key(const struct event *event, const char *name)
{
	return event->kind == EVENT_SCALAR && span_is(event->value, name);
}

/* A text; whatever else it is counts as none. */
static bool take_text(struct reader *reader, struct span *out)
{
	struct event event;
	if (!next(reader, &event))
		return false;
	bool is_text = event.kind == EVENT_SCALAR && event.value.len <= TEXT_BYTES_MAX;
	*out = is_text ? arena_copy(reader->arena, event.value) : SPAN("");
	return load_stream_skip(reader->stream, &event, reader->fail);
}

static bool take_first(struct reader *reader, struct span *out)
{
	struct event event;
	if (!next(reader, &event))
		return false;
	if (event.kind != EVENT_SEQ_START)
		return load_stream_skip(reader->stream, &event, reader->fail);
	for (bool is_first = true;; is_first = false) {
		if (!next(reader, &event))
			return false;
		if (event.kind == EVENT_SEQ_END)
			return true;
		if (is_first && event.kind == EVENT_SCALAR && event.value.len <= TEXT_BYTES_MAX)
			*out = arena_copy(reader->arena, event.value);
		if (!load_stream_skip(reader->stream, &event, reader->fail))
			return false;
	}
}

/* Some write the kind of digest in front. */
static struct span plain_digest(struct span digest)
{
	if (span_starts(digest, "sha256:"))
		digest = (struct span){digest.ptr + 7, digest.len - 7};
	for (size_t i = 0; i < digest.len; i++)
		if (strchr("0123456789abcdef", digest.ptr[i]) == NULL)
			return SPAN("");
	return digest.len == DIGEST_HEX_SIZE - 1 ? digest : SPAN("");
}

static bool read_entry(struct reader *reader)
{
	struct index_entry entry = {SPAN(""), SPAN(""), SPAN("")};
	struct event key;
	for (;;) {
		if (!next(reader, &key))
			return false;
		if (key.kind == EVENT_MAP_END)
			break;
		bool ok = is_key(&key, "version")  ? take_text(reader, &entry.version)
			  : is_key(&key, "digest") ? take_text(reader, &entry.digest)
			  : is_key(&key, "urls")   ? take_first(reader, &entry.url)
						   : load_stream_skip(reader->stream, &key, reader->fail) && skip_value(reader);
		if (!ok)
			return false;
	}
	if (entry.version.len == 0 || entry.url.len == 0)
		return true;
	if (reader->count == INDEX_VERSIONS_MAX)
		return fail_set(reader->fail, FAIL_TOO_BIG, "the chart has more than %d versions", INDEX_VERSIONS_MAX);
	bool has_digest = entry.digest.len > 0;
	entry.digest = plain_digest(entry.digest);
	if (has_digest && entry.digest.len == 0)
		return fail_set(reader->fail, FAIL_INVALID, "the digest of version %.*s is no SHA-256", SPAN_ARG(entry.version));
	ARENA_PUSH(reader->arena, reader->entries, reader->count, reader->cap) = entry;
	return true;
}

static bool read_versions(struct reader *reader)
{
	struct event event;
	if (!next(reader, &event))
		return false;
	if (event.kind != EVENT_SEQ_START)
		return load_stream_skip(reader->stream, &event, reader->fail);
	for (;;) {
		if (!next(reader, &event))
			return false;
		if (event.kind == EVENT_SEQ_END)
			return true;
		if (event.kind == EVENT_MAP_START ? !read_entry(reader) : !load_stream_skip(reader->stream, &event, reader->fail))
			return false;
	}
}

static bool read_charts(struct reader *reader)
{
	struct event event;
	if (!next(reader, &event))
		return false;
	if (event.kind != EVENT_MAP_START)
		return load_stream_skip(reader->stream, &event, reader->fail);
	for (;;) {
		if (!next(reader, &event))
			return false;
		if (event.kind == EVENT_MAP_END)
			return true;
		bool is_ours = event.kind == EVENT_SCALAR && span_eq(event.value, reader->chart);
		if (!load_stream_skip(reader->stream, &event, reader->fail) || (is_ours ? !read_versions(reader) : !skip_value(reader)))
			return false;
	}
}

static bool read_top(struct reader *reader)
{
	struct event event;
	do
		if (!next(reader, &event))
			return false;
	while (event.kind == EVENT_DOCUMENT_START);
	if (event.kind != EVENT_MAP_START)
		return fail_set(reader->fail, FAIL_INVALID, "it is no map with \"apiVersion\" and \"entries\"");
	for (;;) {
		if (!next(reader, &event))
			return false;
		if (event.kind == EVENT_MAP_END)
			break;
		bool is_entries = is_key(&event, "entries");
		reader->is_index = reader->is_index || is_key(&event, "apiVersion");
		if (!load_stream_skip(reader->stream, &event, reader->fail) || (is_entries ? !read_charts(reader) : !skip_value(reader)))
			return false;
	}
	return reader->is_index || fail_set(reader->fail, FAIL_INVALID, "it has no \"apiVersion\"");
}

bool chart_index_read(struct span index, struct span chart, struct arena *arena, struct index_entry **out, size_t *out_count,
		      struct fail *fail)
{
	struct fail why = {0};
	struct reader reader = {.arena = arena, .chart = chart, .fail = &why};
	reader.stream = load_stream_open(index, INDEX_DEPTH_MAX);
	bool ok = read_top(&reader);
	load_stream_close(reader.stream);
	if (!ok)
		return fail_set(fail, why.code, "the index of the repository: %s", why.text);
	*out = reader.entries;
	*out_count = reader.count;
	return true;
}
