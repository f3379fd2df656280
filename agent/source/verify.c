/* Is a commit signed by somebody who may? SSH signatures are checked here, OpenPGP ones by gpgv, the small verifier of
 * GnuPG that every Debian has: with an explicit keyring, in memory, nothing else to look at. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/source/git_session.h"
#include "agent/source/sshsig.h"
#include "base/cleanup.h"
#include "base/files.h"

enum { STATUS_MAX = 64 << 10 };

/* --- OpenPGP -------------------------------------------------------------------------------------------------------- */

static int memory_file(struct span content)
{
	int fd = memfd_create("omniops", 0); /* inherited by gpgv on purpose */
	if (fd >= 0 && !files_write_all(fd, content, "memory", NULL)) {
		close(fd);
		return -1;
	}
	return fd;
}

static const char *find_gpgv(void)
{
	static const char *const places[] = {"/usr/bin/gpgv", "/bin/gpgv", "/usr/local/bin/gpgv"};
	for (size_t i = 0; i < COUNT_OF(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static bool run_gpgv(const char *program, int keyring, int signature, int data, int status)
{
	char keyring_path[40], signature_path[40], data_path[40], status_fd[16];
	snprintf(keyring_path, sizeof keyring_path, "/proc/self/fd/%d", keyring);
	snprintf(signature_path, sizeof signature_path, "/proc/self/fd/%d", signature);
	snprintf(data_path, sizeof data_path, "/proc/self/fd/%d", data);
	snprintf(status_fd, sizeof status_fd, "%d", status);
	char *argv[] = {(char[]){"gpgv"}, (char[]){"--homedir"}, (char[]){"/nonexistent"}, (char[]){"--keyring"},
			keyring_path, (char[]){"--status-fd"}, status_fd, signature_path, data_path, NULL};
	char *environment[] = {(char[]){"LC_ALL=C"}, NULL};
	pid_t pid;
	int result = 0;
	if (posix_spawn(&pid, program, NULL, NULL, argv, environment) != 0)
		return false;
	while (waitpid(pid, &result, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(result) && WEXITSTATUS(result) == 0;
}

static const struct {
	const char *status, *words;
} gpgv_words[] = {
	{"NO_PUBKEY", "the OpenPGP signature was made with a key that is not among the allowed ones"},
	{"REVKEYSIG", "the key of the OpenPGP signature was revoked"},
	{"EXPKEYSIG", "the key of the OpenPGP signature has expired"},
	{"EXPSIG", "the OpenPGP signature has expired"},
	{"BADSIG", "the OpenPGP signature is wrong"},
	{"", "the OpenPGP signature cannot be verified"},
};

static bool judge(bool ran, struct span status, struct fail *fail)
{
	char wanted[64];
	for (size_t i = 0; i < COUNT_OF(gpgv_words); i++) {
		snprintf(wanted, sizeof wanted, "[GNUPG:] %s ", gpgv_words[i].status);
		bool last = i + 1 == COUNT_OF(gpgv_words);
		if (last && ran && span_contains(status, "[GNUPG:] GOODSIG ") &&
		    span_contains(status, "[GNUPG:] VALIDSIG "))
			return true;
		if (last || span_contains(status, wanted))
			return fail_set(fail, FAIL_DENIED, "%s", gpgv_words[i].words);
	}
	return false;
}

/* All public key blocks of the file, one behind the other: what gpgv takes for a keyring. */
static int make_keyring(struct arena *arena, struct span keys)
{
	struct text ring;
	struct span block;
	text_init(&ring, TEXT_NO_LIMIT);
	while (armor_decode(arena, &keys, "PGP PUBLIC KEY BLOCK", &block))
		text_add(&ring, block);
	int fd = ring.len == 0 ? -1 : memory_file(text_span(&ring));
	text_done(&ring);
	return fd;
}

static bool verify_openpgp(struct arena *arena, struct span armored, struct span data, struct span keys,
			   struct fail *fail)
{
	struct span blob, status = SPAN("");
	const char *program = find_gpgv();
	if (program == NULL)
		return fail_set(fail, FAIL_UNSUPPORTED, "OpenPGP signatures need the program gpgv, which is not installed");
	if (!armor_decode(arena, &armored, "PGP SIGNATURE", &blob))
		return fail_set(fail, FAIL_DENIED, "the OpenPGP signature is malformed");
	CLEANUP(close_fd) int keyring = make_keyring(arena, keys);
	CLEANUP(close_fd) int signature = memory_file(blob);
	CLEANUP(close_fd) int content = memory_file(data);
	CLEANUP(close_fd) int result = memory_file(SPAN(""));
	if (keyring < 0)
		return fail_set(fail, FAIL_INVALID, "verify-keys= holds no armored OpenPGP public key");
	if (signature < 0 || content < 0 || result < 0)
		return fail_set(fail, FAIL_IO, "no memory for the verification");
	bool ran = run_gpgv(program, keyring, signature, content, result);
	lseek(result, 0, SEEK_SET);
	return files_read_fd(arena, result, "gpgv", STATUS_MAX, &status, fail) && judge(ran, status, fail);
}

/* --- commits and tags ----------------------------------------------------------------------------------------------- */

static bool verify_one(struct git_session *session, struct span armored, struct span data, int64_t time_s,
		       struct fail *fail)
{
	struct span keys = session->request->verify_keys;
	if (span_contains(armored, "-----BEGIN SSH SIGNATURE-----"))
		return sshsig_verify(&session->arena, armored, data, keys, time_s, fail);
	if (span_contains(armored, "-----BEGIN PGP SIGNATURE-----"))
		return verify_openpgp(&session->arena, armored, data, keys, fail);
	return fail_set(fail, FAIL_DENIED, "it is signed in a form that is not supported (SSH and OpenPGP are)");
}

/* The signature of a tag is the end of its message. */
static bool verify_tag(struct git_session *session, const git_oid *tip, int64_t time_s, struct fail *fail)
{
	git_odb_object *object = NULL;
	if (git_odb_read(&object, session->odb, tip) != 0)
		return session_fail(session, fail, "the tag cannot be read");
	struct span raw = {git_odb_object_data(object), git_odb_object_size(object)};
	const char *begin = memmem(raw.ptr, raw.len, "\n-----BEGIN ", 12);
	bool ok = begin == NULL ? fail_set(fail, FAIL_DENIED, "neither the commit nor the tag is signed")
				: verify_one(session, (struct span){begin + 1, (size_t)(raw.ptr + raw.len - begin - 1)},
					     (struct span){raw.ptr, (size_t)(begin + 1 - raw.ptr)}, time_s, fail);
	git_odb_object_free(object);
	return ok;
}

static int64_t commit_time(struct git_session *session, const git_oid *id)
{
	git_commit *commit = NULL;
	int64_t time_s = 0;
	if (git_commit_lookup(&commit, session->repo, id) == 0)
		time_s = git_commit_time(commit);
	git_commit_free(commit);
	return time_s;
}

bool verify_commit(struct git_session *session, const git_oid *tip, const git_oid *commit, struct fail *fail)
{
	git_buf signature = {0}, data = {0};
	git_oid id = *commit;
	int64_t time_s = commit_time(session, commit);
	int found = git_commit_extract_signature(&signature, &data, session->repo, &id, "gpgsig");
	bool ok = found == 0 && verify_one(session, (struct span){signature.ptr, signature.size},
					   (struct span){data.ptr, data.size}, time_s, fail);
	git_buf_dispose(&signature);
	git_buf_dispose(&data);
	if (!ok && !git_oid_equal(tip, commit))
		return verify_tag(session, tip, time_s, fail);
	return ok || found == 0 ? ok : fail_set(fail, FAIL_DENIED, "the commit is not signed");
}
