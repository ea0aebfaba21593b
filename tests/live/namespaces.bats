# SPDX-License-Identifier: Apache-2.0
# Targets elsewhere: other namespaces, a chroot, another user, their own copy of the
# file.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-basic.hotpatch
}

teardown() {
	kill_victim
	[[ -z ${inner:-} ]] || kill -KILL "$inner" 2>/dev/null || true
}

row() {
	json ".processes[] | select(.pid == $1) | .$2"
}

@test "a container: its own root, mounts, processes, users and network" {
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root"/{lib,lib64,proc}
	cp "$built/live-basic" "$root/server"
	for library in $(ldd "$built/live-basic" | grep -o '/[^ ]*'); do
		mkdir -p "$root$(dirname "$library")"
		cp "$library" "$root$library"
	done
	coproc VICTIM { exec unshare --mount --pid --net --ipc --uts --fork --kill-child \
		--root "$root" /server 3 2>"$BATS_TEST_TMPDIR/stderr"; }
	pid=$VICTIM_PID
	read -t 120 -r ready <&"${VICTIM[0]}"
	[[ $ready == ready ]]
	inner=$(pgrep -P "$pid")
	[[ $(ask a) == 7 ]]
	run -0 "$suture" apply --json "$hotpatch"
	[[ $(row "$inner" outcome <<<"$output") == patched ]]
	[[ $(ask a) == 43 ]]
	rm "$root/server"
	run -0 "$suture" verify --pid "$inner" "$hotpatch"
	run -0 "$suture" revert --pid "$inner" "$hotpatch"
	[[ $(ask a) == 7 ]]
	printf q >&"${VICTIM[1]}"
	wait "$pid"
	pid= inner=
}

@test "a service of another user, without privileges of its own to gain" {
	open=$(mktemp -d)
	chmod 755 "$open"
	cp "$built/live-basic" "$open/server"
	coproc VICTIM { exec setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs \
		--bounding-set=-all "$open/server" 2 2>"$BATS_TEST_TMPDIR/stderr"; }
	pid=$VICTIM_PID
	read -t 120 -r ready <&"${VICTIM[0]}"
	rm -r "$open"
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row "$pid" outcome <<<"$output") == patched ]]
	[[ $(ask a) == 43 ]]
	stop_victim
}

@test "a process in a user namespace of its own" {
	coproc VICTIM { exec unshare --user --map-root-user "$built/live-basic" 2 \
		2>"$BATS_TEST_TMPDIR/stderr"; }
	pid=$VICTIM_PID
	read -t 120 -r ready <&"${VICTIM[0]}"
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row "$pid" outcome <<<"$output") == patched ]]
	[[ $(ask a) == 43 ]]
	stop_victim
}

# Start the victim by command $@, which makes it a descendant of ours: $pid is the
# command's, $inner the victim's. Its output is the command's.
start_inside() {
	coproc VICTIM { exec "$@" 2>"$BATS_TEST_TMPDIR/stderr"; }
	pid=$VICTIM_PID
	read -t 120 -r ready <&"${VICTIM[0]}"
	[[ $ready == ready ]]
	inner=$pid
	while next=$(pgrep -P "$inner" | head -n 1) && [[ $next ]]; do
		inner=$next
	done
}

patched_and_back() {
	[[ $(ask a) == 7 ]]
	run -0 "$suture" apply --pid "$inner" --json "$hotpatch"
	[[ $(row "$inner" outcome <<<"$output") == patched ]]
	[[ $(ask a) == 43 ]]
	run -0 "$suture" verify --pid "$inner" "$hotpatch"
	run -0 "$suture" revert --pid "$inner" "$hotpatch"
	[[ $(ask a) == 7 ]]
}

end_inside() {
	printf q >&"${VICTIM[1]}"
	wait "$pid"
	pid= inner=
}

@test "a PID namespace in a PID namespace, where it is process 1" {
	start_inside unshare --pid --fork --kill-child \
		unshare --pid --fork --kill-child "$built/live-basic" 3
	[[ $(awk '/^NSpid/ { print $4 }' "/proc/$inner/status") == 1 ]]
	patched_and_back
	end_inside
}

@test "a mount namespace without /proc, whose file system nobody can reach any more" {
	mkdir "$BATS_TEST_TMPDIR/root"
	# It is executed by a name that leads there only from inside.
	cat >"$BATS_TEST_TMPDIR/start" <<-END
		set -e
		mount -t tmpfs none "$BATS_TEST_TMPDIR/root"
		cp "$built/live-basic" "$BATS_TEST_TMPDIR/root/server"
		cd "$BATS_TEST_TMPDIR/root"
		umount -l "$BATS_TEST_TMPDIR/root"
		umount -l /proc
		exec ./server 3
	END
	start_inside unshare --mount sh "$BATS_TEST_TMPDIR/start"
	[[ ! -e $BATS_TEST_TMPDIR/root/server ]]
	patched_and_back
	end_inside
}

@test "the tool in a container patches what it sees there" {
	run -0 unshare --pid --mount-proc --fork --kill-child bash -c "
		coproc V { exec '$built/live-basic' 2; }
		read -r ready <&\${V[0]}
		'$suture' apply --pid \$V_PID '$hotpatch'
		printf a >&\${V[1]}
		read -r answer <&\${V[0]}
		printf q >&\${V[1]}
		echo \$ready \$answer"
	[[ $output == *"ready 43" ]]
}

@test "a tool whose /proc shows other pids than its own does nothing" {
	start_victim live-basic 2
	run unshare --pid --fork --kill-child "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $status == 1 || $status == 5 ]]
	[[ $output == *"/proc belongs to another PID namespace"* ]]
	run unshare --pid --fork --kill-child "$suture" apply "$hotpatch"
	[[ $status == 1 && $output == *"/proc belongs to another PID namespace"* ]]
	[[ $(ask a) == 7 ]]
	stop_victim
}
