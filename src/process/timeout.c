// SPDX-License-Identifier: Apache-2.0
#include "process/timeout.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "process/process.h"
#include "process/roster.h"
#include "process/tracer.h"

static const uint64_t second = 1000000000; // ns
// Never before its time: the clocks of the scheduler are known so well.
static const uint64_t slack = 1000000; // ns

/** How a call is told its timeout. */
enum kind {
	KIND_MILLISECONDS, /**< In the argument, negative for none. */
	KIND_SPAN,         /**< Argument points to a struct timespec. */
	KIND_SLEEP,        /**< clock_nanosleep(2): a span, or a moment. */
	KIND_FUTEX,        /**< A span for FUTEX_WAIT only. */
	KIND_RING,         /**< io_uring_enter(2). */
	KIND_RECEIVE,      /**< SO_RCVTIMEO of the socket in the first argument. */
	KIND_SEND,         /**< SO_SNDTIMEO likewise. */
	KIND_CONNECT,
};

/** Calls that begin anew when they are made again. select(2) and its like tell their
 *  caller's memory what is left, poll(2) and the sleeps are here for threads that must
 *  not be restarted by the kernel (process/filter.h). */
static const struct call {
	long nr;
	enum kind kind;
	int arg;
	int64_t result;
} calls[] = {
	{ SYS_epoll_wait, KIND_MILLISECONDS, 3, 0 },
	{ SYS_epoll_pwait, KIND_MILLISECONDS, 3, 0 },
	{ SYS_epoll_pwait2, KIND_SPAN, 3, 0 },
	{ SYS_poll, KIND_MILLISECONDS, 2, 0 },
	{ SYS_semtimedop, KIND_SPAN, 3, -EAGAIN },
	{ SYS_rt_sigtimedwait, KIND_SPAN, 2, -EAGAIN },
	{ SYS_io_getevents, KIND_SPAN, 4, 0 },
	{ SYS_io_pgetevents, KIND_SPAN, 4, 0 },
	{ SYS_nanosleep, KIND_SPAN, 0, 0 },
	{ SYS_clock_nanosleep, KIND_SLEEP, 2, 0 },
	{ SYS_futex, KIND_FUTEX, 3, -ETIMEDOUT },
	{ SYS_io_uring_enter, KIND_RING, 4, -ETIME },
	{ SYS_read, KIND_RECEIVE, 0, -EAGAIN },
	{ SYS_readv, KIND_RECEIVE, 0, -EAGAIN },
	{ SYS_recvfrom, KIND_RECEIVE, 0, -EAGAIN },
	{ SYS_recvmsg, KIND_RECEIVE, 0, -EAGAIN },
	{ SYS_accept, KIND_RECEIVE, 0, -EAGAIN },
	{ SYS_accept4, KIND_RECEIVE, 0, -EAGAIN },
	{ SYS_write, KIND_SEND, 0, -EAGAIN },
	{ SYS_writev, KIND_SEND, 0, -EAGAIN },
	{ SYS_sendto, KIND_SEND, 0, -EAGAIN },
	{ SYS_sendmsg, KIND_SEND, 0, -EAGAIN },
	{ SYS_connect, KIND_CONNECT, 0, -EINPROGRESS },
};

static const struct call *find_call(long nr)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].nr == nr)
			return &calls[i];
	return NULL;
}

void sut_clocks_deinit(struct sut_clocks *clocks)
{
	free(clocks->items);
	*clocks = (struct sut_clocks){ 0 };
}

static bool peek(struct sut_process *process, uint64_t at, void *to, size_t size)
{
	struct sut_err *err = sut_process_peek(process, (struct sut_addr){ at }, to, size);

	sut_err_free(err);
	return !err;
}

static uint64_t read_span(struct sut_process *process, uint64_t at)
{
	struct timespec t;

	// A hundred years are none.
	if (!at || !peek(process, at, &t, sizeof(t)) || t.tv_sec < 0 || t.tv_sec > 3153600000 ||
	    t.tv_nsec < 0 || t.tv_nsec >= (long)second)
		return 0;
	return t.tv_sec * second + t.tv_nsec;
}

static uint64_t read_ring(struct sut_process *process, const uint64_t args[6])
{
	struct io_uring_getevents_arg arg;
	// Since Linux 6.12 and 6.13: an absolute time, an argument that is registered.
	static const unsigned other_flags = 1u << 5 | 1u << 6;

	if (!(args[3] & IORING_ENTER_EXT_ARG) || (args[3] & other_flags) ||
	    !peek(process, args[4], &arg, sizeof(arg)))
		return 0;
	return read_span(process, arg.ts);
}

// A socket's timeout can only be asked of the socket. Its owner is asleep in a call on
// it: our copy keeps nothing open that would not stay so.
static uint64_t read_option(const struct sut_process *process, int fd, int option, int *domain)
{
	struct timeval t = { 0 };
	socklen_t size = sizeof(t), domain_size = sizeof(*domain);
	_cleanup_close_ int pidfd = syscall(SYS_pidfd_open, process->pid, 0);
	_cleanup_close_ int copy = pidfd < 0 ? -1 : syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	if (copy < 0 || getsockopt(copy, SOL_SOCKET, option, &t, &size) < 0 ||
	    getsockopt(copy, SOL_SOCKET, SO_DOMAIN, domain, &domain_size) < 0)
		return 0;
	return t.tv_sec * second + t.tv_usec * 1000;
}

static uint64_t read_connect(const struct sut_process *process, int fd, int64_t *result)
{
	int domain = 0;
	uint64_t length = read_option(process, fd, SO_SNDTIMEO, &domain);

	if (domain == AF_UNIX)
		*result = -EAGAIN;
	return domain == AF_UNIX || domain == AF_INET || domain == AF_INET6 ? length : 0;
}

uint64_t sut_timeout_length(struct sut_process *process, long nr, const uint64_t args[6],
			    int64_t *result)
{
	const struct call *call = find_call(nr);
	int domain;

	if (!call)
		return 0;
	*result = call->result;
	switch (call->kind) {
	case KIND_MILLISECONDS:
		return (int)args[call->arg] > 0 ? (int)args[call->arg] * (second / 1000) : 0;
	case KIND_SPAN:
		return read_span(process, args[call->arg]);
	case KIND_SLEEP:
		return args[1] & TIMER_ABSTIME ? 0 : read_span(process, args[call->arg]);
	case KIND_FUTEX:
		return (args[1] & FUTEX_CMD_MASK) == FUTEX_WAIT
			       ? read_span(process, args[call->arg])
			       : 0;
	case KIND_RING:
		return read_ring(process, args);
	case KIND_RECEIVE:
		return read_option(process, args[0], SO_RCVTIMEO, &domain);
	case KIND_SEND:
		return read_option(process, args[0], SO_SNDTIMEO, &domain);
	default:
		return read_connect(process, args[0], result);
	}
}

// "se.exec_start : MILLISECONDS.NANOSECONDS": the scheduler's clock when the task was
// last put onto or taken off its processor, or when a tick found it there.
static bool read_exec_start(const char *text, uint64_t *ret)
{
	const char *line = strstr(text, "se.exec_start");
	unsigned long ms, ns;

	line = line ? strchr(line, ':') : NULL;
	if (!line || sscanf(line + 1, "%lu.%6lu", &ms, &ns) != 2 || ms == 0)
		return false;
	*ret = ms * UINT64_C(1000000) + ns;
	return true;
}

static bool read_own_start(uint64_t *ret)
{
	char text[512];
	_cleanup_close_ int fd = open("/proc/thread-self/sched", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (size <= 0)
		return false;
	text[size] = 0;
	return read_exec_start(text, ret);
}

// Read our own clock right after we have been put onto our processor.
static int64_t measure_behind(void)
{
	static const uint64_t exact = 200000; // ns
	static const struct timespec moment = { .tv_nsec = 1 };
	uint64_t start;

	nanosleep(&moment, NULL);
	uint64_t now = sut_now();
	if (!read_own_start(&start) || sut_now() - now > exact)
		return INT64_MAX;
	return now - start;
}

// The clocks of two processors differ by what was stolen from each. We go there and
// look at our own; with real-time priority, where we may, for it may be busy.
static int64_t read_behind(int cpu)
{
	const struct sched_param first = { .sched_priority = 1 }, usual = { 0 };
	int64_t behind = INT64_MAX;
	cpu_set_t before, one;

	CPU_ZERO(&one);
	if (cpu < 0 || cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof(before), &before) < 0)
		return behind;
	CPU_SET(cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		return behind;
	bool is_first = sched_setscheduler(0, SCHED_FIFO, &first) == 0;
	for (int tries = 0; tries < 3 && behind == INT64_MAX; tries++)
		behind = measure_behind();
	if (is_first)
		sched_setscheduler(0, SCHED_OTHER, &usual);
	sched_setaffinity(0, sizeof(before), &before);
	return behind;
}

static int64_t get_behind(struct sut_clocks *clocks, int cpu)
{
	for (size_t i = 0; i < clocks->n; i++)
		if (clocks->items[i].cpu == cpu)
			return clocks->items[i].behind;
	struct sut_err *err = sut_array_grow(&clocks->items, clocks->n, &clocks->capacity,
					     sizeof(*clocks->items));
	sut_err_free(err);
	if (err)
		return INT64_MAX;
	clocks->items[clocks->n++] = (struct sut_clock){ cpu, read_behind(cpu) };
	return clocks->items[clocks->n - 1].behind;
}

// Field 39 of /proc/TID/stat: the processor it ran on last.
static int read_cpu(const char *stat)
{
	const char *at = strrchr(stat, ')');

	for (int field = 2; at && field < 39; field++)
		at = strchr(at + 1, ' ');
	return at ? atoi(at + 1) : -1;
}

static uint64_t read_begin(struct sut_tracer *tracer, pid_t tid)
{
	char text[1024];
	uint64_t start;

	sut_roster_read(tracer, tid, "sched", text, sizeof(text));
	if (!read_exec_start(text, &start))
		return 0;
	sut_roster_read(tracer, tid, "stat", text, sizeof(text));
	int64_t behind = get_behind(&tracer->clocks, read_cpu(text));
	return behind == INT64_MAX ? 0 : start + behind;
}

static bool read_switches(const struct sut_tracer *tracer, pid_t tid, uint64_t *ret)
{
	static const char key[] = "\nvoluntary_ctxt_switches:";
	char text[4096];

	sut_roster_read(tracer, tid, "status", text, sizeof(text));
	const char *line = strstr(text, key);
	if (line)
		*ret = strtoull(line + strlen(key), NULL, 10);
	return line;
}

// "NR ARG… SP PC", or "running", or "-1 SP PC" outside of a call.
static bool read_call(const struct sut_tracer *tracer, pid_t tid, struct sut_look *ret)
{
	char text[256];
	struct sut_look l = { 0 };

	sut_roster_read(tracer, tid, "syscall", text, sizeof(text));
	if (sscanf(text, "%ld %lx %lx %lx %lx %lx %lx %lx %lx", &l.nr, &l.args[0], &l.args[1],
		   &l.args[2], &l.args[3], &l.args[4], &l.args[5], &l.sp, &l.pc) != 9)
		return false;
	*ret = l;
	return true;
}

void sut_timeout_look(struct sut_tracer *tracer, struct sut_thread *thread)
{
	struct sut_look look;

	thread->timeout.look = (struct sut_look){ 0 };
	if (thread->state != SUT_THREAD_RUNNING || thread->timeout.due ||
	    !read_call(tracer, thread->tid, &look))
		return;
	look.length = sut_timeout_length(tracer->process, look.nr, look.args, &look.result);
	if (look.length && read_switches(tracer, thread->tid, &look.n_switches))
		look.begin = read_begin(tracer, thread->tid);
	thread->timeout.look = look;
}

// The registers are rewound: rax holds the call's number, and rip is at `syscall`.
static bool is_looked_at(const struct sut_look *look, const struct user_regs_struct *regs)
{
	return look->pc == regs->rip + 2 && look->sp == regs->rsp && look->nr == (long)regs->rax &&
	       look->args[0] == regs->rdi && look->args[1] == regs->rsi &&
	       look->args[2] == regs->rdx && look->args[3] == regs->r10 &&
	       look->args[4] == regs->r8 && look->args[5] == regs->r9;
}

// Has it slept through from the look to this stop? It has given up its processor once,
// to stop.
static bool has_slept(const struct sut_tracer *tracer, const struct sut_thread *thread,
		      const struct sut_look *look)
{
	uint64_t n = 0;

	return look->begin && read_switches(tracer, thread->tid, &n) && n == look->n_switches + 1;
}

void sut_timeout_note(struct sut_tracer *tracer, struct sut_thread *thread)
{
	const struct user_regs_struct *regs = &thread->regs;
	struct sut_timeout *timeout = &thread->timeout;
	struct sut_look look = timeout->look;

	timeout->is_inside = false;
	timeout->look = (struct sut_look){ 0 };
	if (!thread->is_rewound)
		timeout->due = 0;
	if (!thread->is_rewound || timeout->due)
		return;
	uint64_t begin = sut_now();
	if (is_looked_at(&look, regs)) {
		if (look.length && has_slept(tracer, thread, &look))
			begin = look.begin;
	} else {
		const uint64_t args[6] = { regs->rdi, regs->rsi, regs->rdx,
					   regs->r10, regs->r8,  regs->r9 };
		look.length = sut_timeout_length(tracer->process, regs->rax, args, &look.result);
	}
	timeout->result = look.result;
	timeout->due = look.length ? begin + look.length + slack : 0;
}

// Has the call been interrupted, by us or by a signal? The kernel's own codes count
// too: ERESTARTSYS (512) to ERESTART_RESTARTBLOCK (516).
static bool is_interrupted(const struct user_regs_struct *regs)
{
	long result = regs->rax;

	return result == -EINTR || (result <= -512 && result >= -516);
}

void sut_timeout_step(struct sut_thread *thread)
{
	struct sut_timeout *timeout = &thread->timeout;
	struct user_regs_struct regs;

	if (!timeout->is_inside) {
		timeout->is_inside = timeout->due;
		thread->is_rewound = false;
		return;
	}
	timeout->is_inside = false;
	if (ptrace(PTRACE_GETREGS, thread->tid, NULL, &regs) < 0)
		return;
	bool is_over = sut_now() >= timeout->due;
	if (is_interrupted(&regs) && !is_over)
		return; // it will be made again, or a signal ends it
	timeout->due = 0;
	if (!is_interrupted(&regs))
		return;
	regs.rax = timeout->result;
	ptrace(PTRACE_SETREGS, thread->tid, NULL, &regs);
}

bool sut_timeout_is_over(const struct sut_thread *thread, uint64_t now)
{
	return thread->state == SUT_THREAD_RUNNING && thread->timeout.is_inside &&
	       now >= thread->timeout.due;
}

bool sut_timeout_needs_steps(const struct sut_thread *thread)
{
	return thread->timeout.due && (thread->is_rewound || thread->timeout.is_inside);
}
