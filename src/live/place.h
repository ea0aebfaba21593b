// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Placing a payload
 *
 * Decides where in a target's address space a payload goes, and maps it there:
 * three mappings side by side, none ever writable and executable at once.
 *
 *     start
 *     ├─ ro ──────────────┬─ rx ─────┬─ rw ─────┤
 *     │ trace, constants  │ code     │ data     │
 *
 * Everything in it must reach everything in its module with 32 bits. The place
 * is in a gap that nothing grows into: not above the heap, not below the stack,
 * if there is any other.
 */

#include <stddef.h>

#include "base/err.h"
#include "process/addr.h"

struct sut_borrow;
struct sut_maps;
struct sut_patch;

/** The part that is unwind data, and how many bytes of the payload's data the
 *  target's unwinder may use to keep track of it (libgcc's struct object has 56). */
#define SUT_UNWIND_PART ".eh_frame"
enum { SUT_UNWIND_SIZE = 128 };

/** Sizes of a payload's mappings, in bytes, multiples of a page. */
struct sut_layout {
	uint64_t ro, rx, rw;
	uint64_t *parts; /**< For each part, its offset from the payload's start.
			      Owned. */
	uint64_t unwind; /**< Offset of what the unwinder keeps about the payload, in its
			      data; 0: the payload has no unwind data. */
	bool is_low;     /**< Some code holds addresses of the payload in 32 bits: it
			      must lie in the low 2 GiB. */
};

/** Lay out the parts of @p patch behind a trace of @p trace_size bytes. */
sut_check struct sut_err *sut_layout_init(const struct sut_patch *patch, size_t trace_size,
					  struct sut_layout *ret);
void sut_layout_deinit(struct sut_layout *layout);

/** Bytes of all three mappings. */
static inline uint64_t sut_layout_size(const struct sut_layout *layout)
{
	return layout->ro + layout->rx + layout->rw;
}

/** Choose where a payload for a module at @p module goes. False when there is no
 *  room within reach. */
bool sut_place_choose(const struct sut_maps *maps, struct sut_span module,
		      const struct sut_layout *layout, uint64_t *ret);

/** Map the whole of a payload at @p start read-only, with a borrowed thread.
 *  SUT_E_BUSY when somebody has taken the place meanwhile. */
sut_check struct sut_err *sut_place_reserve(struct sut_borrow *borrow, uint64_t start,
					    const struct sut_layout *layout);

/** Map code and data over their parts of what has been reserved. */
sut_check struct sut_err *sut_place_split(struct sut_borrow *borrow, uint64_t start,
					  const struct sut_layout *layout);

/** Name the mappings in /proc/PID/maps, where the kernel can; @p name is the remote
 *  address of the name, at most 79 plain characters. */
void sut_place_name(struct sut_borrow *borrow, uint64_t start, const struct sut_layout *layout,
		    struct sut_addr name);

/** Unmap @p span with a borrowed thread; empty: nothing. */
sut_check struct sut_err *sut_place_unmap(struct sut_borrow *borrow, struct sut_span span);
