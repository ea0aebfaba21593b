// SPDX-License-Identifier: Apache-2.0
#include <dwarf.h>

#include "live/cfi.h"

enum { MAX_STACK = 32, MAX_STEPS = 1000 };

/** An expression that is being evaluated. */
struct evaluation {
	struct sut_view expr;
	size_t off;
	uint64_t stack[MAX_STACK];
	size_t n;
	const uint64_t *regs;
	sut_cfi_read_fn read;
	void *context;
	bool has_failed;
};

static uint64_t take(struct evaluation *e, size_t size)
{
	uint64_t value = 0;

	if (!sut_view_copy(e->expr, e->off, &value, size))
		e->has_failed = true;
	e->off += size;
	return value;
}

static uint64_t take_leb(struct evaluation *e, bool is_signed)
{
	uint64_t value = 0, byte;
	unsigned shift = 0;

	do {
		byte = take(e, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) && !e->has_failed);
	if (is_signed && shift < 64 && (byte & 0x40))
		value |= -(UINT64_C(1) << shift);
	return value;
}

static void push(struct evaluation *e, uint64_t value)
{
	if (e->n == MAX_STACK)
		e->has_failed = true;
	else
		e->stack[e->n++] = value;
}

static uint64_t pop(struct evaluation *e)
{
	if (e->n == 0) {
		e->has_failed = true;
		return 0;
	}
	return e->stack[--e->n];
}

static void push_register(struct evaluation *e, uint64_t reg)
{
	int64_t off = take_leb(e, true);

	if (reg >= SUT_CFI_N_REGS)
		e->has_failed = true;
	else
		push(e, e->regs[reg] + off);
}

static void load(struct evaluation *e)
{
	uint64_t value = 0;

	if (!e->read(e->context, pop(e), &value))
		e->has_failed = true;
	push(e, value);
}

static void jump(struct evaluation *e, bool is_taken)
{
	int16_t distance = take(e, 2);

	if (is_taken)
		e->off += distance; // beyond the ends, the next take fails
}

// Constants.
static bool run_constant(struct evaluation *e, uint8_t op)
{
	switch (op) {
	case DW_OP_const1u:
		push(e, take(e, 1));
		return true;
	case DW_OP_const1s:
		push(e, (int64_t)(int8_t)take(e, 1));
		return true;
	case DW_OP_const2u:
		push(e, take(e, 2));
		return true;
	case DW_OP_const2s:
		push(e, (int64_t)(int16_t)take(e, 2));
		return true;
	case DW_OP_const4u:
		push(e, take(e, 4));
		return true;
	case DW_OP_const4s:
		push(e, (int64_t)(int32_t)take(e, 4));
		return true;
	case DW_OP_const8u:
	case DW_OP_const8s:
		push(e, take(e, 8));
		return true;
	case DW_OP_constu:
		push(e, take_leb(e, false));
		return true;
	case DW_OP_consts:
		push(e, take_leb(e, true));
		return true;
	default:
		return false;
	}
}

// Two operands: the second is on top.
static bool run_binary(struct evaluation *e, uint8_t op)
{
	uint64_t b = pop(e), a = pop(e), value;

	switch (op) {
	case DW_OP_plus:
		value = a + b;
		break;
	case DW_OP_minus:
		value = a - b;
		break;
	case DW_OP_mul:
		value = a * b;
		break;
	case DW_OP_and:
		value = a & b;
		break;
	case DW_OP_or:
		value = a | b;
		break;
	case DW_OP_xor:
		value = a ^ b;
		break;
	case DW_OP_shl:
		value = b < 64 ? a << b : 0;
		break;
	case DW_OP_shr:
		value = b < 64 ? a >> b : 0;
		break;
	case DW_OP_shra:
		value = (int64_t)a >> (b < 64 ? b : 63);
		break;
	case DW_OP_eq:
		value = a == b;
		break;
	case DW_OP_ne:
		value = a != b;
		break;
	case DW_OP_ge:
		value = (int64_t)a >= (int64_t)b;
		break;
	case DW_OP_gt:
		value = (int64_t)a > (int64_t)b;
		break;
	case DW_OP_le:
		value = (int64_t)a <= (int64_t)b;
		break;
	case DW_OP_lt:
		value = (int64_t)a < (int64_t)b;
		break;
	default:
		return false;
	}
	push(e, value);
	return true;
}

static bool run_other(struct evaluation *e, uint8_t op)
{
	uint64_t a;

	switch (op) {
	case DW_OP_nop:
		return true;
	case DW_OP_deref:
		load(e);
		return true;
	case DW_OP_dup:
		a = pop(e);
		push(e, a);
		push(e, a);
		return true;
	case DW_OP_drop:
		pop(e);
		return true;
	case DW_OP_plus_uconst:
		a = take_leb(e, false);
		push(e, pop(e) + a);
		return true;
	case DW_OP_neg:
		push(e, -pop(e));
		return true;
	case DW_OP_not:
		push(e, ~pop(e));
		return true;
	case DW_OP_bregx:
		push_register(e, take_leb(e, false));
		return true;
	case DW_OP_skip:
		jump(e, true);
		return true;
	case DW_OP_bra:
		jump(e, pop(e) != 0);
		return true;
	default:
		return run_constant(e, op) || run_binary(e, op);
	}
}

static void run_one(struct evaluation *e)
{
	uint8_t op = take(e, 1);

	if (op >= DW_OP_lit0 && op <= DW_OP_lit31)
		push(e, op - DW_OP_lit0);
	else if (op >= DW_OP_breg0 && op <= DW_OP_breg31)
		push_register(e, op - DW_OP_breg0);
	else if (!run_other(e, op))
		e->has_failed = true;
}

bool sut_cfi_evaluate(struct sut_view expr, const uint64_t regs[SUT_CFI_N_REGS],
		      const uint64_t *initial, sut_cfi_read_fn read, void *context, uint64_t *ret)
{
	struct evaluation e = { .expr = expr, .regs = regs, .read = read, .context = context };

	if (initial)
		push(&e, *initial);
	for (int steps = 0; e.off < expr.size && !e.has_failed; steps++) {
		if (steps == MAX_STEPS)
			return false;
		run_one(&e);
	}
	*ret = pop(&e);
	return !e.has_failed;
}
