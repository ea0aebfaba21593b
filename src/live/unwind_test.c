// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <string.h>
#include <unistd.h>

#include "base/view.h"
#include "live/cfi.h"
#include "live/trace.h"
#include "live/unwind.h"
#include "process/snapshot.h"

// Expressions as compilers write them: of the PLT, of a signal frame.
TEST(cfi, evaluates_expressions)
{
	// breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus
	static const uint8_t plt[] = { 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22 };
	uint64_t regs[SUT_CFI_N_REGS] = { [SUT_CFI_RSP] = 1000 }, value;
	struct sut_view expr = { plt, sizeof(plt) };

	regs[SUT_CFI_RA] = 0x401020;
	EXPECT(sut_cfi_evaluate(expr, regs, NULL, NULL, NULL, &value) && value == 1008);
	regs[SUT_CFI_RA] = 0x40102b;
	EXPECT(sut_cfi_evaluate(expr, regs, NULL, NULL, NULL, &value) && value == 1016);
	for (size_t size = 0; size < sizeof(plt); size++) {
		expr.size = size;
		// A cut expression fails or is another; it never reads beyond.
		(void)sut_cfi_evaluate(expr, regs, NULL, NULL, NULL, &value);
	}
}

TEST(cfi, refuses_expressions_that_never_end_or_run_out)
{
	static const uint8_t loop[] = { 0x30, 0x2f, 0xfc, 0xff }; // lit0; skip -4
	static const uint8_t empty[] = { 0x22 };		   // plus
	static const uint8_t unknown[] = { 0xff };
	uint64_t regs[SUT_CFI_N_REGS] = { 0 }, value;

	EXPECT(!sut_cfi_evaluate((struct sut_view){ loop, sizeof(loop) }, regs, NULL, NULL, NULL,
				 &value));
	EXPECT(!sut_cfi_evaluate((struct sut_view){ empty, sizeof(empty) }, regs, NULL, NULL, NULL,
				 &value));
	EXPECT(!sut_cfi_evaluate((struct sut_view){ unknown, 1 }, regs, NULL, NULL, NULL, &value));
}

static struct user_regs_struct here(void)
{
	struct user_regs_struct r = { 0 };

	// Where this function's caller will go on, as after a return.
	__asm__ volatile("lea 0(%%rip), %0\n"
			 "mov %%rsp, %1\n"
			 "mov %%rbp, %2\n"
			 "mov %%rbx, %3\n"
			 "mov %%r12, %4\n"
			 "mov %%r13, %5\n"
			 "mov %%r14, %6\n"
			 "mov %%r15, %7\n"
			 : "=r"(r.rip), "=m"(r.rsp), "=m"(r.rbp), "=m"(r.rbx), "=m"(r.r12),
			   "=m"(r.r13), "=m"(r.r14), "=m"(r.r15));
	return r;
}

// This very thread: the walk must come through the test's runner to main and out.
TEST(unwind, walks_a_real_stack_to_its_first_function)
{
	struct user_regs_struct regs = here();
	struct sut_unwinder *unwinder;
	struct sut_traces none = { 0 };
	struct sut_snapshot s;
	struct sut_walk walk;

	EXPECT_OK(sut_snapshot_open(getpid(), &s));
	EXPECT_OK(sut_snapshot_read(&s));
	EXPECT_OK(sut_unwinder_new(&s, &none, &unwinder));
	// The frame of here() is gone by now, its caller's not: walk from it.
	regs.rip = (uintptr_t)__builtin_return_address(0);
	regs.rsp = (uintptr_t)__builtin_frame_address(0) + 16;
	regs.rbp = *(uint64_t *)__builtin_frame_address(0);
	EXPECT_OK(sut_unwind(unwinder, gettid(), &regs, &walk));
	EXPECT(walk.n_frames >= 3);
	for (size_t i = 1; i < walk.n_frames; i++)
		EXPECT(walk.frames[i].sp > walk.frames[i - 1].sp);
	sut_walk_deinit(&walk);
	sut_unwinder_free(unwinder);
	sut_snapshot_close(&s);
}

TEST(unwind, explains_a_stack_up_to_the_last_frame_it_knows)
{
	struct sut_frame frames[] = {
		{ .sp = 1000, .cfa = 1100 },
		{ .sp = 1100, .cfa = 1300 },
		{ .sp = 1300 },
	};
	struct sut_walk walk = { .frames = frames, .n_frames = 3 };
	struct sut_span stack = { 1000, 2000 }, other = { 5000, 6000 };

	EXPECT(sut_walk_explained(&walk, stack) == 1300);
	EXPECT(sut_walk_explained(&walk, other) == 5000);
	walk.is_complete = true;
	EXPECT(sut_walk_explained(&walk, stack) == 2000);
	// From a signal's stack to the ordinary one: all of the first is explained.
	frames[1].cfa = frames[2].sp = 5500;
	walk.is_complete = false;
	EXPECT(sut_walk_explained(&walk, stack) == 2000);
	EXPECT(sut_walk_explained(&walk, other) == 5000);
	frames[2].cfa = 5600;
	EXPECT(sut_walk_explained(&walk, other) == 5600);
}
