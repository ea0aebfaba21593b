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
