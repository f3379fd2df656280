/* Keys as mounted Secrets: DIR/NAME/KEY is what spec.auth.serviceAccountSecretRef of an OmniConnection names, and
 * DIR/NAME/endpoint the one address that it may be used at. Names come from repositories, so each is a single file
 * name; addresses come from repositories, too, so they count only when whoever fills the directory wrote them down. */
#ifndef AGENT_SETTINGS_SECRET_DIR_H
#define AGENT_SETTINGS_SECRET_DIR_H

#include "agent/settings/target.h"

/* Where the key is; NULL: a name that leads somewhere else. */
const char *secret_dir_file(struct arena *arena, const char *dir, struct span name, struct span key);

/* May the key of this way (KEY_SECRET) be used at its address? The failure says what to write where. */
bool secret_dir_allows(const struct target_way *way, struct fail *fail) __attribute__((warn_unused_result));

#endif
