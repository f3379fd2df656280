/* A source URL taken apart: scheme, place, what to read of it and which credentials to use. Nothing is opened here. */
#ifndef AGENT_SOURCE_CONFIG_H
#define AGENT_SOURCE_CONFIG_H

#include "agent/source/source.h"

enum source_scheme { SCHEME_HTTPS, SCHEME_HTTP, SCHEME_SSH, SCHEME_FILE, SCHEME_DIR, SCHEME_KUBERNETES };
enum ref_kind { REF_HEAD, REF_BRANCH, REF_TAG, REF_COMMIT };

struct source_config {
	struct arena arena;
	enum source_scheme scheme;
	const char *name;  /* for people: no user, no token, no options */
	const char *place; /* the URL for libgit2, without user for http(s); the absolute path for file and dir */
	const char *host;  /* lower case, without port; "" for file and dir */
	const char *path;  /* clean, relative; "" is the root */
	enum ref_kind ref_kind;
	const char *ref; /* branch, tag, 40 hexadecimal digits; "" with REF_HEAD */
	const char *user, *token_file, *token_env;
	const char *ssh_key_file, *ssh_passphrase_file, *known_hosts, *ca_file, *verify_keys;
	const char *cache_dir;
	int64_t interval_ms, timeout_ms;
	struct tree_limits limits;
	size_t max_fetch_bytes;
	bool is_insecure; /* plain http beyond loopback is accepted */
	/* SCHEME_KUBERNETES */
	struct source_scope scope;
	struct kube_cache *objects;
	int64_t settle_ms;
	bool (*admits)(const struct kube_object *cluster);
};

bool config_parse(struct source_config *config, const char *url, const struct source_options *options,
		  struct fail *fail);
void config_done(struct source_config *config);

/* "https://git@GitHub.com:443/org/repo.git/", "git@github.com:org/repo" → "github.com/org/repo": for comparing. */
struct span config_normal_url(struct arena *arena, struct span url);

#endif
