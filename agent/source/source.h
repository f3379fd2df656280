/* Where declarations come from: a Git repository, a directory, or the custom resources of an API server. A source yields
 * immutable trees with a revision, or says why it cannot: a missing ref, an unreachable host, an empty repository are
 * failures that leave the last good tree in force, never "there is nothing".
 *
 * URLs, everything behind "?" optional, values percent-encoded, "%20" for a blank:
 *   git+https://host/org/repo.git?ref=main&path=clusters      also git+http:// (refused off loopback without insecure=true)
 *   git+ssh://git@host[:22]/org/repo.git?ref=main             git@host:org/repo is not accepted
 *   git+file:///srv/repo.git?ref=main                         read in place, nothing is copied
 *   dir:/git/current?path=clusters                            plain directory, git-sync link, kubelet volume
 *   kubernetes:?namespace=fleet&selector=a%3Db                 custom resources, one file NAMESPACE/PLURAL/NAME.json for each
 * Options in the URL win over struct source_options: ref= | tag= | commit=, path=, interval=, timeout=, user=,
 * token-file=, token-env=, ssh-key-file=, ssh-passphrase-file=, known-hosts=, ca-file=, verify-keys=, name=, insecure=;
 * of kubernetes: namespace= or all-namespaces=true, selector=, name=, interval=.
 *
 * Git runs in a child process that is this program again (source_child_main): it has the one credential and nothing
 * else, and it is killed at the deadline, which is the only complete way to end a hung fetch. The agent never parses a
 * byte that came from the network or from the repository.
 *
 * Threads: different sources may be polled at the same time; one source is polled by one thread at a time.
 * source_fd, source_drain and source_name may be used by another thread than the one that polls. */
#ifndef AGENT_SOURCE_SOURCE_H
#define AGENT_SOURCE_SOURCE_H

#include <stdint.h>

#include "base/arena.h"
#include "base/fail.h"
#include "render/diag.h"
#include "render/tree.h"

struct source;
struct kube_cache;
struct kube_object;

/* Defaults for all sources; NULL and 0 mean "unset". Strings are copied. */
struct source_options {
	const char *cache_dir;	 /* made with mode 0700; default: $XDG_CACHE_HOME/omniops, ~/.cache/omniops or /var/cache/omniops */
	int64_t interval_ms;	 /* 60 s for Git, 30 s for directories (their safety net behind inotify) */
	int64_t timeout_ms;	 /* per poll; 120 s */
	const char *user;	 /* for tokens; default "git" */
	const char *token_file, *token_env;
	const char *ssh_key_file, *ssh_passphrase_file, *known_hosts;
	const char *ca_file;
	const char *verify_keys; /* OpenSSH allowed_signers lines, or armored OpenPGP public keys */
	struct tree_limits limits; /* zero: TREE_LIMITS_DEFAULT */
	size_t max_fetch_bytes;	 /* 1 GiB received per fetch */
	/* Of kubernetes: alone, and needed there. The cache is of the namespace and the selector of the URL (source_scope), and
	 * outlives the source. */
	struct kube_cache *objects;
	int64_t settle_ms; /* see kubernetes_settle.h */
	bool (*admits)(const struct kube_object *cluster); /* may this OmniCluster be acted on? */
};

enum source_kind { SOURCE_GIT, SOURCE_DIRECTORY, SOURCE_KUBERNETES };

enum source_verdict {
	SOURCE_FAILED,	  /* fail says why; the last good tree stays */
	SOURCE_UNCHANGED, /* same content; the revision may have moved */
	SOURCE_CHANGED,	  /* tree is set */
};

struct source_file {
	struct span path, id; /* id: of the bytes, at most SOURCE_ID_MAX long; empty: there is no such file */
	size_t bytes;
};
enum { SOURCE_ID_MAX = 32 };

/* What whoever polls still has from an earlier tree: inputs with these ids may come without bytes (tree_load brings them),
 * and the ids of the other files are told. */
struct source_known {
	struct source_file *inputs, *others;
	size_t input_count, other_count;
};

/* One revision, reference counted. `tree.read` may be called by one thread at a time. `diags` holds what the source
 * itself found (a submodule, an LFS pointer, a link out of the tree); hand it to sandbox_render. */
struct source_tree {
	struct tree tree;
	struct arena arena;
	struct diag_list diags;
	struct source_file *others; /* those that were asked for, with the ids that they have in this tree */
	size_t other_count;
	bool is_of_server;    /* objects of an API server: what is not there does not exist */
	bool is_incomplete;   /* something that perhaps declares clusters could not be read */
	char content_id[65];  /* hexadecimal; same id, same content */
	unsigned references;  /* atomic */
	void (*rest)(struct source_tree *tree); /* NULL: nothing to let go */
};

/* Nothing will be read for a while: lets go of the child process that reads for this tree. A later read starts another. */
void source_tree_rest(struct source_tree *tree);

struct source_tree *source_tree_ref(struct source_tree *tree);
void source_tree_unref(struct source_tree *tree); /* NULL is fine */

#define SOURCE_REVISION_MAX 320

struct source_result {
	enum source_verdict verdict;
	char revision[SOURCE_REVISION_MAX]; /* "main@sha1:<hex>", "sha256:<hex>"; empty when FAILED before it was known */
	char content_id[65];		    /* of the tree in force after this poll */
	struct source_tree *tree;	    /* CHANGED: one reference for the caller; else NULL */
	struct fail fail;
	int64_t retry_after_ms; /* the host asked for that much quiet; 0: it did not */
	int64_t look_again_ms;	/* the answer may be another one after so long, although nothing moves; 0: it is not */
};

bool source_open(const char *url, const struct source_options *options, struct source **out, struct fail *fail);
void source_free(struct source *source);

/* Where things are kept when nothing says where; in the arena. */
const char *source_cache_dir(struct arena *arena);

/* What a source of this URL reads of an API server; false: it is of another kind, or (fail->code not NONE) at fault. */
struct source_scope {
	const char *ns, *selector; /* NULL: not said; in the arena */
	bool all_namespaces;
};
bool source_scope(const char *url, struct arena *arena, struct source_scope *out, struct fail *fail);

enum source_kind source_kind(const struct source *source);
/* The URL without user, token and options, or name=: for logs, metrics, status. */
const char *source_name(const struct source *source);
int64_t source_interval_ms(const struct source *source);

/* Look now. Blocks until the deadline (CLOCK_MONOTONIC milliseconds, 0: its timeout from now) or until cancel_fd
 * (an eventfd, -1: none) becomes readable: FAILED with TIMEOUT or CANCELLED. The first success is always CHANGED. */
void source_poll(struct source *source, int64_t deadline_ms, int cancel_fd, struct source_result *out);
/* The same for somebody who still has something. */
void source_poll_with(struct source *source, const struct source_known *known, int64_t deadline_ms, int cancel_fd,
		      struct source_result *out);

/* Forget what was last returned, so that the next success is CHANGED again (SIGHUP, a render that failed). */
void source_forget(struct source *source);

/* The next success is CHANGED, too, but what was last returned is not forgotten. */
void source_again(struct source *source);

/* Directories and API servers: a descriptor that becomes readable when something moved; -1: there is none, poll by the
 * interval. The number may change after a poll. source_drain empties it; true: poll soon (schedule_hint). */
int source_fd(const struct source *source);
bool source_drain(struct source *source);
enum { SOURCE_DEBOUNCE_MS = 200 };

/* Which object a file of a source kubernetes: holds; false: that is none. Parts of `path`. */
struct kind;
bool source_object(struct span path, const struct kind **out_kind, struct span *out_ns, struct span *out_name);

/* Does a webhook about this repository URL ("https://github.com/org/repo.git", any usual spelling) concern the source? */
bool source_matches_url(const struct source *source, struct span url);

/* --- when to poll: plain arithmetic, owned by whoever polls --------------------------------------------------------- */

struct schedule {
	int64_t interval_ms, next_ms, quiet_until_ms;
	int64_t debounce_ms, quiet_ms; /* SOURCE_DEBOUNCE_MS and a second; of what costs no call, less */
	unsigned failures; /* in a row */
	uint64_t random;   /* state of the jitter */
};

void schedule_init(struct schedule *schedule, int64_t interval_ms, int64_t now_ms, uint64_t seed); /* due at once */
void schedule_init_for(struct schedule *schedule, const struct source *source, int64_t now_ms, uint64_t seed);
/* After a poll: the interval ± 10 %; after failures 5 s, 10 s, 20 s … up to the larger of the interval and 5 min, never
 * before retry_after_ms. */
void schedule_polled(struct schedule *schedule, int64_t now_ms, const struct source_result *result);
/* A webhook, an inotify event, a change that is watched: due after the debounce, but not within the quiet time of the last
 * poll, and never while the host asked for quiet. */
void schedule_hint(struct schedule *schedule, int64_t now_ms);
int64_t schedule_wait_ms(const struct schedule *schedule, int64_t now_ms); /* 0: due */

/* --- the program as its own child (agent/source/child.c) ------------------------------------------------------------ */

/* The first statement of main(): when this process was started by us to fetch or to render, does that and returns the
 * exit status; -1: an ordinary start. */
int source_child_main(int argc, char **argv);

#endif
