#include "agent/helm/run_walls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/helm/run.h"
#include "agent/helm/run_int.h"
#include "base/cleanup.h"

/* --- limits, privileges --------------------------------------------------------------------------------------------- */

enum { FILES_MAX = 1024, CAPABILITIES_MAX = 64 };

/* No limit of address space: Go's runtime reserves more than it uses, and falls over. */
void walls_limits(void)
{
	const struct {
		__rlimit_resource_t resource;
		rlim_t value;
	} limits[] = {{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, HELM_OUTPUT_MAX}, {RLIMIT_NOFILE, FILES_MAX}};
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		struct rlimit both = {limits[i].value, limits[i].value};
		setrlimit(limits[i].resource, &both);
	}
	/* When memory runs out, then rather Helm ends than the agent. */
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!write(fd, "500", 3);
		close(fd);
	}
	umask(077);
}

bool walls_privileges(void)
{
	for (int i = 0; i < CAPABILITIES_MAX; i++)
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0); /* without privileges there is nothing to drop, and it is refused */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* --- Landlock ------------------------------------------------------------------------------------------------------- */

/* Rights and rules that the headers of the build machine may not know yet. */
enum {
	FS_EXECUTE = 1 << 0, FS_WRITE_FILE = 1 << 1, FS_READ_FILE = 1 << 2, FS_READ_DIR = 1 << 3,
	FS_ABI_1 = (1 << 13) - 1, FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14, FS_IOCTL = 1 << 15,
	FS_OF_FILES = FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL,
	NET_BIND = 1, NET_CONNECT = 2, RULE_PATH = 1, RULE_PORT = 2,
	SCOPE_ABSTRACT_UNIX = 1, SCOPE_SIGNAL = 2,
	PORT_DNS = 53,
};

struct ruleset {
	uint64_t files, net, scoped;
};
struct port_rule {
	uint64_t allowed, port;
};

int walls_landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	return abi < 0 ? 0 : (int)abi;
}

/* What is not there needs no rule, and is no fault. */
static bool allow_fd(int ruleset, uint64_t handled, int fd, uint64_t rights)
{
	struct stat seen;
	if (fstat(fd, &seen) != 0)
		return false;
	rights &= handled & (S_ISDIR(seen.st_mode) ? ~(uint64_t)0 : (uint64_t)FS_OF_FILES);
	struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
	return syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) == 0;
}

static bool allow_path(int ruleset, uint64_t handled, const char *path, uint64_t rights)
{
	CLEANUP(close_fd) int fd = open(path, O_PATH | O_CLOEXEC);
	return fd >= 0 && allow_fd(ruleset, handled, fd, rights);
}

/* A Helm that is not static needs its libraries; nothing but itself and the loader can be executed. */
static const struct {
	const char *path;
	uint64_t rights;
} common[] = {
	{"/lib64/ld-linux-x86-64.so.2", FS_EXECUTE | FS_READ_FILE},
	{"/lib/ld-linux-aarch64.so.1", FS_EXECUTE | FS_READ_FILE},
	{"/lib/ld-musl-x86_64.so.1", FS_EXECUTE | FS_READ_FILE},
	{"/lib/ld-musl-aarch64.so.1", FS_EXECUTE | FS_READ_FILE},
	{"/lib", FS_READ_FILE | FS_READ_DIR},
	{"/lib64", FS_READ_FILE | FS_READ_DIR},
	{"/usr/lib", FS_READ_FILE | FS_READ_DIR},
	{"/usr/lib64", FS_READ_FILE | FS_READ_DIR},
	{"/etc/ld.so.cache", FS_READ_FILE},
	{"/etc/resolv.conf", FS_READ_FILE},
	{"/etc/hosts", FS_READ_FILE},
	{"/etc/nsswitch.conf", FS_READ_FILE},
	{"/etc/localtime", FS_READ_FILE},
	{"/usr/share/zoneinfo", FS_READ_FILE | FS_READ_DIR},
	{"/etc/ssl", FS_READ_FILE | FS_READ_DIR},
	{"/etc/pki", FS_READ_FILE | FS_READ_DIR},
	{"/usr/share/ca-certificates", FS_READ_FILE | FS_READ_DIR},
	{"/usr/local/share/ca-certificates", FS_READ_FILE | FS_READ_DIR},
	{"/dev/null", FS_READ_FILE | FS_WRITE_FILE},
	{"/dev/urandom", FS_READ_FILE},
};

static bool allow_files(int ruleset, uint64_t handled, const struct walls *walls)
{
	for (size_t i = 0; i < COUNT_OF(common); i++)
		allow_path(ruleset, handled, common[i].path, common[i].rights);
	allow_fd(ruleset, handled, HELM_FD_CHART, FS_READ_FILE);
	return allow_path(ruleset, handled, walls->program, FS_EXECUTE | FS_READ_FILE) &&
	       allow_path(ruleset, handled, walls->run_dir, handled & ~(uint64_t)FS_EXECUTE) &&
	       allow_path(ruleset, handled, walls->kube_dir, handled & ~(uint64_t)FS_EXECUTE);
}

static bool allow_port(int ruleset, uint16_t port)
{
	struct port_rule rule = {NET_CONNECT, port};
	return syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) == 0;
}

bool walls_landlock(const struct walls *walls)
{
	int abi = walls_landlock_abi();
	if (abi < 1)
		return false;
	struct ruleset rules = {FS_ABI_1, 0, 0};
	rules.files |= abi >= 2 ? FS_REFER : 0;
	rules.files |= abi >= 3 ? FS_TRUNCATE : 0;
	rules.files |= abi >= 5 ? FS_IOCTL : 0;
	rules.net = abi < 4 ? 0 : walls->port == 0 ? NET_BIND : NET_BIND | NET_CONNECT;
	rules.scoped = abi >= 6 ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL : 0;
	size_t size = abi >= 6 ? sizeof rules : abi >= 4 ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net);
	CLEANUP(close_fd) int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);
	if (fd < 0 || !allow_files(fd, rules.files, walls))
		return false;
	if ((rules.net & NET_CONNECT) != 0 && (!allow_port(fd, walls->port) || !allow_port(fd, PORT_DNS)))
		return false;
	return syscall(SYS_landlock_restrict_self, fd, 0) == 0;
}

/* --- system calls --------------------------------------------------------------------------------------------------- */

/* What no client of an API server needs. */
static const int denied_calls[] = {
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(mount), SCMP_SYS(umount2),
	SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(fsopen), SCMP_SYS(fsmount), SCMP_SYS(move_mount), SCMP_SYS(open_tree),
	SCMP_SYS(unshare), SCMP_SYS(setns), SCMP_SYS(bpf), SCMP_SYS(perf_event_open), SCMP_SYS(userfaultfd), SCMP_SYS(keyctl),
	SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(init_module), SCMP_SYS(finit_module), SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(reboot), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(acct),
	SCMP_SYS(quotactl), SCMP_SYS(syslog), SCMP_SYS(settimeofday), SCMP_SYS(clock_settime), SCMP_SYS(adjtimex),
	SCMP_SYS(open_by_handle_at), SCMP_SYS(name_to_handle_at), SCMP_SYS(io_uring_setup), SCMP_SYS(pidfd_getfd),
	SCMP_SYS(sethostname), SCMP_SYS(setdomainname), SCMP_SYS(mknod), SCMP_SYS(mknodat),
};

static bool add_calls(scmp_filter_ctx filter)
{
	static const uint64_t spaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
	int error = 0;
	for (size_t i = 0; i < COUNT_OF(denied_calls); i++) {
		int one = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied_calls[i], 0);
		error |= one == -EDOM || one == -EINVAL ? 0 : one; /* a call that this architecture does not have */
	}
	for (unsigned bit = 0; bit < 32; bit++)
		if ((spaces >> bit & 1) != 0)
			error |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
						  SCMP_A0(SCMP_CMP_MASKED_EQ, (uint64_t)1 << bit, (uint64_t)1 << bit));
	/* its flags cannot be seen; who calls it then calls clone */
	error |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	/* internet only: no daemon of this machine, no packets */
	error |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_LT, AF_INET, 0));
	for (int family = AF_INET + 1; family < AF_INET6; family++)
		error |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
					  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0));
	error |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_INET6, 0));
	return error == 0;
}

bool walls_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (filter == NULL)
		return false;
	bool ok = add_calls(filter) && seccomp_load(filter) == 0;
	seccomp_release(filter);
	return ok;
}
