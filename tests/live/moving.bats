# SPDX-License-Identifier: Apache-2.0
# Processes that a search found, and that run another program, or none, a moment later.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-mover.hotpatch
	name=$("$suture" show --json "$hotpatch" | json .name)
	pids=()
}

teardown() {
	kill -KILL "${pids[@]}" 2>/dev/null || true
	wait "${pids[@]}" 2>/dev/null || true
}

# start_movers MILLISECONDS: six that execute programs for ever, one after another that
# exits, and one that stays for long; its pid is in $steady.
start_movers() {
	for _ in {1..6}; do
		"$built/live-mover" "$1" 3>&- &
		pids+=($!)
	done
	while :; do "$built/live-mover" "$1" once; done 3>&- &
	pids+=($!)
	"$built/live-mover" 0 3>&- &
	steady=$!
	pids+=("$steady")
	timeout 60 sh -c "until grep -q live-mover /proc/$steady/maps; do sleep 0.05; done"
}

# Run suture "$@" time and again. The steady process must be $wanted the first time, and all
# others that, already or gone; the exit status says that all went well.
all_are() {
	local rows=$BATS_TEST_TMPDIR/rows word=$wanted
	for _ in {1..15}; do
		[[ $wanted == patched ]] || run -0 "$suture" apply "$hotpatch"
		run -0 "$suture" "$@" --json
		json '.processes[] | "\(.pid) \(.outcome) \(.reason)"' <<<"$output" >"$rows"
		grep -E "^$steady $word " "$rows"
		run ! grep -vE "^[0-9]+ ($wanted|already|gone) " "$rows"
		[[ $wanted != patched ]] || word=already
	done
}

@test "apply calls them gone, and refuses none" {
	start_movers 5
	wanted=patched all_are apply "$hotpatch"
}

@test "verify calls them gone: none differs" {
	start_movers 60
	wanted=verified all_are verify "$name"
}

@test "revert calls them gone, and refuses none" {
	start_movers 60
	wanted=reverted all_are revert "$hotpatch"
}

@test "status leaves them out" {
	start_movers 60
	for _ in {1..15}; do
		run -0 "$suture" apply "$hotpatch"
		run -0 "$suture" status --json "$name"
		[[ $(json '[.processes[] | select(.error != "" or .hotpatches == [])] | length' \
			<<<"$output") == 0 ]]
	done
}

@test "one that --pid names is refused when it runs another program" {
	pid=$BASHPID
	run -5 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(json '.processes[0] | "\(.outcome) \(.reason)"' <<<"$output") == \
		"refused does not map the build" ]]
}
