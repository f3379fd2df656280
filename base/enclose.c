#include "base/enclose.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Sanitizers look around in the process, which is what is forbidden here. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

/* Rights that the headers of the build machine may not know: ABI 2 refer, 3 truncate, 5 ioctl; ABI 4 TCP ports. */
enum { FILES_ABI_1 = (1 << 13) - 1, FILES_REFER = 1 << 13, FILES_TRUNCATE = 1 << 14, FILES_IOCTL = 1 << 15, PORTS = 3 };

bool enclose_mode_parse(struct span text, enum enclose_mode *out)
{
	static const char *const names[] = {"auto", "require", "off"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		if (!span_is(text, names[i]))
			continue;
		*out = (enum enclose_mode)i;
		return true;
	}
	return false;
}

/* --- files ------------------------------------------------------------------------------------------------------------ */

static bool restrict_files(int directory)
{
	struct {
		uint64_t files, ports;
	} handled = {FILES_ABI_1, 0};
	struct landlock_path_beneath_attr readable = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, .parent_fd = directory};
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	handled.files |= (abi >= 2 ? FILES_REFER : 0) | (abi >= 3 ? FILES_TRUNCATE : 0) | (abi >= 5 ? FILES_IOCTL : 0);
	handled.ports = abi >= 4 ? PORTS : 0;
	size_t size = abi >= 4 ? sizeof handled : sizeof handled.files;
	CLEANUP(close_fd) int rules = abi < 1 ? -1 : (int)syscall(SYS_landlock_create_ruleset, &handled, size, 0);
	return rules >= 0 && syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &readable, 0) == 0 &&
	       syscall(SYS_landlock_restrict_self, rules, 0) == 0;
}

/* --- system calls ----------------------------------------------------------------------------------------------------- */

#ifdef ARCHITECTURE
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)

/* What reading, rendering, writing and ending need. */
static const unsigned allowed[] = {
	SYS_read, SYS_pread64, SYS_readv, SYS_write, SYS_writev, SYS_close, SYS_lseek, SYS_fstat, SYS_newfstatat, SYS_statx,
	SYS_faccessat, SYS_readlinkat, SYS_getcwd, SYS_getdents64, SYS_fcntl, SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk,
	SYS_futex, SYS_getrandom, SYS_clock_gettime, SYS_sysinfo, SYS_getpid, SYS_gettid, SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_exit, SYS_exit_group,
#ifdef SYS_access
	SYS_access, SYS_readlink, SYS_stat, SYS_lstat,
#endif
};

/* Those whose argument says whether they may: none of these bits. */
static const struct bits {
	unsigned call, argument, forbidden;
} conditional[] = {
	{SYS_mmap, 2, PROT_EXEC},
	{SYS_mprotect, 2, PROT_EXEC},
	{SYS_openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND},
};

#define LOAD(offset) ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset)))
#define ANSWER(value) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (value)))
#define IF_EQUAL(value, then, otherwise)                                                                                       \
	((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (then), (otherwise)))
#define IF_ANY_BIT(bits, then, otherwise)                                                                                      \
	((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (then), (otherwise)))

/* What openat2 is asked for lies in memory, where no filter looks: it has to stand behind the other wall. */
static bool restrict_calls(bool has_files)
{
	struct sock_filter filter[7 + 2 * COUNT_OF(allowed) + 5 * COUNT_OF(conditional)];
	unsigned short len = 0;
	filter[len++] = LOAD(offsetof(struct seccomp_data, arch));
	filter[len++] = IF_EQUAL(ARCHITECTURE, 1, 0);
	filter[len++] = ANSWER(SECCOMP_RET_KILL_PROCESS);
	filter[len++] = LOAD(offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < COUNT_OF(allowed); i++) {
		filter[len++] = IF_EQUAL(allowed[i], 0, 1);
		filter[len++] = ANSWER(SECCOMP_RET_ALLOW);
	}
	for (size_t i = 0; i < COUNT_OF(conditional); i++) {
		filter[len++] = IF_EQUAL(conditional[i].call, 0, 4);
		filter[len++] = LOAD(offsetof(struct seccomp_data, args) + 8 * conditional[i].argument);
		filter[len++] = IF_ANY_BIT(conditional[i].forbidden, 1, 0);
		filter[len++] = ANSWER(SECCOMP_RET_ALLOW);
		filter[len++] = ANSWER(REFUSE);
	}
	if (has_files) {
		filter[len++] = IF_EQUAL(SYS_openat2, 0, 1);
		filter[len++] = ANSWER(SECCOMP_RET_ALLOW);
	}
	filter[len++] = ANSWER(REFUSE);
	struct sock_fprog program = {.len = len, .filter = filter};
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
static bool restrict_calls(bool has_files)
{
	(void)has_files;
	return false;
}
#endif

/* --- together --------------------------------------------------------------------------------------------------------- */

bool enclose_self(const char *directory, enum enclose_mode mode, struct fail *fail)
{
	if (mode == ENCLOSE_OFF || HAS_SANITIZER)
		return true;
	CLEANUP(close_fd) int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(fail, errno, "%s", directory);
	bool can = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	bool has_files = can && restrict_files(fd), has_calls = can && restrict_calls(has_files);
	if (mode == ENCLOSE_REQUIRE && !(has_files && has_calls))
		return fail_set(fail, FAIL_UNSUPPORTED, "this machine does not give %s, which OMNIOPS_SANDBOX=require asks for",
				has_files ? "seccomp" : has_calls ? "landlock (Linux 5.13)" : "landlock (Linux 5.13) and seccomp");
	return true;
}

bool enclose_by_environment(const char *directory, struct fail *fail)
{
	const char *wanted = getenv("OMNIOPS_SANDBOX");
	enum enclose_mode mode = ENCLOSE_AUTO;
	if (wanted != NULL && wanted[0] != '\0' && !enclose_mode_parse(span_of(wanted), &mode))
		return fail_set(fail, FAIL_INVALID, "OMNIOPS_SANDBOX is auto, require or off");
	return enclose_self(directory, mode, fail);
}
