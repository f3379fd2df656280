/* Archives of charts, good and hostile: they are made here, byte by byte. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "agent/helm/chart_archive.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "tests/unit/test.h"

#define CHART "apiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: 9.10\n"

enum { BLOCK = 512 };

static void add_padding(struct text *tar)
{
	text_pad(tar, '\0', (BLOCK - tar->len % BLOCK) % BLOCK);
}

static void sign(char *block)
{
	unsigned sum = 0;
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < BLOCK; i++)
		sum += (unsigned char)block[i];
	char digits[16];
	snprintf(digits, sizeof digits, "%06o", sum);
	memcpy(block + 148, digits, 7);
}

static void add_header(struct text *tar, char type, const char *name, size_t size)
{
	char block[BLOCK] = {0}, digits[32];
	assert_true(strlen(name) <= 100);
	memcpy(block, name, strlen(name));
	memcpy(block + 100, "0000644", 8);
	snprintf(digits, sizeof digits, "%011zo", size);
	memcpy(block + 124, digits, 12);
	memcpy(block + 257, "ustar\00000", 8);
	block[156] = type;
	sign(block);
	text_add(tar, (struct span){block, BLOCK});
}

static void add(struct text *tar, char type, const char *name, const char *content)
{
	add_header(tar, type, name, strlen(content));
	text_adds(tar, content);
	add_padding(tar);
}

static struct span pack(struct arena *arena, struct span bytes)
{
	z_stream zip = {0};
	size_t room = bytes.len + bytes.len / 100 + 1024;
	char *out = arena_bytes(arena, room);
	assert_int_equal(deflateInit2(&zip, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	zip.next_in = (unsigned char *)(uintptr_t)bytes.ptr;
	zip.avail_in = (unsigned)bytes.len;
	zip.next_out = (unsigned char *)out;
	zip.avail_out = (unsigned)room;
	assert_int_equal(deflate(&zip, Z_FINISH), Z_STREAM_END);
	struct span packed = {out, room - zip.avail_out};
	deflateEnd(&zip);
	return packed;
}

/* Empty: it is taken; otherwise what the failure says. */
static void read_bytes(struct span bytes, enum fail_code code, const char *why, struct archive_chart *out, struct arena *arena)
{
	struct fail fail = {0};
	struct archive_chart chart;
	int fd = memfd_create("archive", MFD_CLOEXEC);
	assert_true(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
	bool ok = chart_archive_read(fd, arena, out == NULL ? &chart : out, &fail);
	close(fd);
	if (ok != (code == FAIL_NONE))
		fail_msg("%s", ok ? "it is taken" : fail.text);
	if (!ok && (fail.code != code || strstr(fail.text, why) == NULL))
		fail_msg("is %s «%s», should be %s with «%s»", fail_name(fail.code), fail.text, fail_name(code), why);
}

static void read_tar(struct text *tar, enum fail_code code, const char *why)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	read_bytes(pack(&arena, text_span(tar)), code, why, NULL, &arena);
	arena_done(&arena);
	text_done(tar);
	text_init(tar, TEXT_NO_LIMIT);
}

static void test_good(void **state)
{
	(void)state;
	struct arena arena;
	struct text tar;
	struct archive_chart chart;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&tar, TEXT_NO_LIMIT);
	add(&tar, '5', "web/", "");
	add(&tar, '0', "web/values.yaml", "a: b\n");
	add(&tar, '0', "web/charts/sub/Chart.yaml", "name: sub\n");
	add(&tar, '0', "web/Chart.yaml", CHART);
	add(&tar, '0', "web/templates/Chart.yaml", "name: no\n");
	text_pad(&tar, '\0', 2 * BLOCK);
	read_bytes(pack(&arena, text_span(&tar)), FAIL_NONE, "", &chart, &arena);
	assert_span(chart.name, "web");
	assert_span(chart.version, "1.2.3");
	assert_span(chart.app_version, "9.10");
	text_done(&tar);
	arena_done(&arena);
}

static void test_forms(void **state)
{
	(void)state;
	struct text tar;
	text_init(&tar, TEXT_NO_LIMIT);
	add(&tar, '\0', "./web/Chart.yaml", CHART); /* old, without an end */
	read_tar(&tar, FAIL_NONE, "");
	add(&tar, 'x', "PaxHeader", "23 path=web/Chart.yaml\n");
	add(&tar, '0', "short", CHART);
	read_tar(&tar, FAIL_NONE, "");
	add(&tar, 'L', "././@LongLink", "web/Chart.yaml");
	add(&tar, '0', "short", CHART);
	read_tar(&tar, FAIL_NONE, "");
	add(&tar, 'g', "pax_global_header", "52 comment=0123456789012345678901234567890123456789\n");
	add(&tar, '0', "web/Chart.yaml", CHART);
	read_tar(&tar, FAIL_NONE, "");
	add(&tar, '0', "Chart.yaml", CHART); /* the prefix of the name stands elsewhere */
	memcpy(tar.ptr + 345, "web", 3);
	sign(tar.ptr);
	read_tar(&tar, FAIL_NONE, "");
	text_done(&tar);
}

static void test_two_packed_streams_are_one(void **state)
{
	(void)state;
	struct arena arena;
	struct text tar, both;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&tar, TEXT_NO_LIMIT);
	text_init(&both, TEXT_NO_LIMIT);
	add(&tar, '0', "web/Chart.yaml", CHART);
	struct span packed = pack(&arena, text_span(&tar));
	text_add(&both, packed);
	text_add(&both, packed);
	read_bytes(text_span(&both), FAIL_INVALID, "there are two Chart.yaml", NULL, &arena);
	both.len = packed.len + 20;
	read_bytes(text_span(&both), FAIL_INVALID, "ends in the middle", NULL, &arena);
	text_done(&tar);
	text_done(&both);
	arena_done(&arena);
}

static void test_what_is_no_chart(void **state)
{
	(void)state;
	static const struct {
		const char *chart, *why;
	} charts[] = {
		{"", "no name, or no version"},
		{"name: web\n", "no name, or no version"},
		{"apiVersion: v2\nname: a/b\nversion: 1.0.0\n", "no name, or no version"},
		{"apiVersion: v9\nname: web\nversion: 1.0.0\n", "the apiVersion \"v9\""},
		{"name: web\nversion: 1.0.0\n", "the apiVersion \"\""},
		{"apiVersion: v2\nname: web\nversion: 1.0.0\ntype: library\n", "type \"library\""},
		{"apiVersion: v2\nname: [\n", "Chart.yaml"},
		{"a: &a [*a]\n", "Chart.yaml"},
	};
	struct text tar;
	text_init(&tar, TEXT_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(charts); i++) {
		add(&tar, '0', "web/Chart.yaml", charts[i].chart);
		read_tar(&tar, FAIL_INVALID, charts[i].why);
	}
	add(&tar, '0', "web/values.yaml", "a: b\n");
	read_tar(&tar, FAIL_INVALID, "there is no Chart.yaml");
	add(&tar, '0', "Chart.yaml", CHART);
	read_tar(&tar, FAIL_INVALID, "there is no Chart.yaml");
	add(&tar, '2', "web/Chart.yaml", "");
	read_tar(&tar, FAIL_INVALID, "there is no Chart.yaml");
	read_tar(&tar, FAIL_INVALID, "there is no Chart.yaml");
	text_done(&tar);
}

static void test_hostile(void **state)
{
	(void)state;
	struct text tar;
	text_init(&tar, TEXT_NO_LIMIT);
	add(&tar, '0', "web/../../etc/passwd", "x");
	read_tar(&tar, FAIL_INVALID, "leads out of it");
	add(&tar, '0', "web\\Chart.yaml", "x");
	read_tar(&tar, FAIL_INVALID, "no plain path");
	add(&tar, '0', "web/\x01", "x");
	read_tar(&tar, FAIL_INVALID, "no plain path");
	add(&tar, '0', "web/Chart.yaml", CHART);
	add(&tar, '0', "web/Chart.yaml", CHART);
	read_tar(&tar, FAIL_INVALID, "two Chart.yaml");
	add(&tar, '0', "web/Chart.yaml", CHART);
	tar.ptr[150] ^= 1;
	read_tar(&tar, FAIL_INVALID, "no tar archive");
	add_header(&tar, '0', "web/Chart.yaml", 100);
	text_adds(&tar, "short");
	read_tar(&tar, FAIL_INVALID, "ends in the middle of a file");
	add_header(&tar, '0', "web/Chart.yaml", (2 << 20));
	read_tar(&tar, FAIL_TOO_BIG, "Chart.yaml has more than");
	add_header(&tar, '0', "web/big", (6 << 20));
	read_tar(&tar, FAIL_TOO_BIG, "Helm would refuse it");
	add_header(&tar, '5', "web/", 077777777777);
	read_tar(&tar, FAIL_INVALID, "there is no Chart.yaml");
	add_header(&tar, 'x', "PaxHeader", 1 << 20);
	read_tar(&tar, FAIL_TOO_BIG, "a header of the archive");
	for (unsigned i = 0; i < 20; i++)
		add(&tar, 'L', "././@LongLink", "again");
	read_tar(&tar, FAIL_INVALID, "headers without a file");
	static const char *const records[] = {"99 path=x\n", "path=x\n", "0 path=x\n", "-1 path=x\n", "3 \n", "9999999999999999999 path=x\n", "2 "};
	for (size_t i = 0; i < COUNT_OF(records); i++) {
		add(&tar, 'x', "PaxHeader", records[i]);
		add(&tar, '0', "web/Chart.yaml", CHART);
		bool is_empty_record = strcmp(records[i], "3 \n") == 0;
		read_tar(&tar, is_empty_record ? FAIL_NONE : FAIL_INVALID, "a header that is broken");
	}
	add(&tar, 'x', "PaxHeader", "20 size=99999999999\n");
	add(&tar, '0', "web/Chart.yaml", CHART);
	read_tar(&tar, FAIL_TOO_BIG, "extended");
	text_done(&tar);
}

static void test_bombs(void **state)
{
	(void)state;
	struct arena arena;
	struct text tar;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&tar, TEXT_NO_LIMIT);
	for (unsigned i = 0; i < 21; i++) {
		add_header(&tar, '0', "web/zeros", 5 << 20);
		text_pad(&tar, '\0', 5 << 20);
	}
	read_tar(&tar, FAIL_TOO_BIG, "unpacked it has more than");
	for (unsigned i = 0; i < ARCHIVE_FILES_MAX + 1; i++)
		add_header(&tar, '5', "web/", 0);
	read_tar(&tar, FAIL_TOO_BIG, "more than 20000 files");
	read_bytes(SPAN(""), FAIL_INVALID, "ends in the middle", NULL, &arena);
	read_bytes(SPAN("PK\x03\x04 this is something else"), FAIL_INVALID, "not packed with gzip", NULL, &arena);
	text_done(&tar);
	arena_done(&arena);
}

/* Whatever is cut off or changed: it is read or refused, and never more than that. */
static void test_every_byte(void **state)
{
	(void)state;
	struct arena arena;
	struct text tar;
	arena_init(&arena, ARENA_NO_LIMIT);
	text_init(&tar, TEXT_NO_LIMIT);
	add(&tar, 'L', "././@LongLink", "web/values.yaml");
	add(&tar, '0', "short", "a: b\n");
	add(&tar, '0', "web/Chart.yaml", CHART);
	struct span packed = pack(&arena, text_span(&tar));
	char *copy = arena_bytes(&arena, packed.len);
	for (size_t i = 0; i < packed.len * 2; i++) {
		struct archive_chart chart;
		struct arena scratch;
		memcpy(copy, packed.ptr, packed.len);
		size_t len = i < packed.len ? i : packed.len;
		if (i >= packed.len)
			copy[i - packed.len] ^= 0x55;
		int fd = memfd_create("archive", MFD_CLOEXEC);
		assert_true(write(fd, copy, len) == (ssize_t)len);
		arena_init(&scratch, ARENA_NO_LIMIT);
		struct fail fail = {0};
		assert_true(chart_archive_read(fd, &scratch, &chart, &fail) || fail.code != FAIL_NONE);
		arena_done(&scratch);
		close(fd);
	}
	text_done(&tar);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_two_packed_streams_are_one),
		cmocka_unit_test(test_what_is_no_chart),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_every_byte),
	};
	return RUN_TESTS(tests);
}
