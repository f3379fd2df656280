/* What a chart says of itself, out of its archive (tar, packed with gzip), which may be anybody's: read as a stream within limits,
 * never unpacked. */
#ifndef AGENT_HELM_CHART_ARCHIVE_H
#define AGENT_HELM_CHART_ARCHIVE_H

#include "base/arena.h"
#include "base/fail.h"
#include "base/span.h"

enum { ARCHIVE_BYTES_MAX = 100 << 20, ARCHIVE_FILE_MAX = 5 << 20, ARCHIVE_FILES_MAX = 20000, ARCHIVE_NAME_MAX = 1024 };

struct archive_chart {
	struct span name, version, app_version; /* in the arena */
};

/* From the beginning of the file on. INVALID: it is no chart, or one that Helm would not install: says why. */
bool chart_archive_read(int fd, struct arena *arena, struct archive_chart *out, struct fail *fail) __attribute__((warn_unused_result));

#endif
