// SPDX-License-Identifier: Apache-2.0
#include "fleet/coverage.h"

#include <string.h>

static const struct {
	const char *name;
	enum sut_process_state state;
	const char *sentence;
	const char *remedy;
} reasons[] = {
	[SUT_REASON_PROTECTED] = { "protected", SUT_PROCESS_PROTECTED,
				   "The process runs the fixed code, and this was proved in its "
				   "memory.",
				   "" },
	[SUT_REASON_NOT_FETCHED] = { "not-fetched", SUT_PROCESS_IN_PROGRESS,
				     "The hotpatch is not on this device yet.",
				     "Nothing, if it came out just now; else look whether the "
				     "device reaches its "
				     "repository." },
	[SUT_REASON_RING_WAITING] = { "ring-waiting", SUT_PROCESS_IN_PROGRESS,
				      "The release has not reached the ring of this device.",
				      "Wait for the gates of the rings before it, or expedite the "
				      "rollout." },
	[SUT_REASON_ROLLOUT_PAUSED] = { "rollout-paused", SUT_PROCESS_EXPOSED,
					"The rollout of the release is paused.",
					"Look at the rollout for why it was paused; resume it, or "
					"roll it back." },
	[SUT_REASON_RECALLED] = { "recalled", SUT_PROCESS_EXPOSED,
				  "The release or its hotpatch was recalled, and was taken out.",
				  "Wait for the release that takes its place, or move to the next "
				  "baseline." },
	[SUT_REASON_ROLLED_BACK] = { "rolled-back", SUT_PROCESS_EXPOSED,
				     "The rollout of the release was rolled back.",
				     "Look at the rollout for what went wrong; publish a better "
				     "release." },
	[SUT_REASON_HELD_HERE] = { "held-here", SUT_PROCESS_EXPOSED,
				   "The hotpatch was taken out on this device, because a health "
				   "probe failed or the "
				   "process crashed after it.",
				   "Look at the device's history; let the hold go when the cause "
				   "is known." },
	[SUT_REASON_ON_HOLD] = { "on-hold", SUT_PROCESS_EXPOSED,
				 "Somebody holds this device as it is, so the release waits.",
				 "Let the hold go: on the device's page, or with 'suture hub "
				 "unhold'." },
	[SUT_REASON_BUSY] = { "busy", SUT_PROCESS_IN_PROGRESS,
			      "Each time some thread was inside of the code to be replaced.",
			      "It is tried again by itself; a restart of the unit in the "
			      "maintenance window "
			      "helps if it never works." },
	[SUT_REASON_REFUSED] = { "refused", SUT_PROCESS_EXPOSED,
				 "The process differs from what the hotpatch was made for, so it "
				 "was left alone.",
				 "The detail says what differs; restart the unit with the fixed "
				 "package." },
	[SUT_REASON_UNSUPPORTED] = { "unsupported", SUT_PROCESS_EXPOSED,
				     "Processes of this kind cannot be patched on this machine.",
				     "The detail says why; install the fixed package and restart "
				     "the unit." },
	[SUT_REASON_NO_PERMISSION] = { "no-permission", SUT_PROCESS_EXPOSED,
				       "The kernel does not let the agent into the process.",
				       "Run 'suture doctor' on the device: it says what to "
				       "allow." },
	[SUT_REASON_DEBUGGED] = { "debugged", SUT_PROCESS_EXPOSED,
				  "A debugger or tracer holds the process.",
				  "End the debugger; the agent then patches it by itself." },
	[SUT_REASON_GONE] = { "gone", SUT_PROCESS_IN_PROGRESS, "The process has ended.", "" },
	[SUT_REASON_NO_HOTPATCH] = { "no-hotpatch", SUT_PROCESS_EXPOSED,
				     "This fix cannot be hotpatched.",
				     "Install the fixed package and restart the unit, or move to "
				     "the next baseline." },
	[SUT_REASON_UNKNOWN_BUILD] = { "unknown-build", SUT_PROCESS_EXPOSED,
				       "This is another build of the file than the baseline's, so "
				       "no hotpatch fits.",
				       "Install the version of the baseline and restart the "
				       "unit." },
	[SUT_REASON_AGENT_ERROR] = { "agent-error", SUT_PROCESS_EXPOSED,
				     "The agent failed; the detail says how.",
				     "Look at the agent's log on the device." },
};

const char *sut_reason_name(enum sut_coverage reason)
{
	return reasons[reason].name;
}

const char *sut_reason_sentence(enum sut_coverage reason)
{
	return reasons[reason].sentence;
}

const char *sut_reason_remedy(enum sut_coverage reason)
{
	return reasons[reason].remedy;
}

bool sut_reason_find(const char *word, enum sut_coverage *ret)
{
	for (int i = 0; i < SUT_N_REASONS; i++) {
		if (strcmp(reasons[i].name, word) == 0) {
			*ret = i;
			return true;
		}
	}
	return false;
}

const char *sut_process_state_name(enum sut_process_state state)
{
	static const char *const names[] = {
		[SUT_PROCESS_PROTECTED] = "protected",
		[SUT_PROCESS_IN_PROGRESS] = "in-progress",
		[SUT_PROCESS_EXPOSED] = "exposed",
	};

	return names[state];
}

enum sut_process_state sut_reason_state(enum sut_coverage reason)
{
	return reasons[reason].state;
}
