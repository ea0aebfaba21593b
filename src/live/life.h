// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What has become of the module of a trace
 *
 * A library can be closed after it was patched. Its payload and the trace stay;
 * there is nothing left that they are about. When it is opened again it is the
 * original again, often at the same place, and what the payload holds of its former
 * life (addresses of imports, values of variables) is of no use.
 */

#include "base/err.h"

struct sut_snapshot;
struct sut_trace;

enum sut_life {
	SUT_LIFE_SAME,     /**< It is there, and the trace is about it. */
	SUT_LIFE_UNLOADED, /**< It is not there. */
	SUT_LIFE_RELOADED, /**< It is there again: the trace is about its former life. */
};

/** What became of the module of @p trace in @p snapshot? */
sut_check struct sut_err *sut_life_find(struct sut_snapshot *snapshot,
					const struct sut_trace *trace, enum sut_life *ret);
