# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Commands that are killed at random moments. Needs tests/lib/base.bash and $work; $kills
# counts those that were killed.

# Run a command, and kill it after a random part of MILLISECONDS. Its status is 0 when it
# was done before, 137 when it was killed, and nothing else.
killed() { # MILLISECONDS COMMAND...
	local most=$1 status=0
	shift
	# The shell's word about the killed one is not the command's.
	{ timeout --signal=KILL "$(printf '0.%03d' $((RANDOM % most + 1)))" "$@" >"$work/killed.out" 2>&1 || status=$?; } 2>/dev/null
	((status != 137)) || kills=$((kills + 1))
	[[ $status == 0 || $status == 137 ]] || fail "$*: exit status $status: $(cat "$work/killed.out")"
}

# How long a command takes now, in milliseconds, at most 999: what the moment to kill is
# chosen from.
duration() { # COMMAND...
	local begin=${EPOCHREALTIME/./}
	"$@" >/dev/null
	local took=$(((${EPOCHREALTIME/./} - begin) / 1000 + 20))
	echo $((took > 999 ? 999 : took))
}
