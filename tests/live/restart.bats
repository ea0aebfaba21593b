# SPDX-License-Identifier: Apache-2.0
# Threads that sleep in system calls notice nothing: no EINTR that no signal
# explains, and none that is missing when a signal really comes.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	stopper=$built/live-stopper
}

teardown() {
	kill_victim
}

@test "a hundred stops wake nobody from any of the blocking calls" {
	start_victim live-sleepers
	calls=($(ask l))
	[[ ${#calls[@]} == 27 ]]
	run -0 "$stopper" "$pid" 100 1000
	all_calls_say 0/0/0
	stop_victim
}

@test "apply and revert wake nobody either" {
	start_victim live-sleepers
	for _ in 1 2 3 4 5; do
		"$suture" apply --pid "$pid" "$built/live-sleepers.hotpatch"
		[[ $(ask a) == 43 ]]
		"$suture" revert --pid "$pid" "$built/live-sleepers.hotpatch"
		[[ $(ask a) == 7 ]]
	done
	all_calls_say 0/0/0
	stop_victim
}

@test "every real signal is delivered once and ends its call with EINTR, during hundreds of stops" {
	start_victim live-sleepers
	"$stopper" "$pid" 1500 300 >"$BATS_TEST_TMPDIR/stops" &
	stops=$!
	for ((i = 0; i < 100; i++)); do
		answer=$(ask s)
		[[ $answer == ok ]] || {
			echo "round $i: $answer"
			false
		}
	done
	wait "$stops"
	# As many returns as signals, all of them EINTR: none lost, none made up.
	all_calls_say 100/100/0
	stop_victim
}

@test "a signal that the program ignores wakes nobody during stops" {
	start_victim live-sleepers
	"$stopper" "$pid" 100000 300 >"$BATS_TEST_TMPDIR/stops" &
	stops=$!
	for ((i = 0; i < 200; i++)); do
		ask i >/dev/null
	done
	# All of it was while it was being stopped.
	all_calls_say 0/0/0
	kill "$stops"
	wait "$stops" || true
	stop_victim
}

# How long the thread of the victim that waited longest for a processor did so, in ms.
waited() {
	awk '$2 > max { max = $2 } END { print int(max / 1e6) }' "/proc/$pid/task/"*/schedstat
}

# Every call of live-timers has ended in time, at least $1 times: counts are
# name=rounds/shortest/longest/wrong. A call that began anew even once would have
# lasted for two of its timeouts of $2 ms.
is_in_time() {
	local result counts
	for result in $(ask c); do
		IFS=/ read -r -a counts <<<"${result#*=}"
		((counts[0] >= $1 && counts[1] >= $2 && counts[2] < 2 * $2 && counts[3] == 0)) || {
			echo "$result"
			return 1
		}
	done
}

# The same after COMMAND: in_time ROUNDS MS COMMAND... It is tried again when threads had to
# wait for a processor.
in_time() {
	local before rounds=$1 timeout=$2
	shift 2
	for _ in {1..20}; do
		ask c >/dev/null
		before=$(waited)
		"$@"
		! is_in_time "$rounds" "$timeout" || return 0
		(($(waited) - before > timeout / 4)) || return 1
	done
	return 1
}

@test "a timeout is over in time, however often its call is stopped" {
	start_victim live-timers 400
	in_time 2 400 "$stopper" "$pid" 100 15000
	stop_victim
}

@test "a timeout is over in time where a filter kills whoever calls restart_syscall" {
	start_victim live-timers 400 locked
	in_time 2 400 "$stopper" "$pid" 100 15000
	stop_victim
}

# In the middle of each call.
patch_twice() {
	for _ in 1 2; do
		sleep 0.3
		run -0 "$suture" apply --pid "$pid" "$built/live-timers.hotpatch"
		run -0 "$suture" revert --pid "$pid" "$built/live-timers.hotpatch"
	done
}

@test "a timeout is over in time while and after the program is patched" {
	start_victim live-timers 600 locked
	in_time 2 600 patch_twice
	stop_victim
}
