#include "agent/settings/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

static const char *const variables[] = {"SIDERO_SERVICE_ACCOUNT_KEY", "OMNI_SERVICE_ACCOUNT_KEY"};

static void find_credential(struct keys *keys)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	if (dir == NULL || dir[0] != '/')
		return;
	int len = snprintf(keys->credential, sizeof keys->credential, "%s/omni-key", dir);
	if (len < 0 || (size_t)len >= sizeof keys->credential || access(keys->credential, F_OK) != 0)
		keys->credential[0] = '\0';
}

void keys_take(struct keys *keys)
{
	*keys = (struct keys){0};
	for (size_t i = 0; i < COUNT_OF(variables); i++) {
		CLEANUP(secret_done) struct secret other = {0};
		bool is_first = keys->variable == NULL;
		if (!secret_take_env(is_first ? &keys->key : &other, variables[i]))
			continue;
		if (is_first)
			keys->variable = variables[i];
		else
			keys->hides_other = true;
	}
	find_credential(keys);
}

void keys_done(struct keys *keys)
{
	secret_done(&keys->key);
}
