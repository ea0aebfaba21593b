# SPDX-License-Identifier: Apache-2.0
# Never while a thread is in a function that is replaced; and not never because of
# what it left on its stack.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-frames.hotpatch
}

teardown() {
	kill_victim
}

row() {
	json ".processes[] | select(.pid == $pid) | .$1"
}

# In mode $1 apply must say busy, name the function, and change nothing; once the
# thread has left, it must succeed.
busy_until_released() {
	start_victim live-frames "$1"
	run -5 "$suture" apply --pid "$pid" --timeout 0.5 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == busy ]]
	# Pauses between tries grow: 1, 2, 4, … up to 128 ms. Where nothing is fast there are two.
	[[ $(row tries <<<"$output") -ge 2 && $(row tries <<<"$output") -lt 16 ]]
	[[ $(row reason <<<"$output") =~ $2 ]]
	[[ $(row 'blocker.frames[].name' <<<"$output") == *"${3-answer}"* ]]
	[[ $(ask a) == "7 7" ]]
	[[ $(ask r) == ok ]]
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(ask a) == "43 77" ]]
	stop_victim
}

@test "however long a tool took to get ready, it tries more than once" {
	start_victim live-frames callee
	# It stands still before its first change, for all of its time.
	result=$(PAUSE=6 "$built/live-killer" 1 "$suture" apply --pid "$pid" --timeout 6 --json "$hotpatch")
	[[ $result == *"ended 5 "* ]]
	result=${result%ended*}
	[[ $(row outcome <<<"$result") == busy ]]
	[[ $(row tries <<<"$result") -gt 2 ]]
	stop_victim
}

# In mode $1 apply must succeed at once.
never_busy() {
	start_victim live-frames "$1"
	run -0 "$suture" apply --pid "$pid" --timeout 3 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(row tries <<<"$output") -le 3 ]]
	[[ $(ask a) == "43 77" ]]
	run -0 "$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a) == "7 7" ]]
	stop_victim
}

@test "a function that sleeps in its callee is busy" {
	busy_until_released callee "will return into answer"
}

@test "a function ten thousand frames up is busy" {
	busy_until_released deep "will return into answer"
}

@test "a function interrupted by a handler on another stack is busy" {
	busy_until_released handler "will return into answer"
}

@test "a function that runs is busy" {
	busy_until_released running "is running answer"
}

@test "a function that called from its cold part is busy, and named by it" {
	[[ $(nm "$built/live-frames") == *" answer_cold.cold"* ]]
	busy_until_released cold "will return into answer_cold" answer_cold.cold
}

@test "a function that runs its cold part is busy" {
	busy_until_released spinning "is running answer_cold" answer_cold.cold
}

@test "a function that longjmp will come back to is busy" {
	busy_until_released setjmp "will return into answer_jump" answer_jump
}

@test "a function interrupted by a handler on a stack inside of the thread's own is busy" {
	busy_until_released inside "will return into answer"
}

@test "a function on a stack that the program has made is busy" {
	busy_until_released coroutine "will return into answer"
}

@test "a function that has left for a stack that the program has made is busy" {
	busy_until_released beside "will return into answer" ""
}

@test "a function on such a stack, interrupted by a handler on another, is busy" {
	busy_until_released both "will return into answer"
}

@test "a function whose return address vfork keeps in a register is busy" {
	busy_until_released vfork "." ""
}

@test "what a function left on a stack does not block" {
	never_busy stale
}

@test "a function that has ended in a tail call does not block" {
	never_busy tail
}

@test "a function that was left by longjmp does not block" {
	never_busy jump
}

@test "who is busy is told with thread, function and stack" {
	start_victim live-frames deep
	run -5 "$suture" apply --pid "$pid" --timeout 0.1 --json "$hotpatch"
	[[ -d /proc/$pid/task/$(row blocker.tid <<<"$output") ]]
	[[ $(row blocker.thread <<<"$output") == live-frames ]]
	[[ $(row blocker.function <<<"$output") == answer ]]
	[[ $(row 'blocker | "\(.running) \(.certain)"' <<<"$output") == "false true" ]]
	[[ $(row blocker.depth <<<"$output") -gt 10000 ]]
	[[ $(row 'blocker.frames | length' <<<"$output") == 32 ]]
	[[ $(row 'blocker.frames[] | "\(.module) \(.name)"' <<<"$output") == *"live-frames answer"*"live-frames deeper"* ]]
	run -5 "$suture" apply --pid "$pid" --timeout 0.1 "$hotpatch"
	[[ $output == *"will return into answer; its stack: "*" < helper+0x"*" < answer+0x"*" < deeper"*" times) < ..."* ]]
	stop_victim
}

@test "a stack is told by module and offset where there are no symbols" {
	strip -o "$BATS_TEST_TMPDIR/live-frames" "$built/live-frames"
	at=$(nm "$built/live-frames" | awk '$3 == "answer" { print $1 }')
	built=$BATS_TEST_TMPDIR start_victim live-frames callee
	run -5 "$suture" apply --pid "$pid" --timeout 0.1 "$hotpatch"
	[[ $output =~ " live-frames+0x"([0-9a-f]+)" < live-frames+0x"([0-9a-f]+)" < libc" ]]
	[[ $((0x${BASH_REMATCH[1]} - 0x$at)) -gt 0 ]]
	[[ $((0x${BASH_REMATCH[1]} - 0x$at)) -lt 64 ]]
	stop_victim
}

@test "without any time to wait there are two tries, the second with frames" {
	start_victim live-frames stale
	run -0 "$suture" apply --pid "$pid" --timeout 0 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	stop_victim
	start_victim live-frames callee
	run -5 "$suture" apply --pid "$pid" --timeout 0 --json "$hotpatch"
	[[ $(row tries <<<"$output") == 2 ]]
	[[ $(row 'blocker.frames[].name' <<<"$output") == *answer* ]]
	stop_victim
}

@test "the builder knows a function's cold part: a thread in it is busy" {
	source=$BATS_TEST_DIRNAME/frames.c
	sed '/^__attribute__((noinline)) int answer_cold/,/^}/s/return x + bias/return x + bias + 36/' \
		"$source" >"$BATS_TEST_TMPDIR/new.c"
	built=$BATS_TEST_TMPDIR hotpatch=$BATS_TEST_TMPDIR/hotpatch
	cc -O2 -Wl,--build-id -o "$built/old" "$source" -pthread
	cc -O2 -Wl,--build-id -o "$built/new" "$built/new.c" -pthread
	strip "$built/old" "$built/new"
	run -0 "$suture" build -o "$hotpatch" "$built/old" "$built/new"
	[[ $("$suture" show --json "$hotpatch" | json '.functions | length') == 1 ]]
	for mode in cold spinning; do
		start_victim old "$mode"
		run -5 "$suture" apply --pid "$pid" --timeout 0.1 --json "$hotpatch"
		[[ $(row outcome <<<"$output") == busy ]]
		[[ $(ask r) == ok ]]
		run -0 "$suture" apply --pid "$pid" "$hotpatch"
		stop_victim
	done
}

@test "a program whose only thread cannot be stopped for a second is patched after it" {
	cat >"$BATS_TEST_TMPDIR/victim.c" <<-'END'
		#include <stdio.h>
		#include <unistd.h>
		int bias = 1;
		__attribute__((noinline)) int answer(int x) { return x + bias; }
		int main(void)
		{
			puts("ready");
			fflush(stdout);
			if (vfork() == 0) {
				usleep(1500000);
				_exit(0);
			}
			for (int c; (c = getchar()) != 'q';) {
				printf("%d\n", answer(6));
				fflush(stdout);
			}
			return 0;
		}
	END
	echo 'int answer(int x) { return x + 37; }' >"$BATS_TEST_TMPDIR/fix.c"
	cc -O2 -Wl,--build-id -o "$BATS_TEST_TMPDIR/victim" "$BATS_TEST_TMPDIR/victim.c"
	cc -O2 -fPIC -c -o "$BATS_TEST_TMPDIR/fix.o" "$BATS_TEST_TMPDIR/fix.c"
	hotpatch=$BATS_TEST_TMPDIR/hotpatch
	"$built/live-compose" "$hotpatch" "$BATS_TEST_TMPDIR/victim" "$BATS_TEST_TMPDIR/fix.o" answer
	built=$BATS_TEST_TMPDIR start_victim victim
	run -0 "$suture" apply --pid "$pid" --timeout 20 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(ask a) == 43 ]]
	stop_victim
}
