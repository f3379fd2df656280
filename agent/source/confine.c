#include "agent/source/confine.h"

#include <errno.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/source/sandbox.h"
#include "base/cleanup.h"

/* Rights that the headers of the build machine may not know yet: ABI 3 truncate, 5 ioctl; ABI 4 network ports. */
enum { LANDLOCK_FS_ABI_1 = (1 << 13) - 1, LANDLOCK_FS_REFER = 1 << 13, LANDLOCK_FS_TRUNCATE = 1 << 14,
       LANDLOCK_FS_IOCTL = 1 << 15, LANDLOCK_NET_BIND_CONNECT = 3 };

struct landlock_rules {
	uint64_t files, net;
};

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

int confine_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return abi < 0 ? 0 : (int)abi;
}

static bool limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit both = {value, value};
	return setrlimit(resource, &both) == 0;
}

static bool set_limits(const struct confinement *confinement)
{
	bool ok = limit(RLIMIT_CORE, 0);
	if (!confinement->may_write_files)
		ok = limit(RLIMIT_FSIZE, 0) && limit(RLIMIT_NPROC, 0) && ok;
	/* A sanitizer's shadow memory is far beyond any sensible limit. */
	if (confinement->max_memory_bytes > 0 && !HAS_SANITIZER)
		ok = limit(RLIMIT_AS, confinement->max_memory_bytes) && ok;
	if (confinement->cpu_seconds > 0)
		ok = limit(RLIMIT_CPU, confinement->cpu_seconds) && ok;
	return ok;
}

static bool set_landlock(void)
{
	int abi = confine_landlock_abi();
	if (abi < 1)
		return false;
	struct landlock_rules rules = {LANDLOCK_FS_ABI_1, 0};
	rules.files |= abi >= 2 ? LANDLOCK_FS_REFER : 0;
	rules.files |= abi >= 3 ? LANDLOCK_FS_TRUNCATE : 0;
	rules.files |= abi >= 5 ? LANDLOCK_FS_IOCTL : 0;
	rules.net = abi >= 4 ? LANDLOCK_NET_BIND_CONNECT : 0;
	size_t size = abi >= 4 ? sizeof rules : sizeof rules.files;
	CLEANUP(close_fd) int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	return fd >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) == 0;
}

/* What parsing and rendering needs: the socket, memory, the end. Memory never becomes executable. */
static bool add_rules(scmp_filter_ctx filter)
{
	static const int calls[] = {
		SCMP_SYS(read),	   SCMP_SYS(write),	SCMP_SYS(brk),		 SCMP_SYS(munmap),
		SCMP_SYS(mremap),  SCMP_SYS(madvise),	SCMP_SYS(futex),	 SCMP_SYS(getrandom),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(clock_gettime), SCMP_SYS(exit_group), SCMP_SYS(exit),
		SCMP_SYS(rt_sigprocmask), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(sysinfo), /* qsort of many asks for the memory */
#if HAS_SANITIZER
		SCMP_SYS(sched_yield), SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigaction), SCMP_SYS(readlink),
		SCMP_SYS(mprotect), SCMP_SYS(prctl), SCMP_SYS(getrusage),
#endif
	};
	for (size_t i = 0; i < COUNT_OF(calls); i++)
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0)
			return false;
	int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				     SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* abort(), so that running out of memory is told apart from a violation */
	error |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2,
				  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0), SCMP_A2(SCMP_CMP_EQ, SIGABRT, 0));
	return error == 0;
}

static bool set_seccomp(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (filter == NULL)
		return false;
	bool ok = add_rules(filter) && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return ok;
}

unsigned confine_self(const struct confinement *confinement)
{
	unsigned layers = SANDBOX_PROCESS;
	bool no_new_privs = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	layers |= no_new_privs ? SANDBOX_NO_NEW_PRIVS : 0;
	layers |= set_limits(confinement) ? SANDBOX_LIMITS : 0;
	if (confinement->kernel_layers) {
		layers |= set_landlock() ? SANDBOX_LANDLOCK : 0;
		layers |= set_seccomp() ? SANDBOX_SECCOMP : 0;
	}
	return layers;
}
