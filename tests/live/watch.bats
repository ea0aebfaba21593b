# SPDX-License-Identifier: Apache-2.0
# A process that starts, or loads the library, while suture watches never runs a
# vulnerable function, not even in its first constructor.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	load ../lib/watch
}

teardown() {
	kill_watch
	if [[ ${container:-} ]]; then
		kill -KILL "$container" 2>/dev/null || true
	fi
}

# Every start of the command that follows is patched in time: N starts, all at once 8.
all_new() {
	local n=$1
	shift
	run -0 start_many "$n" 8 "$@"
	[[ $output == "$n 43 43" ]] || {
		echo "$output"
		return 1
	}
	run -0 cat "$events"
	[[ $output != *'"late":true'* && $output != *missed* ]]
}

# File $1 was guarded when the watcher said that it is watching.
is_guarded() {
	jq -r 'select(.event == "guarded") | .path' "$events" | grep -qxF "$1"
}

@test "a program that starts is patched before its constructors run" {
	start_watch --file "$built/live-early" "$built/live-early.hotpatch"
	all_new 30 "$built/live-early"
	stop_watch
	[[ $(count_events cause exec) == 30 ]]
}

@test "so is one whose hotpatch needs new imports, of which one is an IFUNC" {
	start_watch --file "$built/live-early" "$built/live-early-imports.hotpatch"
	all_new 30 "$built/live-early"
	stop_watch
}

@test "so is a static program" {
	start_watch --file "$built/live-early-static" "$built/live-early-static.hotpatch"
	all_new 30 "$built/live-early-static"
	stop_watch
}

@test "a library that is linked or opened is patched before its constructors run" {
	for fix in live-early-lib live-early-lib-imports; do
		start_watch --file "$built/liblive-early.so" "$built/$fix.hotpatch"
		all_new 20 "$built/live-early-linked"
		all_new 20 "$built/live-early-opener" "$built/liblive-early.so"
		stop_watch
		[[ $(count_events cause open) == 40 ]]
	done
}

@test "a program and its library are patched by one watcher" {
	start_watch --file "$built/live-early" --file "$built/liblive-early.so" \
		"$built/live-early.hotpatch" "$built/live-early-lib.hotpatch"
	is_guarded "$built/live-early"
	is_guarded "$built/liblive-early.so"
	LD_PRELOAD=$built/liblive-early.so all_new 20 "$built/live-early"
	stop_watch
}

@test "what runs already is patched when the watcher begins, and stays so after its end" {
	start_victim live-basic
	start_watch "$built/live-basic.hotpatch"
	for _ in {1..600}; do
		[[ $(ask a) != 43 ]] || break
		sleep 0.1
	done
	[[ $(ask a) == 43 ]]
	stop_watch
	[[ $(ask a) == 43 ]]
	[[ $(count_events cause running) -ge 1 ]]
	stop_victim
}

# A container: its own PID and mount namespace, and its own copy of the program on a
# file system of its own. Runs the first line of its standard input; sets $container.
start_container() {
	mkdir -p "$BATS_TEST_TMPDIR/own"
	# shellcheck disable=SC2016 # expanded inside
	coproc CONTAINER {
		exec unshare -m -p -f --kill-child --mount-proc --propagation private bash -c '
			mount -t tmpfs none "$1" && cp "$2" "$1/victim" && echo ready &&
			read -r line && eval "$line"' \
			_ "$BATS_TEST_TMPDIR/own" "$built/live-early" 3>&-
	}
	container=$CONTAINER_PID
	read -t 120 -r ready <&"${CONTAINER[0]}"
	[[ $ready == ready ]]
}

@test "a container's own copy of the program is found by its path, and guarded" {
	start_container
	start_watch --file "$BATS_TEST_TMPDIR/own/victim" "$built/live-early.hotpatch"
	is_guarded "$BATS_TEST_TMPDIR/own/victim"
	echo "for i in {1..20}; do timeout 120 '$BATS_TEST_TMPDIR/own/victim'; done | sort | uniq -c" \
		>&"${CONTAINER[1]}"
	read -t 120 -r n answer <&"${CONTAINER[0]}"
	[[ "$n $answer" == "20 43 43" ]]
	stop_watch
}

@test "scripts with a guarded interpreter, setuid programs and spawned ones are patched" {
	start_watch --file "$built/live-early" "$built/live-early.hotpatch"
	printf '#!%s\n' "$built/live-early" >"$BATS_TEST_TMPDIR/script"
	chmod +x "$BATS_TEST_TMPDIR/script"
	all_new 20 "$BATS_TEST_TMPDIR/script"
	all_new 20 python3 -c "import os, sys; sys.exit(os.waitpid(os.posix_spawn('$built/live-early', ['x'], {}), 0)[1])"
	stop_watch
}

@test "readers of a guarded file read it all, and are left alone" {
	start_watch --file "$built/live-early" "$built/live-early.hotpatch"
	for _ in 1 2 3 4 5; do
		timeout 120 cmp "$built/live-early" <(timeout 120 cat "$built/live-early")
	done
	# More calls than a follower waits for.
	timeout 120 dd if="$built/live-early" of=/dev/null bs=16 status=none
	stop_watch
	[[ $(count_events event patched) == 0 ]]
}

# A copy runs where nobody knew of it; the watcher is started with the arguments "$@".
find_copy() {
	start_watch "$@" "$built/live-basic.hotpatch"
	cp "$built/live-basic" "$BATS_TEST_TMPDIR/copy"
	built=$BATS_TEST_TMPDIR start_victim copy
	for _ in {1..600}; do
		[[ $(ask a) != 43 ]] || break
		sleep 0.1
	done
	[[ $(ask a) == 43 ]]
	stop_victim
	[[ $(jq -r 'select(.cause == "scan" and .late) | .event' "$events") == patched ]]
	built=$BATS_TEST_TMPDIR start_victim copy
	[[ $(ask a) == 43 ]]
	stop_victim
	stop_watch
	[[ $(count_events cause exec) == 1 ]]
}

@test "a copy that appears elsewhere is found when it runs, patched late, which is said, and guarded" {
	find_copy --scan 3600
	[[ $(jq 'select(.event == "watching") | .net' "$events") == true ]]
}

@test "where the kernel does not tell what runs, the next scan finds it" {
	find_copy --scan 1 --no-net
	[[ $(jq 'select(.event == "watching") | .net' "$events") == false ]]
}

@test "threads that open guarded files at the moment when another loads one are followed as well" {
	start_watch --file "$built/liblive-early.so" "$built/live-early-lib-imports.hotpatch"
	all_new 10 "$built/live-crowd" "$built/liblive-early.so" "$built/liblive-early.so" 1 0
	all_new 10 "$built/live-crowd" "$built/liblive-early.so" "$built/liblive-early.so" 6 2
	stop_watch
	[[ $(count_events cause open) == 20 ]]
}

@test "a watcher that is killed leaves nobody waiting and harms nobody" {
	for i in {1..10}; do
		start_watch --file "$built/live-early" "$built/live-early-imports.hotpatch"
		start_many 12 4 "$built/live-early" >"$BATS_TEST_TMPDIR/said" &
		starts=$!
		sleep "0.0$((i * 7 % 10))"
		kill -KILL "$watcher"
		wait "$watcher" || true
		wait "$starts"
		# Old or new, but nothing else, and all of them.
		[[ $(awk '$2 == 43 || $2 == 7 { n += $1 } END { print n }' "$BATS_TEST_TMPDIR/said") == 12 ]] || {
			cat "$BATS_TEST_TMPDIR/said"
			return 1
		}
	done
	watcher=
}

@test "without the right to guard files, watch says so" {
	run -1 setpriv --bounding-set=-sys_admin --inh-caps=-sys_admin "$suture" watch "$built/live-basic.hotpatch"
	[[ $output == *"watch files"* ]]
}
