// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Reasons: why a process is protected, or why not
 *
 * A closed list. Each has a word for programs, a sentence for people, and the way out.
 */

#include <stdbool.h>

enum sut_coverage {
	SUT_REASON_PROTECTED,
	SUT_REASON_NOT_FETCHED,  /**< The hotpatch is not on the device yet. */
	SUT_REASON_RING_WAITING, /**< The device's ring is not open yet. */
	SUT_REASON_ROLLOUT_PAUSED,
	SUT_REASON_RECALLED,
	SUT_REASON_ROLLED_BACK,
	SUT_REASON_HELD_HERE,   /**< Taken out here: a health probe failed, or a crash. */
	SUT_REASON_ON_HOLD,     /**< A person holds the device, so the release waits. */
	SUT_REASON_BUSY,        /**< Some thread is always in the old code. */
	SUT_REASON_REFUSED,     /**< The engine does not patch this process. */
	SUT_REASON_UNSUPPORTED, /**< It cannot patch processes of this kind. */
	SUT_REASON_NO_PERMISSION,
	SUT_REASON_DEBUGGED,      /**< Somebody else traces it. */
	SUT_REASON_GONE,          /**< It has ended. */
	SUT_REASON_NO_HOTPATCH,   /**< Vulnerable, and only a baseline closes it. */
	SUT_REASON_UNKNOWN_BUILD, /**< Another build of a file that a release patches. */
	SUT_REASON_AGENT_ERROR,
};

/** How many there are. */
#define SUT_N_REASONS (SUT_REASON_AGENT_ERROR + 1)

/** The word: "ring-waiting". */
const char *sut_reason_name(enum sut_coverage reason);
/** What it means: a sentence. */
const char *sut_reason_sentence(enum sut_coverage reason);
/** What to do: a sentence; "" when there is nothing to do. */
const char *sut_reason_remedy(enum sut_coverage reason);
/** The reason of a word; false if @p word is none. */
bool sut_reason_find(const char *word, enum sut_coverage *ret);

/** What a process's reason makes it. */
enum sut_process_state {
	SUT_PROCESS_PROTECTED,
	SUT_PROCESS_IN_PROGRESS, /**< Will change by itself, soon. */
	SUT_PROCESS_EXPOSED,
};

/** "in-progress" */
const char *sut_process_state_name(enum sut_process_state state);

/** The state that belongs to @p reason. */
enum sut_process_state sut_reason_state(enum sut_coverage reason);
