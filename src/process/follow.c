// SPDX-License-Identifier: Apache-2.0
#include "process/follow.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "process/process.h"
#include "process/tracer.h"

// Read /proc/TID/NAME; "" when it is gone.
static void read_file(pid_t tid, const char *name, char *text, size_t size)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t done = fd < 0 ? 0 : read(fd, text, size - 1);
	text[done > 0 ? done : 0] = 0;
}

static bool is_execve(long call)
{
	return call == SYS_execve || call == SYS_execveat;
}

struct sut_err *sut_follow_init(pid_t tid, struct sut_follow *ret)
{
	char text[4096];

	read_file(tid, "status", text, sizeof(text));
	const char *line = strstr(text, "\nTgid:");
	if (!line)
		return sut_err(SUT_E_GONE, "thread %d has exited", tid);
	*ret = (struct sut_follow){ .tid = tid, .pid = atoi(line + strlen("\nTgid:")) };
	// It sleeps in the kernel, so its call can be read.
	read_file(tid, "syscall", text, sizeof(text));
	ret->is_exec = is_execve(strtol(text, NULL, 10));
	return NULL;
}

static struct sut_err *refused(const struct sut_follow *follow, int os_errno)
{
	char text[4096];

	if (os_errno == ESRCH)
		return sut_err(SUT_E_GONE, "thread %d has exited", follow->tid);
	read_file(follow->tid, "status", text, sizeof(text));
	const char *line = strstr(text, "\nTracerPid:");
	int tracer = line ? atoi(line + strlen("\nTracerPid:")) : 0;
	if (tracer)
		return sut_err(SUT_E_BUSY, "is traced by process %d", tracer);
	return sut_err_os(os_errno, "trace thread %d", follow->tid);
}

struct sut_err *sut_follow_seize(struct sut_follow *follow, uint64_t deadline)
{
	static const struct timespec pause = { .tv_nsec = 500000 };
	const struct sched_param ordinary = { 0 };
	cpu_set_t its_cpus, our_cpus;
	bool has_its = sched_getaffinity(follow->tid, sizeof(its_cpus), &its_cpus) == 0;
	bool has_ours = sched_getaffinity(0, sizeof(our_cpus), &our_cpus) == 0;
	int os_errno = 0;

	do {
		if (os_errno)
			nanosleep(&pause, NULL);
		long done = ptrace(PTRACE_SEIZE, follow->tid, NULL, (long)SUT_TRACE_OPTIONS);
		os_errno = done == 0 ? 0 : errno;
	} while (os_errno == EPERM && sut_now() < deadline);
	if (!os_errno && ptrace(PTRACE_INTERRUPT, follow->tid, NULL, NULL) < 0)
		os_errno = errno;
	// Whatever the guard has done to hasten us is over.
	if (sched_getscheduler(0) != SCHED_OTHER) {
		if (has_its)
			sched_setaffinity(follow->tid, sizeof(its_cpus), &its_cpus);
		sched_setscheduler(0, SCHED_OTHER, &ordinary);
		if (has_ours)
			sched_setaffinity(0, sizeof(our_cpus), &our_cpus);
	}
	return os_errno ? refused(follow, os_errno) : NULL;
}

static void resume(struct sut_follow *follow)
{
	ptrace(PTRACE_SYSCALL, follow->tid, NULL, (long)follow->pending_signal);
	follow->pending_signal = 0;
	follow->is_stopped = false;
}

// Any other thread that some recipe has seized meanwhile: it is not to notice.
static void pass_on(pid_t tid, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (!WIFSTOPPED(status))
		return;
	if (event == PTRACE_EVENT_STOP && sig != SIGTRAP)
		ptrace(PTRACE_LISTEN, tid, NULL, NULL);
	else
		ptrace(PTRACE_CONT, tid, NULL, (long)(event || sig == (SIGTRAP | 0x80) ? 0 : sig));
}

static bool read_exit(struct sut_follow *follow)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, follow->tid, NULL, &regs) < 0)
		return false;
	follow->call = regs.orig_rax;
	follow->result = regs.rax;
	follow->first_argument = regs.rdi;
	follow->is_stopped = true;
	return true;
}

static bool is_entry(pid_t tid)
{
	struct __ptrace_syscall_info info = { 0 };

	return ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

// A stop of the followed thread. True when it is at the exit of a call.
static bool take_stop(struct sut_follow *follow, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;

	if (event == PTRACE_EVENT_EXEC) {
		follow->has_execed = true;
	} else if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		ptrace(PTRACE_LISTEN, follow->tid, NULL, NULL);
		return false;
	} else if (event == PTRACE_EVENT_STOP) {
		// The stop that the interrupt gives: at the exit of the call that
		// waited. It comes again behind an execve's own exit.
		return read_exit(follow) && follow->call >= 0;
	} else if (sig == (SIGTRAP | 0x80)) {
		if (!is_entry(follow->tid))
			return read_exit(follow);
	} else if (!event) {
		follow->pending_signal = sig;
	}
	resume(follow);
	return false;
}

struct sut_err *sut_follow_next(struct sut_follow *follow, uint64_t deadline,
				enum sut_follow_event *ret)
{
	bool has_waited = false;

	if (follow->is_stopped)
		resume(follow);
	for (;;) {
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
		// An execve gives its thread the leader's tid.
		if (tid == follow->pid && WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXEC)
			follow->tid = tid;
		if (tid > 0 && tid != follow->tid) {
			pass_on(tid, status);
		} else if (tid < 0 || (tid > 0 && !WIFSTOPPED(status))) {
			*ret = SUT_FOLLOW_GONE;
			return NULL;
		} else if (tid > 0 && take_stop(follow, status)) {
			*ret = SUT_FOLLOW_CALL;
			return NULL;
		} else if (tid == 0) {
			if (has_waited || !sut_tracer_wait(deadline)) {
				*ret = SUT_FOLLOW_AWAKE;
				return NULL;
			}
			has_waited = true;
		}
	}
}

void sut_follow_release(struct sut_follow *follow)
{
	if (follow->is_stopped)
		ptrace(PTRACE_CONT, follow->tid, NULL, (long)follow->pending_signal);
	follow->is_stopped = false;
}

bool sut_follow_identify(const struct sut_follow *follow, int fd, uint64_t *dev,
			 uint64_t *inode)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", follow->tid, fd);
	if (stat(path, &st) < 0)
		return false;
	*dev = st.st_dev;
	*inode = st.st_ino;
	return true;
}

bool sut_follow_has_open(const struct sut_follow *follow, int fd, uint64_t dev, uint64_t inode)
{
	uint64_t its_dev, its_inode;

	return sut_follow_identify(follow, fd, &its_dev, &its_inode) && its_dev == dev &&
	       its_inode == inode;
}

bool sut_follow_is_blocked(pid_t worker)
{
	char text[256], seize[32];

	read_file(worker, "syscall", text, sizeof(text));
	snprintf(seize, sizeof(seize), "%d 0x%x ", SYS_ptrace, PTRACE_SEIZE);
	return strncmp(text, seize, strlen(seize)) == 0;
}

void sut_follow_hasten(pid_t worker, pid_t tid)
{
	const struct sched_param first = { .sched_priority = 1 };
	cpu_set_t allowed, one;

	if (sched_getaffinity(tid, sizeof(allowed), &allowed) < 0)
		return;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
		if (CPU_ISSET(cpu, &allowed))
			CPU_SET(cpu, &one);
	// The priority comes first: by it the worker knows what there is to undo.
	if (sched_setscheduler(worker, SCHED_FIFO, &first) == 0 &&
	    sched_setaffinity(worker, sizeof(one), &one) == 0)
		sched_setaffinity(tid, sizeof(one), &one);
}
