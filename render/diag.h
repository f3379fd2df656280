/* What is wrong with the user's documents. Checks append and go on; one run reports every fault of every document. */
#ifndef RENDER_DIAG_H
#define RENDER_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/span.h"
#include "base/text.h"
#include "render/node.h"

enum diag_severity { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

struct diag {
	enum diag_severity severity;
	struct span file; /* relative to the root of the tree; empty: no file */
	uint32_t line, column; /* 1-based, 0: unknown */
	struct span object; /* "OmniCluster/prod-1", "Cluster/talos-prod-01"; may be empty */
	struct span path; /* field path "spec.patches[2].inline"; may be empty */
	const char *code; /* stable reason code, CamelCase: "UnknownField" (render/codes.h) */
	struct span message; /* one or several lines, no trailing newline */
	struct span hint; /* what to do; may be empty */
};

/* Where the faults of one document are reported: passed down the checks, extended by value. */
struct diag_at {
	struct diag_list *list;
	struct span file;
	struct span object;
};

struct diag_list {
	struct arena *arena;
	struct diag *items;
	size_t count, cap;
	size_t error_count, warning_count;
	bool is_full; /* DIAG_MAX reached: the last entry says so */
};

enum { DIAG_MAX = 2000 };

void diag_list_init(struct diag_list *list, struct arena *arena);

/* Report a fault at a node (for its position; may be NULL). `path` is copied; the message is formatted. Returns the
 * entry so that a hint can be added: diag_hint(diag_error(…), …); never NULL. */
struct diag *diag_add(const struct diag_at *at, enum diag_severity severity, const char *code, const struct node *node,
		      const char *path, const char *format, ...) __attribute__((format(printf, 6, 7)));
#define diag_error(at, code, node, path, ...) diag_add((at), DIAG_ERROR, (code), (node), (path), __VA_ARGS__)
#define diag_warn(at, code, node, path, ...) diag_add((at), DIAG_WARNING, (code), (node), (path), __VA_ARGS__)
void diag_hint(const struct diag_at *at, struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Order by file, line, column, then as found; drops exact repetitions. */
void diag_sort(struct diag_list *list);

/* All of `from`, whose texts stay where they are. */
void diag_append(struct diag_list *list, const struct diag_list *from);

/* --- printing (render/diag_print.c) ------------------------------------------------------------------------------- */

enum diag_format { DIAG_TEXT, DIAG_JSON, DIAG_SARIF, DIAG_GITHUB };

/* The bytes of a file, for showing the source line; false when not to be had. */
struct diag_source {
	bool (*read)(void *ctx, struct span file, struct span *out_bytes);
	void *ctx;
};

bool diag_format_parse(struct span name, enum diag_format *out); /* text json sarif github */
void diag_print(struct text *out, const struct diag_list *list, enum diag_format format, const struct diag_source *source,
		bool colour);

#endif
