/* What a source of charts sends: an index, an archive, a challenge, and the reference that somebody declared. None of them crashes;
 * what is refused is told; what is taken is within its limits. The first byte chooses; archives come packed, and as what they
 * are when they are unpacked. */
#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "agent/helm/chart_archive.h"
#include "agent/helm/chart_index.h"
#include "agent/helm/chart_oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_index(struct span bytes)
{
	struct arena arena;
	struct index_entry *entries = NULL;
	size_t count = 0;
	struct fail fail = {0};
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!chart_index_read(bytes, SPAN("web"), &arena, &entries, &count, &fail))
		assert(fail.code != FAIL_NONE && fail.text[0] != '\0');
	for (size_t i = 0; i < count; i++) {
		assert(entries[i].version.len > 0 && entries[i].url.len > 0);
		assert(entries[i].digest.len == 0 || entries[i].digest.len == DIGEST_HEX_SIZE - 1);
		fetch_url_join(&arena, "https://host/charts/index.yaml?a=b", entries[i].url);
	}
	arena_done(&arena);
}

static void read_archive(struct span bytes)
{
	struct arena arena;
	struct archive_chart chart;
	struct fail fail = {0};
	int fd = memfd_create("archive", MFD_CLOEXEC);
	assert(fd >= 0 && write(fd, bytes.ptr, bytes.len) == (ssize_t)bytes.len);
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!chart_archive_read(fd, &arena, &chart, &fail))
		assert(fail.code != FAIL_NONE && fail.text[0] != '\0');
	else
		assert(chart.name.len > 0 && chart.version.len > 0);
	arena_done(&arena);
	close(fd);
}

/* A chance byte breaks the packing long before the tar is reached. */
static void read_unpacked(struct span bytes)
{
	static unsigned char packed[1 << 20];
	z_stream zip = {0};
	if (bytes.len > sizeof packed / 2 || deflateInit2(&zip, 0, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	zip.next_in = (unsigned char *)(uintptr_t)bytes.ptr;
	zip.avail_in = (unsigned)bytes.len;
	zip.next_out = packed;
	zip.avail_out = sizeof packed;
	assert(deflate(&zip, Z_FINISH) == Z_STREAM_END);
	read_archive((struct span){(const char *)packed, sizeof packed - zip.avail_out});
	deflateEnd(&zip);
}

static void read_words(struct span bytes)
{
	struct oci_ref ref;
	struct fail fail = {0};
	struct span realm = oci_challenge_part(bytes, "realm");
	assert(realm.len <= bytes.len);
	if (!oci_ref_parse(bytes, &ref, &fail))
		assert(fail.code == FAIL_INVALID);
	else
		assert(ref.host.len > 0 && ref.path.len > 0 && memchr(ref.path.ptr, '?', ref.path.len) == NULL);
	if (fetch_url_check(bytes, &fail))
		assert(memchr(bytes.ptr, '\0', bytes.len) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const reads[])(struct span) = {read_index, read_archive, read_unpacked, read_words};
	if (size > 0)
		reads[data[0] % 4]((struct span){(const char *)data + 1, size - 1});
	return 0;
}
