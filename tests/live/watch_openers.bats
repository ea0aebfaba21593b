# SPDX-License-Identifier: Apache-2.0
# Whoever opens a guarded file under suture watch: nobody waits for long, nobody is
# harmed, and what can be patched is.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	load ../lib/watch
	source=$BATS_TEST_DIRNAME
	open=
}

teardown() {
	kill_watch
	umount "$BATS_TEST_TMPDIR/upper" 2>/dev/null || true
	[[ -z $open ]] || rm -r "$open"
}

# A folder that every user can look into.
make_open() {
	open=$(mktemp -d)
	chmod 755 "$open"
}

# Nothing was missed, and nobody was patched late.
none_late() {
	! grep -E '"late":true|missed' "$events"
}

# A 32-bit program that reads the file of its first argument, opened, and then
# executes it.
make_small() {
	cat >"$BATS_TEST_TMPDIR/small.s" <<-'END'
		.globl _start
		_start:	movl 8(%esp), %ebx
			xorl %ecx, %ecx
			movl $5, %eax		# open
			int $0x80
			movl %eax, %ebx
			subl $512, %esp
			movl %esp, %ecx
			movl $512, %edx
			movl $3, %eax		# read
			int $0x80
			cmpl $512, %eax
			jne bad
			addl $512, %esp
			movl 8(%esp), %ebx
			leal 8(%esp), %ecx
			xorl %edx, %edx
			movl $11, %eax		# execve
			int $0x80
		bad:	movl $7, %ebx
			movl $1, %eax		# exit
			int $0x80
	END
	as --32 -o "$BATS_TEST_TMPDIR/small.o" "$BATS_TEST_TMPDIR/small.s"
	ld -m elf_i386 -o "$BATS_TEST_TMPDIR/small" "$BATS_TEST_TMPDIR/small.o"
}

@test "32-bit programs read a guarded file, and are patched when they execute it" {
	make_small
	for fix in live-early-imports live-early-static; do
		file=$built/live-early$([[ $fix != *static ]] || echo -static)
		start_watch --file "$file" "$built/$fix.hotpatch"
		run -0 start_many 20 4 "$BATS_TEST_TMPDIR/small" "$file"
		[[ $output == "20 43 43" ]]
		stop_watch
		none_late
	done
}

# make_early COMPILER...: a build of early.c and its hotpatches, in $BATS_TEST_TMPDIR.
make_early() {
	local to=$BATS_TEST_TMPDIR/early
	"$@" -O2 -Wl,--build-id -o "$to" "$source/early.c"
	"$1" -O2 -fPIC -fno-builtin -c -o "$to.o" "$source/early_fix.c"
	"$1" -O2 -fPIC -fno-builtin -c -o "$to-imports.o" "$source/early_imports_fix.c"
	"$built/live-compose" "$to.hotpatch" "$to" "$to.o" answer
}

@test "programs of musl, dynamic and static, are patched before their constructors run" {
	for how in "-fPIE -pie" "-static"; do
		# shellcheck disable=SC2086 # options are words
		make_early musl-gcc $how
		start_watch --file "$BATS_TEST_TMPDIR/early" "$BATS_TEST_TMPDIR/early.hotpatch"
		run -0 start_many 20 4 "$BATS_TEST_TMPDIR/early"
		[[ $output == "20 43 43" ]]
		stop_watch
		none_late
	done
}

@test "a program of musl whose hotpatch needs new imports is patched before its constructors run" {
	make_early musl-gcc -fPIE -pie
	"$built/live-compose" "$BATS_TEST_TMPDIR/early.hotpatch" "$BATS_TEST_TMPDIR/early" \
		"$BATS_TEST_TMPDIR/early-imports.o" answer
	start_watch --file "$BATS_TEST_TMPDIR/early" "$BATS_TEST_TMPDIR/early.hotpatch"
	run -0 start_many 20 4 "$BATS_TEST_TMPDIR/early"
	[[ $output == "20 43 43" ]]
	stop_watch
	none_late
}

@test "a static program whose threads start before main is patched before them" {
	cc -O2 -static -pthread -Wl,--build-id -o "$BATS_TEST_TMPDIR/runtime" "$source/runtime.c"
	cc -O2 -fPIC -fno-builtin -c -o "$BATS_TEST_TMPDIR/fix.o" "$source/early_fix.c"
	"$built/live-compose" "$BATS_TEST_TMPDIR/runtime.hotpatch" "$BATS_TEST_TMPDIR/runtime" \
		"$BATS_TEST_TMPDIR/fix.o" answer
	run -1 "$BATS_TEST_TMPDIR/runtime"
	[[ $output == "7 7" ]]
	start_watch --file "$BATS_TEST_TMPDIR/runtime" "$BATS_TEST_TMPDIR/runtime.hotpatch"
	run -0 start_many 20 4 "$BATS_TEST_TMPDIR/runtime"
	[[ $output == "20 43 43" ]]
	stop_watch
	none_late
}

@test "in a user namespace, under no_new_privs, in a chroot" {
	make_open
	mkdir -p "$open/root"
	cp "$built/live-early-static" "$open/root/victim"
	start_watch --file "$open/root/victim" --file /victim "$built/live-early-static.hotpatch"
	run -0 start_many 10 4 setpriv --reuid 65534 --regid 65534 --clear-groups \
		unshare --user --map-root-user "$open/root/victim"
	[[ $output == "10 43 43" ]]
	run -0 start_many 10 4 setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \
		--bounding-set=-all "$open/root/victim"
	[[ $output == "10 43 43" ]]
	run -0 start_many 10 4 chroot "$open/root" /victim
	[[ $output == "10 43 43" ]]
	stop_watch
	none_late
}

@test "a setuid program that is watched gets its user's rights" {
	make_open
	cp "$built/live-early" "$open/victim"
	chmod 4755 "$open/victim"
	start_watch --file "$open/victim" "$built/live-early-imports.hotpatch"
	run -0 setpriv --reuid 65534 --regid 65534 --clear-groups "$open/victim" euid
	[[ $output == $'43 43\n0' ]]
	stop_watch
	none_late
}

@test "a program that is being debugged starts at once, unpatched, which is said" {
	local alone
	debug() {
		run -0 timeout 300 gdb -q -batch -iex 'set startup-with-shell off' \
			-iex 'set debuginfod enabled off' -ex run -ex 'catch syscall openat' \
			"$built/live-early"
	}
	SECONDS=0
	debug
	alone=$SECONDS
	start_watch --file "$built/live-early" "$built/live-early-imports.hotpatch"
	SECONDS=0
	debug
	[[ $output == *"7 7"* ]]
	stop_watch
	grep -q 'is traced by process' "$events"
	# A debugger opens the file to read it, too: nobody waits for it either.
	((SECONDS < 20 + 3 * alone))
}

holds_none() {
	! readlink "/proc/$watcher/fd/"* | grep -F "$built/live-early"
}

# It has no worker, but for a moment's scan.
has_no_worker() {
	[[ ! $(<"/proc/$watcher/task/$watcher/children") ]]
}

@test "openers that are killed while they wait leave nothing behind" {
	start_watch --file "$built/live-early" "$built/live-early-imports.hotpatch"
	# shellcheck disable=SC2016 # expanded inside
	seq 120 | timeout 300 xargs -P 8 -I%% sh -c 'i=%%
		case $((i % 2)) in 0) set -- "$1" ;; 1) set -- cat "$1" ;; esac
		timeout -s KILL "0.00$((i % 10))" "$@" || true' _ "$built/live-early" >/dev/null 2>&1 3>&-
	run -0 start_many 20 4 "$built/live-early"
	[[ $output == "20 43 43" ]]
	kill -0 "$watcher"
	# No worker is left, and no file is kept open.
	for _ in {1..600}; do
		[[ $(<"/proc/$watcher/task/$watcher/children") ]] || break
		sleep 0.1
	done
	# A scan that has just ended may guard it once more, for a moment.
	until_true holds_none
	stop_watch
}

@test "hundreds of readers at once read it all, and a start among them is patched" {
	local sum
	sum=$(sha256sum "$built/liblive-early.so")
	start_watch --file "$built/liblive-early.so" "$built/live-early-lib-imports.hotpatch"
	seq 400 | xargs -P 50 -I%% sha256sum "$built/liblive-early.so" >"$BATS_TEST_TMPDIR/sums" 2>&1 3>&- &
	readers=$!
	run -0 start_many 20 2 "$built/live-early-linked"
	[[ $output == "20 43 43" ]]
	wait "$readers"
	[[ $(sort -u "$BATS_TEST_TMPDIR/sums") == "$sum" ]]
	(($(wc -l <"$BATS_TEST_TMPDIR/sums") == 400))
	stop_watch
	# A loaded machine may let go a reader unfollowed.
	run jq -c 'select(.late == true)' "$events"
	[[ -z $output ]]
}

@test "readers that keep a guarded file open and sleep keep nobody waiting for long" {
	local i
	start_watch --file "$built/liblive-early.so" "$built/live-early-lib-imports.hotpatch"
	for i in {1..150}; do
		# shellcheck disable=SC2217 # it is to have it open
		sleep 600 <"$built/liblive-early.so" 3>&- &
		sleepers[i]=$!
	done
	SECONDS=0
	run -0 start_many 8 8 timeout 120 "$built/live-early-linked"
	((SECONDS < 100))
	kill "${sleepers[@]}"
	wait "${sleepers[@]}" || true
	# By then the followers have given up the sleepers.
	until_true has_no_worker
	run -0 start_many 8 8 timeout 120 "$built/live-early-linked"
	[[ $output == "8 43 43" ]]
	stop_watch
}

@test "a file that is renamed, linked, mounted elsewhere or deleted stays guarded" {
	cp "$built/live-early" "$BATS_TEST_TMPDIR/one"
	start_watch --scan 3600 --no-net --file "$BATS_TEST_TMPDIR/one" "$built/live-early-imports.hotpatch"
	ln "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/linked"
	run -0 start_many 5 2 "$BATS_TEST_TMPDIR/linked"
	[[ $output == "5 43 43" ]]
	mv "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
	run -0 start_many 5 2 "$BATS_TEST_TMPDIR/two"
	[[ $output == "5 43 43" ]]
	touch "$BATS_TEST_TMPDIR/place"
	run -0 start_many 5 2 unshare -m sh -c "mount --bind '$BATS_TEST_TMPDIR/two' '$BATS_TEST_TMPDIR/place' &&
		exec '$BATS_TEST_TMPDIR/place'"
	[[ $output == "5 43 43" ]]
	exec 9<"$BATS_TEST_TMPDIR/two"
	rm "$BATS_TEST_TMPDIR/two" "$BATS_TEST_TMPDIR/linked"
	run -0 start_many 5 2 /proc/self/fd/9
	exec 9<&-
	stop_watch
	none_late
}

@test "a container that mounts an overlay later is searched when its first program runs" {
	mkdir -p "$BATS_TEST_TMPDIR"/{lower,upper,work,merged}
	cp "$built/live-early-static" "$BATS_TEST_TMPDIR/lower/victim"
	mount -t tmpfs none "$BATS_TEST_TMPDIR/upper"
	mkdir "$BATS_TEST_TMPDIR/upper"/{upper,work}
	start_watch --scan 3600 --file "$BATS_TEST_TMPDIR/merged/victim" "$built/live-early-static.hotpatch"
	[[ $(jq 'select(.event == "watching") | .files' "$events") == 0 ]]
	# shellcheck disable=SC2016 # expanded inside
	run -0 timeout 300 unshare -m bash -c '
		mount -t overlay none -o "lowerdir=$1/lower,upperdir=$1/upper/upper,workdir=$1/upper/work" "$1/merged" &&
		for i in {1..600}; do sleep 0.1; ! grep -q "\"guarded\"" "$2" || break; done
		for i in 1 2 3 4 5; do "$1/merged/victim"; done' _ "$BATS_TEST_TMPDIR" "$events"
	echo "$output"
	[[ $output == $'43 43\n43 43\n43 43\n43 43\n43 43' ]]
	stop_watch
	none_late
}
