/* What does the ref mean now, and do we have it? Asks for the list of refs first and fetches one refspec only when the
 * wanted id is not there. libgit2 reports neither a missing ref nor an empty repository, so the list decides; the new tip
 * is the truth, also after a force-push; nothing is ever pruned. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/source/git_session.h"
#include "base/cleanup.h"

/* Candidates for a name, best first. */
struct wanted {
	char names[3][300];
	size_t count;
};

static struct wanted wanted_refs(const struct fetch_request *request)
{
	struct wanted wanted = {.count = 1};
	const char *ref = request->ref;
	if (request->ref_kind == REF_HEAD) {
		snprintf(wanted.names[0], sizeof wanted.names[0], "HEAD");
	} else if (strncmp(ref, "refs/", 5) == 0) {
		snprintf(wanted.names[0], sizeof wanted.names[0], "%s", ref);
	} else if (request->ref_kind == REF_TAG) {
		snprintf(wanted.names[0], sizeof wanted.names[0], "refs/tags/%s", ref);
	} else {
		snprintf(wanted.names[0], sizeof wanted.names[0], "refs/heads/%s", ref);
		snprintf(wanted.names[1], sizeof wanted.names[1], "refs/tags/%s", ref);
		wanted.count = 2;
	}
	return wanted;
}

static void set_label(struct found_ref *found, const char *name)
{
	static const char *const prefixes[] = {"refs/heads/", "refs/tags/"};
	for (size_t i = 0; i < COUNT_OF(prefixes); i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			name += strlen(prefixes[i]);
	snprintf(found->label, sizeof found->label, "%.250s", name);
}

static bool fail_missing(const struct fetch_request *request, size_t ref_count, struct fail *fail)
{
	static const char *const kinds[] = {"default branch", "branch or tag", "tag", "commit"};
	if (ref_count == 0)
		return fail_set(fail, FAIL_NOT_FOUND,
				"the repository is empty; what was applied before stays as it is");
	return fail_set(fail, FAIL_NOT_FOUND,
			"the repository has no %s%s%s; what was applied before stays as it is",
			kinds[request->ref_kind], request->ref[0] == '\0' ? "" : " ", request->ref);
}

/* --- a repository on this machine ----------------------------------------------------------------------------------- */

static bool find_local(struct git_session *session, struct found_ref *out, struct fail *fail)
{
	const struct fetch_request *request = session->request;
	struct wanted wanted = wanted_refs(request);
	git_strarray names = {0};
	if (request->ref_kind == REF_COMMIT) {
		git_oid_fromstr(&out->tip, request->ref);
		return git_odb_exists(session->odb, &out->tip) ? true : fail_missing(request, 1, fail);
	}
	for (size_t i = 0; i < wanted.count; i++) {
		git_reference *ref = NULL, *direct = NULL;
		int found = git_reference_lookup(&ref, session->repo, wanted.names[i]);
		found = found == 0 ? git_reference_resolve(&direct, ref) : found;
		if (found == 0) {
			git_oid_cpy(&out->tip, git_reference_target(direct));
			set_label(out, git_reference_name(direct));
		}
		git_reference_free(ref);
		git_reference_free(direct);
		if (found == 0)
			return true;
		if (found != GIT_ENOTFOUND && found != GIT_EINVALIDSPEC)
			return session_fail(session, fail, "the ref %s cannot be read", wanted.names[i]);
	}
	size_t count = git_reference_list(&names, session->repo) == 0 ? names.count : 1;
	git_strarray_dispose(&names);
	return fail_missing(request, count, fail);
}

/* --- a repository elsewhere ----------------------------------------------------------------------------------------- */

static int on_progress(const git_indexer_progress *progress, void *ctx)
{
	struct git_session *session = ctx;
	if (progress->received_bytes <= session->request->max_fetch_bytes)
		return 0;
	if (!session->too_big)
		fail_set(&session->fail, FAIL_TOO_BIG,
			 "the fetch was stopped after %zu bytes (the limit): use a smaller repository, or git-sync with "
			 "--depth 1 and a dir: source",
			 session->request->max_fetch_bytes);
	session->too_big = true;
	return -1;
}

static void set_callbacks(git_remote_callbacks *callbacks, struct git_session *session)
{
	callbacks->credentials = auth_credentials;
	callbacks->certificate_check = auth_check_host;
	callbacks->transfer_progress = on_progress;
	callbacks->payload = session;
}

/* The symbolic target of HEAD, for the label. */
static void label_head(git_remote *remote, struct found_ref *out)
{
	git_buf branch = {0};
	if (git_remote_default_branch(&branch, remote) == 0)
		set_label(out, branch.ptr);
	git_buf_dispose(&branch);
}

static bool pick_ref(git_remote *remote, const git_remote_head **heads, size_t count,
		     const struct fetch_request *request, struct found_ref *out, char out_name[300], struct fail *fail)
{
	struct wanted wanted = wanted_refs(request);
	if (count == 0)
		return fail_missing(request, 0, fail);
	if (request->ref_kind == REF_COMMIT) {
		snprintf(out_name, 300, "%s", request->ref);
		return git_oid_fromstr(&out->tip, request->ref) == 0;
	}
	for (size_t i = 0; i < wanted.count; i++)
		for (size_t j = 0; j < count; j++) {
			if (strcmp(heads[j]->name, wanted.names[i]) != 0)
				continue;
			git_oid_cpy(&out->tip, &heads[j]->oid);
			set_label(out, heads[j]->name);
			snprintf(out_name, 300, "%s", heads[j]->name);
			if (request->ref_kind == REF_HEAD)
				label_head(remote, out);
			return true;
		}
	return fail_missing(request, count, fail);
}

static bool download(struct git_session *session, git_remote *remote, const char *name, const struct found_ref *wanted,
		     struct fail *fail)
{
	char spec[640];
	char *specs[] = {spec};
	const git_strarray refspecs = {specs, 1};
	git_fetch_options options;
	git_fetch_options_init(&options, GIT_FETCH_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, session);
	options.prune = GIT_FETCH_NO_PRUNE;
	options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	options.update_fetchhead = 0;
	snprintf(spec, sizeof spec, "+%s:refs/omniops/tip", name);
	if (git_remote_download(remote, &refspecs, &options) != 0)
		return session_fail(session, fail, "fetching %s", name);
	if (session->too_big)
		return session_fail(session, fail, "fetching %s", name);
	if (!git_odb_exists(session->odb, &wanted->tip))
		return session_fail(session, fail, "the host did not send the commit that it announced for %s", name);
	/* What we have is what the next fetch says it has. */
	git_reference *ref = NULL;
	char own[64], hex[OBJECT_ID_SIZE];
	git_oid_tostr(hex, sizeof hex, &wanted->tip);
	snprintf(own, sizeof own, "refs/omniops/%s", hex);
	(void)git_reference_create(&ref, session->repo, own, &wanted->tip, 1, NULL);
	git_reference_free(ref);
	return true;
}

static bool is_last_tip(const struct fetch_request *request, const git_oid *tip)
{
	char hex[OBJECT_ID_SIZE];
	git_oid_tostr(hex, sizeof hex, tip);
	return request->last_tip != NULL && strcmp(hex, request->last_tip) == 0;
}

static bool find_connected(struct git_session *session, git_remote *remote, struct found_ref *out, bool *out_is_last,
			   struct fail *fail)
{
	const git_remote_head **heads = NULL;
	size_t count = 0;
	char name[300];
	if (git_remote_ls(&heads, &count, remote) != 0)
		return session_fail(session, fail, "the refs cannot be listed");
	if (!pick_ref(remote, heads, count, session->request, out, name, fail))
		return false;
	*out_is_last = is_last_tip(session->request, &out->tip);
	if (*out_is_last || git_odb_exists(session->odb, &out->tip))
		return true;
	return download(session, remote, name, out, fail);
}

static bool find_remote(struct git_session *session, struct found_ref *out, bool *out_is_last, struct fail *fail)
{
	git_remote *remote = NULL;
	git_remote_connect_options options;
	git_remote_connect_options_init(&options, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	set_callbacks(&options.callbacks, session);
	options.proxy_opts.type = GIT_PROXY_NONE;
	if (git_remote_create_anonymous(&remote, session->repo, session->request->url) != 0)
		return session_fail(session, fail, "the URL is not understood");
	bool ok = git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options) == 0
			  ? find_connected(session, remote, out, out_is_last, fail)
			  : session_fail(session, fail, "no connection");
	git_remote_free(remote);
	return ok;
}

bool fetch_find(struct git_session *session, struct found_ref *out, bool *out_is_last, struct fail *fail)
{
	if (session->request->scheme != SCHEME_FILE)
		return find_remote(session, out, out_is_last, fail);
	if (!find_local(session, out, fail))
		return false;
	*out_is_last = is_last_tip(session->request, &out->tip);
	return true;
}
