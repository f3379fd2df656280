/* The Git child: one request in, one answer out, then reads until the agent hangs up. It has the credential of this one
 * repository, no environment, and whoever started it kills it at the deadline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/source/channel.h"
#include "agent/source/confine.h"
#include "agent/source/git_session.h"
#include "agent/source/internal.h"
#include "base/cleanup.h"

enum { REQUEST_MAX = 16 << 20 };

bool session_fail(struct git_session *session, struct fail *fail, const char *format, ...)
{
	va_list args;
	const git_error *error = git_error_last();
	if (session->fail.code != FAIL_NONE) {
		if (fail != NULL)
			*fail = session->fail;
		return false;
	}
	va_start(args, format);
	fail_setv(fail, FAIL_UNAVAILABLE, format, args);
	va_end(args);
	struct fail context = fail == NULL ? (struct fail){0} : *fail;
	if (error != NULL && error->message != NULL && *error->message != '\0')
		fail_set(fail, FAIL_UNAVAILABLE, "%s: %.300s", context.text, error->message);
	return false;
}

/* Nothing outside of our own repository configures us, and everything has a limit. */
static bool start_library(struct fail *fail)
{
	if (git_libgit2_init() < 0)
		return fail_set(fail, FAIL_BUG, "libgit2 cannot start");
	for (int level = GIT_CONFIG_LEVEL_PROGRAMDATA; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
		git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
	/* Repositories of another user (a sidecar's volume) are fine: nothing of them is ever executed. */
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, (size_t)4 << 20);
#ifdef HAVE_GIT_PACK_MAX_OBJECT_SIZE
	git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, (size_t)512 << 20);
#endif
	return true;
}

static void write_revision(const struct found_ref *ref, const git_oid *commit, char *out, size_t size)
{
	char hex[OBJECT_ID_SIZE];
	git_oid_tostr(hex, sizeof hex, commit);
	snprintf(out, size, "%s%ssha1:%s", ref->label, ref->label[0] == '\0' ? "" : "@", hex);
}

static bool peel(struct git_session *session, const git_oid *tip, git_oid *out_commit, git_oid *out_root,
		 struct fail *fail)
{
	git_object *object = NULL, *commit = NULL;
	bool ok = git_object_lookup(&object, session->repo, tip, GIT_OBJECT_ANY) == 0 &&
		  git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0;
	if (ok) {
		git_oid_cpy(out_commit, git_object_id(commit));
		git_oid_cpy(out_root, git_commit_tree_id((git_commit *)commit));
	}
	git_object_free(object);
	git_object_free(commit);
	return ok ? true : session_fail(session, fail, "the commit cannot be read");
}

static bool same_id(const char *known, const char *now)
{
	return known != NULL && strcmp(known, now) == 0;
}

/* From the tip to the tree: verified, compared, read. */
static bool read_revision(struct git_session *session, const struct found_ref *ref, struct fetch_answer *answer,
			  struct source_tree *tree)
{
	const struct fetch_request *request = session->request;
	git_oid commit, root, path_id;
	if (!peel(session, &ref->tip, &commit, &root, &answer->fail))
		return false;
	write_revision(ref, &commit, answer->revision, sizeof answer->revision);
	if (request->verify_keys.ptr != NULL && !verify_commit(session, &ref->tip, &commit, &answer->fail))
		return fail_wrap(&answer->fail, "%s is not applied", answer->revision);
	if (!tree_find_path(session, &root, request->path, &path_id, &answer->fail))
		return fail_wrap(&answer->fail, "%s", answer->revision);
	git_oid_tostr(answer->tip, sizeof answer->tip, &ref->tip);
	git_oid_tostr(answer->root_id, sizeof answer->root_id, &root);
	git_oid_tostr(answer->path_id, sizeof answer->path_id, &path_id);
	bool same = request->compare_root ? same_id(request->last_root_id, answer->root_id)
					  : same_id(request->last_path_id, answer->path_id);
	answer->verdict = same ? SOURCE_UNCHANGED : SOURCE_CHANGED;
	return same || tree_walk(session, &root, tree, &answer->followed_links, &answer->fail) ||
	       fail_wrap(&answer->fail, "%s", answer->revision);
}

static bool open_and_find(struct git_session *session, struct found_ref *ref, bool *out_is_last, struct fail *fail)
{
	bool is_local = session->request->scheme == SCHEME_FILE;
	return (is_local ? local_open(session, session->request->url, fail) : cache_open(session, fail)) &&
	       fetch_find(session, ref, out_is_last, fail);
}

/* Objects that are missing or damaged although they were fetched: the cache is broken and is made anew, once. */
static bool try_poll(struct git_session *session, struct fetch_answer *answer, struct source_tree *tree)
{
	struct found_ref ref = {0};
	bool is_last = false;
	bool ok = open_and_find(session, &ref, &is_last, &answer->fail);
	if (ok && is_last) {
		answer->verdict = SOURCE_UNCHANGED;
		snprintf(answer->tip, sizeof answer->tip, "%s", session->request->last_tip);
		snprintf(answer->path_id, sizeof answer->path_id, "%s", session->request->last_path_id);
		snprintf(answer->root_id, sizeof answer->root_id, "%s", session->request->last_root_id);
		return true;
	}
	return ok && read_revision(session, &ref, answer, tree);
}

static bool is_worth_new_cache(const struct git_session *session, const struct fail *fail)
{
	return session->request->scheme != SCHEME_FILE && !session->is_new_cache && session->repo != NULL &&
	       session->fail.code == FAIL_NONE && fail->code == FAIL_UNAVAILABLE;
}

static void poll_once(struct git_session *session, struct fetch_answer *answer, struct source_tree *tree)
{
	bool ok = auth_prepare(session, &answer->fail) && http_register(session, &answer->fail) &&
		  try_poll(session, answer, tree);
	if (!ok && is_worth_new_cache(session, &answer->fail)) {
		struct fail ignored;
		const git_error *error = git_error_last();
		bool is_network = error != NULL && (error->klass == GIT_ERROR_NET || error->klass == GIT_ERROR_SSH ||
						    error->klass == GIT_ERROR_HTTP || error->klass == GIT_ERROR_SSL);
		session->credential_calls = 0;
		if (!is_network && cache_recreate(session, &ignored))
			ok = try_poll(session, answer, tree);
	}
	if (!ok)
		answer->verdict = SOURCE_FAILED;
	else
		answer->fail = (struct fail){0};
	answer->retry_after_ms = session->retry_after_ms;
}

/* --- serving reads -------------------------------------------------------------------------------------------------- */

static bool serve_one(struct git_session *session, const git_oid *root, struct span request)
{
	struct wire wire;
	struct text answer;
	struct span bytes;
	struct fail fail = {0};
	bool followed = false;
	git_oid id = {{0}};
	wire_init(&wire, &session->arena, request, 0);
	struct span path = wire_name(&wire);
	session->fail = (struct fail){0};
	bool found = wire_end(&wire) && tree_read_file(session, root, path, &bytes, &id, &followed, &fail);
	text_init(&answer, TEXT_NO_LIMIT);
	wire_put_bool(&answer, found);
	wire_put_bool(&answer, followed);
	wire_put_span(&answer, (struct span){(const char *)id.id, OBJECT_ID_RAW});
	if (found)
		wire_put_span(&answer, bytes);
	else
		wire_put_fail(&answer, &fail);
	bool ok = child_send(MESSAGE_BYTES, text_span(&answer));
	text_done(&answer);
	arena_reset(&session->arena);
	return ok;
}

static void serve(struct git_session *session, const char *root_hex)
{
	git_oid root;
	struct span message;
	uint8_t type;
	if (root_hex == NULL || git_oid_fromstr(&root, root_hex) != 0)
		return;
	while (child_receive(WIRE_NAME_MAX + 16, &type, &message)) {
		bool ok = type == MESSAGE_READ && serve_one(session, &root, message);
		free((char *)(uintptr_t)message.ptr);
		if (!ok)
			return;
	}
}

static bool send_answer(const struct fetch_answer *answer, const struct source_tree *tree)
{
	struct text message;
	text_init(&message, FETCH_ANSWER_MAX);
	answer_put(&message, answer, tree);
	bool ok = text_ok(&message) && child_send(MESSAGE_RESULT, text_span(&message));
	text_done(&message);
	return ok;
}

static bool poll_and_send(struct git_session *session, char out_root[OBJECT_ID_SIZE])
{
	struct fetch_answer answer = {.verdict = SOURCE_FAILED};
	struct source_tree *tree = source_tree_new(&session->request->limits);
	poll_once(session, &answer, tree);
	cache_unlock(session);
	bool ok = send_answer(&answer, tree) && answer.verdict == SOURCE_CHANGED;
	memcpy(out_root, answer.root_id, OBJECT_ID_SIZE);
	source_tree_unref(tree);
	return ok;
}

int child_git_main(void)
{
	struct git_session session = {0};
	struct fetch_request request = {0};
	struct arena arena;
	struct span message;
	struct wire wire;
	struct fail fail;
	char root[OBJECT_ID_SIZE] = "";
	uint8_t type;
	arena_init(&arena, ARENA_NO_LIMIT);
	arena_init(&session.arena, ARENA_NO_LIMIT);
	if (!child_receive(REQUEST_MAX, &type, &message) || type != MESSAGE_OPEN)
		return 1;
	wire_init(&wire, &arena, message, (size_t)64 << 20);
	request_get(&wire, &request);
	session.request = &request;
	const struct confinement limits = {.may_write_files = true};
	if (!wire_end(&wire) || (confine_self(&limits), !start_library(&fail)))
		return 1;
	if (request.task == FETCH_POLL) {
		if (!poll_and_send(&session, root))
			_exit(0);
		serve(&session, root);
	} else if (request.scheme == SCHEME_FILE ? local_open(&session, request.url, &fail)
						 : cache_open(&session, &fail)) {
		serve(&session, request.root_id);
	}
	_exit(0);
}
