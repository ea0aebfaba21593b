// SPDX-License-Identifier: Apache-2.0
#include "process/borrow.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "process/filter.h"
#include "process/maps.h"
#include "process/process.h"
#include "process/roster.h"
#include "process/tracer.h"

/** What the kernel's rt_sigreturn reads (struct rt_sigframe of
 *  arch/x86/include/asm/sigframe.h), from the stub's address on. */
struct frame {
	uint64_t restorer; /**< Address of the rt_sigreturn stub: where `ret` goes. */
	uint64_t flags;
	uint64_t link;
	uint64_t stack_at;
	uint32_t stack_flags, padding;
	uint64_t stack_size;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate; /**< Remote address of the extended state. */
	uint64_t reserved[8];
	uint64_t mask;
	uint8_t info[128];
};

/** The extended state begins so far from the frame; XRSTOR wants 64. */
enum { STATE_OFF = 448, MAX_STATE = 16384, RED_ZONE = 128, SAFE_STACK = 64 * 1024 };

_Static_assert(sizeof(struct frame) <= STATE_OFF, "the extended state follows the frame");

// For a function that sleeps, ns: somebody who stands still may hold what it waits for. And
// for the thread itself: on a machine with hundreds of busy threads it may wait for seconds
// until it runs, and to leave it half-way is worse.
static const uint64_t patience = 1000000000, long_patience = 10000000000;

int sut_borrow_fitness(const struct sut_thread *thread, const struct sut_process *process,
		       const struct sut_maps *maps)
{
	const struct user_regs_struct *regs = &thread->regs;

	if (thread->state != SUT_THREAD_STOPPED)
		return 0;
	// One that sleeps in a system call holds none of the C library's locks.
	int calm = (long)regs->orig_rax >= 0 || thread->is_rewound ? SUT_FITNESS_CALM : 0;
	const struct sut_mapping *stack = sut_maps_at(maps, regs->rsp);
	if (!stack || !stack->is_writable || regs->rsp - stack->span.start < SAFE_STACK)
		return SUT_FITNESS_POOR;
	// The C libraries put a thread's control block, where fs points, on top of
	// its own stack: with rsp in the same mapping it is on that stack, and not
	// on a coroutine's or a signal's, below which somebody else's bytes may be.
	if (strcmp(stack->path, "[stack]") == 0)
		return thread->tid == process->pid ? SUT_FITNESS_SAFE + calm : SUT_FITNESS_POOR;
	bool is_own = sut_span_has(stack->span, regs->fs_base) && regs->rsp < regs->fs_base;
	return is_own ? SUT_FITNESS_SAFE + calm : SUT_FITNESS_POOR;
}

static struct sut_err *trace_error(const struct sut_borrow *b, const char *what)
{
	return sut_err_os(errno, "%s of thread %d", what, b->thread->tid);
}

static struct sut_err *killed(const struct sut_borrow *b)
{
	return sut_err(SUT_E_GONE, "thread %d has exited", b->thread->tid);
}

// The kernel's sw_reserved bytes: without them it would restore SSE only.
static void seal_state(uint8_t *state, size_t size)
{
	static const uint32_t magic1 = 0x46505853, magic2 = 0x46505845;
	enum { SW_RESERVED = 464 };
	uint32_t with_magic2 = size + sizeof(magic2), bare = size;
	uint64_t features;

	// ptrace tells the enabled features in the first word of that area.
	memcpy(&features, state + SW_RESERVED, sizeof(features));
	memset(state + SW_RESERVED, 0, 48);
	memcpy(state + SW_RESERVED, &magic1, sizeof(magic1));
	memcpy(state + SW_RESERVED + 4, &with_magic2, sizeof(with_magic2));
	memcpy(state + SW_RESERVED + 8, &features, sizeof(features));
	memcpy(state + SW_RESERVED + 16, &bare, sizeof(bare));
	memcpy(state + size, &magic2, sizeof(magic2));
}

static struct frame make_frame(const struct sut_borrow *b, struct sut_addr at)
{
	// No valid mode: the kernel then leaves the alternate stack as it is.
	static const uint32_t no_such_mode = 0x7fff;
	// UC_FP_XSTATE, UC_SIGCONTEXT_SS, UC_STRICT_RESTORE_SS
	static const uint64_t flags = 7;
	const struct user_regs_struct *r = &b->thread->regs;

	return (struct frame){
		.restorer = b->gadgets.sigreturn.at,
		.flags = flags,
		.stack_flags = no_such_mode,
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11,
		.r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
		.rdi = r->rdi, .rsi = r->rsi, .rbp = r->rbp, .rbx = r->rbx,
		.rdx = r->rdx, .rax = r->rax, .rcx = r->rcx, .rsp = r->rsp,
		.rip = r->rip, .eflags = r->eflags,
		.cs = r->cs, .ss = r->ss,
		.fpstate = at.at + STATE_OFF,
		.mask = b->mask,
	};
}

// A frame can only replay plain registers. A call that the kernel is about to
// restart (rax holds an internal code) is made again from its beginning, so the
// frame holds it rewound; a sleep then sleeps anew, if we die.
static void rewind_frame(struct frame *frame, const struct user_regs_struct *regs)
{
	long code = regs->rax;

	if ((long)regs->orig_rax < 0 || code < -516 || code > -512)
		return;
	frame->rip = regs->rip - 2;
	frame->rax = regs->orig_rax;
}

static struct sut_err *write_frame(struct sut_borrow *b)
{
	_cleanup_free_ uint8_t *bytes = calloc(1, STATE_OFF + MAX_STATE + 64);
	if (!bytes)
		return sut_err_nomem();
	struct iovec state = { bytes + STATE_OFF, MAX_STATE };
	bool is_read = ptrace(PTRACE_GETREGSET, b->thread->tid, NT_X86_XSTATE, &state) == 0;
	if (!is_read && errno != ENODEV)
		return trace_error(b, "extended registers");
	if (!is_read || state.iov_len < 576)
		return NULL; // no XSAVE: borrow without a frame
	seal_state(state.iov_base, state.iov_len);

	size_t size = STATE_OFF + state.iov_len + 4;
	struct sut_addr at = { (b->thread->regs.rsp - RED_ZONE - size) & ~UINT64_C(63) };
	struct frame frame = make_frame(b, at);
	rewind_frame(&frame, &b->thread->regs);
	memcpy(bytes, &frame, sizeof(frame));
	struct sut_err *err =
		sut_process_poke(b->tracer->process, at, (struct sut_view){ bytes, size });
	if (!err)
		b->frame = at;
	return err;
}

// Where a seccomp filter judges the thread's calls, ours are not its own: the filter
// is suspended for them. Without that, a call that it does not expect may kill the
// whole process; no thread is borrowed then.
static struct sut_err *suspend_seccomp(const struct sut_borrow *b)
{
	pid_t tid = b->thread->tid;

	if (ptrace(PTRACE_SETOPTIONS, tid, NULL,
		   (long)(SUT_TRACE_OPTIONS | PTRACE_O_SUSPEND_SECCOMP)) == 0)
		return NULL;
	if (errno == ESRCH)
		return killed(b);
	if (!sut_filter_is_on(tid))
		return NULL;
	return sut_err(SUT_E_DENIED,
		       "seccomp judges the calls of thread %d; to suspend it for ours takes "
		       "CAP_SYS_ADMIN and no seccomp filter over this program",
		       tid);
}

static void resume_seccomp(const struct sut_borrow *b)
{
	ptrace(PTRACE_SETOPTIONS, b->thread->tid, NULL, (long)SUT_TRACE_OPTIONS);
}

struct sut_err *sut_borrow_begin(struct sut_tracer *tracer, struct sut_thread *thread,
				 const struct sut_gadgets *gadgets, const struct sut_maps *maps,
				 struct sut_borrow *ret)
{
	struct sut_borrow b = { .tracer = tracer, .thread = thread, .gadgets = *gadgets };
	struct sut_process_facts facts;
	struct sut_err *err = sut_process_facts(tracer->process, &facts);

	if (err)
		return err;
	if (ptrace(PTRACE_GETSIGMASK, thread->tid, sizeof(b.mask), &b.mask) < 0)
		return trace_error(&b, "signal mask");
	err = suspend_seccomp(&b);
	if (err)
		return err;
	// A shadow stack would not let `ret` go where it never came from.
	if (gadgets->has_ret && gadgets->sigreturn.at && !facts.has_shadow_stack &&
	    sut_borrow_fitness(thread, tracer->process, maps) >= SUT_FITNESS_SAFE) {
		err = write_frame(&b);
		if (err) {
			resume_seccomp(&b);
			return err;
		}
	}
	*ret = b;
	return NULL;
}

static bool is_asleep(const struct sut_borrow *b)
{
	char text[512], state = 0;
	unsigned long flags;

	sut_roster_read(b->tracer, b->thread->tid, "stat", text, sizeof(text));
	return !sut_stat_parse(text, &state, &flags) || state == 'S';
}

// What waitpid told of the borrowed thread, if it is its end. In exec another thread takes
// over the tid of a first one: that one is the new program's, and goes on as it is.
static bool has_ended(struct sut_borrow *b, int status)
{
	bool has_execed = WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_EXEC;

	if (WIFSTOPPED(status) && !has_execed)
		return false;
	b->thread->state = SUT_THREAD_GONE;
	b->tracer->has_execed |= has_execed;
	if (has_execed)
		ptrace(PTRACE_CONT, b->thread->tid, NULL, NULL);
	return true;
}

// Of a thread at a stop that has been reported there is nothing else to be told.
static bool is_ended(struct sut_borrow *b)
{
	int status;

	return b->thread->state == SUT_THREAD_GONE ||
	       (waitpid(b->thread->tid, &status, __WALL | WNOHANG) > 0 && has_ended(b, status));
}

// Wait for the borrowed thread's next stop, until @p deadline, or @p sleep_deadline when it
// sleeps; @p ret is waitpid's status >> 8.
static struct sut_err *wait_stop(struct sut_borrow *b, uint64_t sleep_deadline, uint64_t deadline,
				 int *ret)
{
	static const uint64_t interval = 100000000; // ns
	uint64_t begin = sut_now();

	for (bool has_waited = false;; has_waited = true) {
		int status;
		pid_t pid = waitpid(b->thread->tid, &status, __WALL | WNOHANG);
		if (pid > 0 && has_ended(b, status))
			return killed(b);
		if (pid > 0) {
			*ret = status >> 8;
			return NULL;
		}
		// The end of a first thread is reported after that of all others.
		if (pid || (has_waited && sut_roster_is_dead(b->tracer, b->thread->tid))) {
			b->thread->state = SUT_THREAD_GONE;
			return killed(b);
		}
		uint64_t now = sut_now(), next = now + interval < deadline ? now + interval : deadline;
		bool is_over = now >= deadline || (now >= sleep_deadline && is_asleep(b));
		if (is_over)
			return sut_err(SUT_E_BUSY, "borrowed thread %d does not return",
				       b->thread->tid);
		sut_tracer_await(b->tracer, b->thread->tid, begin, next);
	}
}

enum { SYSCALL_STOP = SIGTRAP | 0x80, TRAP_STOP = SIGTRAP | PTRACE_EVENT_STOP << 8 };

// Run to the next syscall stop. Everything is blocked but SIGSTOP, which is
// taken off and sent again at the end.
static struct sut_err *run_to_syscall_stop(struct sut_borrow *b, uint64_t sleep_deadline,
					   uint64_t deadline)
{
	int stop = 0;

	while (stop != SYSCALL_STOP) {
		if (ptrace(PTRACE_SYSCALL, b->thread->tid, NULL, NULL) < 0)
			return killed(b);
		struct sut_err *err = wait_stop(b, sleep_deadline, deadline, &stop);
		if (err)
			return err;
		if (stop == SIGSTOP)
			b->has_stop_signal = true;
		else if (stop < 256 && stop != SYSCALL_STOP)
			return sut_err(SUT_E_UNSUPPORTED, "borrowed thread %d got signal %d (%s)",
				       b->thread->tid, stop, strsignal(stop));
	}
	return NULL;
}

// The true registers leave the thread first and come back last: with the frame
// on its stack, the thread restores its mask too if we die in between.
static struct sut_err *enter(struct sut_borrow *b, const struct user_regs_struct *regs)
{
	uint64_t all = ~UINT64_C(0);

	if (is_ended(b) || ptrace(PTRACE_SETREGS, b->thread->tid, NULL, regs) < 0)
		return killed(b);
	if (b->is_inside)
		return NULL;
	b->is_inside = true;
	if (ptrace(PTRACE_SETSIGMASK, b->thread->tid, sizeof(all), &all) < 0)
		return killed(b);
	return NULL;
}

static struct user_regs_struct start_regs(const struct sut_borrow *b)
{
	struct user_regs_struct regs = b->thread->regs;

	regs.orig_rax = -1;
	regs.rip = b->gadgets.syscall.at;
	if (b->frame.at)
		regs.rsp = b->frame.at;
	return regs;
}

struct sut_err *sut_borrow_syscall(struct sut_borrow *b, long nr, const uint64_t args[6],
				   int64_t *ret)
{
	struct user_regs_struct regs = start_regs(b);
	uint64_t deadline = sut_now() + long_patience;
	struct sut_err *err;

	regs.rax = nr;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.r10 = args[3];
	regs.r8 = args[4];
	regs.r9 = args[5];
	err = enter(b, &regs);
	for (int stops = 0; !err && stops < 2; stops++)
		err = run_to_syscall_stop(b, deadline, deadline);
	if (err)
		return err;
	if (ptrace(PTRACE_GETREGS, b->thread->tid, NULL, &regs) < 0)
		return killed(b);
	*ret = regs.rax;
	return NULL;
}

// The function returns to the syscall instruction, with its result as the call's
// number: the thread stops at the call's entry, and we make it none.
static struct sut_err *run_function(struct sut_borrow *b, uint64_t *ret)
{
	uint64_t begin = sut_now(), deadline = begin + long_patience;
	struct user_regs_struct regs;

	for (;;) {
		struct sut_err *err = run_to_syscall_stop(b, begin + patience, deadline);
		if (err && err->code == SUT_E_BUSY) {
			sut_err_free(err);
			return sut_err(SUT_E_BUSY, "the function does not return");
		}
		if (err)
			return err;
		if (ptrace(PTRACE_GETREGS, b->thread->tid, NULL, &regs) < 0)
			return killed(b);
		if (regs.rip == b->gadgets.syscall.at + 2 && regs.rsp == b->frame.at)
			break;
		if (sut_now() > deadline)
			return sut_err(SUT_E_BUSY, "the function does not return");
	}
	*ret = regs.orig_rax;
	regs.orig_rax = -1;
	if (ptrace(PTRACE_SETREGS, b->thread->tid, NULL, &regs) < 0)
		return killed(b);
	return run_to_syscall_stop(b, deadline, deadline);
}

struct sut_err *sut_borrow_call(struct sut_borrow *b, struct sut_addr function,
				const uint64_t args[3], uint64_t *ret)
{
	struct user_regs_struct regs = start_regs(b);
	uint8_t state[MAX_STATE];
	struct iovec saved = { state, sizeof(state) };
	struct sut_err *err;

	if (!b->frame.at)
		return sut_err(SUT_E_UNSUPPORTED,
			       "no thread of process %d has a stack that is safe to borrow",
			       b->tracer->process->pid);
	if (ptrace(PTRACE_GETREGSET, b->thread->tid, NT_X86_XSTATE, &saved) < 0)
		return trace_error(b, "extended registers");
	// The return address stands just below the frame, so that `syscall; ret`
	// goes on into it; the stack is aligned as the psABI wants at an entry.
	regs.rsp = b->frame.at - 8;
	regs.rip = function.at;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.rax = 0;
	regs.eflags &= ~UINT64_C(0x400); // DF clear, as the psABI wants
	err = sut_process_poke(b->tracer->process, (struct sut_addr){ regs.rsp },
			       (struct sut_view){ (const uint8_t *)&b->gadgets.syscall.at, 8 });
	if (!err)
		err = enter(b, &regs);
	if (!err)
		err = run_function(b, ret);
	if (ptrace(PTRACE_SETREGSET, b->thread->tid, NT_X86_XSTATE, &saved) < 0 && !err)
		err = trace_error(b, "extended registers");
	return err;
}

// A thread that is to be restarted in its old call must be at a stop from which
// the kernel does so: not a syscall stop, but the one that an interrupt gives,
// which comes before the thread runs another instruction.
static bool return_to_trap(struct sut_borrow *b)
{
	uint64_t deadline = sut_now() + long_patience;
	int stop = 0;

	while (stop >> 8 != PTRACE_EVENT_STOP) {
		// Any other stop takes it off again.
		if (ptrace(PTRACE_INTERRUPT, b->thread->tid, NULL, NULL) < 0)
			return false;
		ptrace(PTRACE_CONT, b->thread->tid, NULL, NULL);
		struct sut_err *err = wait_stop(b, deadline, deadline, &stop);
		if (err) {
			sut_err_free(err);
			return false;
		}
		if (stop == SIGSTOP)
			b->has_stop_signal = true;
	}
	b->thread->is_group_stopped = (stop & 0xff) != SIGTRAP;
	return true;
}

void sut_borrow_end(struct sut_borrow *b)
{
	pid_t tid = b->thread->tid;

	if (!b->is_inside)
		resume_seccomp(b);
	if (!b->is_inside || is_ended(b) || !return_to_trap(b) || is_ended(b))
		return;
	resume_seccomp(b);
	ptrace(PTRACE_SETSIGMASK, tid, sizeof(b->mask), &b->mask);
	ptrace(PTRACE_SETREGS, tid, NULL, &b->thread->regs);
	b->is_inside = false;
	if (b->has_stop_signal)
		syscall(SYS_tgkill, b->tracer->process->pid, tid, SIGSTOP);
}
