# SPDX-License-Identifier: Apache-2.0
# Apply, look, prove, undo: on a program of one thread and on one of many.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-basic.hotpatch
}

teardown() {
	kill_victim
}

row() {
	json ".processes[] | select(.pid == $pid) | .$1"
}

@test "a single-threaded program runs the new function after apply and the old one after revert" {
	start_victim live-basic
	[[ $(ask a) == 7 ]]
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(ask a) == 43 ]]
	run -0 "$suture" revert --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == reverted ]]
	[[ $(ask a) == 7 ]]
	stop_victim
}

sees_new() {
	[[ $(ask c) =~ "new "[1-9] ]]
}

@test "fifty threads never see an answer that is neither old nor new, over ten applies and reverts" {
	start_victim live-basic 50
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		"$suture" apply --pid "$pid" "$hotpatch"
		"$suture" revert --pid "$pid" "$hotpatch"
	done
	"$suture" apply --pid "$pid" "$hotpatch"
	until_true sees_new
	run -0 ask c
	[[ $output =~ ^"old "[1-9][0-9]*" new "[1-9][0-9]*" wrong 0"$ ]]
	stop_victim
}

@test "apply and revert are idempotent" {
	start_victim live-basic 2
	run -0 "$suture" revert --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == already ]]
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == already ]]
	run -0 "$suture" revert --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == reverted ]]
	run -0 "$suture" revert --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == already ]]
	stop_victim
}

@test "a dry run changes nothing" {
	start_victim live-basic
	cp "/proc/$pid/maps" "$BATS_TEST_TMPDIR/before"
	run -0 "$suture" apply --dry-run --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == ready ]]
	[[ $(ask a) == 7 ]]
	diff "$BATS_TEST_TMPDIR/before" "/proc/$pid/maps"
	stop_victim
}

@test "apply leaves the payload in the maps and nothing else, and no descriptor" {
	start_victim live-basic 3
	ask a
	cut -d' ' -f1-5 "/proc/$pid/maps" >"$BATS_TEST_TMPDIR/before"
	ls -l "/proc/$pid/fd" >"$BATS_TEST_TMPDIR/fd-before"
	grep -E '^Sig(Ign|Cgt|Blk)' "/proc/$pid/status" >"$BATS_TEST_TMPDIR/signals-before"
	"$suture" apply --pid "$pid" "$hotpatch"
	cut -d' ' -f1-5 "/proc/$pid/maps" >"$BATS_TEST_TMPDIR/after"
	# Text that has been written to is the process's own; its range is the same.
	run diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	[[ $(grep -c '^<' <<<"$output") == 0 ]]
	[[ $(grep '^>' <<<"$output" | cut -d' ' -f3 | tr '\n' ' ') == "r--p r-xp rw-p " ]]
	diff "$BATS_TEST_TMPDIR/fd-before" <(ls -l "/proc/$pid/fd")
	diff "$BATS_TEST_TMPDIR/signals-before" <(grep -E '^Sig(Ign|Cgt|Blk)' "/proc/$pid/status")
	[[ $(grep TracerPid "/proc/$pid/status") =~ 0$ ]]
	stop_victim
}

@test "applying again after a revert maps nothing new" {
	start_victim live-basic
	"$suture" apply --pid "$pid" "$hotpatch"
	"$suture" revert --pid "$pid" "$hotpatch"
	cut -d' ' -f1-5 "/proc/$pid/maps" >"$BATS_TEST_TMPDIR/before"
	for _ in 1 2 3; do
		"$suture" apply --pid "$pid" "$hotpatch"
		"$suture" revert --pid "$pid" "$hotpatch"
	done
	diff "$BATS_TEST_TMPDIR/before" <(cut -d' ' -f1-5 "/proc/$pid/maps")
	stop_victim
}

@test "status tells what a process carries" {
	start_victim live-basic
	run -0 "$suture" status --pid "$pid" --json
	[[ $(row 'hotpatches | length' <<<"$output") == 0 ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	run -0 "$suture" status --json
	[[ $(row 'hotpatches[0].state' <<<"$output") == applied ]]
	[[ $(row 'hotpatches[0].redirects' <<<"$output") == 1 ]]
	[[ $(row 'hotpatches[0].functions[0].name' <<<"$output") == answer ]]
	[[ $(row 'hotpatches[0].digest' <<<"$output") == $(sha256sum <"$hotpatch" | cut -d' ' -f1) ]]
	"$suture" revert --pid "$pid" "$hotpatch"
	run -0 "$suture" status --json
	[[ $(row 'hotpatches[0].state' <<<"$output") == reverted ]]
	stop_victim
}

@test "verify tells apart not applied, applied, and a payload with one changed byte" {
	start_victim live-basic
	run -5 "$suture" verify --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == differs ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	run -0 "$suture" verify --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == verified ]]
	run -0 "$suture" verify --pid "$pid" --json
	start=$("$suture" status --pid "$pid" --json |
		json '.processes[0].hotpatches[0].payload[1].start')
	printf '\x90' | dd of="/proc/$pid/mem" bs=1 seek=$((start + 3)) conv=notrunc status=none
	run -5 "$suture" verify --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == differs ]]
	[[ $(row reason <<<"$output") == *".text at 0x"*" differs from the file"* ]] ||
		[[ $(row reason <<<"$output") == *".text at 0x"*differs* ]]
	run -5 "$suture" verify --pid "$pid" --json
	kill_victim
}

@test "a forked child carries the hotpatch and can be reverted by itself" {
	start_victim live-basic
	"$suture" apply --pid "$pid" "$hotpatch"
	child=$(ask f)
	[[ $(ask a) == 43 ]]
	run -0 "$suture" verify --pid "$child" --json "$hotpatch"
	run -0 "$suture" revert --pid "$child" --json "$hotpatch"
	[[ $(ask a) == 43 ]]
	run -0 "$suture" verify --pid "$pid" "$hotpatch"
	run -5 "$suture" verify --pid "$child" "$hotpatch"
	stop_victim
}

# A victim that nobody else on this machine runs: $unique, and its hotpatch.
make_unique_victim() {
	unique=$BATS_TEST_TMPDIR/victim
	{
		printf '\4\0\0\0\24\0\0\0\3\0\0\0GNU\0'
		head -c 20 /dev/urandom
	} >"$BATS_TEST_TMPDIR/note"
	objcopy --update-section ".note.gnu.build-id=$BATS_TEST_TMPDIR/note" "$built/live-basic" \
		"$unique"
	hotpatch=$unique.hotpatch
	"$built/live-compose" "$hotpatch" "$unique" "$built"/liblive-basic-fix.a.p/*.o answer
	built=$BATS_TEST_TMPDIR
}

@test "every process that runs the build is found, and one that does not is no target" {
	make_unique_victim
	start_victim victim
	"$unique" 0 < <(sleep 20) >"$BATS_TEST_TMPDIR/other" &
	other=$!
	until_true grep -q ready "$BATS_TEST_TMPDIR/other"
	run -0 "$suture" apply --json "$hotpatch"
	[[ $(json '.processes | map(.pid) | sort | join(" ")' <<<"$output") == \
		$(printf '%s\n' "$pid" "$other" | sort -n | tr '\n' ' ' | sed 's/ $//') ]]
	[[ $(json '.processes | map(.outcome) | unique | join(" ")' <<<"$output") == patched ]]
	run -5 "$suture" apply --pid $$ --json "$hotpatch"
	[[ $(json '.processes[0].outcome' <<<"$output") == refused ]]
	kill "$other"
	wait "$other" || true
	stop_victim
	run -6 "$suture" apply --json "$hotpatch"
	[[ $(json '.processes | length' <<<"$output") == 0 ]]
}

@test "a program whose file was replaced or deleted is found and patched" {
	make_unique_victim
	start_victim victim
	rm "$unique"
	run -0 "$suture" apply --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(ask a) == 43 ]]
	stop_victim
}
