#include "agent/settings/rules.h"

#include <string.h>

#include "base/clock.h"

enum { ASK_MS = 5000 };

enum omni_rules rules_of_version(struct span version)
{
	enum { MAJOR = 1, MINOR = 10, NUMBER_MAX = 9999 };
	int64_t major, minor;
	if (span_starts(version, "v"))
		version = (struct span){version.ptr + 1, version.len - 1};
	struct span rest = span_behind(version, '.');
	if (!span_int(span_before(version, '.'), 0, NUMBER_MAX, &major) ||
	    !span_int(span_before(span_before(rest, '.'), '-'), 0, NUMBER_MAX, &minor))
		return OMNI_RULES_1_10;
	return major < MAJOR || (major == MAJOR && minor < MINOR) ? OMNI_RULES_1_9 : OMNI_RULES_1_10;
}

bool rules_are_automatic(const struct settings *settings)
{
	return settings->rules == NULL || strcmp(settings->rules, "auto") == 0;
}

enum omni_rules rules_of_settings(const struct settings *settings)
{
	return !rules_are_automatic(settings) && strcmp(settings->rules, "1.9") == 0 ? OMNI_RULES_1_9 : OMNI_RULES_1_10;
}

const char *rules_name(enum omni_rules rules)
{
	return rules == OMNI_RULES_1_9 ? "1.9" : "1.10";
}

const char *rules_ask(struct omni_store *store, struct arena *arena)
{
	struct omni_about about;
	if (store->ops->about == NULL || !store->ops->about(store, arena, clock_monotonic_ms() + ASK_MS, &about, NULL))
		return NULL;
	return rules_name(rules_of_version(about.version));
}

void rules_take_settings(const struct settings *settings, struct fleet_options *options)
{
	options->rules = rules_of_settings(settings);
	options->offline_schema = !settings->no_schema;
}

void rules_settle(struct settings *settings, struct targets *targets, struct arena *arena)
{
	struct target *target;
	if (!rules_are_automatic(settings) || settings->omni == NULL ||
	    !targets_find(targets, NULL, SPAN(""), &target, NULL))
		return;
	const char *rules = rules_ask(target->store, arena);
	if (rules != NULL)
		settings->rules = rules;
}
