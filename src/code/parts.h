// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The steps of sut_program_init(), in their order. Private to code/.
 *
 * Each fills its own members of a program and needs those of the steps before.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct sut_frag;
struct sut_program;

/** Cut the executable sections into fragments: frags but for the decoded part. */
sut_check struct sut_err *sut_parts_cut(struct sut_program *p);

/** Read the PLT: plt. */
sut_check struct sut_err *sut_parts_read_plt(struct sut_program *p);

/** Collect all addresses that are referred to: targets, is_called, is_named. */
sut_check struct sut_err *sut_parts_collect_targets(struct sut_program *p);

/** Find the jump tables and join fragments: tables, units, members. */
sut_check struct sut_err *sut_parts_join(struct sut_program *p);

/** Which fragments belong together, while that is being found out. */
struct sut_groups;

/** Are fragments @p a and @p b known to belong together? */
bool sut_groups_same(struct sut_groups *groups, size_t a, size_t b);
/** Fragments @p a and @p b belong together. */
void sut_groups_merge(struct sut_groups *groups, size_t a, size_t b);

/** Find the jump tables that code of each group uses, and merge the fragments
 *  that only a table leads to: tables, with the group of the using fragment
 *  in table.unit as that fragment's index. */
sut_check struct sut_err *sut_tables_find(struct sut_program *p,
					  struct sut_groups *groups);

/** Where an indirect jump leads. */
enum sut_jump_way {
	SUT_JUMP_INSIDE,  /**< Through a table, to the own unit. */
	SUT_JUMP_AWAY,    /**< To a pointer's target: the end of this function. */
	SUT_JUMP_UNKNOWN, /**< Through a table that was not recognised. */
};

/** Judge the indirect jump that is instruction @p at of @p frag. */
enum sut_jump_way sut_tables_judge_jump(const struct sut_program *p, const struct sut_frag *frag,
					size_t at);

/** Find main(): the function whose address the start code hands to libc. */
void sut_parts_find_main(struct sut_program *p);

/** Find the functions that loop for ever, and what of main() leads to them; and
 *  those with jumps that nobody knows. Needs main(). */
sut_check struct sut_err *sut_parts_find_endless(struct sut_program *p);
