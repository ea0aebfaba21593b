# SPDX-License-Identifier: Apache-2.0
# Several at a time: tools on one process, hotpatches in one stop, many processes.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-basic.hotpatch
}

teardown() {
	((${#many[@]} == 0)) || kill "${many[@]}" 2>/dev/null || true
	kill_victim
}

row() {
	json ".processes[] | select(.pid == $pid) | .$1"
}

@test "six runs that apply and revert one process at once take turns" {
	start_victim live-basic 20
	for i in 1 2 3 4 5 6; do
		for _ in 1 2 3 4 5; do
			"$suture" apply --pid "$pid" --timeout 120 --json "$hotpatch" || echo "failed $?"
			"$suture" revert --pid "$pid" --timeout 120 --json "$hotpatch" || echo "failed $?"
		done >"$BATS_TEST_TMPDIR/run.$i" 2>&1 &
		runs+=($!)
	done
	wait "${runs[@]}"
	for i in 1 2 3 4 5 6; do
		run ! grep -E 'failed|busy|refused|gone' "$BATS_TEST_TMPDIR/run.$i"
	done
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	run -0 "$suture" verify --pid "$pid" "$hotpatch"
	[[ $("$suture" status --pid "$pid" --json | json '.processes[0].hotpatches | length') == 1 ]]
	run -0 ask c
	[[ $output == *" wrong 0" ]]
	stop_victim
}

# A program and its library, each with a hotpatch: $program_patch, $library_patch.
make_pair() {
	local d=$BATS_TEST_TMPDIR
	compose=$built/live-compose
	cat >"$d/library.c" <<-'END'
		int library_answer(int x);
		extern int library_bias;
		int library_bias = 1;
		__attribute__((noinline)) int library_answer(int x) { return x + library_bias; }
	END
	cat >"$d/program.c" <<-'END'
		#include <stdio.h>
		int library_answer(int x);
		int answer(int x);
		extern int bias;
		int bias = 100;
		__attribute__((noinline)) int answer(int x) { return library_answer(x) + bias; }
		int main(void)
		{
			puts("ready");
			fflush(stdout);
			for (int c; (c = getchar()) != 'q';) {
				printf("%d\n", answer(6));
				fflush(stdout);
			}
			return 0;
		}
	END
	echo 'int library_answer(int x); int library_answer(int x) { return x + 1000; }' >"$d/l.c"
	echo 'int library_answer(int); int answer(int x); int answer(int x) { return library_answer(x) + 20000; }' >"$d/p.c"
	cc -O2 -fPIC -shared -Wl,--build-id -Wl,-soname,liblibrary.so -o "$d/liblibrary.so" "$d/library.c"
	cc -O2 -Wl,--build-id -o "$d/program" "$d/program.c" -L"$d" -llibrary -Wl,-rpath,"$d"
	cc -O2 -fPIC -c -o "$d/l.o" "$d/l.c"
	cc -O2 -fPIC -c -o "$d/p.o" "$d/p.c"
	library_patch=$d/library.hotpatch program_patch=$d/program.hotpatch
	"$compose" "$library_patch" "$d/liblibrary.so" "$d/l.o" library_answer
	"$compose" "$program_patch" "$d/program" "$d/p.o" answer
	built=$d
}

@test "a program and its library are patched in one stop" {
	make_pair
	start_victim program
	[[ $(ask a) == 107 ]]
	apply_at_once "$program_patch" "$library_patch"
	[[ $(ask a) == 21006 ]]
	run -0 "$suture" verify --pid "$pid" "$program_patch" "$library_patch"
	run -0 "$suture" revert --pid "$pid" "$library_patch"
	[[ $(ask a) == 20007 ]]
	run -0 "$suture" apply --pid "$pid" "$program_patch" "$library_patch"
	[[ $(ask a) == 21006 ]]
	run -0 "$suture" revert --pid "$pid" "$program_patch" "$library_patch"
	[[ $(ask a) == 107 ]]
	stop_victim
}

@test "when one of two hotpatches cannot go in, neither does" {
	make_pair
	start_victim program
	base=$(grep -m1 liblibrary "/proc/$pid/maps" | cut -d- -f1)
	entry=$(nm "$built/liblibrary.so" | awk '$3 == "library_answer" { print $1 }')
	# Another constant in the library's function, as if somebody had changed it.
	at=$((0x$base + 0x$entry + 1))
	byte=$(dd if="/proc/$pid/mem" bs=1 skip=$at count=1 status=none | od -An -tx1 | tr -d ' ')
	printf '\x90' | dd of="/proc/$pid/mem" bs=1 seek=$at conv=notrunc status=none
	run -5 "$suture" apply --pid "$pid" --json "$program_patch" "$library_patch"
	[[ $(row outcome <<<"$output") == refused ]]
	printf "\\x$byte" | dd of="/proc/$pid/mem" bs=1 seek=$at conv=notrunc status=none
	[[ $(ask a) == 107 ]]
	[[ $("$suture" status --pid "$pid" --json | json '.processes[0].hotpatches | length') == 0 ]]
	stop_victim
}

@test "sixty processes are patched in one run, each by its own worker" {
	{
		printf '\4\0\0\0\24\0\0\0\3\0\0\0GNU\0'
		head -c 20 /dev/urandom
	} >"$BATS_TEST_TMPDIR/note"
	objcopy --update-section ".note.gnu.build-id=$BATS_TEST_TMPDIR/note" "$built/live-basic" \
		"$BATS_TEST_TMPDIR/victim"
	"$built/live-compose" "$BATS_TEST_TMPDIR/many.hotpatch" "$BATS_TEST_TMPDIR/victim" \
		"$built"/liblive-basic-fix.a.p/*.o answer
	mkfifo "$BATS_TEST_TMPDIR/hold"
	exec 9<>"$BATS_TEST_TMPDIR/hold"
	for _ in {1..60}; do
		"$BATS_TEST_TMPDIR/victim" 2 <"$BATS_TEST_TMPDIR/hold" >/dev/null &
		many+=($!)
	done
	# All have started when each has its two threads.
	for one in "${many[@]}"; do
		until [[ $(find "/proc/$one/task" -mindepth 1 -maxdepth 1 | wc -l) == 3 ]]; do
			sleep 0.05
		done
	done
	run -0 timeout 120 "$suture" apply --timeout 60 --json "$BATS_TEST_TMPDIR/many.hotpatch"
	[[ $(json '[.processes[] | select(.outcome == "patched")] | length' <<<"$output") == 60 ]]
	run -0 timeout 120 "$suture" verify --json "$BATS_TEST_TMPDIR/many.hotpatch"
	[[ $(json '[.processes[] | select(.outcome == "verified")] | length' <<<"$output") == 60 ]]
	kill "${many[@]}"
	wait "${many[@]}" || true
	many=()
	exec 9>&-
}

@test "Ctrl-C lets the process go on as it was" {
	local status=0
	start_victim live-frames callee
	# A shell's background commands ignore SIGINT, if nobody takes care.
	env --default-signal=INT "$suture" apply --pid "$pid" --timeout 600 --json \
		"$built/live-frames.hotpatch" >"$BATS_TEST_TMPDIR/out" &
	tool=$!
	until_true grep -q '^TracerPid:.[1-9]' "/proc/$pid/status"
	sleep 0.5
	kill -INT "$tool"
	wait "$tool" || status=$?
	[[ $status == 5 ]]
	[[ $(row outcome <"$BATS_TEST_TMPDIR/out") == busy ]]
	[[ $(row reason <"$BATS_TEST_TMPDIR/out") =~ interrupted ]]
	[[ $(ask a) == "7 7" ]]
	[[ $("$suture" status --pid "$pid" --json | json '.processes[0].hotpatches | length') == 0 ]]
	stop_victim
}
