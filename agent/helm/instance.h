/* Who this agent is, for as long as its cache directory lives: 16 hexadecimal digits. An action that a record ascribes to this name was
 * begun beside the locks of this directory, so a lock that is free tells that it is over. */
#ifndef AGENT_HELM_INSTANCE_H
#define AGENT_HELM_INSTANCE_H

#include "base/fail.h"

enum { INSTANCE_SIZE = 17 };

/* Made when it is not there yet; two that do so at the same time end with the same one. */
bool helm_instance(const char *cache_dir, char out[INSTANCE_SIZE], struct fail *fail) __attribute__((warn_unused_result));

#endif
