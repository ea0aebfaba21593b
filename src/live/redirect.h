// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Redirects that stand in a target
 *
 * What is at the entries of replaced functions, told with the help of all traces
 * in the process: several hotpatches may have been there one after another, and
 * a tool that was killed may have left any mixture.
 */

#include "live/trace.h"

struct sut_switch;

/** What stands at a function's entry. */
enum sut_entry {
	SUT_ENTRY_OLD,        /**< The bytes of the file. */
	SUT_ENTRY_REDIRECTED, /**< The redirect of this trace. */
	SUT_ENTRY_OTHERS,     /**< The redirect of another trace. */
};

/** Put the file's bytes over all redirects that stand in @p bytes, read from remote
 *  address @p at. */
void sut_redirect_undo(const struct sut_traces *traces, uint64_t at, uint8_t *bytes, size_t size);

/** Look at the entry of @p function. SUT_E_MISMATCH when it is none of ours and not
 *  the file's. @p now gets the bytes that stand there. */
sut_check struct sut_err *sut_redirect_look(const struct sut_traces *traces,
					    const struct sut_trace_function *function,
					    struct sut_process *process, enum sut_entry *ret,
					    uint8_t now[SUT_REDIRECT_SIZE]);

/** How many redirects of @p trace stand. */
sut_check struct sut_err *sut_redirect_count(const struct sut_traces *traces,
					     const struct sut_trace *trace,
					     struct sut_process *process, size_t *ret);

/** Add what takes the redirects of @p trace away to @p s, and its code as what must
 *  be free. The trace must outlive it. */
sut_check struct sut_err *sut_redirect_revert(const struct sut_traces *traces,
					      const struct sut_trace *trace,
					      struct sut_process *process,
					      struct sut_switch *s);
