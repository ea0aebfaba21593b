# SPDX-License-Identifier: Apache-2.0
# Never while a thread is in a function that is replaced; and not never because of
# what it left on its stack.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-frames.hotpatch
}

teardown() {
	kill_victim
}

row() {
	json ".processes[] | select(.pid == $pid) | .$1"
}

# In mode $1 apply must say busy, name the function, and change nothing; once the
# thread has left, it must succeed.
busy_until_released() {
	start_victim live-frames "$1"
	run -5 "$suture" apply --pid "$pid" --timeout 0.5 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == busy ]]
	[[ $(row tries <<<"$output") -gt 2 ]]
	[[ $(row reason <<<"$output") =~ $2 ]]
	[[ $(ask a) == "7 7" ]]
	[[ $(ask r) == ok ]]
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(ask a) == "43 77" ]]
	stop_victim
}

# In mode $1 apply must succeed at once.
never_busy() {
	start_victim live-frames "$1"
	run -0 "$suture" apply --pid "$pid" --timeout 3 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(row tries <<<"$output") -le 3 ]]
	[[ $(ask a) == "43 77" ]]
	run -0 "$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a) == "7 7" ]]
	stop_victim
}

@test "a function that sleeps in its callee is busy" {
	busy_until_released callee "will return into answer"
}

@test "a function ten thousand frames up is busy" {
	busy_until_released deep "will return into answer"
}

@test "a function interrupted by a handler on another stack is busy" {
	busy_until_released handler "will return into answer"
}

@test "a function that runs is busy" {
	busy_until_released running "is running answer"
}

@test "a function whose return address vfork keeps in a register is busy" {
	busy_until_released vfork "."
}

@test "what a function left on a stack does not block" {
	never_busy stale
}

@test "a function that has ended in a tail call does not block" {
	never_busy tail
}

@test "a function that was left by longjmp does not block" {
	never_busy jump
}
