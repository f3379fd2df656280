#include "agent/omni/remote_int.h"

bool omni_store_open(const char *url, const struct omni_store_options *options, struct omni_store **out,
		     struct fail *fail)
{
	static const char *const remote[] = {"https:", "http:", "grpc:"};
	enum { PREFIX = 4 };
	struct span text = span_of(url);
	if (span_starts(text, "dir:") && text.len > PREFIX)
		return dir_store_open(url + PREFIX, out, fail);
	for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
		if (span_starts(text, remote[i]))
			return remote_store_open(url, options, out, fail);
	return fail_set(fail, FAIL_INVALID, "\"%.200s\" names no Omni: write https://HOST[:PORT] or dir:PATH", url);
}

void omni_store_close(struct omni_store *store)
{
	if (store != NULL)
		store->ops->close(store);
}
