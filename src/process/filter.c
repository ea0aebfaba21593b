// SPDX-License-Identifier: Apache-2.0
#include "process/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/** The state of a filter that runs (linux/filter.h, "classic" BPF). */
struct machine {
	const struct seccomp_data *data;
	uint32_t a, x, memory[BPF_MEMWORDS];
};

static uint32_t compute(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_DIV:
		return b ? a / b : 0;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_LSH:
		return a << (b & 31);
	case BPF_RSH:
		return a >> (b & 31);
	default: // BPF_NEG
		return -a;
	}
}

static bool compare(uint16_t code, uint32_t a, uint32_t b)
{
	switch (BPF_OP(code)) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default: // BPF_JSET
		return a & b;
	}
}

static uint32_t load(const struct machine *m, const struct sock_filter *i)
{
	uint32_t value = 0;

	switch (BPF_MODE(i->code)) {
	case BPF_ABS:
		if (i->k <= sizeof(*m->data) - sizeof(value))
			memcpy(&value, (const char *)m->data + i->k, sizeof(value));
		return value;
	case BPF_MEM:
		return i->k < BPF_MEMWORDS ? m->memory[i->k] : 0;
	case BPF_LEN:
		return sizeof(*m->data);
	default: // BPF_IMM
		return i->k;
	}
}

// Returns how many instructions to skip behind this one.
static size_t step(struct machine *m, const struct sock_filter *i)
{
	uint32_t operand = BPF_SRC(i->code) == BPF_X ? m->x : i->k;

	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		m->a = load(m, i);
		return 0;
	case BPF_LDX:
		m->x = load(m, i);
		return 0;
	case BPF_ST:
	case BPF_STX:
		if (i->k < BPF_MEMWORDS)
			m->memory[i->k] = BPF_CLASS(i->code) == BPF_ST ? m->a : m->x;
		return 0;
	case BPF_ALU:
		m->a = compute(i->code, m->a, operand);
		return 0;
	case BPF_JMP:
		if (BPF_OP(i->code) == BPF_JA)
			return i->k;
		return compare(i->code, m->a, operand) ? i->jt : i->jf;
	default: // BPF_MISC
		if (BPF_MISCOP(i->code) == BPF_TAX)
			m->x = m->a;
		else
			m->a = m->x;
		return 0;
	}
}

unsigned sut_filter_run(const struct sock_filter *code, size_t n, const struct seccomp_data *data)
{
	struct machine m = { .data = data };

	// Jumps lead forward only: it ends.
	for (size_t at = 0; at < n; at++) {
		if (BPF_CLASS(code[at].code) == BPF_RET)
			return BPF_RVAL(code[at].code) == BPF_A ? m.a : code[at].k;
		at += step(&m, &code[at]);
	}
	return SECCOMP_RET_KILL_PROCESS;
}

bool sut_filter_is_on(pid_t tid)
{
	char path[32], text[4096];

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (size < 0)
		return false;
	text[size] = 0;
	const char *line = strstr(text, "\nSeccomp:");
	return line && atoi(line + strlen("\nSeccomp:")) != 0;
}

static bool is_allowed_by(pid_t tid, unsigned long index, size_t n)
{
	static const struct seccomp_data restart = {
		.nr = SYS_restart_syscall,
		.arch = AUDIT_ARCH_X86_64,
	};
	_cleanup_free_ struct sock_filter *code = calloc(n + 1, sizeof(*code));
	if (!code || ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, code) != (long)n)
		return false;
	unsigned action = sut_filter_run(code, n, &restart) & SECCOMP_RET_ACTION_FULL;
	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

// Does this kernel tell filters? Asked once, because the target stands still when it
// is of interest.
static bool is_told(void)
{
	static bool is_known, answer;

	if (!is_known)
		answer = access("/proc/self/timers", F_OK) == 0;
	is_known = true;
	return answer;
}

bool sut_filter_allows_restart(pid_t tid)
{
	for (unsigned long index = 0;; index++) {
		long n = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, index, NULL);
		if (n >= 0) {
			if (!is_allowed_by(tid, index, n))
				return false;
			continue;
		}
		// ENOENT: that was the last. EINVAL: it has none, or the kernel was built
		// without telling (CONFIG_CHECKPOINT_RESTORE, and that file with it).
		// EACCES: only the privileged are told.
		return (index && errno == ENOENT) || (errno == EINVAL && is_told()) ||
		       !sut_filter_is_on(tid);
	}
}
