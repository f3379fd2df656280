/* What a request asks for, and where. */
#include <stdio.h>

#include "agent/helm/chart_int.h"
#include "agent/helm/version.h"
#include "base/cleanup.h"

enum { NAME_BYTES_MAX = 250 };

static bool is_chart_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
		if (!is_word && (c == '\0' || strchr("-_.", c) == NULL))
			return false;
	}
	return name.len > 0 && name.len <= NAME_BYTES_MAX && name.ptr[0] != '.' && name.ptr[0] != '-';
}

static struct span without_slash(struct span url)
{
	while (url.len > 0 && url.ptr[url.len - 1] == '/')
		url.len--;
	return url;
}

/* The index stands beside the charts, in front of a query. */
static bool http_place(struct span repository, struct arena *arena, struct place *out, struct fail *fail)
{
	if (!is_chart_name(out->chart))
		return fail_set(fail, FAIL_INVALID, "\"%.*s\" is no name of a chart in a repository", (int)(out->chart.len > 100 ? 100 : out->chart.len),
				out->chart.ptr);
	if (!fetch_url_check(repository, fail))
		return false;
	struct span plain = without_slash(span_before(repository, '?')), query = span_behind(repository, '?');
	out->repository = plain;
	out->index_url = arena_spanf(arena, "%.*s/index.yaml%s%.*s", SPAN_ARG(plain), query.ptr == NULL ? "" : "?", SPAN_ARG(query)).ptr;
	return true;
}

static bool check_tag(const struct place *place, struct fail *fail)
{
	struct version_range range;
	if (place->ref.tag.len == 0 || version_equal(place->version, place->ref.tag) ||
	    (!place->is_exact && version_range_parse(place->version, &range, NULL) && version_range_has(&range, place->ref.tag)))
		return true;
	return fail_set(fail, FAIL_INVALID, "the reference of the chart names the tag %.*s, and its version is to be %.*s: let them agree",
			SPAN_ARG(place->ref.tag), SPAN_ARG(place->version));
}

static bool oci_place(struct span reference, struct place *out, struct fail *fail)
{
	out->is_oci = true;
	out->is_pinned = false;
	if (!oci_ref_parse(reference, &out->ref, fail) || !check_tag(out, fail))
		return false;
	out->is_pinned = out->ref.digest.len > 0;
	out->is_exact = out->is_exact || out->is_pinned || out->ref.tag.len > 0;
	return true;
}

/* oci://HOST/PATH and a name; some have written the name twice. */
static struct span oci_reference(struct span repository, struct span chart, struct arena *arena)
{
	struct span plain = without_slash(repository);
	struct span ending = arena_spanf(arena, "/%.*s", SPAN_ARG(chart));
	if (span_ends(plain, ending.ptr))
		return plain;
	return arena_spanf(arena, "%.*s/%.*s", SPAN_ARG(plain), SPAN_ARG(chart));
}

/* Credentials are part of it: who has others finds for himself. */
static void make_keys(const struct chart_request *request, struct place *place)
{
	const struct chart_access *access = &request->access;
	struct span where = place->is_oci ? place->ref.host : span_of(place->index_url);
	for (unsigned i = 0; i < 2; i++) {
		struct digest *digest = digest_new();
		digest_add(digest, i == 0 ? SPAN("chart") : SPAN("index"));
		digest_add(digest, place->is_oci ? SPAN("oci") : SPAN("http"));
		digest_add(digest, where);
		digest_add(digest, access->user);
		digest_add(digest, access->password);
		digest_add(digest, access->ca);
		digest_add(digest, access->plain_http ? SPAN("plain") : SPAN("tls"));
		if (i == 0) {
			digest_add(digest, place->is_oci ? place->ref.path : place->chart);
			digest_add(digest, place->ref.tag);
			digest_add(digest, place->ref.digest);
			digest_add(digest, place->version);
		}
		digest_finish(digest, i == 0 ? place->key : place->index_key);
	}
}

bool place_of(const struct chart_request *request, struct arena *arena, struct place *out, struct fail *fail)
{
	struct version_range range;
	struct span chart = span_trim(request->chart), repository = span_trim(request->repository);
	struct place place = {.chart = chart, .version = span_trim(request->version), .repository = SPAN(""),
			      .ref = {SPAN(""), SPAN(""), SPAN(""), SPAN("")}};
	place.is_exact = version_is_exact(place.version);
	if (!place.is_exact && !version_range_parse(place.version, &range, fail))
		return fail_wrap(fail, "the version of the chart");
	bool is_whole = span_starts(chart, "oci://"), is_oci = is_whole || span_starts(repository, "oci://");
	bool ok = is_oci ? oci_place(is_whole ? chart : oci_reference(repository, chart, arena), &place, fail)
			 : http_place(repository, arena, &place, fail);
	if (!ok)
		return false;
	make_keys(request, &place);
	*out = place;
	return true;
}
