// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Making payloads known to the target's unwinder
 *
 * Exceptions that pass through a function of the payload need its unwind data.
 * The unwinder finds that of modules by itself; of anything else it must be told,
 * by __register_frame_info() of libgcc, which a borrowed thread calls. The call
 * allocates nothing: the payload's data holds what the unwinder keeps.
 *
 * It is never taken back. A payload that has been registered stays mapped.
 */

#include <stdbool.h>

#include <stdint.h>

#include "base/err.h"

struct sut_borrow;
struct sut_plan;
struct sut_snapshot;

/** What there is to do. */
struct sut_register {
	uint64_t function; /**< Remote address of __register_frame_info(). */
	bool is_needed;    /**< The payload has unwind data that is not registered. */
};

/** Find out. Where the program has no unwinder, nothing can be thrown, and nothing
 *  is needed; but a payload that catches or cleans up is then SUT_E_UNSUPPORTED. */
sut_check struct sut_err *sut_register_find(struct sut_snapshot *snapshot,
					    const struct sut_plan *plan,
					    struct sut_register *ret);

/** Register the payload of @p plan with a borrowed thread. */
sut_check struct sut_err *sut_register_call(const struct sut_register *reg,
					    const struct sut_plan *plan,
					    struct sut_borrow *borrow);
