// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Names for profilers and debuggers
 *
 * No file on disk tells what is in a payload. Its trace names the functions that it
 * replaces, the hotpatch all that it brings; what has no name gets that of the
 * hotpatch. Read out of the process's memory, which is only looked at.
 *
 *     perf    reads /tmp/perf-PID.map: a line for each function
 *     gdb     reads an ELF file: symbols, and the unwind data that lead it out of
 *             the payload's functions
 *
 * Nothing is written where these tools look by themselves: a file there outlives the
 * process, and would name another's code one day.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"

struct sut_patch;
struct sut_trace;

/** A piece of code of a payload. */
struct sut_payload_symbol {
	char *name; /**< Owned. */
	uint64_t at, size;
};

/** A payload in a process. Owns everything. */
struct sut_payload {
	char *hotpatch;                     /**< Its name. */
	struct sut_payload_symbol *symbols; /**< All of its code: sorted, without gaps. */
	size_t n_symbols, capacity;
	uint64_t text_at, text_size; /**< Where its code is mapped. */
	uint64_t frames_at;          /**< Remote address of its unwind data. */
	struct sut_buf frames;       /**< The data; empty: none. */
};

/** All payloads of process @p pid whose code may run. @p patches are hotpatches whose
 *  names may be used. @p ret is an array that sut_payload_free() frees. */
sut_check struct sut_err *sut_payload_read(pid_t pid, const struct sut_patch *patches,
					   size_t n_patches, struct sut_payload **ret,
					   size_t *n_ret);
void sut_payload_free(struct sut_payload *code, size_t n);

/** Append @p code to a map as perf reads it. */
sut_check struct sut_err *sut_payload_map(const struct sut_payload *code, struct sut_buf *ret);

/** Put @p code as an ELF file for gdb into the empty @p ret. */
sut_check struct sut_err *sut_payload_elf(const struct sut_payload *code, struct sut_buf *ret);
