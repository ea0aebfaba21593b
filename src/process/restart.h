// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Interrupted system calls
 *
 * A thread that sleeps in a system call leaves it when it is stopped. Most calls
 * the kernel restarts by itself: at the stop, rax holds an internal code (-512 …
 * -516) that user space never sees. Some give up with -EINTR instead, whoever
 * interrupted them; their program would see an EINTR that no signal explains.
 * Such a thread is put back onto its `syscall` instruction:
 *
 *     at the stop            rewound                    in the handler's eyes
 *     rax      = -EINTR      rip -= 2 (0f 05)           restored: the signal that
 *     orig_rax = nr          rax  = nr                  really came explains the
 *     rip behind syscall     orig_rax = -1              EINTR
 *
 * Only calls that have done nothing when they say EINTR may be made again.
 * close(2) for one has closed the descriptor by then; it stays as it is.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/user.h>

/** Was @p regs' thread, stopped by us, thrown out of a call that the kernel will
 *  not restart but that may be made again? */
bool sut_restart_is_needed(const struct user_regs_struct *regs);

/** Is @p regs' thread about to be restarted by the kernel through restart_syscall(2),
 *  from a call that may be made again instead? */
bool sut_restart_is_by_call(const struct user_regs_struct *regs);

/** Put the thread back onto its `syscall` instruction. */
void sut_restart_rewind(struct user_regs_struct *regs);

/** Does @p now still stand where rewinding left @p rewound: the call has not
 *  been made again yet? */
bool sut_restart_is_pending(const struct user_regs_struct *rewound,
			    const struct user_regs_struct *now);

/** Undo sut_restart_rewind(): the call has returned -EINTR. */
void sut_restart_give_up(struct user_regs_struct *regs);

/** Will the kernel itself make the call again that @p regs' thread, stopped by us, was in? */
bool sut_restart_is_by_kernel(const struct user_regs_struct *regs);

/**
 * Does @p now stand where the kernel itself puts a thread that was stopped at @p then: on its
 * `syscall` instruction, with the call not made again yet?
 *
 * On its way there it takes signals as one that is in no call (x86's arch_do_signal_or_restart()
 * and handle_signal() in arch/x86/kernel/signal.c, Linux 6.1 and 6.18): their handlers
 * run, and the call begins anew behind them, where it should end with EINTR. With the registers
 * of @p then again, the kernel does what it does for a call that a signal ends. For a thread that
 * has come round to the same instruction with the same arguments that is right, too: a signal
 * may come just after a call's beginning.
 */
bool sut_restart_is_owed(const struct user_regs_struct *then, const struct user_regs_struct *now);
