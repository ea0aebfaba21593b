# SPDX-License-Identifier: Apache-2.0
# Thousands of starts under suture watch, and a watcher that dies again and again.

bats_require_minimum_version 1.5.0

setup() {
	load ../live/helpers
	load ../lib/watch
}

teardown() {
	kill_watch
}

# all_new N PARALLEL COMMAND...
all_new() {
	run -0 start_many "$@"
	[[ $output == "$1 43 43" ]] || {
		echo "$output"
		return 1
	}
	! grep -E '"late":true|missed' "$events"
}

@test "2,000 starts: no vulnerable call, one at a time, eight at a time, from containers" {
	start_watch --file "$built/live-early" --file "$built/live-early-static" \
		--file "$built/liblive-early.so" "$built/live-early-imports.hotpatch" \
		"$built/live-early-static.hotpatch" "$built/live-early-lib-imports.hotpatch"
	all_new 300 1 "$built/live-early"
	all_new 500 8 "$built/live-early"
	all_new 300 8 "$built/live-early-static"
	all_new 300 8 "$built/live-early-linked"
	all_new 300 8 "$built/live-early-opener" "$built/liblive-early.so"
	all_new 300 8 unshare -m -p -f --mount-proc "$built/live-early"
	stop_watch
}

@test "a watcher that is killed 200 times leaves nobody waiting and harms nobody" {
	while [[ ! -e $BATS_TEST_TMPDIR/enough ]]; do
		timeout 120 "$built/live-early" || [[ $? == 1 ]] || echo "status $?"
	done >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	starts=$!
	for i in {1..200}; do
		"$suture" watch --file "$built/live-early" "$built/live-early-imports.hotpatch" \
			>/dev/null 2>&1 3>&- &
		watcher=$!
		sleep "0.$((RANDOM % 3))$((RANDOM % 10))"
		kill -KILL "$watcher"
		wait "$watcher" || true
	done
	watcher=
	touch "$BATS_TEST_TMPDIR/enough"
	wait "$starts"
	run sort -u "$BATS_TEST_TMPDIR/said"
	[[ $output == $'43 43\n7 7' || $output == $'43 43\n7 43\n7 7' ]] || {
		echo "$output"
		return 1
	}
}

@test "followers that are killed leave programs that run, patched or not" {
	local n=0 child
	start_watch --file "$built/live-early" "$built/live-early-imports.hotpatch"
	start_many 600 4 "$built/live-early" >"$BATS_TEST_TMPDIR/said" 3>&- &
	starts=$!
	while kill -0 "$starts" 2>/dev/null; do
		for child in $(<"/proc/$watcher/task/$watcher/children"); do
			if ((RANDOM % 3 == 0)); then
				kill -KILL "$child" 2>/dev/null && n=$((n + 1))
			fi
		done
		sleep "0.00$((RANDOM % 10))"
	done
	wait "$starts"
	((n > 20))
	[[ $(awk '{ if ($2 == 43 || $2 == 7) n += $1; else bad = 1 } END { print bad ? "bad" : n }' \
		"$BATS_TEST_TMPDIR/said") == 600 ]] || {
		cat "$BATS_TEST_TMPDIR/said"
		return 1
	}
	stop_watch
	[[ $(count_events event missed) -gt 0 ]]
}
