/* The Git child's state: one request, one repository, the most telling failure so far. Single-threaded, ends with the
 * process. */
#ifndef AGENT_SOURCE_GIT_SESSION_H
#define AGENT_SOURCE_GIT_SESSION_H

#include <git2.h>

#include "agent/source/fetch.h"
#include "agent/source/source.h"

struct git_session {
	const struct fetch_request *request;
	struct arena arena;
	git_repository *repo;
	git_odb *odb;
	struct fail fail; /* set by callbacks, more precise than libgit2's words; code NONE: not set */
	int64_t retry_after_ms;
	unsigned credential_calls;
	int lock_fd;	   /* 0: none */
	bool is_new_cache; /* was made by this process */
	bool too_big;	   /* the transfer was stopped by us */
};

/* libgit2's last error, or the failure that a callback has left. Returns false. */
bool session_fail(struct git_session *session, struct fail *fail, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* git_auth.c */
bool auth_prepare(struct git_session *session, struct fail *fail); /* HOME with the known hosts */
int auth_credentials(git_credential **out, const char *url, const char *user, unsigned allowed, void *session);
int auth_check_host(git_cert *cert, int valid, const char *host, void *session);

/* git_http.c: https and http over libcurl instead of libgit2's own transport */
bool http_register(struct git_session *session, struct fail *fail);

/* git_cache.c */
bool cache_open(struct git_session *session, struct fail *fail);
bool cache_recreate(struct git_session *session, struct fail *fail);
void cache_unlock(struct git_session *session);
bool local_open(struct git_session *session, const char *path, struct fail *fail); /* in place, read only */

/* git_fetch.c: find what the ref means now and have its objects. */
struct found_ref {
	git_oid tip;	/* what the ref names: a commit or an annotated tag */
	char label[260]; /* "main", "v1.2"; "" for a commit */
};
bool fetch_find(struct git_session *session, struct found_ref *out, bool *out_is_last, struct fail *fail);

/* git_tree.c */
bool tree_walk(struct git_session *session, const git_oid *root, struct source_tree *out, bool *out_followed_links,
	       struct fail *fail);
bool tree_read_file(struct git_session *session, const git_oid *root, struct span path, struct span *out_bytes,
		    git_oid *out_id, bool *out_followed_links, struct fail *fail);
/* The id of the tree or blob at `path` ("" is the root). */
bool tree_find_path(struct git_session *session, const git_oid *root, const char *path, git_oid *out, struct fail *fail);

/* verify.c: is the commit (or the tag that named it) signed by an allowed key? */
bool verify_commit(struct git_session *session, const git_oid *tip, const git_oid *commit, struct fail *fail);

#endif
