#include "agent/helm/chart_archive.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "render/load.h"

enum { BLOCK = 512, INPUT_BYTES = 32 << 10, CHART_YAML_MAX = 1 << 20, PAX_MAX = 64 << 10 };

struct reader {
	int fd;
	off_t at;
	z_stream zip;
	unsigned char input[INPUT_BYTES];
	uint64_t total;
	bool is_over; /* the end of the packed stream */
	struct arena *arena;
	struct fail *fail;
};

/* --- unpacking ------------------------------------------------------------------------------------------------------ */

static bool fill(struct reader *reader)
{
	ssize_t got;
	do
		got = pread(reader->fd, reader->input, sizeof reader->input, reader->at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return fail_errno(reader->fail, errno, "reading the archive");
	if (got == 0)
		return fail_set(reader->fail, FAIL_INVALID, "the archive ends in the middle");
	reader->at += got;
	reader->zip.next_in = reader->input;
	reader->zip.avail_in = (unsigned)got;
	return true;
}

/* Behind the end of a packed stream another one may follow, as part of the same. */
static bool go_on(struct reader *reader)
{
	if (reader->zip.avail_in == 0) {
		ssize_t got = pread(reader->fd, reader->input, 1, reader->at);
		reader->is_over = got <= 0;
	}
	return reader->is_over || inflateReset(&reader->zip) == Z_OK;
}

static bool inflate_some(struct reader *reader, unsigned char *out, size_t room, size_t *out_got)
{
	if (reader->zip.avail_in == 0 && !fill(reader))
		return false;
	reader->zip.next_out = out;
	reader->zip.avail_out = (unsigned)room;
	int result = inflate(&reader->zip, Z_NO_FLUSH);
	*out_got = room - reader->zip.avail_out;
	reader->total += *out_got;
	bool ok = result == Z_OK || (result == Z_BUF_ERROR && reader->zip.avail_in == 0) || (result == Z_STREAM_END && go_on(reader));
	if (!ok)
		return fail_set(reader->fail, FAIL_INVALID, "it is not packed with gzip, or broken");
	if (reader->total > ARCHIVE_BYTES_MAX)
		return fail_set(reader->fail, FAIL_TOO_BIG, "unpacked it has more than %d bytes", ARCHIVE_BYTES_MAX);
	return true;
}

/* All of it, or as much as there is; NULL: over it. Every round takes from the file or gives something, so it ends. */
static bool unpack(struct reader *reader, unsigned char *out, size_t wanted, size_t *out_got)
{
	unsigned char waste[4096];
	size_t done = 0, got = 0;
	while (done < wanted && !reader->is_over) {
		size_t room = wanted - done;
		if (out == NULL && room > sizeof waste)
			room = sizeof waste;
		if (!inflate_some(reader, out == NULL ? waste : out + done, room, &got))
			return false;
		done += got;
	}
	*out_got = done;
	return true;
}

static bool need(struct reader *reader, unsigned char *out, size_t wanted)
{
	size_t got;
	if (!unpack(reader, out, wanted, &got))
		return false;
	return got == wanted || fail_set(reader->fail, FAIL_INVALID, "the archive ends in the middle of a file");
}

/* --- tar ------------------------------------------------------------------------------------------------------------ */

struct entry {
	char type;
	uint64_t size;
	char name[ARCHIVE_NAME_MAX + 1];
};

/* Octal digits, between blanks and NULs. */
static bool octal(const unsigned char *field, size_t len, uint64_t *out)
{
	size_t i = 0;
	uint64_t value = 0;
	while (i < len && field[i] == ' ')
		i++;
	size_t first = i;
	for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	for (size_t rest = i; rest < len; rest++)
		if (field[rest] != ' ' && field[rest] != '\0')
			return false;
	*out = value;
	return i > first && i - first <= 20;
}

static bool sum_is_right(const unsigned char *block)
{
	enum { AT = 148, LEN = 8 };
	uint64_t wanted, sum = 0;
	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= AT && i < AT + LEN ? ' ' : block[i];
	return octal(block + AT, LEN, &wanted) && wanted == sum;
}

static bool is_empty(const unsigned char *block)
{
	for (size_t i = 0; i < BLOCK; i++)
		if (block[i] != 0)
			return false;
	return true;
}

static size_t field_length(const unsigned char *field, size_t max)
{
	const unsigned char *end = memchr(field, 0, max);
	return end == NULL ? max : (size_t)(end - field);
}

static void take_name(const unsigned char *block, struct entry *out)
{
	enum { NAME = 0, NAME_LEN = 100, MAGIC = 257, PREFIX = 345, PREFIX_LEN = 155 };
	size_t prefix = memcmp(block + MAGIC, "ustar\0", 6) == 0 ? field_length(block + PREFIX, PREFIX_LEN) : 0;
	size_t name = field_length(block + NAME, NAME_LEN), at = 0;
	if (prefix > 0) {
		memcpy(out->name, block + PREFIX, prefix);
		out->name[prefix] = '/';
		at = prefix + 1;
	}
	memcpy(out->name + at, block + NAME, name);
	out->name[at + name] = '\0';
}

static bool skip_rest(struct reader *reader, uint64_t size, uint64_t used)
{
	uint64_t padded = (size + BLOCK - 1) / BLOCK * BLOCK;
	size_t got;
	return unpack(reader, NULL, (size_t)(padded - used), &got); /* some do without the padding of the last file */
}

/* The content of a file that is short enough. */
static bool take_content(struct reader *reader, uint64_t size, size_t max, const char *what, struct span *out)
{
	if (size > max)
		return fail_set(reader->fail, FAIL_TOO_BIG, "%s has more than %zu bytes", what, max);
	char *bytes = arena_bytes(reader->arena, (size_t)size + 1);
	if (!need(reader, (unsigned char *)bytes, (size_t)size))
		return false;
	bytes[size] = '\0';
	*out = (struct span){bytes, (size_t)size};
	return skip_rest(reader, size, size);
}

/* "27 path=demo/templates/x.yaml\n": lengths count themselves. The last path holds. */
static bool take_pax_path(struct reader *reader, struct span records, struct span *out)
{
	while (records.len > 0) {
		struct span digits = span_before(records, ' ');
		int64_t len;
		if (!span_int(digits, (int64_t)digits.len + 2, (int64_t)records.len, &len))
			return fail_set(reader->fail, FAIL_INVALID, "the archive has a header that is broken");
		struct span record = {records.ptr + digits.len + 1, (size_t)len - digits.len - 2};
		if (span_starts(record, "path="))
			*out = (struct span){record.ptr + 5, record.len - 5};
		if (span_starts(record, "size="))
			return fail_set(reader->fail, FAIL_TOO_BIG, "the archive has a file whose size is extended");
		records = (struct span){records.ptr + len, records.len - (size_t)len};
	}
	return true;
}

static bool replace_name(struct reader *reader, struct span name, struct entry *entry)
{
	if (name.len > ARCHIVE_NAME_MAX)
		return fail_set(reader->fail, FAIL_TOO_BIG, "the archive has a name of more than %d bytes", ARCHIVE_NAME_MAX);
	size_t len = field_length((const unsigned char *)name.ptr, name.len);
	memcpy(entry->name, name.ptr, len);
	entry->name[len] = '\0';
	return true;
}

enum header { HEADER_FILE, HEADER_EXTENSION, HEADER_END, HEADER_BAD };

/* A name that is longer than its field, from the header in front of it. */
static enum header extend(struct reader *reader, const struct entry *entry, struct span *long_name)
{
	struct span content = {NULL, 0};
	if (entry->type == 'g' || entry->type == 'K')
		return skip_rest(reader, entry->size, 0) ? HEADER_EXTENSION : HEADER_BAD;
	if (!take_content(reader, entry->size, PAX_MAX, "a header of the archive", &content))
		return HEADER_BAD;
	if (entry->type == 'L')
		*long_name = content;
	return entry->type == 'L' || take_pax_path(reader, content, long_name) ? HEADER_EXTENSION : HEADER_BAD;
}

static enum header read_header(struct reader *reader, struct entry *out, struct span *long_name)
{
	enum { SIZE = 124, SIZE_LEN = 12, TYPE = 156 };
	unsigned char block[BLOCK];
	size_t got;
	if (!unpack(reader, block, BLOCK, &got))
		return HEADER_BAD;
	if (got == 0 || (got == BLOCK && is_empty(block)))
		return HEADER_END;
	if (got < BLOCK || !sum_is_right(block) || !octal(block + SIZE, SIZE_LEN, &out->size)) {
		fail_set(reader->fail, FAIL_INVALID, "it is no tar archive, or broken");
		return HEADER_BAD;
	}
	out->type = (char)block[TYPE];
	take_name(block, out);
	return strchr("xgLK", out->type) == NULL || out->type == '\0' ? HEADER_FILE : extend(reader, out, long_name);
}

static enum header next_entry(struct reader *reader, struct entry *out)
{
	enum { EXTENSIONS_MAX = 8 };
	struct span long_name = {NULL, 0};
	for (unsigned i = 0; i < EXTENSIONS_MAX; i++) {
		enum header header = read_header(reader, out, &long_name);
		if (header == HEADER_FILE && long_name.ptr != NULL && !replace_name(reader, long_name, out))
			return HEADER_BAD;
		if (header != HEADER_EXTENSION)
			return header;
	}
	fail_set(reader->fail, FAIL_INVALID, "the archive has headers without a file");
	return HEADER_BAD;
}

/* --- the chart in it ------------------------------------------------------------------------------------------------ */

static bool is_file(char type)
{
	return type == '0' || type == '\0';
}

/* DIR/Chart.yaml, as Helm looks for it. */
static bool is_chart_yaml(struct span name)
{
	while (span_starts(name, "./"))
		name = (struct span){name.ptr + 2, name.len - 2};
	return span_is(span_behind(name, '/'), "Chart.yaml");
}

static bool check_name(struct reader *reader, struct span name)
{
	struct span part;
	if (!utf8_is_clean(name) || memchr(name.ptr, '\\', name.len) != NULL)
		return fail_set(reader->fail, FAIL_INVALID, "the archive has a name that is no plain path");
	while (span_next(&name, '/', &part))
		if (span_is(part, ".."))
			return fail_set(reader->fail, FAIL_INVALID, "the archive has a name that leads out of it");
	return true;
}

static bool see_entry(struct reader *reader, const struct entry *entry, struct span *yaml)
{
	struct span name = span_of(entry->name);
	if (!check_name(reader, name))
		return false;
	if (is_file(entry->type) && entry->size > ARCHIVE_FILE_MAX)
		return fail_set(reader->fail, FAIL_TOO_BIG, "%.*s has more than %d bytes, Helm would refuse it", SPAN_ARG(name), ARCHIVE_FILE_MAX);
	if (!is_file(entry->type) || !is_chart_yaml(name))
		return skip_rest(reader, entry->size, 0);
	if (yaml->ptr != NULL)
		return fail_set(reader->fail, FAIL_INVALID, "there are two Chart.yaml in the archive");
	return take_content(reader, entry->size, CHART_YAML_MAX, "Chart.yaml", yaml);
}

static bool find_chart_yaml(struct reader *reader, struct span *out)
{
	struct entry entry;
	for (unsigned i = 0; i < ARCHIVE_FILES_MAX; i++) {
		enum header header = next_entry(reader, &entry);
		if (header == HEADER_BAD)
			return false;
		if (header == HEADER_END)
			return out->ptr != NULL || fail_set(reader->fail, FAIL_INVALID, "there is no Chart.yaml in the archive");
		if (!see_entry(reader, &entry, out))
			return false;
	}
	return fail_set(reader->fail, FAIL_TOO_BIG, "the archive has more than %d files", ARCHIVE_FILES_MAX);
}

static bool read_chart_yaml(struct reader *reader, struct span yaml, struct archive_chart *out)
{
	struct node root;
	if (!load_one(reader->arena, yaml, LOAD_KUBERNETES, &root, reader->fail))
		return fail_wrap(reader->fail, "Chart.yaml");
	struct span name = node_source_text(node_get(&root, "name")), version = node_source_text(node_get(&root, "version"));
	struct span api = node_text_at(&root, "apiVersion"), type = node_text_at(&root, "type");
	if (name.len == 0 || version.len == 0 || memchr(name.ptr, '/', name.len) != NULL || name.len > 250 || version.len > 250)
		return fail_set(reader->fail, FAIL_INVALID, "Chart.yaml has no name, or no version");
	if (!span_is(api, "v1") && !span_is(api, "v2"))
		return fail_set(reader->fail, FAIL_INVALID, "Chart.yaml has the apiVersion \"%.*s\"; v1 and v2 are known", (int)(api.len > 40 ? 40 : api.len),
				api.ptr);
	if (type.len > 0 && !span_is(type, "application"))
		return fail_set(reader->fail, FAIL_INVALID, "the chart is of the type \"%.*s\", which cannot be installed",
				(int)(type.len > 40 ? 40 : type.len), type.ptr);
	out->name = arena_copy(reader->arena, name);
	out->version = arena_copy(reader->arena, version);
	out->app_version = arena_copy(reader->arena, node_source_text(node_get(&root, "appVersion")));
	return true;
}

bool chart_archive_read(int fd, struct arena *arena, struct archive_chart *out, struct fail *fail)
{
	struct fail why = {0};
	struct span yaml = {NULL, 0};
	struct reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		abort();
	*reader = (struct reader){.fd = fd, .arena = arena, .fail = &why};
	if (inflateInit2(&reader->zip, 16 + MAX_WBITS) != Z_OK)
		abort();
	bool ok = find_chart_yaml(reader, &yaml) && read_chart_yaml(reader, yaml, out);
	inflateEnd(&reader->zip);
	free(reader);
	return ok || fail_set(fail, why.code, "%s", why.text);
}
