#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stock sshd with sessions open, one logged in and one that waits in the
# sandbox for a login: patched, proved, given back.
#
# As root it runs in a mount namespace of its own, with accounts of its own,
# because it insists on an account "sshd" and a folder in /run; otherwise as the
# user who runs the test, without that separation. `-r` keeps it from starting
# itself anew for each connection: its children are forks that carry the
# hotpatch. (A program that starts later is another matter than a running one.)

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	need_commands jq unshare
	work_begin
	export work known_pair
	deb_fetch_both openssh-server 1:9.2p1-2+deb12u7 1:9.2p1-2+deb12u10
	local each
	for each in old new; do
		local deb=${each}_deb client
		client=$(deb_fetch openssh-client "$(deb_version "${!deb}")")
		deb_unpack "$work/$each" "${!deb}" "$client"
		deb_libraries "$work/$each" "${!deb}" "$client"
	done
	hotpatch_build "$old_deb" "$new_deb" "$work/hotpatches"
	make_runners
	make_accounts
	make_keys
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	hotpatch=$(hotpatch_of "$work/hotpatches" usr/sbin/sshd)
}

teardown() {
	exec 7>&- 8>&-
	stop_all
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

# Runs a program of the new package with its libraries: "$work/with" NAME ...,
# and "$work/with-ssh" for those that start ssh themselves.
make_runners() {
	printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec "%s/new/usr/bin/$@"\n' \
		"$(library_path "$work/new")" "$work" >"$work/with"
	printf '#!/bin/sh\nexec "%s/with" ssh "$@"\n' "$work" >"$work/with-ssh"
	chmod 755 "$work/with" "$work/with-ssh"
}

make_keys() {
	local kind
	mkdir "$work/keys"
	for kind in host authority certified ed25519 ecdsa-256 ecdsa-384; do
		local type=${kind%-*} size=${kind#*-}
		[[ $kind == *-* ]] || { type=ed25519 size=256; }
		"$work/with" ssh-keygen -q -t "$type" -b "$size" -N '' -C "$kind" -f "$work/keys/$kind"
	done
	# A certificate for one name that holds a comma.
	cc -shared -fPIC -o "$work/principals.so" "$BATS_TEST_DIRNAME/../lib/principals.c"
	LD_PRELOAD=$work/principals.so "$work/with" ssh-keygen -q -s "$work/keys/authority" -I test \
		-n "nobody,$login" "$work/keys/certified.pub"
	rm "$work/keys/certified.pub"
	{
		cat "$work/keys/ecdsa-256.pub" "$work/keys/ecdsa-384.pub"
		echo "restrict,pty,port-forwarding $(<"$work/keys/ed25519.pub")"
		echo "cert-authority,principals=\"$login,other\" $(<"$work/keys/authority.pub")"
	} >"$work/keys/authorized"
	chmod 644 "$work/keys/authorized"
}

make_accounts() {
	login=$(id -un)
	if [[ $(id -u) == 0 ]]; then
		login=guest
		mkdir -m 755 "$work/home"
		cat >"$work/passwd" <<-END
			root:x:0:0:root:/root:/bin/sh
			sshd:x:64001:65534::/run/sshd:/usr/sbin/nologin
			guest:x:64002:65534:guest:$work/home:/bin/sh
		END
	fi
	export login
}

server_start() { # ROLE ROOT
	local port=port_$1
	free_ports "$port"
	cat >"$work/$1.config" <<-END
		Port ${!port}
		ListenAddress 127.0.0.1
		HostKey $work/keys/host
		AuthorizedKeysFile $work/keys/authorized
		PubkeyAcceptedAlgorithms ecdsa-sha2-nistp384,ssh-ed25519,ssh-ed25519-cert-v01@openssh.com
		PidFile none
		UsePAM no
		StrictModes no
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		LoginGraceTime 600
		Subsystem sftp internal-sftp
	END
	local run=("$2/usr/sbin/sshd" -D -e -r -f "$work/$1.config")
	if [[ $(id -u) == 0 ]]; then
		# shellcheck disable=SC2016 # for the inner shell
		run=(unshare --mount --propagation private bash -c '
			mount -t tmpfs -o mode=755 none /run && mkdir /run/sshd &&
			mount --bind "$1/passwd" /etc/passwd && shift && exec "$@"' _ "$work" "${run[@]}")
	fi
	LD_LIBRARY_PATH=$(library_path "$2") start "$1" "${run[@]}"
	wait_port "${!port}" || { cat "$work/$1.out" >&2; return 1; }
	printf -v "server_$1" %s "$pid"
}

# The listener and its children, but not the programs of the logged-in user.
server_pids() { # ROLE
	local server=server_$1 each
	for each in "${!server}" $(descendants "${!server}"); do
		[[ $(readlink "/proc/$each/exe") != */usr/sbin/sshd ]] || echo "$each"
	done
}

connection() { # PORT KEY
	printf '%s\n' -F none -i "$work/keys/$2" -o IdentitiesOnly=yes \
		-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
		-o GlobalKnownHostsFile=/dev/null -o LogLevel=ERROR -o "Port=$1" -o BatchMode=yes
}

log_in() { # PORT KEY COMMAND
	local options
	mapfile -t options < <(connection "$1" "$2")
	timeout 120 "$work/with" ssh "${options[@]}" "$login@127.0.0.1" "$3" </dev/null 2>&1 ||
		echo "exit status $?"
}

probe() { # ROLE
	local port=port_$1 options
	echo "== ed25519"; log_in "${!port}" ed25519 'echo hello; id -un; exit 3'
	echo "== nistp384, which is listed"; log_in "${!port}" ecdsa-384 'echo hello'
	echo "== nistp256, which is not"; log_in "${!port}" ecdsa-256 'echo hello' |
		sed 's/^.*Permission denied/Permission denied/'
	echo "== certificate for \"nobody,$login\""; log_in "${!port}" certified 'echo hello' |
		sed 's/^.*Permission denied/Permission denied/'
	echo "== much output"; log_in "${!port}" ed25519 'seq 200000' | sha256sum
	echo "== files"
	mapfile -t options < <(connection "${!port}" ed25519)
	printf 'ls -1 /etc/passwd\nget /etc/os-release %s\n' "$work/got" |
		timeout 120 "$work/with" sftp -q -b - -S "$work/with-ssh" "${options[@]}" "$login@127.0.0.1" 2>&1
	cmp /etc/os-release "$work/got"
	echo "== forwarded"
	timeout 120 "$work/with" ssh "${options[@]}" -W "127.0.0.1:${!port}" "$login@127.0.0.1" </dev/null |
		head -n 1 | sed 's/[+]deb.*//'
}

# A session that is logged in and passes on what it gets, and a connection that
# does not say a word, whose process sits in the sandbox.
use_begin() {
	# shellcheck disable=SC2154 # server_start sets it
	local options n
	# Those that served the questions before have ended.
	wait_until 120 are_servers 1 || fail "questions do not end: $(server_pids target | tr '\n' ' ')" || return
	mapfile -t options < <(connection "$port_target" ed25519)
	mkfifo "$work/into"
	# shellcheck disable=SC2016 # for the inner shell
	start session bash -c 'exec "${@:2}" <"$1"' _ "$work/into" \
		"$work/with" ssh "${options[@]}" "$login@127.0.0.1" cat
	exec 7>"$work/into"
	said 'before'
	n=$(server_pids target | wc -l)
	exec 8<>"/dev/tcp/127.0.0.1/$port_target"
	wait_until 120 are_servers $((n + 1)) || fail "nobody serves the silent connection" || return
	# Its process has said who it is, and listens.
	read -r -t 120 -u 8 banner && [[ $banner == SSH-2.0-* ]] || fail "the silent connection is dead"
}

are_servers() { # N
	(($(server_pids target | wc -l) == $1))
}

# What goes into the session comes out of it, after all that came before.
said() {
	echo "$1" >&7
	wait_until 120 grep -qx "$1" "$work/session.out" || fail "the session is dead: $(<"$work/session.out")"
}

use_end() {
	said 'after'
	[[ $(<"$work/session.out") == $'before\nafter' ]] || fail "the session said: $(<"$work/session.out")"
	# At its end there would be something to read: the end.
	local status=0
	read -r -t 1 -u 8 _ || status=$?
	((status > 128)) || fail "the silent connection is dead"
}

@test "sshd with open sessions takes the fix, proves it and gives it back" {
	# A certificate for one name that holds a comma.
	scenario sshd "$hotpatch" 1
}
