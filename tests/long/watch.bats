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

# Wait until the programs have said $1 once more.
says_more() {
	local before
	before=$(grep -cx "$1" "$BATS_TEST_TMPDIR/said" || true)
	# shellcheck disable=SC2016 # expanded inside
	until_true bash -c '(($(grep -cx "$1" "$2") > $3))' _ "$1" "$BATS_TEST_TMPDIR/said" "$before"
}

@test "a watcher that is killed 200 times leaves nobody waiting and harms nobody" {
	while [[ ! -e $BATS_TEST_TMPDIR/enough ]]; do
		timeout 120 "$built/live-early" || [[ $? == 1 ]] || echo "status $?"
	done >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
	starts=$!
	for i in {1..200}; do
		# Now and then it is certain that somebody starts while nobody watches, and
		# while somebody does; else it is killed at any time.
		((i % 20)) || says_more "7 7"
		"$suture" watch --file "$built/live-early" "$built/live-early-imports.hotpatch" \
			>/dev/null 2>&1 3>&- &
		watcher=$!
		((i % 20)) || says_more "43 43"
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
	local n=0 rounds=0 child
	start_watch --file "$built/live-early" "$built/live-early-imports.hotpatch"
	# 600 starts, and more until enough of them have lost their follower.
	while ((rounds < 6 || n <= 20 || $(count_events event missed) == 0)); do
		rounds=$((rounds + 1))
		((rounds <= 60))
		start_many 100 4 "$built/live-early" >>"$BATS_TEST_TMPDIR/said" 3>&- &
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
	done
	[[ $(awk '{ if ($2 == 43 || $2 == 7) n += $1; else bad = 1 } END { print bad ? "bad" : n }' \
		"$BATS_TEST_TMPDIR/said") == $((100 * rounds)) ]] || {
		cat "$BATS_TEST_TMPDIR/said"
		return 1
	}
	stop_watch
}
