# SPDX-License-Identifier: Apache-2.0
# A tool that is killed leaves a program that runs on rightly, and the next command
# completes or undoes. The tool is killed at every ninth step.

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

@test "apply, killed at every ninth step, is completed by apply" {
	sweep_apply 9
}

@test "apply, killed at every ninth step, is undone by revert" {
	sweep_apply_then_revert 9
}

@test "revert, killed at every ninth step, is completed by revert" {
	sweep_revert 9
}

@test "apply after a revert, killed at every ninth step, is completed by apply" {
	sweep_apply_again 9
}

@test "a replacement, killed at every ninth step, is completed by the later hotpatch" {
	sweep_replace 9
}

@test "a replacement, killed at every ninth step, is taken back by the earlier hotpatch" {
	sweep_replace_then_back 9
}

@test "a program that is killed at every fifth step of apply is gone, and said to be" {
	sweep_victim 5
}

@test "apply whose worker alone is killed, at every 17th step, says so and is completed" {
	sweep_part worker 17 '7|43'
}

@test "apply whose parent alone is killed, at every 17th step, is completed by the worker" {
	sweep_part parent 17 43
}

@test "apply is killed, at every 29th step, and what repairs it, at every 19th: the third completes" {
	sweep_twice 29 19
}
