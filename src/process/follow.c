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
#include "process/filter.h"
#include "process/process.h"
#include "process/restart.h"
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

// The number of what a thread waits in that waits for the guard. i386 has numbers of
// its own (arch/x86/entry/syscalls/syscall_32.tbl); as x86-64's they mean calls that
// open nothing.
static bool is_execve(long call)
{
	enum { I386_EXECVE = 11, I386_EXECVEAT = 358 };

	return call == SYS_execve || call == SYS_execveat || call == I386_EXECVE ||
	       call == I386_EXECVEAT;
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

// Who traces it; 0: nobody.
static pid_t find_tracer(pid_t tid)
{
	char text[4096];

	read_file(tid, "status", text, sizeof(text));
	const char *line = strstr(text, "\nTracerPid:");
	return line ? atoi(line + strlen("\nTracerPid:")) : 0;
}

// For how long @p tracer is waited for. Another worker of our watcher has been told to
// end. Another run of this program takes some milliseconds, unless it waits for us: a
// second watcher does. Whoever debugs a program may take hours.
static uint64_t wait_for(pid_t tracer)
{
	static const uint64_t patience = 1500000000, brief = 100000000; // ns
	char text[4096], ours[32], theirs[32];

	read_file(tracer, "status", text, sizeof(text));
	const char *line = strstr(text, "\nPPid:");
	if (!line || atoi(line + strlen("\nPPid:")) == getppid())
		return patience;
	read_file(getpid(), "comm", ours, sizeof(ours));
	read_file(tracer, "comm", theirs, sizeof(theirs));
	return strcmp(ours, theirs) == 0 ? brief : 0;
}

static struct sut_err *refused(const struct sut_follow *follow, int os_errno, pid_t tracer)
{
	if (os_errno == ESRCH)
		return sut_err(SUT_E_GONE, "thread %d has exited", follow->tid);
	if (tracer)
		return sut_err(SUT_E_BUSY, "is traced by process %d", tracer);
	return sut_err_os(os_errno, "trace thread %d", follow->tid);
}

// @p tracer is set when that fails because somebody else traces it.
static int seize(const struct sut_follow *follow, pid_t *tracer)
{
	static const struct timespec pause = { .tv_nsec = 500000 };
	// Without a tracer: it has just been let go, or we lack the right.
	static const uint64_t moment = 200000000; // ns
	uint64_t begin = sut_now();

	for (;;) {
		if (ptrace(PTRACE_SEIZE, follow->tid, NULL, (long)SUT_TRACE_OPTIONS) == 0)
			return 0;
		int os_errno = errno;
		if (os_errno != EPERM)
			return os_errno;
		*tracer = find_tracer(follow->tid);
		if (*tracer == gettid())
			return 0;
		if (sut_now() - begin >= (*tracer ? wait_for(*tracer) : moment))
			return os_errno;
		nanosleep(&pause, NULL);
	}
}

struct sut_err *sut_follow_seize(struct sut_follow *follow)
{
	const struct sched_param ordinary = { 0 };
	cpu_set_t its_cpus, our_cpus;
	bool has_its = sched_getaffinity(follow->tid, sizeof(its_cpus), &its_cpus) == 0;
	bool has_ours = sched_getaffinity(0, sizeof(our_cpus), &our_cpus) == 0;
	pid_t tracer = 0;
	int os_errno = seize(follow, &tracer);

	if (!os_errno && ptrace(PTRACE_INTERRUPT, follow->tid, NULL, NULL) < 0)
		os_errno = errno;
	follow->is_free = false;
	// Whatever the guard has done to hasten us is over.
	if (sched_getscheduler(0) != SCHED_OTHER) {
		if (has_its)
			sched_setaffinity(follow->tid, sizeof(its_cpus), &its_cpus);
		sched_setscheduler(0, SCHED_OTHER, &ordinary);
		if (has_ours)
			sched_setaffinity(0, sizeof(our_cpus), &our_cpus);
	}
	return os_errno ? refused(follow, os_errno, tracer) : NULL;
}

static void resume(struct sut_follow *follow)
{
	long request = follow->is_free ? PTRACE_CONT : PTRACE_SYSCALL;

	ptrace(request, follow->tid, NULL, (long)follow->pending_signal);
	follow->pending_signal = 0;
	follow->is_stopped = false;
}

void sut_follow_go(struct sut_follow *threads, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (threads[i].tid && threads[i].is_stopped)
			resume(&threads[i]);
}

// Was a thread that stopped here thrown out of a call that is to be made again?
static bool needs_rewind(pid_t tid, const struct user_regs_struct *regs)
{
	return sut_restart_is_needed(regs) ||
	       (sut_restart_is_by_call(regs) && !sut_filter_allows_restart(tid));
}

// Any other thread that some recipe has seized meanwhile: it is not to notice.
static void pass_on(pid_t tid, int status)
{
	struct user_regs_struct regs;

	if (WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP &&
	    ptrace(PTRACE_GETREGS, tid, NULL, &regs) == 0 && needs_rewind(tid, &regs)) {
		sut_restart_rewind(&regs);
		ptrace(PTRACE_SETREGS, tid, NULL, &regs);
	}
	sut_tracer_pass_on(tid, status);
}

// As in tracer.c: on its way back into a call it stands again where it had left it, so that a
// signal ends the call.
static void leave_call_again(const struct sut_follow *follow, struct user_regs_struct *regs)
{
	if (!sut_restart_is_owed(&follow->left, regs))
		return;
	*regs = follow->left;
	ptrace(PTRACE_SETREGS, follow->tid, NULL, regs);
}

// Where it stopped. A call that the kernel ended because of us is to be made again.
static bool read_stop(struct sut_follow *follow)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, follow->tid, NULL, &regs) < 0)
		return false;
	leave_call_again(follow, &regs);
	follow->left = regs;
	follow->call = regs.orig_rax;
	follow->result = regs.rax;
	follow->is_stopped = true;
	follow->is_interrupted = false;
	follow->is_rewound = false;
	if (needs_rewind(follow->tid, &regs)) {
		sut_restart_rewind(&regs);
		ptrace(PTRACE_SETREGS, follow->tid, NULL, &regs);
		follow->is_rewound = true;
		follow->rewound = regs;
		follow->call = -1;
	}
	if (sut_restart_is_by_kernel(&follow->left))
		follow->call = -1;
	return true;
}

// A real signal explains the EINTR that rewinding took away.
static void take_signal(struct sut_follow *follow, int sig)
{
	struct user_regs_struct regs;

	follow->pending_signal = sig;
	if (ptrace(PTRACE_GETREGS, follow->tid, NULL, &regs) < 0)
		return;
	leave_call_again(follow, &regs);
	if (follow->is_rewound && sut_restart_is_pending(&follow->rewound, &regs)) {
		sut_restart_give_up(&regs);
		ptrace(PTRACE_SETREGS, follow->tid, NULL, &regs);
	}
	follow->is_rewound = false;
}

static bool is_entry(pid_t tid)
{
	struct __ptrace_syscall_info info = { 0 };

	return ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) > 0 &&
	       info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

// A stop of a followed thread. True when it is one to tell of.
static bool take_stop(struct sut_follow *follow, int status, enum sut_follow_event *event_ret)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	bool is_call = sig == (SIGTRAP | 0x80);

	if (event == PTRACE_EVENT_STOP && sig != SIGTRAP) {
		ptrace(PTRACE_LISTEN, follow->tid, NULL, NULL);
		return false;
	}
	// The stop that an interrupt gives is at the exit of the call that waited, or
	// anywhere. It comes again behind an execve's own exit.
	if (event == PTRACE_EVENT_STOP || (is_call && !is_entry(follow->tid))) {
		if (!read_stop(follow))
			return false;
		*event_ret = follow->call >= 0 ? SUT_FOLLOW_CALL : SUT_FOLLOW_STOPPED;
		return true;
	}
	if (event == PTRACE_EVENT_EXEC) {
		follow->has_execed = true;
	} else if (!event && !is_call) {
		take_signal(follow, sig);
	}
	// Any stop takes off an interrupt that was pending (kernel/signal.c, ptrace_stop).
	if (follow->is_interrupted)
		ptrace(PTRACE_INTERRUPT, follow->tid, NULL, NULL);
	resume(follow);
	return false;
}

static struct sut_follow *find_thread(struct sut_follow *threads, size_t n, pid_t tid)
{
	for (size_t i = 0; i < n; i++)
		if (threads[i].tid == tid)
			return &threads[i];
	return NULL;
}

// In execve a thread takes its leader's tid; all others are gone.
static void take_exec(struct sut_follow *threads, size_t n, pid_t leader)
{
	unsigned long former = 0;

	ptrace(PTRACE_GETEVENTMSG, leader, NULL, &former);
	struct sut_follow *one = find_thread(threads, n, former);
	if (!one || one->tid == leader)
		return;
	struct sut_follow *old = find_thread(threads, n, leader);
	if (old)
		old->tid = 0;
	one->tid = leader;
}

enum sut_follow_event sut_follow_next(struct sut_follow *threads, size_t n, uint64_t deadline,
				      size_t *ret_which)
{
	for (bool has_waited = false;;) {
		enum sut_follow_event event = SUT_FOLLOW_GONE;
		int status;
		pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
		if (tid < 0)
			return SUT_FOLLOW_ENDED;
		if (tid == 0) {
			if (has_waited || !sut_tracer_wait(deadline))
				return SUT_FOLLOW_AWAKE;
			has_waited = true;
			continue;
		}
		if (WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXEC)
			take_exec(threads, n, tid);
		struct sut_follow *thread = find_thread(threads, n, tid);
		if (!thread || (thread->is_free && WIFSTOPPED(status)))
			pass_on(tid, status);
		else if (!WIFSTOPPED(status) || take_stop(thread, status, &event)) {
			*ret_which = thread - threads;
			if (event == SUT_FOLLOW_GONE)
				thread->tid = 0;
			return event;
		}
	}
}

void sut_follow_interrupt(struct sut_follow *follow)
{
	ptrace(PTRACE_INTERRUPT, follow->tid, NULL, NULL);
	follow->is_interrupted = true;
}

void sut_follow_release(struct sut_follow *follow)
{
	follow->is_free = true;
	if (follow->tid && follow->is_stopped)
		resume(follow);
}

bool sut_follow_is_asleep(const struct sut_follow *follow)
{
	char text[512], state = 0;
	unsigned long flags;

	read_file(follow->tid, "stat", text, sizeof(text));
	return sut_stat_parse(text, &state, &flags) && state == 'S';
}

bool sut_follow_identify(const struct sut_follow *follow, int fd, uint64_t *dev, uint64_t *inode)
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

bool sut_follow_is_blocked(pid_t worker, pid_t tid)
{
	char text[256], seize_call[48];

	read_file(worker, "syscall", text, sizeof(text));
	snprintf(seize_call, sizeof(seize_call), "%d 0x%x 0x%x ", SYS_ptrace, PTRACE_SEIZE, tid);
	return strncmp(text, seize_call, strlen(seize_call)) == 0;
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
