# SPDX-License-Identifier: Apache-2.0
# A tool that is killed leaves a program that runs on rightly, and the next command
# completes or undoes. The tool is killed at every step.

bats_require_minimum_version 1.5.0

setup() {
	load ../live/helpers
	load ../live/sweep
	first=$built/live-steady.hotpatch
	make_second
}

teardown() {
	kill_victim
}

@test "apply, killed at every step, is completed by apply" {
	sweep_apply 1
}

@test "apply, killed at every step, is undone by revert" {
	sweep_apply_then_revert 1
}

@test "revert, killed at every step, is completed by revert" {
	sweep_revert 1
}

@test "apply after a revert, killed at every step, is completed by apply" {
	sweep_apply_again 1
}

@test "a replacement, killed at every step, is completed by the later hotpatch" {
	sweep_replace 1
}

@test "a replacement, killed at every step, is taken back by the earlier hotpatch" {
	sweep_replace_then_back 1
}

@test "a program that is killed at every step of apply is gone, and said to be" {
	sweep_victim 1
}

@test "apply whose worker alone is killed, at every step, says so and is completed" {
	sweep_part worker 1 '7|43'
}

@test "apply whose parent alone is killed, at every step, is completed by the worker" {
	sweep_part parent 1 43
}

@test "apply is killed, at every 5th step, and what repairs it, at every 7th: the third completes" {
	sweep_twice 5 7
}
