#include "agent/helm/chart_oci.h"

#include <jansson.h>
#include <strings.h>

#include "base/cleanup.h"

#define MANIFEST_TYPES                                                                                                                       \
	"application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, "                                              \
	"application/vnd.docker.distribution.manifest.v2+json"
#define CONFIG_TYPE "application/vnd.cncf.helm.config.v1+json"

enum { MANIFEST_MAX = 4 << 20, TOKEN_MAX = 64 << 10, TAGS_PAGE_MAX = 4 << 20, TAGS_PAGES_MAX = 50, TAG_MAX = 128, PATH_MAX_BYTES = 255, HEX = 64 };

/* --- references ----------------------------------------------------------------------------------------------------- */

static bool has_only(struct span text, const char *others)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		bool is_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!is_word && (c == '\0' || strchr(others, c) == NULL))
			return false;
	}
	return text.len > 0;
}

static bool is_digest(struct span text)
{
	if (!span_starts(text, "sha256:") || text.len != 7 + HEX)
		return false;
	for (size_t i = 7; i < text.len; i++)
		if (strchr("0123456789abcdef", text.ptr[i]) == NULL)
			return false;
	return true;
}

static bool is_path(struct span path)
{
	struct span part;
	if (!has_only(path, "._-/") || path.len > PATH_MAX_BYTES)
		return false;
	while (span_next(&path, '/', &part))
		if (part.len == 0 || strchr("._-", part.ptr[0]) != NULL || strchr("._-", part.ptr[part.len - 1]) != NULL)
			return false;
	return true;
}

bool oci_ref_parse(struct span text, struct oci_ref *out, struct fail *fail)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ._-";
	struct oci_ref ref = {SPAN(""), SPAN(""), SPAN(""), SPAN("")};
	struct span whole = text;
	if (span_starts(text, "oci://"))
		text = (struct span){text.ptr + 6, text.len - 6};
	ref.host = span_before(text, '/');
	struct span rest = span_behind(text, '/');
	bool has_digest = rest.ptr != NULL && memchr(rest.ptr, '@', rest.len) != NULL;
	if (has_digest)
		ref.digest = span_behind(rest, '@');
	rest = span_before(rest, '@');
	bool has_tag = rest.ptr != NULL && memchr(rest.ptr, ':', rest.len) != NULL;
	if (has_tag)
		ref.tag = span_behind(rest, ':');
	ref.path = span_before(rest, ':');
	bool is_host = has_only(ref.host, "ABCDEFGHIJKLMNOPQRSTUVWXYZ.-:[]") && ref.host.len <= PATH_MAX_BYTES;
	if (!is_host || !is_path(ref.path) || (has_digest && !is_digest(ref.digest)) ||
	    (has_tag && (!has_only(ref.tag, upper) || ref.tag.len > TAG_MAX)))
		return fail_set(fail, FAIL_INVALID, "\"%.*s\" is no reference of a chart: oci://HOST/PATH/NAME, then maybe :TAG and @sha256:DIGEST",
				(int)(whole.len > 200 ? 200 : whole.len), whole.ptr);
	*out = ref;
	return true;
}

/* --- tokens --------------------------------------------------------------------------------------------------------- */

struct span oci_challenge_part(struct span challenge, const char *name)
{
	size_t len = strlen(name);
	for (size_t i = 0; i + len + 1 < challenge.len; i++) {
		bool is_start = i == 0 || strchr(", \t", challenge.ptr[i - 1]) != NULL;
		if (challenge.ptr[i] == '"' && i > 0) {
			const char *end = memchr(challenge.ptr + i + 1, '"', challenge.len - i - 1);
			if (end == NULL)
				return SPAN("");
			i = (size_t)(end - challenge.ptr);
			continue;
		}
		if (!is_start || strncasecmp(challenge.ptr + i, name, len) != 0 || challenge.ptr[i + len] != '=')
			continue;
		struct span value = {challenge.ptr + i + len + 1, challenge.len - i - len - 1};
		if (value.len > 0 && value.ptr[0] == '"')
			return span_before((struct span){value.ptr + 1, value.len - 1}, '"');
		return span_trim(span_before(value, ','));
	}
	return SPAN("");
}

static void add_escaped(struct text *out, struct span value)
{
	for (size_t i = 0; i < value.len; i++) {
		char c = value.ptr[i];
		bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~/:", c) != NULL);
		if (is_plain)
			text_addc(out, c);
		else
			text_addf(out, "%%%02X", (unsigned)(unsigned char)c);
	}
}

static struct span what(struct oci *oci, const char *thing)
{
	return arena_spanf(oci->arena, "%s of oci://%.*s/%.*s", thing, SPAN_ARG(oci->ref.host), SPAN_ARG(oci->ref.path));
}

static const char *base_url(struct oci *oci)
{
	return arena_spanf(oci->arena, "%s://%.*s", oci->access->plain_http ? "http" : "https", SPAN_ARG(oci->ref.host)).ptr;
}

static const char *token_url(struct oci *oci, struct span challenge, struct fail *fail)
{
	struct span realm = oci_challenge_part(challenge, "realm"), service = oci_challenge_part(challenge, "service");
	struct span scope = oci_challenge_part(challenge, "scope");
	struct text url;
	const char *address = arena_string(oci->arena, realm);
	bool is_fine = span_starts(realm, "https://") || (oci->access->plain_http && fetch_same_host(address, base_url(oci)));
	if (!is_fine || !fetch_url_check(realm, NULL)) {
		fail_set(fail, FAIL_UNAUTHENTICATED, "the registry %.*s wants a token from an address that is not to be trusted with credentials",
			 SPAN_ARG(oci->ref.host));
		return NULL;
	}
	if (scope.len == 0)
		scope = arena_spanf(oci->arena, "repository:%.*s:pull", SPAN_ARG(oci->ref.path));
	text_init(&url, 8192);
	text_addf(&url, "%s%cscope=", address, memchr(realm.ptr, '?', realm.len) != NULL ? '&' : '?');
	add_escaped(&url, scope);
	if (service.len > 0) {
		text_adds(&url, "&service=");
		add_escaped(&url, service);
	}
	const char *out = arena_string(oci->arena, text_span(&url));
	text_done(&url);
	return out;
}

static bool take_token(struct oci *oci, struct span body, struct fail *fail)
{
	json_t *root = json_loadb(body.ptr, body.len, 0, NULL);
	const char *token = json_string_value(json_object_get(root, "token"));
	if (token == NULL || *token == '\0')
		token = json_string_value(json_object_get(root, "access_token"));
	bool ok = token != NULL && *token != '\0' && strpbrk(token, "\r\n") == NULL;
	if (ok)
		oci->token = arena_copy(oci->arena, span_of(token));
	json_decref(root);
	return ok || fail_set(fail, FAIL_UNAUTHENTICATED, "the token server of %.*s gave no token", SPAN_ARG(oci->ref.host));
}

static bool ask_token(struct oci *oci, struct span challenge, struct fail *fail)
{
	struct fetch_answer answer;
	struct fetch_request request = {.what = what(oci, "a token for charts").ptr, .user = oci->access->user, .password = oci->access->password,
					.max_bytes = TOKEN_MAX, .file_fd = -1, .is_text = true};
	request.url = token_url(oci, challenge, fail);
	if (request.url == NULL)
		return false;
	bool ok = fetch(oci->fetcher, &request, &answer, fail);
	if (ok)
		ok = answer.status == 200 ? take_token(oci, text_span(&answer.body), fail) : fetch_fail_status(&request, answer.status, fail);
	fetch_answer_done(&answer);
	return ok;
}

/* The registry says what it wants; once is enough. */
static bool log_in(struct oci *oci, const struct fetch_request *request, struct span challenge, struct fail *fail)
{
	bool has_login = oci->access->user.len > 0 || oci->access->password.len > 0;
	if (challenge.len > 7 && strncasecmp(challenge.ptr, "Bearer ", 7) == 0)
		return ask_token(oci, (struct span){challenge.ptr + 7, challenge.len - 7}, fail);
	if (challenge.len >= 5 && strncasecmp(challenge.ptr, "Basic", 5) == 0 && has_login) {
		oci->is_basic = true;
		return true;
	}
	return fetch_fail_status(request, 401, fail);
}

/* --- requests ------------------------------------------------------------------------------------------------------- */

static void set_login(const struct oci *oci, struct fetch_request *request)
{
	request->bearer = oci->token;
	request->user = oci->is_basic ? oci->access->user : SPAN("");
	request->password = oci->is_basic ? oci->access->password : SPAN("");
}

/* 200, or a failure. The answer is done with by the caller. */
static bool get(struct oci *oci, struct fetch_request *request, struct fetch_answer *out, struct fail *fail)
{
	bool was_in = oci->is_basic || oci->token.len > 0;
	set_login(oci, request);
	if (!fetch(oci->fetcher, request, out, fail))
		return false;
	if (out->status == 401 && !was_in) {
		char challenge[sizeof out->challenge];
		memcpy(challenge, out->challenge, sizeof challenge);
		if (!log_in(oci, request, span_of(challenge), fail))
			return false;
		fetch_answer_done(out);
		set_login(oci, request);
		if (!fetch(oci->fetcher, request, out, fail))
			return false;
	}
	return out->status == 200 || fetch_fail_status(request, out->status, fail);
}

static const char *url_of(struct oci *oci, const char *kind, struct span name)
{
	return arena_spanf(oci->arena, "%s/v2/%.*s/%s/%.*s", base_url(oci), SPAN_ARG(oci->ref.path), kind, SPAN_ARG(name)).ptr;
}

static bool take_tags(struct oci *oci, struct span body, struct span **tags, size_t *count, size_t *cap, struct fail *fail)
{
	json_error_t error;
	json_t *root = json_loadb(body.ptr, body.len, 0, &error);
	const json_t *list = json_object_get(root, "tags");
	size_t i;
	const json_t *tag;
	bool ok = json_is_object(root);
	json_array_foreach(list, i, tag)
		if (json_is_string(tag) && *count < OCI_TAGS_MAX)
			ARENA_PUSH(oci->arena, *tags, *count, *cap) = arena_copy(oci->arena, span_of(json_string_value(tag)));
	json_decref(root);
	return ok || fail_set(fail, FAIL_PROTOCOL, "%s are no JSON", what(oci, "the tags").ptr);
}

/* `</v2/NAME/tags/list?last=x>; rel="next"`, of the same registry. */
static const char *next_page(struct oci *oci, const char *base, struct span link)
{
	const char *begin = link.len == 0 ? NULL : memchr(link.ptr, '<', link.len);
	const char *end = begin == NULL ? NULL : memchr(begin, '>', (size_t)(link.ptr + link.len - begin));
	if (end == NULL || !span_contains(link, "next"))
		return NULL;
	const char *url = fetch_url_join(oci->arena, base, (struct span){begin + 1, (size_t)(end - begin) - 1});
	return url != NULL && fetch_same_host(url, base) ? url : NULL;
}

bool oci_tags(struct oci *oci, struct span **out, size_t *out_count, struct fail *fail)
{
	struct span *tags = NULL;
	size_t count = 0, cap = 0;
	struct fetch_request request = {.url = url_of(oci, "tags", SPAN("list?n=1000")), .what = what(oci, "the list of tags").ptr,
					.accept = "application/json", .max_bytes = TAGS_PAGE_MAX, .file_fd = -1, .is_text = true};
	for (unsigned page = 0; page < TAGS_PAGES_MAX && request.url != NULL; page++) {
		struct fetch_answer answer;
		bool ok = get(oci, &request, &answer, fail) && take_tags(oci, text_span(&answer.body), &tags, &count, &cap, fail);
		if (ok)
			request.url = next_page(oci, request.url, span_of(answer.next));
		fetch_answer_done(&answer);
		if (!ok)
			return false;
	}
	*out = tags;
	*out_count = count;
	return true;
}

/* --- manifests ------------------------------------------------------------------------------------------------------ */

static bool read_manifest(struct oci *oci, struct span reference, json_t **out, struct span *out_digest, struct fail *fail)
{
	struct fetch_answer answer;
	struct fetch_request request = {.url = url_of(oci, "manifests", reference), .accept = MANIFEST_TYPES, .max_bytes = MANIFEST_MAX, .file_fd = -1};
	request.what = arena_spanf(oci->arena, "oci://%.*s/%.*s%s%.*s", SPAN_ARG(oci->ref.host), SPAN_ARG(oci->ref.path),
				   is_digest(reference) ? "@" : ":", SPAN_ARG(reference)).ptr;
	bool ok = get(oci, &request, &answer, fail);
	struct span digest = ok ? arena_spanf(oci->arena, "sha256:%s", answer.digest) : SPAN("");
	if (ok && is_digest(reference) && !span_eq(digest, reference))
		ok = fail_set(fail, FAIL_INVALID, "%s: what the registry gave has another digest, %.*s", request.what, SPAN_ARG(digest));
	json_t *root = ok ? json_loadb(answer.body.ptr, answer.body.len, 0, NULL) : NULL;
	fetch_answer_done(&answer);
	if (ok && !json_is_object(root)) {
		json_decref(root);
		return fail_set(fail, FAIL_PROTOCOL, "%s: its manifest is no JSON", request.what);
	}
	*out = root;
	*out_digest = digest;
	return ok;
}

static struct span member_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text == NULL ? SPAN("") : span_of(text);
}

/* Of an index, the one that says that it is a chart, or the first. */
static struct span choose_manifest(struct oci *oci, const json_t *index)
{
	struct span first = SPAN("");
	size_t i;
	const json_t *item;
	json_array_foreach(json_object_get(index, "manifests"), i, item) {
		struct span digest = member_text(item, "digest");
		if (!is_digest(digest))
			continue;
		if (span_is(member_text(item, "artifactType"), CONFIG_TYPE))
			return arena_copy(oci->arena, digest);
		first = first.len == 0 ? arena_copy(oci->arena, digest) : first;
	}
	return first;
}

static bool take_layer(struct oci *oci, const json_t *manifest, struct oci_chart *out, struct fail *fail)
{
	static const char *const types[] = {"application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"};
	for (size_t type = 0; type < COUNT_OF(types); type++) {
		size_t i;
		const json_t *layer;
		json_array_foreach(json_object_get(manifest, "layers"), i, layer) {
			struct span digest = member_text(layer, "digest");
			if (!span_is(member_text(layer, "mediaType"), types[type]) || !is_digest(digest))
				continue;
			out->layer = arena_copy(oci->arena, (struct span){digest.ptr + 7, HEX});
			out->size = json_integer_value(json_object_get(layer, "size"));
			return true;
		}
	}
	return fail_set(fail, FAIL_INVALID, "oci://%.*s/%.*s: there is something else than a chart", SPAN_ARG(oci->ref.host), SPAN_ARG(oci->ref.path));
}

bool oci_find(struct oci *oci, struct span reference, struct oci_chart *out, struct fail *fail)
{
	json_t *root = NULL;
	struct oci_chart chart = {0};
	if (!read_manifest(oci, reference, &root, &chart.manifest, fail))
		return false;
	if (json_object_get(root, "manifests") != NULL) {
		struct span digest, chosen = choose_manifest(oci, root); /* the index is what the reference stands for */
		json_decref(root);
		root = NULL;
		if (chosen.len == 0)
			return fail_set(fail, FAIL_INVALID, "%s has no manifest", what(oci, "the index").ptr);
		if (!read_manifest(oci, chosen, &root, &digest, fail))
			return false;
	}
	bool ok = take_layer(oci, root, &chart, fail);
	json_decref(root);
	if (ok && chart.size > CHART_ARCHIVE_MAX)
		ok = fail_set(fail, FAIL_TOO_BIG, "the archive has more than %d bytes", CHART_ARCHIVE_MAX);
	if (ok)
		*out = chart;
	return ok;
}

bool oci_pull(struct oci *oci, const struct oci_chart *chart, int file_fd, struct fail *fail)
{
	struct fetch_answer answer;
	struct span digest = arena_spanf(oci->arena, "sha256:%.*s", SPAN_ARG(chart->layer));
	struct fetch_request request = {.url = url_of(oci, "blobs", digest), .what = what(oci, "the archive").ptr, .max_bytes = CHART_ARCHIVE_MAX,
					.file_fd = file_fd};
	bool ok = get(oci, &request, &answer, fail);
	if (ok && !span_eq(span_of(answer.digest), chart->layer))
		ok = fail_set(fail, FAIL_INVALID, "%s: its digest should be %.*s, and is sha256:%s", request.what, SPAN_ARG(digest), answer.digest);
	fetch_answer_done(&answer);
	return ok;
}
