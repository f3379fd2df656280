#include "agent/helm/instance.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/text.h"

static bool read_name(const char *path, char out[INSTANCE_SIZE], struct fail *fail)
{
	CLEANUP(arena_done) struct arena arena;
	struct span text;
	arena_init(&arena, ARENA_NO_LIMIT);
	if (!files_read(&arena, path, 1024, &text, fail))
		return false;
	if (text.len < INSTANCE_SIZE - 1 || strspn(text.ptr, "0123456789abcdef") < INSTANCE_SIZE - 1)
		return fail_set(fail, FAIL_INVALID, "%s does not hold the name of an agent: remove it", path);
	memcpy(out, text.ptr, INSTANCE_SIZE - 1);
	out[INSTANCE_SIZE - 1] = '\0';
	return true;
}

/* Complete before it has its name, and never over another one. */
static bool make_name(const char *path, struct fail *fail)
{
	CLEANUP(text_done) struct text draft;
	CLEANUP(text_done) struct text name;
	unsigned char random[16];
	if (getrandom(random, sizeof random, 0) != sizeof random)
		return fail_errno(fail, errno, "the system gives no random bytes");
	text_init(&draft, TEXT_NO_LIMIT);
	text_init(&name, TEXT_NO_LIMIT);
	text_addf(&draft, "%s.", path);
	text_add_hex(&draft, random + 8, 8);
	text_add_hex(&name, random, 8);
	if (!files_write(draft.ptr, text_span(&name), 0600, fail))
		return false;
	bool is_there = link(draft.ptr, path) == 0 || errno == EEXIST;
	int errnum = errno;
	unlink(draft.ptr);
	return is_there ? true : fail_errno(fail, errnum, "%s cannot be made", path);
}

bool helm_instance(const char *cache_dir, char out[INSTANCE_SIZE], struct fail *fail)
{
	CLEANUP(text_done) struct text path;
	struct fail why = {0};
	text_init(&path, TEXT_NO_LIMIT);
	text_addf(&path, "%s/instance", cache_dir);
	if (read_name(path.ptr, out, &why))
		return true;
	if (why.code != FAIL_NOT_FOUND) {
		if (fail != NULL)
			*fail = why;
		return false;
	}
	return make_name(path.ptr, fail) && read_name(path.ptr, out, fail);
}
