#include "agent/omni/store.h"

bool omni_store_open(const char *url, const struct omni_store_options *options, struct omni_store **out,
		     struct fail *fail)
{
	(void)options;
	enum { PREFIX = 4 };
	struct span text = span_of(url);
	if (span_starts(text, "dir:") && text.len > PREFIX)
		return dir_store_open(url + PREFIX, out, fail);
	if (span_starts(text, "https:") || span_starts(text, "http:") || span_starts(text, "grpc"))
		return fail_set(fail, FAIL_UNSUPPORTED, "%.200s: this build reaches directories only: dir:PATH", url);
	return fail_set(fail, FAIL_INVALID, "\"%.200s\" names no Omni: write dir:PATH", url);
}

void omni_store_close(struct omni_store *store)
{
	if (store != NULL)
		store->ops->close(store);
}
