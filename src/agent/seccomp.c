// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "agent/confine.h"

/** What a program of our own, OpenSSL, libcurl and the resolver of names need. Threads
 *  are made (the resolver is one), processes are not: clone's flags are looked at. */
static const int fetch_calls[] = {
	// memory, threads, time
	SYS_brk,
	SYS_mmap,
	SYS_munmap,
	SYS_mremap,
	SYS_mprotect,
	SYS_madvise,
	SYS_futex,
	SYS_set_robust_list,
	SYS_get_robust_list,
	SYS_rseq,
	SYS_sched_yield,
	SYS_sched_getaffinity,
	SYS_clock_gettime,
	SYS_clock_getres,
	SYS_gettimeofday,
	SYS_time,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_getrandom,
	SYS_exit,
	SYS_exit_group,
	// signals
	SYS_rt_sigaction,
	SYS_rt_sigprocmask,
	SYS_rt_sigreturn,
	SYS_sigaltstack,
	SYS_restart_syscall,
	SYS_tgkill,
	// files
	SYS_openat,
	SYS_open,
	SYS_close,
	SYS_close_range,
	SYS_read,
	SYS_pread64,
	SYS_readv,
	SYS_write,
	SYS_pwrite64,
	SYS_writev,
	SYS_lseek,
	SYS_fstat,
	SYS_stat,
	SYS_lstat,
	SYS_newfstatat,
	SYS_statx,
	SYS_fstatfs,
	SYS_statfs,
	SYS_access,
	SYS_faccessat,
	SYS_faccessat2,
	SYS_readlink,
	SYS_readlinkat,
	SYS_getdents64,
	SYS_mkdir,
	SYS_mkdirat,
	SYS_rename,
	SYS_renameat,
	SYS_renameat2,
	SYS_unlink,
	SYS_unlinkat,
	SYS_rmdir,
	SYS_link,
	SYS_linkat,
	SYS_fsync,
	SYS_fdatasync,
	SYS_ftruncate,
	SYS_fchmod,
	SYS_chmod,
	SYS_fchmodat,
	SYS_umask,
	SYS_fcntl,
	SYS_flock,
	SYS_dup,
	SYS_dup2,
	SYS_dup3,
	SYS_ioctl,
	SYS_getcwd,
	SYS_fadvise64,
	SYS_copy_file_range,
	SYS_sendfile,
	// waiting, talking
	SYS_poll,
	SYS_ppoll,
	SYS_select,
	SYS_pselect6,
	SYS_epoll_create1,
	SYS_epoll_ctl,
	SYS_epoll_wait,
	SYS_epoll_pwait,
	SYS_eventfd2,
	SYS_pipe,
	SYS_pipe2,
	SYS_socketpair,
	SYS_connect,
	SYS_sendto,
	SYS_recvfrom,
	SYS_sendmsg,
	SYS_recvmsg,
	SYS_sendmmsg,
	SYS_recvmmsg,
	SYS_shutdown,
	SYS_bind,
	SYS_getsockname,
	SYS_getpeername,
	SYS_getsockopt,
	SYS_setsockopt,
	// who are we
	SYS_getpid,
	SYS_gettid,
	SYS_getppid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_uname,
	SYS_sysinfo,
	SYS_getrlimit,
	SYS_prlimit64,
	SYS_prctl,
};

enum {
	N_FETCH_CALLS = sizeof(fetch_calls) / sizeof(fetch_calls[0]),
	MAX_CODE = 2 * N_FETCH_CALLS + 40
};

/** A filter that is being written. */
struct code {
	struct sock_filter ops[MAX_CODE];
	unsigned short n;
};

static void add(struct code *code, struct sock_filter op)
{
	code->ops[code->n++] = op;
}

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define ALLOW        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define REFUSE(code) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (code))

// The numbers mean something else to another ABI: x32 has a bit of its own.
static void add_start(struct code *code)
{
	static const uint32_t x32 = 0x40000000;

	add(code, (struct sock_filter)LOAD(arch));
	add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0));
	add(code, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
	add(code, (struct sock_filter)LOAD(nr));
	add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, x32, 0, 1));
	add(code, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
}

// For system call @nr: allowed when its first argument is in @values, else @error.
static void add_choice(struct code *code, int nr, const uint32_t *values, unsigned n, int error)
{
	add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, n * 2 + 2));
	add(code, (struct sock_filter)LOAD(args[0]));
	for (unsigned i = 0; i < n; i++) {
		add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, values[i], 0, 1));
		add(code, (struct sock_filter)ALLOW);
	}
	add(code, (struct sock_filter)REFUSE(error));
}

// A thread shares all; glibc takes clone when there is no clone3.
static void add_clone(struct code *code)
{
	static const uint32_t thread = 0x10000; // CLONE_THREAD

	add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1));
	add(code, (struct sock_filter)REFUSE(ENOSYS));
	add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4));
	add(code, (struct sock_filter)LOAD(args[0]));
	add(code, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, thread, 0, 1));
	add(code, (struct sock_filter)ALLOW);
	add(code, (struct sock_filter)REFUSE(EPERM));
}

static struct sut_err *install(struct code *code)
{
	struct sock_fprog program = { code->n, code->ops };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return sut_err_os(errno, "confine system calls");
	return NULL;
}

struct sut_err *sut_confine_fetch(void)
{
	static const uint32_t families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	struct code code = { .n = 0 };

	add_start(&code);
	add_choice(&code, SYS_socket, families, 4, EACCES);
	add_clone(&code);
	for (size_t i = 0; i < N_FETCH_CALLS; i++) {
		add(&code,
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, fetch_calls[i], 0, 1));
		add(&code, (struct sock_filter)ALLOW);
	}
	add(&code, (struct sock_filter)REFUSE(EPERM));
	return install(&code);
}

struct sut_err *sut_confine_patch(void)
{
	static const uint32_t families[] = { AF_UNIX, AF_NETLINK };
	static const int refused[] = { SYS_io_uring_setup,
				       SYS_io_uring_enter,
				       SYS_io_uring_register,
				       SYS_execve,
				       SYS_execveat,
				       SYS_kexec_load,
				       SYS_kexec_file_load,
				       SYS_init_module,
				       SYS_finit_module,
				       SYS_mount,
				       SYS_bpf };
	struct code code = { .n = 0 };

	add_start(&code);
	add_choice(&code, SYS_socket, families, 2, EACCES);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		add(&code,
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused[i], 0, 1));
		add(&code, (struct sock_filter)REFUSE(EPERM));
	}
	add(&code, (struct sock_filter)ALLOW);
	return install(&code);
}
