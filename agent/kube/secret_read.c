/* One value of one Secret, from the answer into memory that is wiped. */
#include <stdlib.h>

#include "agent/kube/cache.h"
#include "agent/kube/json_read.h"
#include "agent/kube/url.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/secret.h"

enum { SHOWN_MAX = 80 };

static bool check_name(struct span name, const char *what, struct fail *fail)
{
	struct span shown = {name.ptr, name.len < SHOWN_MAX ? name.len : SHOWN_MAX};
	return url_is_name(name) || fail_set(fail, FAIL_INVALID, "\"%.*s\" cannot be the name of a %s: it has lower-case letters, digits, '-' and '.'",
					 SPAN_ARG(shown), what);
}

/* The answer goes back to the heap: not its values. */
static void wipe(json_t **answer)
{
	json_t *value;
	const char *key;
	json_object_foreach(json_object_get(*answer, "data"), key, value)
		explicit_bzero((char *)(uintptr_t)json_string_value(value), json_string_length(value));
	json_decref(*answer);
}

static bool decode(struct span value, struct secret *out)
{
	size_t len, bad;
	char *bytes = malloc(value.len + 1);
	if (bytes == NULL)
		abort();
	bool is_good = base64_decode(value, false, bytes, &len, &bad);
	if (is_good)
		secret_set(out, (struct span){bytes, len});
	explicit_bzero(bytes, value.len + 1);
	free(bytes);
	return is_good;
}

bool kube_secret_read(struct kube_client *client, struct span ns, struct span name, struct span key, int64_t deadline_ms,
		      struct secret *out, struct fail *fail)
{
	CLEANUP(wipe) json_t *answer = NULL;
	CLEANUP(text_done) struct text path;
	text_init(&path, TEXT_NO_LIMIT);
	if (!check_name(ns, "namespace", fail) || !check_name(name, "Secret", fail))
		return false;
	url_add_secrets(&path, ns);
	text_addc(&path, '/');
	url_add(&path, name);
	if (!kube_call(client, &(struct kube_request){.method = "GET", .path = path.ptr, .deadline_ms = deadline_ms}, &answer, fail)) {
		if (fail != NULL && fail->code == FAIL_NOT_FOUND)
			return fail_set(fail, FAIL_NOT_FOUND, "there is no Secret %.*s in the namespace %.*s", SPAN_ARG(name), SPAN_ARG(ns));
		if (fail != NULL && fail->code == FAIL_DENIED)
			return fail_wrap(fail, "a Role in the namespace %.*s has to grant get on secrets", SPAN_ARG(ns));
		return fail_wrap(fail, "the Secret %.*s/%.*s", SPAN_ARG(ns), SPAN_ARG(name));
	}
	const json_t *data = json_object_get(answer, "data"), *value = json_object_getn(data, key.ptr, key.len);
	if (!json_is_string(value))
		return fail_set(fail, FAIL_NOT_FOUND, "the Secret %.*s/%.*s has no key \"%.*s\"", SPAN_ARG(ns), SPAN_ARG(name), SPAN_ARG(key));
	if (!decode((struct span){json_string_value(value), json_string_length(value)}, out))
		return fail_set(fail, FAIL_PROTOCOL, "the value of \"%.*s\" in the Secret %.*s/%.*s is not base64", SPAN_ARG(key), SPAN_ARG(ns),
				SPAN_ARG(name));
	return true;
}
