// SPDX-License-Identifier: Apache-2.0
#include "code/insn.h"

#include "test.h"

/** Decode @p code at 0x1000 and expect that it is one instruction. */
static void decode(const char *code, size_t size, struct sut_insn *insn, struct sut_ref *ref,
		   bool *has_ref)
{
	struct sut_view view = { (const uint8_t *)code, size };

	EXPECT(sut_insn_decode(view, 0x1000, (struct sut_span){ 0, 0 }, insn, ref, has_ref));
	EXPECT(insn->size == size);
}

#define DECODE(bytes)                                                                              \
	struct sut_insn insn;                                                                      \
	struct sut_ref ref;                                                                        \
	bool has_ref;                                                                              \
	decode(bytes, sizeof(bytes) - 1, &insn, &ref, &has_ref)

TEST(insn, a_call_refers_to_its_target)
{
	DECODE("\xe8\x10\x00\x00\x00");
	EXPECT(has_ref && ref.kind == SUT_REF_CALL && insn.flow == SUT_FLOW_CALL);
	EXPECT(ref.target == 0x1015 && ref.off == 1 && ref.size == 4 && ref.tail == 0);
}

TEST(insn, a_short_branch_has_a_field_of_one_byte)
{
	DECODE("\x74\xfe");
	EXPECT(has_ref && ref.kind == SUT_REF_COND && ref.size == 1 && ref.target == 0x1000);
}

TEST(insn, an_immediate_behind_the_displacement_counts_as_tail)
{
	DECODE("\xc7\x05\x00\x01\x00\x00\x07\x00\x00\x00"); // movl $7, 0x100(%rip)
	EXPECT(has_ref && ref.kind == SUT_REF_MEMORY && !ref.is_lea);
	EXPECT(ref.tail == 4 && ref.target == 0x1000 + 10 + 0x100);
	struct sut_view code = { (const uint8_t *)"\xc7\x05\x00\x01\x00\x00\x07\x00\x00\x00", 10 };
	EXPECT(sut_insn_access_size(code) == 4);
	EXPECT(sut_insn_imm(&insn, code) == 7);
}

TEST(insn, lea_takes_an_address)
{
	DECODE("\x48\x8d\x3d\xfc\xff\xff\xff"); // lea -4(%rip), %rdi
	EXPECT(has_ref && ref.is_lea && ref.target == 0x1003 && insn.reg == 7);
}

TEST(insn, long_and_short_displacements_have_one_shape)
{
	struct sut_insn a, b, c;
	struct sut_ref ref;
	bool has_ref;

	decode("\x48\x8b\x47\x08", 4, &a, &ref, &has_ref);             // mov 8(%rdi), %rax
	decode("\x48\x8b\x87\x00\x01\x00\x00", 7, &b, &ref, &has_ref); // mov 0x100(%rdi), %rax
	decode("\x48\x8b\x46\x08", 4, &c, &ref, &has_ref);             // mov 8(%rsi), %rax
	EXPECT(a.shape == b.shape);
	EXPECT(a.shape != c.shape);
	EXPECT(!has_ref);
}

TEST(insn, knows_the_base_register_behind_every_prefix)
{
	DECODE("\xc4\xc1\x7a\x6f\x44\x24\x10"); // vmovdqu 0x10(%r12), %xmm0
	EXPECT(insn.base == 12);
}

TEST(insn, indirect_jumps_and_traps_are_told_apart)
{
	{
		DECODE("\xff\xe0"); // jmp *%rax
		EXPECT(insn.flow == SUT_FLOW_INDIRECT_JUMP && insn.rm_reg == 0 && !has_ref);
	}
	{
		DECODE("\x0f\x0b"); // ud2
		EXPECT(insn.flow == SUT_FLOW_TRAP);
	}
	{
		DECODE("\x66\x0f\x1f\x44\x00\x00");
		EXPECT(insn.flow == SUT_FLOW_NOP);
	}
}

TEST(insn, knows_which_register_is_written)
{
	struct sut_view add = { (const uint8_t *)"\x48\x01\xd0", 3 }; // add %rdx, %rax
	struct sut_view stack = { (const uint8_t *)"\x48\x83\xc4\x18", 4 }; // add $24, %rsp

	EXPECT(sut_insn_writes(add, 0) && !sut_insn_writes(add, 2));
	EXPECT(sut_insn_writes(stack, 4) && !sut_insn_writes(stack, 0));
}

TEST(insn, absolute_addresses_count_only_inside_the_span)
{
	struct sut_view code = { (const uint8_t *)"\xbf\x10\x20\x40\x00", 5 }; // mov $0x402010, %edi
	struct sut_insn insn;
	struct sut_ref ref;
	bool has_ref;

	EXPECT(sut_insn_decode(code, 0x401000, (struct sut_span){ 0x400000, 0x403000 }, &insn, &ref,
			       &has_ref));
	EXPECT(has_ref && ref.kind == SUT_REF_ABSOLUTE && ref.target == 0x402010);
	EXPECT(sut_insn_decode(code, 0x401000, (struct sut_span){ 0, 0 }, &insn, &ref, &has_ref));
	EXPECT(!has_ref);
}

TEST(insn, tells_what_reaches_beyond_its_function)
{
	static const struct {
		const char *code;
		size_t size;
		enum sut_effect effect;
		int64_t distance;
	} cases[] = {
#define CASE(bytes, effect, distance) { bytes, sizeof(bytes) - 1, effect, distance }
		CASE("\x48\x89\x47\x28", SUT_EFFECT_STORE, 0x28),   // mov %rax,0x28(%rdi)
		CASE("\x48\x8b\x47\x28", SUT_EFFECT_NONE, 0x28),    // mov 0x28(%rdi),%rax
		CASE("\x48\x89\x44\x24\x08", SUT_EFFECT_NONE, 0),   // mov %rax,8(%rsp)
		CASE("\x89\x05\0\0\0\0", SUT_EFFECT_NONE, 0),       // mov %eax,0(%rip)
		CASE("\x64\x89\x04\x25\xfc\xff\xff\xff", SUT_EFFECT_STORE, -4), // mov %eax,%fs:-4
		CASE("\x48\x8d\x7f\x28", SUT_EFFECT_ADDRESS, 0x28), // lea 0x28(%rdi),%rdi
		CASE("\x48\x83\xc7\x28", SUT_EFFECT_ADDRESS, 0x28), // add $0x28,%rdi
		CASE("\x48\x83\xef\x28", SUT_EFFECT_ADDRESS, -0x28), // sub $0x28,%rdi
		CASE("\x48\x83\xec\x28", SUT_EFFECT_NONE, 0),       // sub $0x28,%rsp
		CASE("\xff\x50\x10", SUT_EFFECT_CALL, 0x10),        // call *0x10(%rax)
		CASE("\xff\xd0", SUT_EFFECT_UNKNOWN, 0),            // call *%rax
		CASE("\xff\xe0", SUT_EFFECT_UNKNOWN, 0),            // jmp *%rax
		CASE("\xf0\xff\x07", SUT_EFFECT_UNKNOWN, 0),        // lock incl (%rdi)
		CASE("\x87\x07", SUT_EFFECT_UNKNOWN, 0),            // xchg %eax,(%rdi)
		CASE("\x0f\xae\xf0", SUT_EFFECT_UNKNOWN, 0),        // mfence
		CASE("\xf3\x48\xab", SUT_EFFECT_UNKNOWN, 0),        // rep stos
		CASE("\x0f\x05", SUT_EFFECT_UNKNOWN, 0),            // syscall
		CASE("\x55", SUT_EFFECT_NONE, 0),                   // push %rbp
		CASE("\xc3", SUT_EFFECT_NONE, 0),                   // ret
#undef CASE
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sut_view code = { (const uint8_t *)cases[i].code, cases[i].size };
		int64_t distance;
		EXPECT(sut_insn_effect(code, &distance) == cases[i].effect);
		EXPECT(cases[i].effect == SUT_EFFECT_NONE || distance == cases[i].distance);
	}
}

TEST(insn, refuses_what_is_cut_off)
{
	struct sut_insn insn;
	struct sut_ref ref;
	bool has_ref;

	for (size_t size = 0; size < 7; size++)
		EXPECT(!sut_insn_decode((struct sut_view){ (const uint8_t *)"\x48\x8d\x3d\xfc\xff\xff\xff",
							   size },
					0, (struct sut_span){ 0, 0 }, &insn, &ref, &has_ref));
}
