# SPDX-License-Identifier: Apache-2.0
# Processes that a search found, and that run another program, or none, a moment later.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-mover.hotpatch
	pids=()
}

teardown() {
	kill -KILL "${pids[@]}" 2>/dev/null || true
	wait "${pids[@]}" 2>/dev/null || true
}

# start_movers MILLISECONDS: six that execute programs for ever, and one after another
# that exit.
start_movers() {
	for _ in {1..6}; do
		"$built/live-mover" "$1" 3>&- &
		pids+=($!)
	done
	while :; do "$built/live-mover" "$1" once; done 3>&- &
	pids+=($!)
}

# Run suture "$@" until $rows, "OUTCOME REASON" of each row, has all of the outcomes in
# $wanted, and 50 rows in all; nothing but those may be in it, nor another exit status
# than that all went well (0) or that nothing was there (6).
until_seen() {
	local word deadline=$((SECONDS + 120)) status
	rows=$BATS_TEST_TMPDIR/rows
	: >"$rows"
	while ((SECONDS < deadline)); do
		"$suture" apply "$hotpatch" >/dev/null || true
		"$suture" "$@" --json >"$BATS_TEST_TMPDIR/json" || {
			status=$?
			((status == 6)) || {
				cat "$BATS_TEST_TMPDIR/json"
				return 1
			}
		}
		json '.processes[] | "\(.outcome) \(.reason)"' <"$BATS_TEST_TMPDIR/json" >>"$rows"
		(($(wc -l <"$rows") >= 50)) || continue
		for word in $wanted; do grep -q "^$word " "$rows" || continue 2; done
		break
	done
	sort "$rows" | uniq -c
	for word in $wanted; do grep -q "^$word " "$rows"; done
	run ! grep -vE "^(${wanted// /|}|already) " "$rows"
}

@test "apply calls them gone, and refuses none" {
	start_movers 5
	wanted="patched gone" until_seen apply "$hotpatch"
}

@test "verify calls them gone: none differs" {
	start_movers 60
	wanted="verified gone" until_seen verify
}

@test "revert calls them gone, and refuses none" {
	start_movers 60
	wanted="reverted gone" until_seen revert "$hotpatch"
}

@test "status leaves them out" {
	start_movers 60
	for _ in {1..40}; do
		"$suture" apply "$hotpatch" >/dev/null || true
		run -0 "$suture" status --json
		[[ $(json '[.processes[] | select(.error != "" or .hotpatches == [])] | length' \
			<<<"$output") == 0 ]]
	done
}

@test "one that --pid names is refused when it runs another program" {
	start_movers 1000
	pid=$BASHPID
	run -5 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(json '.processes[0] | "\(.outcome) \(.reason)"' <<<"$output") == \
		"refused does not map the build" ]]
}
