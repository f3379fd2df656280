/* Every flag of every command: one struct, one table. The table drives parsing, environment variables, help, shell
 * completion and the man page; a command names the flags that it takes. */
#ifndef AGENT_SETTINGS_SETTINGS_H
#define AGENT_SETTINGS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "base/text.h"

struct string_list {
	const char *items[64];
	size_t count;
};

enum { SETTINGS_MAX = 96 };

/* Exit codes of every command. */
enum exit_code { EXIT_OK = 0, EXIT_ERROR = 1, EXIT_CHANGES = 2, EXIT_HELD = 3, EXIT_USAGE = 1 };

struct settings {
	/* the Omni to talk to */
	const char *omni, *omni_key_file, *omni_ca_file, *secret_dir;
	const struct keys *keys; /* what the environment held (keys.h); NULL: nothing */
	bool insecure_skip_tls_verify;
	int64_t timeout_ms;
	/* reading */
	const char *root, *rules;
	bool no_schema, online, flux_variables;
	struct string_list connection, connection_key;
	/* printing */
	const char *output, *out_dir, *color, *log_format, *log_level;
	/* deciding */
	const char *gate;
	struct string_list approve;
	bool approve_all, yes, prune_unmanaged, destroy_machines, orphan, dry_run, allow_missing;
	/* looking */
	bool wait, all, watch, keep_secrets;
	/* writing down what Omni holds */
	bool strict, without_classes;
	const char *connection_name, *ns;
	const char *selector;
	/* ways into clusters */
	const char *output_file, *user, *groups;
	int64_t ttl_ms;
	bool merge, keep_context, force, allow_cluster_admin, oidc, break_glass;
	/* the agent */
	struct string_list source;
	int64_t interval_ms, resync_ms, dead_after_ms, annotate_after_ms;
	int64_t workers;
	const char *http, *http_token_file, *drift, *status_dir, *cache_dir, *sandbox, *owner, *helm;
	const char *git_username, *git_token_file, *git_token_env, *ssh_key_file, *ssh_passphrase_file, *known_hosts,
		*ca_file, *verify_keys, *webhook_secret_file;
	bool once, no_annotations;
	/* beside an API server */
	const char *kubeconfig, *kube_context;
	int64_t settle_ms, lease_duration_ms;
	const char *lease_namespace, *lease_name, *shard;
	bool allow_exec_credentials, leader_elect;
	bool help;
	bool is_given[SETTINGS_MAX]; /* by a flag or the environment; of the same numbers as setting_at */
};

enum setting_type { SETTING_FLAG, SETTING_STRING, SETTING_DURATION, SETTING_NUMBER, SETTING_LIST };

/* What a shell may complete as the value. */
enum setting_value { VALUE_ANY, VALUE_FILE, VALUE_DIR, VALUE_CHOICE };

struct setting {
	const char *name; /* "approve-all": --approve-all, OMNIOPS_APPROVE_ALL */
	char letter;	  /* 0: none */
	enum setting_type type;
	size_t offset; /* into struct settings */
	const char *value; /* "FILE" in the help; NULL for flags */
	enum setting_value value_kind;
	const char *const *choices; /* VALUE_CHOICE */
	const char *dflt;	    /* as a person writes it; NULL: unset */
	const char *extra_env;	    /* a second environment variable: OMNI_ENDPOINT */
	const char *doc;
};

const struct setting *setting_find(const char *name); /* NULL: none */
const struct setting *setting_at(size_t index);	      /* NULL past the end */

/* Defaults, then the environment (`environment` as environ), for the named flags (NULL-terminated list). */
bool settings_init(struct settings *settings, const char *const *names, char *const *environment, struct arena *arena,
		   struct fail *fail);

/* Flags from argv (getopt_long, so flags and words may be mixed); on success argv[*out_first …] are the words. */
bool settings_parse(struct settings *settings, const char *const *names, int argc, char **argv, int *out_first,
		    struct fail *fail);

/* By a flag or the environment, not by default. */
bool setting_is_given(const struct settings *settings, const char *name);

/* "OMNIOPS_APPROVE_ALL" */
void setting_env_name(const struct setting *setting, struct text *out);

#endif
