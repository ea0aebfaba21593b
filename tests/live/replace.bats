# SPDX-License-Identifier: Apache-2.0
# A later hotpatch for the same build replaces the earlier one in one stop.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	first=$built/live-frames.hotpatch # answer() +36, answer_tail() +70
	second=$BATS_TEST_TMPDIR/second.hotpatch
	make_second "int answer(int x, int what) { return helper(x, what) + 93; }" answer
}

teardown() {
	kill_victim
}

# A hotpatch with other code $1 for the functions named after it.
make_second() {
	printf 'int helper(int x, int what);\n%s\n' "$1" >"$BATS_TEST_TMPDIR/second.c"
	shift
	cc -O2 -fPIC -c -o "$BATS_TEST_TMPDIR/second.o" "$BATS_TEST_TMPDIR/second.c"
	"$built/live-compose" "$second" "$built/live-frames" "$BATS_TEST_TMPDIR/second.o" "$@"
}

row() {
	json ".processes[] | select(.pid == $pid) | .$1"
}

states() {
	"$suture" status --pid "$pid" --json |
		json '[.processes[0].hotpatches[] | "\(.state) \(.redirects)"] | sort | join(", ")'
}

@test "the later hotpatch's functions come, those that only the earlier one had go back" {
	start_victim live-frames idle
	"$suture" apply --pid "$pid" "$first"
	[[ $(ask a) == "43 77" ]]
	run -0 "$suture" apply --pid "$pid" --json "$second"
	[[ $(row outcome <<<"$output") == patched ]]
	# Nobody is in a function: only a machine that stands still costs a try.
	[[ $(row tries <<<"$output") -le 3 ]]
	[[ $(ask a) == "99 7" ]]
	[[ $(states) == "applied 1, reverted 0" ]]
	run -0 "$suture" verify --pid "$pid" "$second"
	run -5 "$suture" verify --pid "$pid" "$first"
	stop_victim
}

@test "reverting the later one leads to the original, not to the earlier one" {
	start_victim live-frames idle
	"$suture" apply --pid "$pid" "$first"
	"$suture" apply --pid "$pid" "$second"
	run -0 "$suture" revert --pid "$pid" --json "$first"
	[[ $(row outcome <<<"$output") == already ]]
	[[ $(ask a) == "99 7" ]]
	run -0 "$suture" revert --pid "$pid" --json "$second"
	[[ $(row outcome <<<"$output") == reverted ]]
	[[ $(ask a) == "7 7" ]]
	stop_victim
}

@test "back to the earlier one, and forth, maps nothing new" {
	start_victim live-frames idle
	"$suture" apply --pid "$pid" "$first"
	"$suture" apply --pid "$pid" "$second"
	cut -d' ' -f1-5 "/proc/$pid/maps" >"$BATS_TEST_TMPDIR/before"
	for _ in 1 2 3; do
		"$suture" apply --pid "$pid" "$first"
		[[ $(ask a) == "43 77" ]]
		"$suture" apply --pid "$pid" "$second"
		[[ $(ask a) == "99 7" ]]
	done
	diff "$BATS_TEST_TMPDIR/before" <(cut -d' ' -f1-5 "/proc/$pid/maps")
	stop_victim
}

@test "a thread in the earlier one's code holds the replacement up" {
	start_victim live-frames later
	"$suture" apply --pid "$pid" "$first"
	[[ $(ask t) == ok ]]
	run -5 "$suture" apply --pid "$pid" --timeout 0.3 --json "$second"
	[[ $(row reason <<<"$output") =~ "will return into" ]]
	[[ $(states) == "applied 4" ]]
	run -5 "$suture" revert --pid "$pid" --timeout 0.3 --json "$first"
	[[ $(row reason <<<"$output") =~ "will return into" ]]
	[[ $(states) == "applied 4" ]]
	[[ $(ask r) == ok ]]
	run -0 "$suture" apply --pid "$pid" --json "$second"
	[[ $(ask a) == "99 7" ]]
	stop_victim
}

@test "two hotpatches for one build at a time make no sense" {
	start_victim live-frames idle
	run -2 "$suture" apply --pid "$pid" "$first" "$second"
	[[ $output == *"are for the same build"* ]]
	[[ $(ask a) == "7 7" ]]
	stop_victim
}
