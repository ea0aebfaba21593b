# SPDX-License-Identifier: Apache-2.0
# Replaced functions in C that are cancelled, jumped out of, and looked at from within.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	compose=$built/live-compose
	source=$BATS_TEST_DIRNAME/leave.c
	built=$BATS_TEST_TMPDIR
	hotpatch=$built/hotpatch
}

teardown() {
	kill_victim
}

# Victim and hotpatch, compiled with the flags $@.
make_victim() {
	cc -O2 "$@" -Wl,--build-id -o "$built/victim" "$source" -pthread
	cc -O2 "$@" -fPIC -DFIX -c -o "$built/fix.o" "$source"
	"$compose" "$hotpatch" "$built/victim" "$built/fix.o" answer
}

# The frames that a backtrace sees from within answer(): in hundreds, and the answer.
frames() {
	echo $(($(ask b) / 100))
}

@test "a thread cancelled in a replaced function runs its clean-up handlers" {
	make_victim
	start_victim victim
	[[ $(ask c) == 2 ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 && $(ask c) == 2 && $(ask c) == 2 ]]
	"$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a) == 7 && $(ask c) == 2 ]]
	stop_victim
}

@test "also where the unwinder was not loaded when the program was patched" {
	make_victim
	start_victim victim
	run ! grep -q libgcc_s "/proc/$pid/maps"
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask c) == 2 && $(ask a) == 43 ]]
	stop_victim
}

@test "also where handlers run by unwinding" {
	make_victim -fexceptions
	start_victim victim
	[[ $(ask c) == 2 ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask c) == 2 && $(ask a) == 43 ]]
	stop_victim
}

@test "jumps into and out of a replaced function" {
	make_victim
	start_victim victim
	[[ $(ask j) == 7 ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask j) == 43 && $(ask j) == 43 && $(ask a) == 43 ]]
	"$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask j) == 7 ]]
	stop_victim
}

@test "a backtrace from within a replaced function sees all frames" {
	make_victim
	start_victim victim
	[[ $(ask p) -ge 3 ]]
	n=$(frames)
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(frames) == "$n" ]]
	stop_victim
}

@test "where the unwinder was not loaded when the program was patched, it sees those up to it" {
	make_victim
	start_victim victim
	"$suture" apply --pid "$pid" "$hotpatch"
	n=$(frames)
	"$suture" revert --pid "$pid" "$hotpatch"
	[[ $n -ge 2 && $n -le $(frames) && $(ask a) == 7 ]]
	# Now it is, and the next apply tells it.
	n=$(frames)
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(frames) == "$n" ]]
	stop_victim
}
