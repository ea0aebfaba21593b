# SPDX-License-Identifier: Apache-2.0
# Something has run out: in the process, on the machine, or for the tool. Then the
# process is refused, unharmed, and the reason told; where it suffices, it is patched.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-tight.hotpatch
}

teardown() {
	kill_victim
	[[ -z ${group:-} ]] || rmdir "$group" || true
}

row() {
	json ".processes[] | select(.pid == $pid) | .$1"
}

# The victim is patched and given back.
patched() {
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(ask a) == 43 ]]
	run -0 "$suture" verify --pid "$pid" "$hotpatch"
	run -0 "$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a) == 7 ]]
	stop_victim
}

# It is refused for a reason that matches $1, and is as before.
refused() {
	cp "/proc/$pid/maps" "$BATS_TEST_TMPDIR/before"
	run -5 "$suture" apply --pid "$pid" --timeout 1 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == refused ]]
	[[ $(row reason <<<"$output") =~ $1 ]] || {
		row reason <<<"$output"
		return 1
	}
	diff "$BATS_TEST_TMPDIR/before" "/proc/$pid/maps"
	[[ $(ask a) == 7 ]]
	[[ $("$suture" status --pid "$pid" --json | json '.processes[0].hotpatches | length') == 0 ]]
	stop_victim
}

@test "no address is free that the code could be reached from" {
	start_victim live-tight near
	refused "no free 12288 bytes of address space within 2 GiB of"
}

@test "eight free pages suffice, a gigabyte away" {
	start_victim live-tight hole
	patched
}

@test "RLIMIT_AS with not a page to spare" {
	start_victim live-tight room 0
	refused "may not map .*Cannot allocate memory"
}

@test "RLIMIT_AS with one page less than needed" {
	start_victim live-tight room 8192
	refused "may not map .*Cannot allocate memory"
}

@test "RLIMIT_AS with room for the three pages" {
	start_victim live-tight room 12288
	patched
}

@test "RLIMIT_DATA that is exceeded already: what was mapped before is taken back" {
	start_victim live-tight data -4096
	refused "may not map .*Cannot allocate memory"
}

@test "RLIMIT_DATA with room for a page" {
	start_victim live-tight data 4096
	patched
}

@test "mlockall with no more memory to lock, without the right to exceed it" {
	open=$(mktemp -d)
	chmod 755 "$open"
	cp "$built/live-tight" "$open"
	coproc VICTIM { exec setpriv --bounding-set=-ipc_lock "$open/live-tight" locked; }
	pid=$VICTIM_PID
	read -t 120 -r ready <&"${VICTIM[0]}"
	rm -r "$open"
	refused "may not map .*Resource temporarily unavailable"
}

# A hotpatch with 4 MiB of initialised memory.
make_big() {
	cat >"$BATS_TEST_TMPDIR/big.c" <<-'END'
		int answer(int x);
		static volatile unsigned char table[4 << 20] = { 1, 2, 3, [4000000] = 3 };
		int answer(int x) { return x + 34 + table[2]; }
	END
	cc -O2 -fPIC -c -o "$BATS_TEST_TMPDIR/big.o" "$BATS_TEST_TMPDIR/big.c"
	hotpatch=$BATS_TEST_TMPDIR/big.hotpatch
	"$built/live-compose" "$hotpatch" "$built/live-tight" "$BATS_TEST_TMPDIR/big.o" answer
}

@test "a memory control group that is too small for the code: not killed, but refused" {
	make_big
	start_victim live-tight
	local file=memory.limit_in_bytes
	[[ -d /sys/fs/cgroup/memory ]] || file=memory.max
	limit_group $file 1M
	cp "/proc/$pid/maps" "$BATS_TEST_TMPDIR/before"
	run -5 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == refused ]]
	[[ $(row reason <<<"$output") == *"control group /suture-test-"*" has no room for "* ]]
	diff "$BATS_TEST_TMPDIR/before" "/proc/$pid/maps"
	[[ $(ask a) == 7 ]]
	echo 16M >"$group/$file"
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 ]]
	leave_group
	stop_victim
}

# A group of the victim alone, with limit $2 in its file $1; /sys/fs/cgroup may be of
# either version.
limit_group() {
	local root=/sys/fs/cgroup
	[[ ! -d $root/${1%%.*} ]] || root=$root/${1%%.*}
	group=$root/suture-test-$$-$BATS_TEST_NUMBER
	mkdir "$group"
	[[ -e $group/$1 ]]
	echo "$pid" >"$group/cgroup.procs"
	echo "$2" >"$group/$1"
}

leave_group() {
	echo "$pid" >"${group%/*}/cgroup.procs"
	rmdir "$group"
	group=
}

@test "a process that may have no more threads or children needs none" {
	start_victim live-tight
	limit_group pids.max 1
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 ]]
	leave_group
	stop_victim
}

@test "a PID table that is full for the tool: nothing is begun, and the reason is told" {
	start_victim live-tight
	cp "/proc/$pid/maps" "$BATS_TEST_TMPDIR/before"
	open=$(mktemp -d)
	chmod 755 "$open"
	cp "$suture" "$hotpatch" "$open"
	# Not root, who is above that limit; with the right to trace. There is room for
	# the tool, then for its worker, and not for the worker's thread.
	for n in 1 2; do
		run -5 setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps +sys_ptrace \
			--ambient-caps +sys_ptrace prlimit --nproc=$n \
			"$open/suture" apply --pid "$pid" --json "$open/live-tight.hotpatch"
		[[ $(row outcome <<<"$output") == refused ]]
		[[ $(row reason <<<"$output") == *"Resource temporarily unavailable"* ]] || {
			echo "$output"
			return 1
		}
	done
	rm -r "$open"
	diff "$BATS_TEST_TMPDIR/before" "/proc/$pid/maps"
	[[ $(ask a) == 7 ]]
	stop_victim
}

# The tool with resource limit $1: done, or refused with a reason, and never half-way.
# Prints the outcome.
apply_with() {
	local status=0
	prlimit "$1" "$suture" apply --pid "$pid" --json "$hotpatch" \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
	if ((status == 0)); then
		[[ $(ask a) == 43 ]] || return 1
		"$suture" revert --pid "$pid" "$hotpatch" >/dev/null || return 1
		echo done
		return 0
	fi
	[[ $(ask a) == 7 ]] || return 1
	# A word for people, too. 127: the dynamic linker's.
	((status == 127)) || grep -qE 'memory|Too many open files' "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err" || {
		echo "$1: status $status:" "$(cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err")"
		return 1
	}
	((status == 1 || status == 5 || status == 127)) || return 1
	echo refused
}

@test "a tool that may open few files does not overlook a process for it" {
	start_victim live-tight
	for n in {6..16}; do
		run prlimit --nofile=$n "$suture" apply --dry-run --json "$hotpatch"
		[[ $status != 6 ]] # "no process maps the build"
	done
	[[ $status == 0 && $(row outcome <<<"$output") == ready ]]
	stop_victim
}

@test "a tool that may open few files says so" {
	start_victim live-tight
	outcomes=
	for n in {3..24}; do
		outcome=$(apply_with --nofile=$n) || {
			echo "$n: $outcome"
			return 1
		}
		outcomes+=" $outcome"
	done
	[[ $outcomes == *refused*done ]]
	stop_victim
}

@test "a tool that has little memory says so" {
	start_victim live-tight
	outcomes=
	for kib in 9000 10000 11000 12000 13000 14000 15000 17000 20000 25000 40000 100000; do
		outcome=$(apply_with --as=$((kib * 1024))) || {
			echo "$kib: $outcome"
			return 1
		}
		outcomes+=" $outcome"
	done
	[[ $outcomes == *refused*done ]]
	stop_victim
}

@test "a full disk does not matter to apply and revert" {
	start_victim live-tight
	mkdir "$BATS_TEST_TMPDIR/full"
	for command in apply verify revert; do
		run -0 unshare --mount sh -c "
			mount -t tmpfs -o size=4k none '$BATS_TEST_TMPDIR/full' &&
			! head -c 8192 /dev/zero >'$BATS_TEST_TMPDIR/full/all' 2>/dev/null &&
			TMPDIR='$BATS_TEST_TMPDIR/full' '$suture' $command --pid $pid '$hotpatch'"
	done
	[[ $(ask a) == 7 ]]
	stop_victim
}
