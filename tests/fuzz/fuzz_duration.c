/* Texts of base/: durations and times never crash, and what is printed is read back. */
#include <assert.h>
#include <stdint.h>

#include "base/duration.h"
#include "base/timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = {(const char *)data, size};
	char printed[DURATION_SIZE > TIMESTAMP_SIZE ? DURATION_SIZE : TIMESTAMP_SIZE];
	int64_t value, again;
	struct fail fail;
	if (duration_parse(text, &value, &fail)) {
		duration_format(value, printed);
		assert(duration_parse(span_of(printed), &again, &fail));
	}
	if (timestamp_parse(text, &value)) {
		timestamp_format(value, TIMESTAMP_MILLISECONDS, printed);
		assert(timestamp_parse(span_of(printed), &again));
	}
	return 0;
}
