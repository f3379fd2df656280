/* --rules auto: sources are rendered by the rules of the default Omni's release. It is asked before the first rendering;
 * one that does not answer then, or that becomes another release, has everything rendered again once it is known. */
#include "agent/agent.h"
#include "agent/settings/rules.h"
#include "agent/settings/target.h"

/* NULL: no Omni is named, it has no version, or it does not answer. */
static const char *ask(const struct settings *settings, struct arena *arena)
{
	struct omni_store *store = NULL;
	struct target_way way;
	const struct connection_name unnamed = {.name = SPAN("")};
	if (!target_way(settings, &unnamed, arena, &way) || !target_open(settings, &way, NULL, &store, NULL))
		return NULL;
	const char *rules = rules_ask(store, arena);
	omni_store_close(store);
	return rules;
}

void feeds_settle_rules(struct agent *agent)
{
	struct arena arena;
	const char *unknown = NULL;
	if (!rules_are_automatic(agent->settings) || agent->settings->omni == NULL || agent->rules != NULL)
		return;
	arena_init(&arena, ARENA_NO_LIMIT);
	const char *rules = ask(agent->settings, &arena);
	arena_done(&arena);
	if (rules != NULL)
		atomic_compare_exchange_strong(&agent->rules, &unknown, rules);
}

static bool is_default(const struct settings *settings, const char *url)
{
	struct arena arena;
	arena_init(&arena, ARENA_NO_LIMIT);
	bool is = settings->omni != NULL && span_is(target_address(&arena, span_of(settings->omni)), url);
	arena_done(&arena);
	return is;
}

void feeds_take_version(struct agent *agent, const char *url, struct span version)
{
	if (!rules_are_automatic(agent->settings) || !is_default(agent->settings, url))
		return;
	const char *rules = rules_name(rules_of_version(version)), *old = atomic_exchange(&agent->rules, rules);
	if (old == rules || (old == NULL && rules == rules_name(OMNI_RULES_1_10))) /* unknown was rendered as the newest */
		return;
	for (size_t i = 0; i < agent->feed_count; i++)
		feed_poll_now(&agent->feeds[i], true);
}

void feed_settings(const struct agent *agent, struct settings *out)
{
	const char *rules = agent->rules;
	*out = *agent->settings;
	if (rules != NULL)
		out->rules = rules;
}
