/* What the server warns of (deprecated versions, unknown fields): each text is told once. */
#include <stdlib.h>

#include "agent/kube/internal.h"
#include "base/log.h"
#include "base/map.h"

enum { WARNINGS_MAX = 200, WARNING_BYTES = 512 };

struct warnings {
	struct arena arena;
	struct map seen;
};

/* `299 - "the text"`, with quotes and backslashes escaped. */
static void unquote(struct text *out, struct span header)
{
	const char *open = memchr(header.ptr, '"', header.len);
	size_t len = open == NULL ? 0 : header.len - (size_t)(open + 1 - header.ptr);
	struct text plain;
	text_init(&plain, 4 * WARNING_BYTES);
	for (size_t i = 0; i < len && open[1 + i] != '"'; i++) {
		i += open[1 + i] == '\\' && i + 1 < len;
		text_addc(&plain, open[1 + i]);
	}
	answer_add_foreign(out, text_span(&plain), WARNING_BYTES);
	text_done(&plain);
}

static struct warnings *warnings_of(struct kube_client *client)
{
	if (client->warnings != NULL)
		return client->warnings;
	client->warnings = calloc(1, sizeof *client->warnings);
	if (client->warnings == NULL)
		abort();
	arena_init(&client->warnings->arena, ARENA_NO_LIMIT);
	map_init(&client->warnings->seen, &client->warnings->arena);
	return client->warnings;
}

void warnings_note(struct kube_client *client, const struct transfer *transfer, struct span header)
{
	if (client->options.log == NULL || !span_starts(header, "299 "))
		return;
	struct warnings *warnings = warnings_of(client);
	struct text text;
	text_init(&text, 4 * WARNING_BYTES);
	unquote(&text, header);
	bool is_new = text.len > 0 && warnings->seen.count < WARNINGS_MAX && map_get(&warnings->seen, text_span(&text)) == NULL;
	if (is_new) {
		*map_at(&warnings->seen, arena_copy(&warnings->arena, text_span(&text))) = client;
		log_warn(client->options.log, "kubernetes", "the API server warns", log_string("method", answer_verb(transfer->verb)),
			 log_span("path", answer_path(transfer)), log_span("warning", text_span(&text)));
	}
	text_done(&text);
}

void warnings_free(struct warnings *warnings)
{
	if (warnings == NULL)
		return;
	arena_done(&warnings->arena);
	free(warnings);
}
