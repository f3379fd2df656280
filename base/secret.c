#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"

/* Who copies leaves the last of it in vector registers, which a core file shows. Copies of nothing take their place: one
 * for each of the ways in which libraries copy short, middling and long pieces. */
static void wipe_registers(void)
{
	static const char nothing[1024];
	static const size_t lengths[] = {16, 32, 64, 128, 256, 512, 1024};
	void *(*volatile copy)(void *, const void *, size_t) = memcpy;
	char into[sizeof nothing];
	for (size_t i = 0; i < COUNT_OF(lengths); i++)
		copy(into, nothing, lengths[i]);
}

void secret_done(struct secret *secret)
{
	if (secret->ptr != NULL) {
		explicit_bzero(secret->ptr, secret->mapped_bytes);
		munmap(secret->ptr, secret->mapped_bytes);
		wipe_registers();
	}
	*secret = (struct secret){0};
}

/* Pages for `size` bytes and a NUL. Locking may be refused (RLIMIT_MEMLOCK): the value then may be swapped. */
static struct secret new_pages(size_t size)
{
	struct secret secret = {.mapped_bytes = size + 1};
	void *pages = mmap(NULL, secret.mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (pages == MAP_FAILED)
		abort();
	madvise(pages, secret.mapped_bytes, MADV_DONTDUMP);
	madvise(pages, secret.mapped_bytes, MADV_WIPEONFORK);
	mlock(pages, secret.mapped_bytes);
	secret.ptr = pages;
	return secret;
}

void secret_set(struct secret *secret, struct span bytes)
{
	struct secret fresh = new_pages(bytes.len);
	if (bytes.len > 0)
		memcpy(fresh.ptr, bytes.ptr, bytes.len);
	fresh.len = bytes.len;
	secret_done(secret);
	*secret = fresh;
	wipe_registers();
}

static void drop_line_ends(struct secret *secret)
{
	while (secret->len > 0 && (secret->ptr[secret->len - 1] == '\n' || secret->ptr[secret->len - 1] == '\r'))
		secret->ptr[--secret->len] = '\0';
}

bool secret_read(struct secret *secret, int dir_fd, const char *name, size_t max_bytes, struct fail *fail)
{
	CLEANUP(close_fd) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fail_errno(fail, errno, "cannot open %s", name);
	CLEANUP(secret_done) struct secret fresh = new_pages(max_bytes + 1);
	for (ssize_t got = -1; got != 0 && fresh.len <= max_bytes;) {
		got = read(fd, fresh.ptr + fresh.len, max_bytes + 1 - fresh.len);
		if (got < 0 && errno != EINTR)
			return fail_errno(fail, errno, "cannot read %s", name);
		fresh.len += got > 0 ? (size_t)got : 0;
	}
	if (fresh.len > max_bytes)
		return fail_set(fail, FAIL_TOO_BIG, "%s is larger than the limit of %zu bytes", name, max_bytes);
	drop_line_ends(&fresh);
	secret_done(secret);
	*secret = fresh;
	fresh = (struct secret){0};
	return true;
}

bool secret_take_env(struct secret *secret, const char *variable)
{
	char *value = getenv(variable);
	if (value == NULL)
		return false;
	secret_set(secret, span_of(value));
	explicit_bzero(value, strlen(value));
	unsetenv(variable);
	return true;
}

bool secret_is(const struct secret *secret, struct span candidate)
{
	if (candidate.len != secret->len)
		return false;
	unsigned char difference = 0;
	for (size_t i = 0; i < candidate.len; i++)
		difference |= (unsigned char)((unsigned char)candidate.ptr[i] ^ (unsigned char)secret->ptr[i]);
	return difference == 0;
}
