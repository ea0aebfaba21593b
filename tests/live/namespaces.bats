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
	read -t 10 -r ready <&"${VICTIM[0]}"
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
	read -t 10 -r ready <&"${VICTIM[0]}"
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
	read -t 10 -r ready <&"${VICTIM[0]}"
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row "$pid" outcome <<<"$output") == patched ]]
	[[ $(ask a) == 43 ]]
	stop_victim
}
