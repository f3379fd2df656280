/* URLs of servers and proxies, checked before anything connects. */
#include <curl/curl.h>

#include "agent/kube/config_int.h"
#include "base/cleanup.h"

static void free_url(CURLU **url)
{
	curl_url_cleanup(*url);
}

static void free_part(char **part)
{
	curl_free(*part);
}

static char *part_of(CURLU *url, CURLUPart part)
{
	char *text = NULL;
	return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static bool is_one_of(const char *scheme, const char *const *schemes)
{
	for (; *schemes != NULL; schemes++)
		if (strcmp(scheme, *schemes) == 0)
			return true;
	return false;
}

bool kube_url_read(struct arena *arena, struct span text, const char *const *schemes, const char *what, const char **out,
		   struct fail *fail)
{
	while (text.len > 0 && text.ptr[text.len - 1] == '/')
		text.len--;
	const char *copy = arena_string(arena, text);
	CLEANUP(free_url) CURLU *url = curl_url();
	if (url == NULL)
		abort();
	if (strstr(copy, "://") == NULL)
		return fail_set(fail, FAIL_INVALID, "%s: it has no scheme: write %s://HOST:PORT", what, *schemes);
	if (curl_url_set(url, CURLUPART_URL, copy, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
		return fail_set(fail, FAIL_INVALID, "%s: this is no URL: write %s://HOST:PORT", what, *schemes);
	CLEANUP(free_part) char *scheme = part_of(url, CURLUPART_SCHEME);
	CLEANUP(free_part) char *query = part_of(url, CURLUPART_QUERY);
	CLEANUP(free_part) char *fragment = part_of(url, CURLUPART_FRAGMENT);
	if (scheme == NULL || !is_one_of(scheme, schemes))
		return fail_set(fail, FAIL_INVALID, "%s: the scheme \"%s\" is not supported: write %s://HOST:PORT", what,
				scheme == NULL ? "" : scheme, *schemes);
	if (query != NULL || fragment != NULL)
		return fail_set(fail, FAIL_INVALID, "%s: nothing may follow its path: write %s://HOST:PORT", what, *schemes);
	*out = copy;
	return true;
}
