# SPDX-License-Identifier: Apache-2.0
# Starting, asking and ending victims. Each test ends what it started, by pid.

top=$BATS_TEST_DIRNAME/../..
suture=${SUTURE:-$top/build/suture}
built=${suture%/*}/tests/live

# Start victim $1 with the arguments that follow; sets $pid. Its answers are read
# with `ask`.
start_victim() {
	local name=$1
	shift
	coproc VICTIM { exec "$built/$name" "$@" 2>"$BATS_TEST_TMPDIR/$name.stderr"; }
	pid=$VICTIM_PID
	read -t 120 -r ready <&"${VICTIM[0]}"
	[[ $ready == ready ]]
}

# Send $1 to the victim and print its answer line.
ask() {
	local answer
	printf '%s' "$1" >&"${VICTIM[1]}"
	read -t 120 -r answer <&"${VICTIM[0]}"
	printf '%s\n' "$answer"
}

# End the victim in order; it must end well.
stop_victim() {
	printf 'q' >&"${VICTIM[1]}"
	wait "$pid"
	pid=
}

# Of every call of live-sleepers: name=$1, how often it returned, with EINTR, and wrong.
all_calls_say() {
	local result results
	results=$(ask c)
	[[ $results ]]
	for result in $results; do
		[[ $result == *"=$1" ]] || {
			echo "$result"
			return 1
		}
	done
}

# until_true COMMAND...: wait for it, a minute or two at most.
until_true() {
	for _ in {1..1200}; do
		! "$@" >/dev/null 2>&1 || return 0
		sleep 0.1
	done
	echo "in vain: $*"
	return 1
}

# After a failed test.
kill_victim() {
	if [[ -n ${pid:-} ]]; then
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	fi
}

# The value of jq expression $1 in the JSON on standard input.
json() {
	jq -r "$1"
}

# apply_at_once HOTPATCH...: to $pid, in a single stop. A machine that stands still for longer than
# a stop may take costs a try: then all of it is undone and done again.
apply_at_once() {
	for _ in {1..20}; do
		run -0 "$suture" apply --pid "$pid" --json "$@"
		[[ $(json ".processes[] | select(.pid == $pid) | .outcome" <<<"$output") == patched ]] || return
		[[ $(json ".processes[] | select(.pid == $pid) | .tries" <<<"$output") != 1 ]] || return 0
		"$suture" revert --pid "$pid" "$@" >/dev/null || return
	done
	echo "never in a single stop: $output"
	return 1
}
