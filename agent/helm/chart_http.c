/* One look at a source: the index of an HTTP repository, or the manifest in a registry, and the archive that it names. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "agent/helm/chart_archive.h"
#include "agent/helm/chart_index.h"
#include "agent/helm/chart_int.h"
#include "agent/helm/version.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"

enum { META_MAX = 4096, MISSED_MS = 30000 };

/* --- archives ------------------------------------------------------------------------------------------------------- */

typedef bool (*pull_fn)(void *ctx, int fd, char out_digest[DIGEST_HEX_SIZE], struct fail *fail);

static bool describe(struct look *look, int fd, const char *digest, struct found *out, struct fail *fail)
{
	struct archive_chart chart;
	if (!chart_archive_read(fd, look->arena, &chart, fail))
		return fail_wrap(fail, "the archive of %.*s", SPAN_ARG(out->from));
	out->name = chart.name;
	out->version = chart.version;
	out->app_version = chart.app_version;
	snprintf(out->digest, sizeof out->digest, "%s", digest);
	return true;
}

static bool pull_to(struct look *look, pull_fn pull, void *ctx, const char *path, int fd, const char *wanted, struct found *out,
		    struct fail *fail)
{
	char digest[DIGEST_HEX_SIZE];
	if (!pull(ctx, fd, digest, fail))
		return false;
	look->downloads++;
	if (wanted != NULL && strcmp(wanted, digest) != 0)
		return fail_set(fail, FAIL_INVALID, "the archive of %.*s has the digest %s, and should have %s: it was damaged on its way, or replaced",
				SPAN_ARG(out->from), digest, wanted);
	return describe(look, fd, digest, out, fail) && chart_cache_keep(look->charts, path, fd, digest, fail);
}

bool look_archive(struct look *look, const char *digest, pull_fn pull, void *ctx, struct found *out, struct fail *fail)
{
	char path[4096];
	CLEANUP(close_fd) int fd = -1;
	if (digest != NULL && chart_cache_open(look->charts, digest, &fd, NULL))
		return describe(look, fd, digest, out, fail);
	if (!chart_cache_begin(look->charts, path, &fd, fail))
		return false;
	bool ok = pull_to(look, pull, ctx, path, fd, digest, out, fail);
	if (!ok)
		chart_cache_drop(path);
	return ok;
}

/* --- the index ------------------------------------------------------------------------------------------------------ */

struct index_meta {
	char etag[256], digest[DIGEST_HEX_SIZE];
	int64_t checked_ms; /* wall clock */
};

static void load_meta(struct look *look, struct index_meta *out)
{
	char path[4096];
	struct span bytes;
	*out = (struct index_meta){0};
	chart_cache_path(look->charts, "indexes", look->place->index_key, ".json", path);
	if (!files_read(look->arena, path, META_MAX, &bytes, NULL))
		return;
	json_t *root = json_loadb(bytes.ptr, bytes.len, 0, NULL);
	const char *etag = json_string_value(json_object_get(root, "etag"));
	snprintf(out->etag, sizeof out->etag, "%s", etag == NULL ? "" : etag);
	out->checked_ms = json_integer_value(json_object_get(root, "checked"));
	json_decref(root);
}

static void save_meta(struct look *look, const struct index_meta *meta)
{
	char path[4096];
	json_t *root = json_pack("{s:s, s:I}", "etag", meta->etag, "checked", (json_int_t)meta->checked_ms);
	char *text = root == NULL ? NULL : json_dumps(root, 0);
	json_decref(root);
	chart_cache_path(look->charts, "indexes", look->place->index_key, ".json", path);
	if (text != NULL)
		(void)!files_write(path, span_of(text), 0600, NULL);
	free(text);
}

static bool store_index(struct look *look, const char *path, int fd, struct fail *fail)
{
	char final[4096];
	chart_cache_path(look->charts, "indexes", look->place->index_key, ".yaml", final);
	if (fsync(fd) != 0 || rename(path, final) != 0)
		return fail_errno(fail, errno, "the cache of charts (%s)", final);
	return true;
}

static void set_login(const struct look *look, struct fetch_request *request)
{
	request->user = look->request->access.user;
	request->password = look->request->access.password;
}

/* Asks for it, unless it is the one that is there. The mark goes first: an old one with a new index costs a request. */
static bool fetch_index(struct look *look, struct index_meta *meta, bool has_file, struct fail *fail)
{
	char path[4096];
	struct fetch_answer answer;
	CLEANUP(close_fd) int fd = -1;
	struct fetch_request request = {.url = look->place->index_url, .max_bytes = CHART_INDEX_MAX, .is_text = true};
	request.what = arena_spanf(look->arena, "the index of the repository %.*s", SPAN_ARG(look->place->repository)).ptr;
	request.etag = has_file ? span_of(meta->etag) : SPAN("");
	set_login(look, &request);
	if (!chart_cache_begin(look->charts, path, &fd, fail))
		return false;
	request.file_fd = fd;
	bool ok = fetch(&look->fetcher, &request, &answer, fail);
	if (ok && answer.status != 200 && !(answer.status == 304 && has_file))
		ok = fetch_fail_status(&request, answer.status, fail);
	if (ok && answer.status == 200) {
		ok = store_index(look, path, fd, fail);
		snprintf(meta->etag, sizeof meta->etag, "%s", answer.etag);
	}
	chart_cache_drop(path);
	fetch_answer_done(&answer);
	if (!ok)
		return false;
	meta->checked_ms = clock_wall_ms();
	save_meta(look, meta);
	return true;
}

static bool read_index(struct look *look, struct index_entry **out, size_t *out_count, struct fail *fail)
{
	char path[4096];
	struct stat seen;
	chart_cache_path(look->charts, "indexes", look->place->index_key, ".yaml", path);
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &seen) != 0)
		return fail_errno(fail, errno, "the cache of charts (%s)", path);
	if (seen.st_size <= 0 || seen.st_size > CHART_INDEX_MAX)
		return fail_set(fail, FAIL_INVALID, "the index of the repository is empty");
	void *bytes = mmap(NULL, (size_t)seen.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (bytes == MAP_FAILED)
		return fail_errno(fail, errno, "the cache of charts (%s)", path);
	bool ok = chart_index_read((struct span){bytes, (size_t)seen.st_size}, look->place->chart, look->arena, out, out_count, fail);
	munmap(bytes, (size_t)seen.st_size);
	if (!ok)
		unlink(path);
	return ok;
}

/* What there is, for who asked for something else. */
static bool fail_choice(const struct look *look, const struct span *versions, size_t count, struct fail *fail)
{
	struct span newest = versions[0];
	for (size_t i = 1; i < count; i++)
		if (version_compare(versions[i], newest) > 0)
			newest = versions[i];
	return fail_set(fail, FAIL_NOT_FOUND, "no version matches \"%.*s\"; the highest of %zu is %.*s", SPAN_ARG(look->place->version), count,
			SPAN_ARG(newest));
}

static bool choose(struct look *look, const struct index_entry *entries, size_t count, const struct index_entry **out, struct fail *fail)
{
	struct span *versions = ARENA_ARRAY(look->arena, struct span, count + 1);
	size_t index;
	for (size_t i = 0; i < count; i++)
		versions[i] = entries[i].version;
	if (count == 0)
		return fail_set(fail, FAIL_NOT_FOUND, "the repository %.*s has no chart \"%.*s\"", SPAN_ARG(look->place->repository),
				SPAN_ARG(look->place->chart));
	if (!version_choose(look->place->version, versions, count, &index, NULL) && !fail_choice(look, versions, count, fail))
		return fail_wrap(fail, "the chart \"%.*s\" of the repository %.*s", SPAN_ARG(look->place->chart), SPAN_ARG(look->place->repository));
	*out = &entries[index];
	return true;
}

static bool look_into(struct look *look, const struct index_entry **out, struct fail *fail)
{
	struct index_entry *entries = NULL;
	size_t count = 0;
	return read_index(look, &entries, &count, fail) && choose(look, entries, count, out, fail);
}

/* A young index is used as it is; what is missing in it may have been published since. */
static bool find_entry(struct look *look, const struct index_entry **out, struct fail *fail)
{
	struct index_meta meta;
	char path[4096];
	load_meta(look, &meta);
	chart_cache_path(look->charts, "indexes", look->place->index_key, ".yaml", path);
	int64_t age_ms = clock_wall_ms() - meta.checked_ms;
	bool has_file = access(path, R_OK) == 0;
	bool is_young = has_file && age_ms >= 0 && age_ms < CHART_RANGE_MS && !look->request->again;
	if (is_young && look_into(look, out, fail))
		return true;
	if (is_young && age_ms < MISSED_MS && fail != NULL && fail->code == FAIL_NOT_FOUND)
		return false;
	has_file = has_file && access(path, R_OK) == 0; /* one that could not be read is gone by now */
	return fetch_index(look, &meta, has_file, fail) && look_into(look, out, fail);
}

/* --- both ----------------------------------------------------------------------------------------------------------- */

struct http_pull {
	struct look *look;
	const char *url;
};

static bool pull_http(void *ctx, int fd, char out_digest[DIGEST_HEX_SIZE], struct fail *fail)
{
	const struct http_pull *pull = ctx;
	struct look *look = pull->look;
	struct fetch_answer answer;
	struct fetch_request request = {.url = pull->url, .max_bytes = CHART_ARCHIVE_MAX, .file_fd = fd};
	request.what = arena_spanf(look->arena, "the archive of the chart \"%.*s\"", SPAN_ARG(look->place->chart)).ptr;
	if (fetch_same_host(pull->url, look->place->index_url))
		set_login(look, &request);
	bool ok = fetch(&look->fetcher, &request, &answer, fail);
	if (ok && answer.status != 200)
		ok = fetch_fail_status(&request, answer.status, fail);
	if (ok)
		memcpy(out_digest, answer.digest, DIGEST_HEX_SIZE);
	fetch_answer_done(&answer);
	return ok;
}

bool look_http(struct look *look, struct found *out, struct fail *fail)
{
	const struct index_entry *entry;
	struct fail why = {0};
	if (!find_entry(look, &entry, &why))
		return fail_set(fail, why.code, "%s", why.text);
	struct http_pull pull = {look, fetch_url_join(look->arena, look->place->index_url, entry->url)};
	if (pull.url == NULL)
		return fail_set(fail, FAIL_INVALID, "the repository %.*s names an address of the chart \"%.*s\" that is none",
				SPAN_ARG(look->place->repository), SPAN_ARG(look->place->chart));
	out->from = arena_spanf(look->arena, "%.*s, %.*s %.*s", SPAN_ARG(look->place->repository), SPAN_ARG(look->place->chart), SPAN_ARG(entry->version));
	out->manifest = SPAN("");
	return look_archive(look, entry->digest.len > 0 ? entry->digest.ptr : NULL, pull_http, &pull, out, fail);
}

struct oci_puller {
	struct oci *oci;
	struct oci_chart *chart;
};

static bool pull_oci(void *ctx, int fd, char out_digest[DIGEST_HEX_SIZE], struct fail *fail)
{
	const struct oci_puller *pull = ctx;
	if (!oci_pull(pull->oci, pull->chart, fd, fail))
		return false;
	snprintf(out_digest, DIGEST_HEX_SIZE, "%.*s", SPAN_ARG(pull->chart->layer));
	return true;
}

/* A tag cannot hold the '+' of a build. */
static struct span tag_of(struct look *look, struct span version)
{
	char *tag = arena_string(look->arena, version);
	for (char *c = tag; *c != '\0'; c++)
		if (*c == '+')
			*c = '_';
	return span_of(tag);
}

static bool choose_tag(struct look *look, struct oci *oci, struct span *out, struct fail *fail)
{
	struct span *tags = NULL;
	size_t count = 0, index;
	if (!oci_tags(oci, &tags, &count, fail))
		return false;
	if (count == 0)
		return fail_set(fail, FAIL_NOT_FOUND, "oci://%.*s/%.*s has no tags", SPAN_ARG(oci->ref.host), SPAN_ARG(oci->ref.path));
	if (!version_choose(look->place->version, tags, count, &index, NULL) && !fail_choice(look, tags, count, fail))
		return fail_wrap(fail, "oci://%.*s/%.*s", SPAN_ARG(oci->ref.host), SPAN_ARG(oci->ref.path));
	*out = tags[index];
	return true;
}

static bool reference_of(struct look *look, struct oci *oci, struct span *out, struct fail *fail)
{
	const struct place *place = look->place;
	if (place->ref.digest.len > 0)
		*out = place->ref.digest;
	else if (place->ref.tag.len > 0)
		*out = place->ref.tag;
	else if (place->is_exact)
		*out = tag_of(look, place->version);
	else
		return choose_tag(look, oci, out, fail);
	return true;
}

static bool check_version(const struct look *look, const struct found *found, struct fail *fail)
{
	struct version_range range;
	struct span want = look->place->version;
	if (version_equal(want, found->version) || (version_range_parse(want, &range, NULL) && version_range_has(&range, found->version)))
		return true;
	return fail_set(fail, FAIL_INVALID, "%.*s is version %.*s of the chart, and %.*s is asked for", SPAN_ARG(found->from), SPAN_ARG(found->version),
			SPAN_ARG(want));
}

bool look_oci(struct look *look, struct found *out, struct fail *fail)
{
	struct oci oci = {.fetcher = &look->fetcher, .access = &look->request->access, .ref = look->place->ref, .arena = look->arena};
	struct oci_chart chart;
	struct span reference;
	if (!reference_of(look, &oci, &reference, fail) || !oci_find(&oci, reference, &chart, fail))
		return false;
	struct oci_puller pull = {&oci, &chart};
	const char *digest = arena_string(look->arena, chart.layer);
	out->from = arena_spanf(look->arena, "oci://%.*s/%.*s%s%.*s", SPAN_ARG(oci.ref.host), SPAN_ARG(oci.ref.path),
				oci.ref.digest.len > 0 ? "@" : ":", SPAN_ARG(reference));
	out->manifest = chart.manifest;
	return look_archive(look, digest, pull_oci, &pull, out, fail) && check_version(look, out, fail);
}
