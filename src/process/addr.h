// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Remote addresses
 *
 * An address in a target's memory. A struct, so that the compiler refuses to mix
 * it with file offsets or link-time addresses, and nobody can dereference it.
 */

#include <stdbool.h>
#include <stdint.h>

/** An address in a target. */
struct sut_addr {
	uint64_t at;
};

/** A piece of a target's memory. */
struct sut_span {
	uint64_t start; /**< Remote address. */
	uint64_t end;   /**< Exclusive. */
};

/** @p addr moved by @p by bytes. */
static inline struct sut_addr sut_addr_add(struct sut_addr addr, uint64_t by)
{
	return (struct sut_addr){ addr.at + by };
}

/** Is @p at in @p span? */
static inline bool sut_span_has(struct sut_span span, uint64_t at)
{
	return at >= span.start && at < span.end;
}
