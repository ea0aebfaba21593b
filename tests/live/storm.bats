# SPDX-License-Identifier: Apache-2.0
# Programs that make it hard: patched all the same, or refused, and never harmed.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-storm.hotpatch
}

teardown() {
	kill_victim
}

row() {
	json ".processes[] | select(.pid == $pid) | .$1"
}

# Ten applies and reverts in mode $1; no wrong answer, no child that failed.
survives() {
	start_victim live-storm "$1"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		run "$suture" apply --pid "$pid" --json "$hotpatch"
		[[ $status == 0 && $(row outcome <<<"$output") == patched ]] || {
			echo "$output"
			false
		}
		[[ $(ask a) == 43 ]]
		run "$suture" revert --pid "$pid" --json "$hotpatch"
		[[ $status == 0 && $(row outcome <<<"$output") == reverted ]] || {
			echo "$output"
			false
		}
		[[ $(ask a) == 7 ]]
	done
	run -0 ask c
	[[ $output =~ ^"done "[0-9]+" wrong 0"$ ]] || {
		echo "$output"
		false
	}
	[[ $1 == strict ]] || stop_victim # the strict thread may not end its process
	kill_victim
}

@test "threads that start and end all the time" {
	survives clone
}

@test "children that are forked all the time" {
	survives fork
}

@test "programs that are spawned all the time" {
	survives spawn
}

@test "a process whose first thread has exited" {
	survives leader
}

@test "io_uring's kernel threads are left alone" {
	start_victim live-storm uring
	grep -q iou-wrk /proc/"$pid"/task/*/comm
	stop_victim
	survives uring
}

@test "a seccomp filter that kills whoever maps memory" {
	survives seccomp
}

@test "a seccomp filter judges as before when the process has been patched" {
	start_victim live-storm seccomp
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 ]]
	printf x >&"${VICTIM[1]}" # a call that it kills for: SIGSYS
	until_true test ! -d "/proc/$pid"
	pid=
}

@test "a process whose filter cannot be suspended is refused, not killed" {
	start_victim live-storm seccomp
	run -5 setpriv --bounding-set=-sys_admin \
		"$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == refused ]]
	[[ $(row reason <<<"$output") == *"seccomp judges the calls of thread $pid;"* ]]
	[[ $(ask a) == 7 ]]
	stop_victim
}

@test "MemoryDenyWriteExecute=, by a filter as systemd makes it, and it stays" {
	start_victim live-storm filter
	[[ $(ask x) == 1 ]] # EPERM
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 ]]
	[[ $(ask x) == 1 ]]
	stop_victim
	survives filter
}

@test "seccomp's strict mode" {
	survives strict
}

@test "PR_SET_MDWE, and it stays" {
	start_victim live-storm mdwe
	[[ $(ask x) == 13 ]] # EACCES
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 ]]
	[[ $(ask x) == 13 ]]
	stop_victim
	survives mdwe
}

@test "a process that is not dumpable" {
	survives private
}

@test "two thousand signals a second" {
	survives alarm
}

@test "a process that job control stops and continues all the time" {
	start_victim live-storm
	(
		exec >/dev/null 3>&-
		while kill -STOP "$pid"; do
			kill -CONT "$pid"
		done 2>/dev/null
	) &
	stops=$!
	for _ in {1..15}; do
		run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
		[[ $(row outcome <<<"$output") == patched ]]
		run -0 "$suture" revert --pid "$pid" --json "$hotpatch"
		[[ $(row outcome <<<"$output") == reverted ]]
	done
	kill "$stops"
	wait "$stops" || true
	kill -CONT "$pid"
	[[ $(ask c) == *" wrong 0" ]]
	stop_victim
}

@test "two hundred threads that all compute: the one that is borrowed need not wait for its turn" {
	start_victim live-storm crowd
	# The commands of this test come before the crowd.
	((EUID != 0)) || renice -n -20 -p "$BASHPID" >/dev/null
	run -0 "$suture" apply --pid "$pid" --timeout 10 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	# Without the right to real-time priority it may have to.
	((EUID != 0)) || [[ $(row 'place_us < 400000' <<<"$output") == true ]] || {
		echo "$output"
		false
	}
	[[ $(ask a) == 43 ]]
	# Nobody's priority is changed.
	nice=$(ps -o ni= -p "$pid" | tr -d ' ')
	run -1 grep -hv "^[0-9]* (.*) [RS] [0-9 -]* $((20 + nice)) $nice " /proc/"$pid"/task/*/stat
	stop_victim
}

@test "a program that executes itself anew all the time" {
	start_victim live-storm exec
	for _ in {1..30}; do
		run "$suture" apply --pid "$pid" --timeout 1 --json "$hotpatch"
		# Never half of a program.
		[[ $(row outcome <<<"$output") =~ ^(patched|gone|already)$ ]] || {
			echo "$output"
			false
		}
	done
	# And it goes on: neither stopped nor traced.
	until_true grep -q '^State:.[SR]' "/proc/$pid/status"
	until_true grep -q '^TracerPid:.0' "/proc/$pid/status"
	stop_victim
}

@test "another process that shares the memory" {
	survives shared
}

@test "another process that shares the memory is stopped with the first" {
	start_victim live-storm shared
	until_true pgrep -P "$pid"
	sleep 0.2 # a child of vfork is taken for one no longer
	other=$(pgrep -P "$pid")
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(row threads <<<"$output") == 4 ]] # three, and the other's one
	run -0 "$suture" verify --pid "$other" "$hotpatch"
	run -0 "$suture" apply --pid "$other" --json "$hotpatch"
	[[ $output == *'"already"'* ]]
	# Both at once: they are one memory, and one of the two runs does it.
	run -0 "$suture" revert --pid "$pid" --pid "$other" --json "$hotpatch"
	[[ $(json '[.processes[].outcome] | sort | join(" ")' <<<"$output") == "already reverted" ]]
	[[ $(ask a) == 7 ]]
	stop_victim
}
