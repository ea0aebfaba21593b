#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0

bats_require_minimum_version 1.5.0

setup() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	need_commands jq
}

@test "a year has twelve second Tuesdays, as cal(1) and date(1) have them" {
	"$suture" calendar 2027 --json >"$BATS_TEST_TMPDIR/json"
	jq -r '.events[].date' "$BATS_TEST_TMPDIR/json" >"$BATS_TEST_TMPDIR/dates"
	(($(wc -l <"$BATS_TEST_TMPDIR/dates") == 12))
	while read -r date; do
		[[ $(date -u -d "$date" +%u) == 2 ]]
		day=$((10#${date##*-}))
		((day >= 8 && day <= 14))
	done <"$BATS_TEST_TMPDIR/dates"
}

@test "baselines are in January, April, July and October, and hotpatches sit on the one before" {
	"$suture" calendar 2026 --json | jq -r '.events[] | "\(.name) \(.kind) \(.baseline)"' >"$BATS_TEST_TMPDIR/events"
	diff "$BATS_TEST_TMPDIR/events" - <<-'END'
		2026.01 baseline 2026.01
		2026.02 hotpatch 2026.01
		2026.03 hotpatch 2026.01
		2026.04 baseline 2026.04
		2026.05 hotpatch 2026.04
		2026.06 hotpatch 2026.04
		2026.07 baseline 2026.07
		2026.08 hotpatch 2026.07
		2026.09 hotpatch 2026.07
		2026.10 baseline 2026.10
		2026.11 hotpatch 2026.10
		2026.12 hotpatch 2026.10
	END
}

@test "people get a table, with what comes next in this year" {
	run -0 "$suture" calendar
	[[ ${lines[0]} == DATE*RELEASE*KIND*BASELINE*STATE* ]]
	[[ ${lines[1]} == "$(date -u +%Y)-01-"* ]]
	((${#lines[@]} == 13))
}

@test "a year that is none is refused" {
	run -2 "$suture" calendar twelve
	[[ $output == *"YEAR: 'twelve' is not a number from 1971 to 9999"* ]]
	run -2 "$suture" calendar 1970
	run -2 "$suture" calendar 2026 2027
	run -2 "$suture" calendar --repository "$BATS_TEST_TMPDIR/none"
	[[ $output == *"there is no repository"* ]]
}

@test "a rule from a file moves days and baselines" {
	echo '{"week": 5, "weekday": "friday", "baselines": [3, 9]}' >"$BATS_TEST_TMPDIR/rule"
	run -0 "$suture" calendar 2027 --rule "$BATS_TEST_TMPDIR/rule" --json
	jq -e '.rule == {"week": 5, "weekday": "friday", "baselines": [3, 9]}' <<<"$output"
	jq -e '[.events[] | select(.kind == "baseline") | .name] == ["2027.03", "2027.09"]' <<<"$output"
	mapfile -t dates < <(jq -r '.events[].date' <<<"$output")
	((${#dates[@]} == 12))
	for date in "${dates[@]}"; do
		# A Friday, after which there is none in that month.
		[[ $(date -u -d "$date" +%u) == 5 ]]
		[[ $(date -u -d "$date + 7 days" +%m) != $(date -u -d "$date" +%m) ]]
	done
}

@test "a rule that is none is refused, by the name of its file" {
	rule=$BATS_TEST_TMPDIR/rule
	for text in '' '{' '{"week": 2}' '{"week": 2, "weekday": "tuesday", "baselines": [1], "time": 9}' \
		'{"week": 2, "weekday": "tuesday", "baselines": [1]} x'; do
		printf '%s' "$text" >"$rule"
		run -1 "$suture" calendar --rule "$rule"
		[[ $output == *"$rule: calendar: "* ]]
	done
	[[ $output != *BASELINE* ]]
	run -1 "$suture" calendar --rule "$rule.none"
	[[ $output == *"$rule.none: "* ]]
	run -2 "$suture" calendar --store "$BATS_TEST_TMPDIR"
	[[ $output == *"go with --repository"* ]]
}
