#include "agent/target.h"

#include <string.h>

void targets_init(struct targets *targets, struct arena *arena, const struct settings *settings)
{
	*targets = (struct targets){.arena = arena, .settings = settings};
}

void targets_done(struct targets *targets)
{
	for (size_t i = 0; i < targets->count; i++) {
		bool is_shared = false;
		for (size_t j = 0; j < i; j++)
			is_shared = is_shared || targets->items[j]->store == targets->items[i]->store;
		if (!is_shared)
			omni_store_close(targets->items[i]->store);
	}
	targets->count = 0;
}

bool target_url(const struct settings *settings, const struct fleet *fleet, struct span connection, struct span *out_url)
{
	const struct string_list *list = &settings->connection;
	for (size_t i = 0; i < list->count; i++)
		if (span_eq(span_before(span_of(list->items[i]), '='), connection)) {
			*out_url = span_behind(span_of(list->items[i]), '=');
			return true;
		}
	if (settings->omni != NULL) {
		*out_url = span_of(settings->omni);
		return true;
	}
	for (size_t i = 0; fleet != NULL && i < fleet->connection_count; i++)
		if (span_eq(fleet->connections[i]->name, connection) && fleet->connections[i]->endpoint.len > 0) {
			*out_url = fleet->connections[i]->endpoint;
			return true;
		}
	return false;
}

/* Two names for one URL share a store. */
static struct omni_store *open_already(const struct targets *targets, const char *url)
{
	for (size_t i = 0; i < targets->count; i++)
		if (strcmp(targets->items[i]->url, url) == 0)
			return targets->items[i]->store;
	return NULL;
}

bool targets_find(struct targets *targets, const struct fleet *fleet, struct span connection, struct target **out,
		  struct fail *fail)
{
	for (size_t i = 0; i < targets->count; i++)
		if (span_eq(targets->items[i]->connection, connection)) {
			*out = targets->items[i];
			return true;
		}
	struct span found;
	if (!target_url(targets->settings, fleet, connection, &found))
		return fail_set(fail, FAIL_NOT_FOUND,
				"no Omni is named%s%.*s: give --omni URL (or OMNI_ENDPOINT); --omni dir:PATH is the embedded store",
				connection.len > 0 ? " for the connection " : "", SPAN_ARG(connection));
	const char *url = arena_string(targets->arena, found);
	struct omni_store *store = open_already(targets, url);
	if (store == NULL && !omni_store_open(url, NULL, &store, fail))
		return false;
	struct target *target = ARENA_NEW(targets->arena, struct target);
	*target = (struct target){arena_copy(targets->arena, connection), url, store};
	ARENA_PUSH(targets->arena, targets->items, targets->count, targets->cap) = target;
	*out = target;
	return true;
}
