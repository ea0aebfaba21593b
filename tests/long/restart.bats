# SPDX-License-Identifier: Apache-2.0
# Signals that meet a thread between a stop and the system call that it goes back into.

bats_require_minimum_version 1.5.0

setup() {
	load ../live/helpers
	stopper=$built/live-stopper
}

teardown() {
	kill_victim
	[[ ! ${stops:-} ]] || kill -KILL "$stops" 2>/dev/null || true
}

@test "a signal ends the call that the kernel makes again, wherever on the way back it comes" {
	start_victim live-sleepers wait flock futex_forever read_pipe mq_timedreceive accept_timeout
	"$stopper" "$pid" 100000000 30 >"$BATS_TEST_TMPDIR/stops" &
	stops=$!
	for _ in {1..20}; do
		[[ $(ask m) == ok ]]
	done
	kill "$stops"
	wait "$stops" || true
	stops=
	all_calls_say 20000/20000/0
	stop_victim
}
