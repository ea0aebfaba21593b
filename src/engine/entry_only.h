// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Entry-only consistency
 *
 * As a rule no thread may be in an old function when the new one comes. A hotpatch
 * whose old and new code may run side by side needs less: that nobody stands in the
 * few bytes that the redirect covers. Calls that have begun then end in the old
 * code, while others begin in the new.
 *
 * Proved means all of these:
 *   - one function is replaced, and no other has changed; nothing is added, neither
 *     functions nor variables; no sign was found, accepted or not;
 *   - neither old nor new code refers to the function itself, and no old code goes
 *     back to its entry, where it would fall into the new one in the middle of a call;
 *   - both refer to the same functions, imports and variables: the same locks, the
 *     same state;
 *   - both write, compute addresses and call through pointers at the same distances
 *     from registers: the same fields;
 *   - neither has atomic instructions, fences, string instructions, system calls, or
 *     jumps and calls through registers.
 *
 * So each call, by itself, does to the rest of the program what a call of one of the
 * two builds does, by the same means. Other hotpatches are no worse: they wait.
 */

#include <stdbool.h>

struct sut_diff;
struct sut_judgement;
struct sut_patch;
struct sut_reasons;

/** May old and new code of @p patch run side by side? */
bool sut_entry_only_prove(const struct sut_diff *diff, const struct sut_judgement *judgement,
			  const struct sut_reasons *reasons, const struct sut_patch *patch);
