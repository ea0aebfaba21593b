// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

#include "process/restart.h"

static struct user_regs_struct thrown_out_of(long nr, long result)
{
	return (struct user_regs_struct){
		.orig_rax = nr,
		.rax = result,
		.rip = 0x401002,
		.rsp = 0x7ffe0000,
	};
}

TEST(restart, is_needed_only_for_calls_that_say_EINTR_and_have_done_nothing)
{
	struct user_regs_struct regs = thrown_out_of(SYS_epoll_wait, -EINTR);

	EXPECT(sut_restart_is_needed(&regs));
	regs = thrown_out_of(SYS_recvfrom, -EINTR);
	EXPECT(sut_restart_is_needed(&regs));
	// The descriptor is closed, whatever it says.
	regs = thrown_out_of(SYS_close, -EINTR);
	EXPECT(!sut_restart_is_needed(&regs));
	// The kernel restarts these by itself: -ERESTARTSYS, -ERESTART_RESTARTBLOCK.
	regs = thrown_out_of(SYS_epoll_wait, -512);
	EXPECT(!sut_restart_is_needed(&regs));
	regs = thrown_out_of(SYS_nanosleep, -516);
	EXPECT(!sut_restart_is_needed(&regs));
	regs = thrown_out_of(SYS_epoll_wait, 1);
	EXPECT(!sut_restart_is_needed(&regs));
	// In user code, rax may hold anything.
	regs = thrown_out_of(-1, -EINTR);
	EXPECT(!sut_restart_is_needed(&regs));
}

TEST(restart, knows_the_sleeps_that_the_kernel_resumes_by_a_call_of_its_own)
{
	struct user_regs_struct regs = thrown_out_of(SYS_nanosleep, -516);

	EXPECT(sut_restart_is_by_call(&regs));
	// It was resumed so before, and so it may be.
	regs = thrown_out_of(SYS_restart_syscall, -516);
	EXPECT(!sut_restart_is_by_call(&regs));
	regs = thrown_out_of(SYS_select, -514);
	EXPECT(!sut_restart_is_by_call(&regs));
	regs = thrown_out_of(-1, -516);
	EXPECT(!sut_restart_is_by_call(&regs));
}

TEST(restart, puts_the_thread_onto_its_instruction_and_back)
{
	struct user_regs_struct regs = thrown_out_of(SYS_epoll_wait, -EINTR), before = regs;

	sut_restart_rewind(&regs);
	EXPECT(regs.rip == before.rip - 2);
	EXPECT((long)regs.rax == SYS_epoll_wait);
	EXPECT((long)regs.orig_rax == -1);
	EXPECT(!sut_restart_is_needed(&regs));
	sut_restart_give_up(&regs);
	EXPECT(memcmp(&regs, &before, sizeof(regs)) == 0);
}

TEST(restart, knows_a_thread_that_the_kernel_has_put_back_onto_its_call)
{
	struct user_regs_struct then = thrown_out_of(SYS_wait4, -512), now = then;

	// It is still where it was stopped, or was stopped in the call once more.
	EXPECT(!sut_restart_is_owed(&then, &now));
	now.rip -= 2;
	now.rax = SYS_wait4;
	EXPECT(sut_restart_is_owed(&then, &now));
	now.orig_rax = -1; // seen at an interrupt
	EXPECT(sut_restart_is_owed(&then, &now));
	// It has come there with other arguments.
	now.rdi = 1;
	EXPECT(!sut_restart_is_owed(&then, &now));

	then = thrown_out_of(SYS_nanosleep, -516), now = then;
	now.rip -= 2;
	now.rax = SYS_nanosleep;
	EXPECT(!sut_restart_is_owed(&then, &now));
	now.rax = SYS_restart_syscall;
	EXPECT(sut_restart_is_owed(&then, &now));

	// That one was ours to put back, and this one was in no call.
	then = thrown_out_of(SYS_epoll_wait, -EINTR), now = then;
	now.rip -= 2;
	now.rax = SYS_epoll_wait;
	EXPECT(!sut_restart_is_owed(&then, &now));
	then = thrown_out_of(-1, -512), now = then;
	now.rip -= 2;
	now.rax = -1;
	EXPECT(!sut_restart_is_owed(&then, &now));
}

TEST(restart, knows_a_thread_that_has_not_moved_since)
{
	struct user_regs_struct rewound = thrown_out_of(SYS_epoll_wait, -EINTR), now;

	sut_restart_rewind(&rewound);
	now = rewound;
	EXPECT(sut_restart_is_pending(&rewound, &now));
	// It has made the call again, and was thrown out again.
	now = thrown_out_of(SYS_epoll_wait, -EINTR);
	EXPECT(!sut_restart_is_pending(&rewound, &now));
	// It has come round to the same instruction at another depth.
	now = rewound;
	now.rsp -= 64;
	EXPECT(!sut_restart_is_pending(&rewound, &now));
}
