/* By which release's rules templates are checked and written: those of --rules, or, when that is "auto", those of the
 * Omni that they go to. Both forms mean the same; but Omni's own command line compares texts, so its diff is silent only
 * when they are written as that release writes them. */
#ifndef AGENT_SETTINGS_RULES_H
#define AGENT_SETTINGS_RULES_H

#include "agent/settings/target.h"
#include "render/fleet.h"

/* What --rules takes; NULL from rules_ask: the Omni behind the store has no version, or does not say so within seconds. */
const char *rules_name(enum omni_rules rules);
const char *rules_ask(struct omni_store *store, struct arena *arena);

/* Of a server's version ("v1.9.3", "v1.10.0-beta.1"); the newest for what cannot be read. */
enum omni_rules rules_of_version(struct span version);

/* "auto" and NULL: the newest. */
enum omni_rules rules_of_settings(const struct settings *settings);
bool rules_are_automatic(const struct settings *settings);

/* For commands: asks the Omni of --omni, briefly, and writes the answer into the settings. One that does not answer is
 * told by the call that comes next. */
void rules_settle(struct settings *settings, struct targets *targets, struct arena *arena);

/* What --rules and --no-schema say, for commands and the agent. */
void rules_take_settings(const struct settings *settings, struct fleet_options *options);

#endif
