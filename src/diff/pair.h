// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A pair of programs, and what corresponds in them
 *
 *     old ──┐   names, bodies, calls, order      fragments old ↔ new
 *     new ──┴── votes of identical bodies  ────► data map  old ↔ new
 *
 * Matching says which old fragment became which new one. The data map says
 * where an old variable stands in the new image: each pair of identical bodies
 * votes for the addresses that it refers to, and the majority wins.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct sut_frag;
struct sut_program;

#define SUT_NO_MATCH UINT32_MAX

/** What an address became, and how sure that is. */
struct sut_map_entry {
	uint64_t from, to;
	uint32_t votes;   /**< For `to`. */
	uint32_t against; /**< For other addresses. */
};

/** One direction of the data map, sorted by `from`. Owned by the pair. */
struct sut_map {
	struct sut_map_entry *entries;
	size_t n_entries;
};

/** Owns its arrays; borrows both programs. */
struct sut_pair {
	const struct sut_program *old, *new;
	uint32_t *to_new;        /**< By old fragment: new fragment or SUT_NO_MATCH. */
	uint32_t *to_old;        /**< By new fragment: old fragment or SUT_NO_MATCH. */
	struct sut_map forward;  /**< Data, old → new. */
	struct sut_map backward; /**< Data, new → old. */
	/** The same by the votes of bodies that changed, where their instructions
	 *  can be aligned: evidence for what no identical body refers to. */
	struct sut_map weak_forward, weak_backward;
};

/** Match @p old and @p new, which must outlive @p ret. */
sut_check struct sut_err *sut_pair_init(const struct sut_program *old,
					const struct sut_program *new, struct sut_pair *ret);
void sut_pair_deinit(struct sut_pair *pair);

/** Are the bytes of both the same, but for the fields of references, and stand
 *  these in the same places? */
bool sut_pair_same_body(const struct sut_pair *pair, const struct sut_frag *a,
			const struct sut_frag *b);

/** Find the entry for exactly @p vaddr, or NULL. */
const struct sut_map_entry *sut_map_find(const struct sut_map *map, uint64_t vaddr);

enum sut_map_quality {
	SUT_MAP_NONE,    /**< Not known. */
	SUT_MAP_BETWEEN, /**< The neighbours on both sides moved alike. */
	SUT_MAP_EXACT,   /**< Voted for. */
};

/** Where @p vaddr went; @p ret is set unless the answer is SUT_MAP_NONE. */
enum sut_map_quality sut_map_look_up(const struct sut_map *map, uint64_t vaddr, uint64_t *ret);

/** Entry @p at of a map's array whose `from` is the last one at or below
 *  @p vaddr; n_entries when there is none. */
size_t sut_map_below(const struct sut_map *map, uint64_t vaddr);
