/* Who we are and whom we talk to. SSH: a key from memory, and known hosts in a HOME of our own, because libgit2 1.5 looks
 * there and nowhere else. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/source/git_session.h"
#include "base/cleanup.h"
#include "base/files.h"

/* The kind of key in a known_hosts line "hosts kind key [comment]"; empty for comments, markers and nonsense. */
static struct span key_kind(struct span line)
{
	struct span host;
	line = span_trim(line);
	if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == '@' || !span_next(&line, ' ', &host))
		return (struct span){"", 0};
	return line.ptr == NULL ? (struct span){"", 0} : span_before(span_trim(line), ' ');
}

static void add_kind(struct text *out, struct span all, const char *kind)
{
	struct span line;
	while (span_next(&all, '\n', &line))
		if (span_is(key_kind(line), kind)) {
			text_add(out, span_trim(line));
			text_addc(out, '\n');
		}
}

/* The first line that matches a host fixes the only kind of key that libgit2 1.5 asks for, and ssh-rsa there means SHA-1
 * signatures, which servers refuse: best kinds first, ssh-rsa dropped. */
static bool write_known_hosts(struct git_session *session, const char *home, struct fail *fail)
{
	static const char *const kinds[] = {"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
					    "ecdsa-sha2-nistp521"};
	struct text text;
	const char *folder = arena_spanf(&session->arena, "%s/.ssh", home).ptr;
	text_init(&text, TEXT_NO_LIMIT);
	for (size_t i = 0; i < COUNT_OF(kinds); i++)
		add_kind(&text, session->request->known_hosts, kinds[i]);
	bool ok = text.len > 0 || fail_set(fail, FAIL_INVALID,
					   "the known hosts hold no ed25519 or ECDSA key (RSA host keys and certificate "
					   "authorities are not supported): `ssh-keyscan -t ed25519 %s`",
					   session->request->host);
	ok = ok && files_make_dirs(folder, 0700, fail) &&
	     files_write(arena_spanf(&session->arena, "%s/known_hosts", folder).ptr, text_span(&text), 0600, fail);
	text_done(&text);
	return ok;
}

bool auth_prepare(struct git_session *session, struct fail *fail)
{
	const char *home = arena_spanf(&session->arena, "%s/home", session->request->cache_dir).ptr;
	if (session->request->scheme != SCHEME_SSH)
		return true;
	if (!write_known_hosts(session, home, fail))
		return false;
	return setenv("HOME", home, 1) == 0 ? true : fail_errno(fail, errno, "HOME");
}

static int refuse(struct git_session *session, const char *why)
{
	fail_set(&session->fail, FAIL_UNAUTHENTICATED, "%s", why);
	return GIT_EAUTH;
}

static bool is_rsa_key(struct span key)
{
	return span_contains(key, "BEGIN RSA PRIVATE KEY");
}

/* libgit2 asks again without end when a key is refused: the second question is the answer. */
int auth_credentials(git_credential **out, const char *url, const char *user, unsigned allowed, void *ctx)
{
	struct git_session *session = ctx;
	const struct fetch_request *request = session->request;
	(void)url;
	const char *name = user != NULL && *user != '\0' ? user : request->user != NULL ? request->user : "git";
	if (request->scheme != SCHEME_SSH)
		return refuse(session, "the host asks for credentials in a way that is not supported");
	if (session->credential_calls > 8)
		return refuse(session, "the host keeps asking for credentials");
	session->credential_calls++;
	if (allowed & GIT_CREDENTIAL_USERNAME)
		return git_credential_username_new(out, name);
	if ((allowed & GIT_CREDENTIAL_SSH_KEY) == 0)
		return refuse(session, "the host does not accept SSH keys for this user");
	if (session->credential_calls > 2)
		return refuse(session, is_rsa_key(request->ssh_key)
					       ? "the host refused the SSH key: RSA keys work with SHA-1 signatures only "
						 "here, which most hosts refuse; use an ed25519 key"
					       : "the host refused the SSH key (is it added there, and for this repository?)");
	session->credential_calls = 2;
	if (git_credential_ssh_key_memory_new(out, name, NULL, request->ssh_key.ptr, request->ssh_passphrase.ptr) == 0)
		return 0;
	return refuse(session, "the SSH key is not understood");
}

/* libgit2's own check of the known hosts decides; we only find better words for its no. */
int auth_check_host(git_cert *cert, int valid, const char *host, void *ctx)
{
	struct git_session *session = ctx;
	char print[64] = "?";
	if (valid)
		return GIT_PASSTHROUGH;
	if (cert->cert_type == GIT_CERT_HOSTKEY_LIBSSH2) {
		const git_cert_hostkey *key = (const git_cert_hostkey *)(const void *)cert;
		if (key->type & GIT_CERT_SSH_SHA256)
			EVP_EncodeBlock((unsigned char *)print, key->hash_sha256, sizeof key->hash_sha256);
		print[43] = '\0';
	}
	fail_set(&session->fail, FAIL_UNAUTHENTICATED,
		 "the host key of %s (SHA256:%s) is not among the known hosts, or it changed: compare it with what the "
		 "host publishes before you add it",
		 host, print);
	return GIT_ECERTIFICATE;
}
