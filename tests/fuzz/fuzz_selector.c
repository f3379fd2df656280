/* Label selectors: no crash; what passes the check is taken apart and matched. */
#include <assert.h>
#include <stdint.h>

#include "agent/omni/store.h"
#include "render/selector.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena arena;
	struct omni_query query = {0};
	struct labels labels = {0};
	struct fail fail;
	struct span text = {(const char *)data, size};
	arena_init(&arena, ARENA_NO_LIMIT);
	bool is_good = selector_check(text, &fail);
	assert(omni_query_parse(&arena, text, &query, &fail) == is_good);
	labels_set(&arena, &labels, (struct span){"a", 1}, (struct span){"8 GiB", 5});
	for (size_t i = 0; i < query.count; i++)
		labels_set(&arena, &labels, query.terms[i].key,
			   query.terms[i].value_count > 0 ? query.terms[i].values[0] : text);
	(void)omni_query_match(&query, &labels);
	arena_done(&arena);
	return 0;
}
