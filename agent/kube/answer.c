/* What the server said when it did not do what it was asked to, in our words and then in its own. */
#include "agent/kube/internal.h"
#include "agent/kube/json_read.h"
#include "base/cleanup.h"
#include "base/utf8.h"

enum { SAID_MAX = 1024, ODD_SAID_MAX = 80, PATH_MAX_SHOWN = 300 };

static const struct {
	long http_status;
	const char *reason; /* NULL: any */
	enum fail_code code;
	const char *what;
} rows[] = {
	{400, NULL, FAIL_INVALID, "the request is refused"},
	{401, NULL, FAIL_UNAUTHENTICATED, "the credentials are refused"},
	{403, NULL, FAIL_DENIED, "this is forbidden"},
	{404, NULL, FAIL_NOT_FOUND, "there is none"},
	{405, NULL, FAIL_UNSUPPORTED, "this cannot be done here"},
	{406, NULL, FAIL_UNSUPPORTED, "the server has no answer of this form"},
	{408, NULL, FAIL_TIMEOUT, "the server took the request for too slow"},
	{409, "AlreadyExists", FAIL_EXISTS, "it exists already"},
	{409, NULL, FAIL_CONFLICT, "somebody else changed it"},
	{410, NULL, FAIL_PRECONDITION, "this state is too old"},
	{413, NULL, FAIL_TOO_BIG, "the request is too large"},
	{415, NULL, FAIL_UNSUPPORTED, "the server does not know this kind of body"},
	{422, NULL, FAIL_INVALID, "the object is refused"},
	{429, NULL, FAIL_UNAVAILABLE, "the server has too many requests"},
	{500, NULL, FAIL_UNAVAILABLE, "the server failed"},
	{503, NULL, FAIL_UNAVAILABLE, "the server cannot answer at the moment"},
	{504, "ResourceVersionTooLarge", FAIL_PRECONDITION, "the server does not know this state yet"},
	{504, NULL, FAIL_TIMEOUT, "the server did not finish in time"},
};

void answer_add_foreign(struct text *out, struct span foreign, size_t max_bytes)
{
	bool is_cut = foreign.len > max_bytes;
	foreign.len = is_cut ? max_bytes : foreign.len;
	size_t start = out->len;
	while (foreign.len > 0) {
		size_t valid = utf8_valid_prefix(foreign);
		text_add(out, (struct span){foreign.ptr, valid});
		if (valid == foreign.len)
			break;
		bool is_end = is_cut && foreign.len - valid < 4;
		text_adds(out, is_end ? "" : "\xEF\xBF\xBD");
		foreign = (struct span){foreign.ptr + valid + 1, is_end ? 0 : foreign.len - valid - 1};
	}
	for (size_t i = start; i < out->len; i++)
		if ((unsigned char)out->ptr[i] < ' ' || out->ptr[i] == 0x7f)
			out->ptr[i] = ' ';
	text_adds(out, is_cut ? "..." : "");
}

static bool has_cause(const json_t *status, const char *reason)
{
	size_t i;
	json_t *cause;
	json_array_foreach (json_object_get(json_object_get(status, "details"), "causes"), i, cause)
		if (span_is(kube_json_text(cause, "reason"), reason))
			return true;
	return false;
}

static void find_row(long http_status, const json_t *status, enum fail_code *code, const char **what)
{
	struct span reason = kube_json_text(status, "reason");
	*code = http_status >= 500 ? FAIL_UNAVAILABLE : FAIL_PROTOCOL;
	*what = http_status >= 500 ? "the server failed" : "this is no answer of a Kubernetes API";
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].http_status != http_status)
			continue;
		if (rows[i].reason != NULL && !span_is(reason, rows[i].reason) && !has_cause(status, rows[i].reason))
			continue;
		*code = rows[i].code;
		*what = rows[i].what;
		return;
	}
}

static void add_said(struct text *out, const json_t *status, struct span body)
{
	struct span message = span_trim(kube_json_text(status, "message"));
	if (message.len == 0)
		message = kube_json_text(status, "reason");
	bool is_ours = message.len > 0;
	if (!is_ours)
		message = span_trim(body);
	if (message.len == 0 || (!is_ours && message.ptr[0] == '{')) /* a part of a Status */
		return;
	text_adds(out, is_ours ? ": " : ": \"");
	answer_add_foreign(out, message, is_ours ? SAID_MAX : ODD_SAID_MAX);
	text_adds(out, is_ours ? "" : "\"");
}

static bool fail_of(const char *method, struct span path, long http_status, const json_t *status, struct span body, struct fail *fail)
{
	enum fail_code code;
	const char *what;
	struct text text;
	text_init(&text, FAIL_TEXT_MAX);
	find_row(http_status, status, &code, &what);
	if (method != NULL)
		text_addf(&text, "%s %.*s: ", method, SPAN_ARG(path));
	text_addf(&text, "%s (%ld)", what, http_status);
	add_said(&text, status, body);
	fail_set(fail, code, "%s", text.ptr);
	text_done(&text);
	return false;
}

bool answer_fail(const char *method, const char *path, long http_status, struct span body, struct fail *fail)
{
	struct span shown = span_before(span_of(path), '?');
	shown.len = shown.len < PATH_MAX_SHOWN ? shown.len : PATH_MAX_SHOWN;
	struct fail unwanted;
	json_t *status = kube_json_read(body, &unwanted);
	fail_of(method, shown, http_status, status, body, fail);
	json_decref(status);
	return false;
}

bool kube_status_fail(const json_t *status, struct fail *fail)
{
	json_int_t code = json_integer_value(json_object_get(status, "code"));
	return fail_of(NULL, (struct span){0}, code >= 100 && code <= 999 ? (long)code : 500, status, (struct span){0}, fail);
}

struct span answer_path(const struct transfer *transfer)
{
	struct span path = span_before(span_of(transfer->path), '?');
	path.len = path.len < PATH_MAX_SHOWN ? path.len : PATH_MAX_SHOWN;
	return path;
}
