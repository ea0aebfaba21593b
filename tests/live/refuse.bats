# SPDX-License-Identifier: Apache-2.0
# What cannot be patched is refused with the reason, and goes on unharmed.

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

# apply must refuse with a reason that matches $1, and the victim answer as before.
refused() {
	run -5 "$suture" apply --pid "$pid" --timeout 1 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == refused ]]
	[[ $(row reason <<<"$output") =~ $1 ]] || {
		row reason <<<"$output"
		false
	}
}

@test "a process that runs another build is refused" {
	start_victim live-imports
	refused "does not map the build"
	[[ $(ask a) == 102 ]]
	stop_victim
}

@test "a function that was changed in memory is refused by name and address" {
	start_victim live-basic
	base=$(grep -m1 live-basic "/proc/$pid/maps" | cut -d- -f1)
	entry=$(nm "$built/live-basic" | awk '$3 == "answer" { print $1 }')
	at=$((0x$base + 0x$entry))
	byte=$(dd if="/proc/$pid/mem" bs=1 skip=$((at + 6)) count=1 status=none | od -An -tx1)
	printf '\xcc' | dd of="/proc/$pid/mem" bs=1 seek=$((at + 6)) conv=notrunc status=none
	refused "function answer at $(printf '0x%x' $at) is not what the hotpatch was made for"
	printf "\\x${byte# }" | dd of="/proc/$pid/mem" bs=1 seek=$((at + 6)) conv=notrunc status=none
	[[ $(ask a) == 7 ]]
	stop_victim
}

@test "a breakpoint at a function's entry is told" {
	start_victim live-basic
	base=$(grep -m1 live-basic "/proc/$pid/maps" | cut -d- -f1)
	entry=$(nm "$built/live-basic" | awk '$3 == "answer" { print $1 }')
	printf '\xcc' | dd of="/proc/$pid/mem" bs=1 seek=$((0x$base + 0x$entry)) conv=notrunc \
		status=none
	refused "a breakpoint or uprobe stands at its entry"
	kill_victim
}

@test "a process under a debugger is refused, with the debugger's name" {
	start_victim live-basic
	mkfifo "$BATS_TEST_TMPDIR/gdb"
	gdb -q -p "$pid" <"$BATS_TEST_TMPDIR/gdb" >/dev/null 2>&1 &
	gdb=$!
	exec 9>"$BATS_TEST_TMPDIR/gdb"
	for _ in {1..600}; do
		grep -q 'TracerPid:.*[1-9]' "/proc/$pid/status" && break
		sleep 0.1
	done
	refused "is traced by process $gdb .gdb."
	printf 'detach\nquit\n' >&9
	exec 9>&-
	wait "$gdb"
	[[ $(ask a) == 7 ]]
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	stop_victim
}

@test "a 32-bit program is refused" {
	cat >"$BATS_TEST_TMPDIR/small.s" <<-'END'
		.globl _start
		_start: movl $29, %eax # pause
		int $0x80
		jmp _start
	END
	as --32 -o "$BATS_TEST_TMPDIR/small.o" "$BATS_TEST_TMPDIR/small.s"
	ld -m elf_i386 -o "$BATS_TEST_TMPDIR/small" "$BATS_TEST_TMPDIR/small.o"
	"$BATS_TEST_TMPDIR/small" &
	pid=$!
	until_true grep -qx small "/proc/$pid/comm"
	refused "runs a 32-bit program"
	kill_victim
}

@test "the status of a process that is nobody's is an error, and says so" {
	run -5 "$suture" status --pid 4194303
	[[ $output == *"4194303"*"has exited"* ]]
}

@test "a zombie is gone, a kernel thread and a pid that is nobody's are told" {
	sh -c 'sleep 0 & exec sleep 600' 3>&- &
	parent=$!
	# shellcheck disable=SC2016 # expanded inside
	until_true sh -c '[ "$(ps -o state= --ppid "$1")" = Z ]' _ "$parent"
	pid=$(ps -o pid= --ppid "$parent" | tr -d ' ')
	run -5 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == gone ]]
	kill "$parent"
	wait "$parent" || true
	pid=2
	run -5 "$suture" apply --pid 2 --json "$hotpatch"
	[[ $(row reason <<<"$output") =~ "kernel thread" ]]
	pid=4194303
	run -5 "$suture" apply --pid 4194303 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == gone ]]
	pid=
}

@test "another user's process is refused without privileges" {
	start_victim live-basic
	open=$(mktemp -d)
	chmod 755 "$open"
	cp "$suture" "$hotpatch" "$open"
	run setpriv --reuid 65534 --regid 65534 --clear-groups \
		"$open/suture" apply --pid "$pid" --json "$open/live-basic.hotpatch"
	rm -r "$open"
	[[ $status == 5 ]]
	[[ $(row outcome <<<"$output") == refused ]]
	[[ $(row reason <<<"$output") =~ [Pp]ermission ]]
	[[ $(ask a) == 7 ]]
	stop_victim
}

@test "a process that may map no more memory is refused" {
	start_victim live-basic
	size=$(awk '/VmSize/ { print $2 }' "/proc/$pid/status")
	prlimit --pid "$pid" --as=$(((size + 1) * 1024))
	cp "/proc/$pid/maps" "$BATS_TEST_TMPDIR/before"
	refused "may not map .*Cannot allocate memory"
	diff "$BATS_TEST_TMPDIR/before" "/proc/$pid/maps"
	[[ $(ask a) == 7 ]]
	stop_victim
}

is_stopped() {
	[[ $(awk '/^(State|TracerPid)/ { printf "%s ", $2 }' "/proc/$pid/status") == "T 0 " ]]
}

@test "a stopped process is patched and stays stopped" {
	start_victim live-basic 3
	kill -STOP "$pid"
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	until_true is_stopped
	# It does not run on a moment later either.
	sleep 0.3
	is_stopped
	kill -CONT "$pid"
	[[ $(ask a) == 43 ]]
	stop_victim
}
