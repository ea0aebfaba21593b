// SPDX-License-Identifier: Apache-2.0
#include "code/follow.h"

#include "code/program.h"
#include "test.h"

/** Decode @p bytes as one fragment and ask for the uses of the value of instruction 0. */
static unsigned uses_of(const char *bytes, size_t size)
{
	struct sut_insn insns[32];
	struct sut_frag frag = {
		.start = 0x1000,
		.end = 0x1000 + size,
		.code = { (const uint8_t *)bytes, size },
	};
	struct sut_program program = { .frags = &frag, .n_frags = 1, .insns = insns };
	unsigned ret;

	for (size_t off = 0; off < size; off += insns[frag.n_insns++].size) {
		struct sut_view rest = { frag.code.data + off, size - off };
		struct sut_ref ref;
		bool has_ref;
		EXPECT(frag.n_insns < 32);
		EXPECT(sut_insn_decode(rest, frag.start + off, (struct sut_span){ 0, 0 },
				       &insns[frag.n_insns], &ref, &has_ref));
		insns[frag.n_insns].off = off;
	}
	EXPECT_OK(sut_follow_value(&program, &frag, 0, &ret));
	return ret;
}

#define USES(bytes) uses_of(bytes, sizeof(bytes) - 1)
#define IS_COMPARED(bytes) (USES(bytes) == SUT_USE_COMPARED)
#define LEA_RBX "\x48\x8d\x1d\x00\x01\x00\x00" /* lea 0x100(%rip), %rbx */
#define LEA_RDX "\x48\x8d\x15\x00\x01\x00\x00" /* lea 0x100(%rip), %rdx */
#define CALL "\xe8\x00\x10\x00\x00"
#define CMP_RAX_RBX "\x48\x39\xd8"
#define CMP_RAX_RDX "\x48\x39\xd0"
#define RET "\xc3"

TEST(follow, a_loop_compares_what_was_loaded_before_it)
{
	// jmp to the comparison; add $8, %rax; cmp %rbx, %rax; jne to the add
	EXPECT(IS_COMPARED(LEA_RBX "\xeb\x04\x48\x83\xc0\x08" CMP_RAX_RBX "\x75\xf7" RET));
}

TEST(follow, a_call_keeps_some_registers_and_loses_the_others)
{
	EXPECT(IS_COMPARED(LEA_RBX CALL CMP_RAX_RBX RET));
	EXPECT(!IS_COMPARED(LEA_RDX CALL CMP_RAX_RDX RET));
}

TEST(follow, an_overwritten_value_is_not_compared)
{
	EXPECT(!IS_COMPARED(LEA_RBX "\x31\xdb" CMP_RAX_RBX RET)); // xor %ebx, %ebx
}

TEST(follow, what_stands_behind_a_jump_is_not_reached)
{
	EXPECT(!IS_COMPARED(LEA_RBX "\xeb\x03" CMP_RAX_RBX RET)); // jmp over it
	EXPECT(!IS_COMPARED(LEA_RBX RET CMP_RAX_RBX RET));
}

TEST(follow, either_way_of_a_branch_counts)
{
	EXPECT(IS_COMPARED(LEA_RBX "\x74\x01" RET CMP_RAX_RBX RET)); // je over the ret
}

TEST(follow, a_copy_is_compared_too)
{
	// mov %rbx, %rdx; xor %ebx, %ebx; cmp %rdx, %rax
	EXPECT(IS_COMPARED(LEA_RBX "\x48\x89\xda\x31\xdb" CMP_RAX_RDX RET));
	// mov %rdx, %rbx does not copy it, but overwrite it
	EXPECT(!IS_COMPARED(LEA_RBX "\x48\x89\xd3" CMP_RAX_RBX RET));
}

TEST(follow, a_value_on_the_stack_is_compared_where_it_lies)
{
	// mov %rdx, 8(%rsp); call; cmp 8(%rsp), %rax
	EXPECT(IS_COMPARED(LEA_RDX "\x48\x89\x54\x24\x08" CALL "\x48\x3b\x44\x24\x08" RET));
	// ... after it was loaded into another register
	EXPECT(IS_COMPARED(LEA_RDX "\x48\x89\x54\x24\x08" CALL "\x48\x8b\x5c\x24\x08" CMP_RAX_RBX
			   RET));
	// ... but not when something else lies there by then
	EXPECT(!IS_COMPARED(LEA_RDX "\x48\x89\x54\x24\x08" CALL "\x48\x89\x44\x24\x08"
				    "\x48\x3b\x44\x24\x08" RET));
	// ... nor another place
	EXPECT(!IS_COMPARED(LEA_RDX "\x48\x89\x54\x24\x08" CALL "\x48\x3b\x44\x24\x10" RET));
}

TEST(follow, a_constant_is_no_address_to_compare_with)
{
	EXPECT(!IS_COMPARED(LEA_RBX "\x48\x83\xfb\x08" RET)); // cmp $8, %rbx
	EXPECT(!IS_COMPARED(LEA_RBX "\x80\x3b\x08" RET));     // cmpb $8, (%rbx)
}

TEST(follow, a_difference_of_addresses_counts)
{
	EXPECT(USES(LEA_RBX "\x48\x29\xc3" RET) == SUT_USE_SUBTRACTED); // sub %rax, %rbx
}
