# SPDX-License-Identifier: Apache-2.0
# What a process and its threads have, besides memory, is as it was.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-state.hotpatch
}

teardown() {
	kill_victim
}

# Everything that the kernel tells of the process and each of its threads and that does
# not change by itself; then what the process tells.
state() {
	local task
	cat "/proc/$pid/limits" "/proc/$pid/timers"
	readlink "/proc/$pid/cwd" "/proc/$pid/root" "/proc/$pid/exe"
	ls -l "/proc/$pid/fd" | sed 's/.*[0-9][0-9]:[0-9][0-9] //'
	grep -hE 'flags|mnt_id' "/proc/$pid/fdinfo/"*
	for task in "/proc/$pid/task/"*; do
		grep -E '^(Name|Umask|Tgid|Ngid|Pid|PPid|TracerPid|Uid|Gid|FDSize|Groups|NS|Threads)' \
			"$task/status"
		grep -E '^(Sig[PBIC]|Shd|Cap|NoNewPrivs|Seccomp|Speculation|Cpus|Mems|untag|x86)' \
			"$task/status"
		# Priority, nice, real-time priority and policy; personality.
		awk '{ sub(/.*\) /, ""); print $16, $17, $38, $39 }' "$task/stat"
		cat "$task/personality" "/proc/$pid/timerslack_ns" "$task/cgroup" "$task/oom_score_adj"
	done
	ask s
}

# Compare with the state before.
is_as_before() {
	state >"$BATS_TEST_TMPDIR/now"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/now"
}

# A signal is pending for each thread, and all of them sleep.
is_settled() {
	state >"$BATS_TEST_TMPDIR/now"
	[[ $(grep -c 'SigPnd:.*[1-9a-f]' "$BATS_TEST_TMPDIR/now") == 4 ]] &&
		! grep -qv '^[0-9]* (.*) S' /proc/"$pid"/task/*/stat -h
}

@test "limits, signals, files, priorities, and each thread's own, are as they were" {
	start_victim live-state
	until_true is_settled
	state >"$BATS_TEST_TMPDIR/before"
	[[ $(wc -l <"$BATS_TEST_TMPDIR/before") -gt 100 ]]
	# A signal is pending for each thread.
	[[ $(grep -c 'SigPnd:.*[1-9a-f]' "$BATS_TEST_TMPDIR/before") == 4 ]]
	for _ in 1 2 3; do
		"$suture" apply --pid "$pid" "$hotpatch"
		[[ $(ask a) == 43 ]]
		is_as_before
		"$suture" revert --pid "$pid" "$hotpatch"
		[[ $(ask a) == 7 ]]
		is_as_before
	done
	stop_victim
}

@test "so they are when the tool backs out" {
	start_victim live-state
	until_true is_settled
	state >"$BATS_TEST_TMPDIR/before"
	cp "/proc/$pid/maps" "$BATS_TEST_TMPDIR/maps"
	size=$(awk '/VmSize/ { print $2 }' "/proc/$pid/status")
	prlimit --pid "$pid" --as=$(((size + 1) * 1024)):
	run -5 "$suture" apply --pid "$pid" "$hotpatch"
	prlimit --pid "$pid" --as=unlimited:
	is_as_before
	diff "$BATS_TEST_TMPDIR/maps" "/proc/$pid/maps"
	stop_victim
}
