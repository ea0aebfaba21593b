// SPDX-License-Identifier: Apache-2.0
#include "process/restart.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

// The calls whose -EINTR means that nothing has happened (Linux 6.1 and 6.18,
// read from their sources and tried out: docs/safety.md). Calls that only ever
// say ERESTART* are not in it; nor are those whose EINTR may come after the deed
// (close, and anything that a FUSE server or a driver may have begun).
static const long may_be_made_again[] = {
	SYS_epoll_wait,	  SYS_epoll_pwait,    SYS_epoll_pwait2,	 SYS_semop,
	SYS_semtimedop,	  SYS_rt_sigtimedwait, SYS_io_getevents, SYS_io_pgetevents,
	SYS_io_uring_enter, SYS_select,	      SYS_pselect6,	 SYS_poll,
	SYS_ppoll,	  SYS_msgrcv,	      SYS_msgsnd,	 SYS_mq_timedreceive,
	SYS_mq_timedsend, SYS_accept,	      SYS_accept4,	 SYS_connect,
	SYS_recvfrom,	  SYS_recvmsg,	      SYS_recvmmsg,	 SYS_sendto,
	SYS_sendmsg,	  SYS_sendmmsg,	      SYS_read,		 SYS_readv,
	SYS_preadv2,	  SYS_write,	      SYS_writev,	 SYS_pwritev2,
	SYS_futex,	  SYS_nanosleep,      SYS_clock_nanosleep, SYS_pause,
	SYS_rt_sigsuspend, SYS_wait4,	      SYS_waitid,
};

static const long restart_block = -516; // -ERESTART_RESTARTBLOCK

static bool may_be_made(const struct user_regs_struct *regs)
{
	for (size_t i = 0; i < sizeof(may_be_made_again) / sizeof(may_be_made_again[0]); i++)
		if ((long)regs->orig_rax == may_be_made_again[i])
			return true;
	return false;
}

bool sut_restart_is_needed(const struct user_regs_struct *regs)
{
	return (long)regs->orig_rax >= 0 && (long)regs->rax == -EINTR && may_be_made(regs);
}

bool sut_restart_is_by_call(const struct user_regs_struct *regs)
{
	// One that was restarted so before is allowed to be.
	return (long)regs->rax == restart_block && may_be_made(regs);
}

bool sut_restart_is_by_kernel(const struct user_regs_struct *regs)
{
	// -ERESTARTSYS … -ERESTART_RESTARTBLOCK (include/linux/errno.h).
	return (long)regs->orig_rax >= 0 && (long)regs->rax <= -512 && (long)regs->rax >= -516;
}

bool sut_restart_is_owed(const struct user_regs_struct *then, const struct user_regs_struct *now)
{
	if (!sut_restart_is_by_kernel(then) || now->rip != then->rip - 2)
		return false;
	struct user_regs_struct expected = *then;
	expected.rip = now->rip;
	expected.rax = (long)then->rax == restart_block ? SYS_restart_syscall : then->orig_rax;
	expected.orig_rax = now->orig_rax;
	return memcmp(&expected, now, sizeof(expected)) == 0;
}

void sut_restart_rewind(struct user_regs_struct *regs)
{
	regs->rip -= 2;
	regs->rax = regs->orig_rax;
	// So the kernel takes the thread for one that is in no call, and leaves its
	// registers alone.
	regs->orig_rax = -1;
}

bool sut_restart_is_pending(const struct user_regs_struct *rewound,
			    const struct user_regs_struct *now)
{
	return now->rip == rewound->rip && now->rsp == rewound->rsp && now->rax == rewound->rax &&
	       (long)now->orig_rax == -1;
}

void sut_restart_give_up(struct user_regs_struct *regs)
{
	regs->rip += 2;
	regs->orig_rax = regs->rax;
	regs->rax = -EINTR;
}
