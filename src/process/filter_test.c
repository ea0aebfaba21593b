// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "process/filter.h"

enum { NR = offsetof(struct seccomp_data, nr), ARG = offsetof(struct seccomp_data, args) };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct seccomp_data restart = {
	.nr = SYS_restart_syscall,
	.arch = AUDIT_ARCH_X86_64,
	.args = { 40 },
};

TEST(filter, answers_like_the_kernel_to_a_list_of_allowed_calls)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_read, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SYS_restart_syscall, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	EXPECT(sut_filter_run(code, COUNT(code), &restart) == SECCOMP_RET_ALLOW);
	code[2].k = SYS_restart_syscall + 1;
	EXPECT(sut_filter_run(code, COUNT(code), &restart) == SECCOMP_RET_KILL_PROCESS);
	code[1].k = SYS_restart_syscall;
	EXPECT(sut_filter_run(code, COUNT(code), &restart) == SECCOMP_RET_ALLOW);
}

TEST(filter, computes_with_both_registers_and_memory)
{
	const struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARG), // a = 40
		BPF_STMT(BPF_ST, 3),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 2), // 42
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_MEM, 3),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0), // 40 ^ 42 = 2
		BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 4), // 32
		BPF_STMT(BPF_LDX | BPF_LEN, 0),         // 64
		BPF_STMT(BPF_ALU | BPF_OR | BPF_X, 0),  // 96
		BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 32, 0, 1),
		BPF_STMT(BPF_RET | BPF_A, 0),
		BPF_STMT(BPF_RET | BPF_K, 1),
	};

	EXPECT(sut_filter_run(code, COUNT(code), &restart) == 96);
}

TEST(filter, kills_where_a_program_runs_out)
{
	const struct sock_filter code[] = {
		BPF_JUMP(BPF_JMP | BPF_JA, 1u << 30, 0, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 1u << 30),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	EXPECT(sut_filter_run(code, COUNT(code), &restart) == SECCOMP_RET_KILL_PROCESS);
	EXPECT(sut_filter_run(code, 0, &restart) == SECCOMP_RET_KILL_PROCESS);
	EXPECT(sut_filter_run(code + 1, 2, &restart) == SECCOMP_RET_ALLOW);
}
