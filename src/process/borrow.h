// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Borrowed threads
 *
 * System calls and function calls made by one stopped thread of the target, on
 * behalf of us. Nothing is written into the target's code: the thread is put on
 * a `syscall; ret` that is there already.
 *
 * The thread survives even a tracer that is killed in the middle: below the used
 * part of its stack (and the red zone) we write the frame that the kernel itself
 * writes for a signal handler, with the thread's true registers, and `ret` leads
 * to the C library's rt_sigreturn, which restores all of it:
 *
 *     rip ──► syscall; ret        stack: [rt_sigreturn stub][registers, FPU, mask]
 *
 * Where the target has no such stub or the stack is not surely free below (a
 * coroutine's, an alternate one), the registers alone are borrowed.
 *
 * Signals: all are blocked for the thread meanwhile. They stay pending, and are
 * delivered after the end in the thread's true state.
 */

#include "base/err.h"
#include "process/addr.h"

struct sut_maps;
struct sut_process;
struct sut_thread;
struct sut_tracer;

/** Code in the target that a borrowed thread can run. */
struct sut_gadgets {
	struct sut_addr syscall; /**< `syscall; ret`, or only `syscall`; 0: none. */
	bool has_ret;
	struct sut_addr sigreturn; /**< rt_sigreturn stub; 0: none. */
};

/** Find them in the target's executable mappings. */
sut_check struct sut_err *sut_gadgets_find(struct sut_process *process,
					   const struct sut_maps *maps, struct sut_gadgets *ret);

/** A borrowed thread. Borrows the tracer and the thread. */
struct sut_borrow {
	struct sut_tracer *tracer;
	struct sut_thread *thread;
	struct sut_gadgets gadgets;
	uint64_t mask;            /**< The thread's blocked signals. */
	struct sut_addr frame;    /**< The signal frame; 0: none. */
	struct sut_addr scratch;  /**< Lowest byte of stack that we may use. */
	bool is_inside;           /**< Off its own registers. */
	bool has_stop_signal;     /**< A SIGSTOP came meanwhile and is sent again. */
};

/** How well a thread suits for borrowing; more is better. */
enum {
	SUT_FITNESS_NONE = 0,
	SUT_FITNESS_POOR = 1, /**< Its stack is not surely free below. */
	SUT_FITNESS_SAFE = 2, /**< It is. */
	SUT_FITNESS_CALM = 1, /**< Added when it sleeps in a system call. */
	SUT_FITNESS_BEST = SUT_FITNESS_SAFE + SUT_FITNESS_CALM,
};

/** How well does @p thread, which is stopped, suit? */
int sut_borrow_fitness(const struct sut_thread *thread, const struct sut_process *process,
		       const struct sut_maps *maps);

/** Borrow @p thread, which is stopped. */
sut_check struct sut_err *sut_borrow_begin(struct sut_tracer *tracer, struct sut_thread *thread,
					   const struct sut_gadgets *gadgets,
					   const struct sut_maps *maps, struct sut_borrow *ret);

/** Give it back: stopped again, with the registers it had. */
void sut_borrow_end(struct sut_borrow *borrow);

/** Make system call @p nr. @p ret is what the kernel returned, a negative errno
 *  included; that is not an error here. */
sut_check struct sut_err *sut_borrow_syscall(struct sut_borrow *borrow, long nr,
					     const uint64_t args[6], int64_t *ret);

/** Call the function at @p function with up to three arguments. Needs the frame:
 *  SUT_E_UNSUPPORTED without. @p ret is rax. A function that crashes or does not
 *  return within a second is an error; the thread is restored all the same. */
sut_check struct sut_err *sut_borrow_call(struct sut_borrow *borrow, struct sut_addr function,
					  const uint64_t args[3], uint64_t *ret);
