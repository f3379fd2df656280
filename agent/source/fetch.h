/* Git, seen by both sides of the channel: the request that the agent sends to the Git child and the result that comes
 * back. libgit2 and libcurl run in the child only (files git_*.c except git.c). */
#ifndef AGENT_SOURCE_FETCH_H
#define AGENT_SOURCE_FETCH_H

#include "agent/source/config.h"
#include "agent/source/wire.h"

enum { OBJECT_ID_SIZE = 41, OBJECT_ID_RAW = 20, FETCH_ANSWER_MAX = 512 << 20 };

enum fetch_task {
	FETCH_POLL, /* look, fetch, read */
	FETCH_SERVE, /* only answer reads from a tree that was fetched before */
};

struct fetch_request {
	enum fetch_task task;
	enum source_scheme scheme;
	const char *url, *host, *user; /* file: the path of the repository */
	enum ref_kind ref_kind;
	const char *ref, *path;
	const char *cache_dir;	       /* of this URL alone */
	struct span token, ssh_key, ssh_passphrase, known_hosts, verify_keys;
	const char *ca_file, *proxy, *no_proxy;
	struct tree_limits limits;
	size_t max_fetch_bytes;
	int64_t timeout_ms;
	/* what the agent has: to find out that nothing changed */
	const char *last_tip, *last_path_id, *last_root_id;
	bool compare_root; /* a file outside of `path` was used: any change of the repository counts */
	const char *root_id; /* FETCH_SERVE */
	struct source_known known; /* inputs without paths */
};

struct fetch_answer {
	enum source_verdict verdict;
	struct fail fail;
	int64_t retry_after_ms;
	bool followed_links; /* an input is a link: its target may lie outside of `path` */
	char revision[SOURCE_REVISION_MAX];
	char tip[OBJECT_ID_SIZE], path_id[OBJECT_ID_SIZE], root_id[OBJECT_ID_SIZE];
};

void request_put(struct text *out, const struct fetch_request *request);
void request_get(struct wire *wire, struct fetch_request *request);

/* The answer and, with SOURCE_CHANGED, the tree (inputs, those that are known without bytes, the ids of the others, and
 * findings; texts point into the message). The paths of the others are there before an answer is read. */
void answer_put(struct text *out, const struct fetch_answer *answer, const struct source_tree *tree);
void answer_get(struct wire *wire, struct fetch_answer *answer, struct source_tree *tree);

#endif
