// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The trace
 *
 * The record that stands at the start of a payload in the target's own memory:
 * what was applied, and how to undo it. It is the only source of truth: nothing
 * is kept on disk, nothing is lost when a tool dies, and a forked child carries
 * its own.
 *
 *     payload     ┌────────────── read-only ─────────────┬─ code ─┬─ data ─┐
 *                 │ head │ functions │ parts │ names │ parts…      │        │
 *                 └──────────────────────────────────────┴────────┴────────┘
 *
 * Life of the state; every change of it is one aligned 4-byte write:
 *
 *     PLACED ──► APPLYING ──► APPLIED ──► REVERTING ──► REVERTED ──► APPLYING …
 *
 * PLACED: the payload may be incomplete, and no redirect leads to it. APPLYING,
 * REVERTING: it is complete, and some redirects may stand. REVERTED: none stands;
 * the payload stays, because the program may have stored pointers into it. With the
 * state stand flags, in the same word.
 *
 * Who can write the target's memory can forge a trace, so readers check it like
 * any input from outside: sizes, offsets, and a digest over all but the state.
 */

#include "base/hash.h"
#include "process/module.h"

struct sut_buf;
struct sut_maps;
struct sut_process;

enum sut_trace_state {
	SUT_TRACE_PLACED = 1,
	SUT_TRACE_APPLYING,
	SUT_TRACE_APPLIED,
	SUT_TRACE_REVERTING,
	SUT_TRACE_REVERTED,
};

/** A redirect: the bytes of `jmp rel32`. */
enum { SUT_REDIRECT_SIZE = 5 };

/** A replaced function in a target. */
struct sut_trace_function {
	char *name; /**< Owned. */
	uint64_t entry;  /**< Remote address of the old function. */
	uint64_t at;     /**< Remote address of the redirect, in the old function. */
	uint64_t target; /**< Remote address of the new function. */
	uint64_t old_size, new_size; /**< Bytes. */
	uint8_t before[SUT_REDIRECT_SIZE]; /**< The old bytes at `at`. */
	uint8_t after[SUT_REDIRECT_SIZE];  /**< The redirect. */
};

/** A part of the payload as it was written. */
struct sut_trace_part {
	char *name;    /**< Owned. */
	uint64_t at;   /**< Remote address. */
	uint64_t size; /**< Bytes. */
	bool is_writable, is_executable;
	struct sut_sha256 digest; /**< Of the relocated bytes; zero when writable. */
};

/** A trace. Owns everything in it. */
struct sut_trace {
	enum sut_trace_state state;
	bool is_entry_only; /**< Applied while threads may have been in the old code: some
				 may be there still. Written together with the state. */
	bool is_lost; /**< The module was unloaded: the payload is never used again
			   (live/life.h). Written together with the state. */
	struct sut_sha256 digest; /**< Of the hotpatch file. */
	char *name;               /**< Of the hotpatch. */
	char *advisories;         /**< Joined by ", ". */
	struct sut_build_id build_id; /**< Of the old build. */
	uint64_t base;            /**< Load bias of the module. */
	struct sut_span module;   /**< Where the module's segments are. */
	struct sut_span ro, rx, rw; /**< The mappings; empty: none. */
	uint64_t time;            /**< When it was placed: seconds since 1970. */
	struct sut_trace_function *functions;
	size_t n_functions;
	struct sut_trace_part *parts;
	size_t n_parts;
};

void sut_trace_deinit(struct sut_trace *trace);

/** How many bytes @p trace takes in the target. */
size_t sut_trace_size(const struct sut_trace *trace);

/** Append @p trace as it stands in the target to the empty @p ret. */
sut_check struct sut_err *sut_trace_write(const struct sut_trace *trace, struct sut_buf *ret);

/** Read a trace out of @p bytes, which start where it starts; @p at is its remote
 *  address, which must agree with what it says. */
sut_check struct sut_err *sut_trace_read(struct sut_view bytes, uint64_t at,
					 struct sut_trace *ret);

/** Set the seal of the trace in @p bytes, which must not be less than it says: for
 *  whoever changes a trace that he holds. */
sut_check struct sut_err *sut_trace_seal(uint8_t *bytes, size_t size);

/** The traces of a process, in the order of their addresses. Owns them. */
struct sut_traces {
	struct sut_trace *items;
	size_t n;
	size_t capacity; /**< Private. */
};

void sut_traces_deinit(struct sut_traces *traces);

/** Read all traces of @p process. One that is damaged is an error. */
sut_check struct sut_err *sut_traces_read(struct sut_process *process,
					  const struct sut_maps *maps, struct sut_traces *ret);

/** Does @p process have a trace, sound or not? */
bool sut_traces_exist(struct sut_process *process, const struct sut_maps *maps);

/** Write @p state, and the flags of @p trace, into the trace that stands in the
 *  target. */
sut_check struct sut_err *sut_trace_set_state(struct sut_process *process,
					      struct sut_trace *trace,
					      enum sut_trace_state state);

/** Where in the target the label stands that its mappings are named by. */
struct sut_addr sut_trace_label_at(const struct sut_trace *trace);

/** The word for a state, as `status` prints it. */
const char *sut_trace_state_name(enum sut_trace_state state);
