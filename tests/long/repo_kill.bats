#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# SIGKILL at random moments: the repository stays one that clients verify, and the same
# commands complete what was interrupted.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/channel.bash"
	need_commands jq dpkg-deb cc
	work_begin
	export work
	channel_packages
	channel_passphrase
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/channel.bash"
	kills=0
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

# Run a command, and kill it after a random part of MILLISECONDS. Its status is 0 when it
# was done before, 137 when it was killed, and nothing else.
killed() { # MILLISECONDS COMMAND...
	local most=$1 status=0
	shift
	timeout --signal=KILL "$(printf '0.%03d' $((RANDOM % most + 1)))" "$@" >"$work/killed.out" 2>&1 || status=$?
	((status != 137)) || kills=$((kills + 1))
	[[ $status == 0 || $status == 137 ]] || fail "$*: exit status $status: $(cat "$work/killed.out")"
}

# How long a command takes now, in milliseconds: what the moment to kill is chosen from.
duration() { # COMMAND...
	local begin=${EPOCHREALTIME/./}
	"$@" >/dev/null
	local took=$(((${EPOCHREALTIME/./} - begin) / 1000 + 20))
	echo $((took > 999 ? 999 : took))
}

@test "repo init that is killed is completed by the same command" {
	local i most
	# The keys are made once, which takes longer than all the rest.
	"$suture" repo init "$work/init" --keys "$work/keys" --product x >/dev/null
	rm -rf "$work/init"
	most=$(duration "$suture" repo init "$work/init" --keys "$work/keys" --product x)
	for ((i = 0; i < 40; i++)); do
		rm -rf "$work/init"
		killed "$most" "$suture" repo init "$work/init" --keys "$work/keys" --product x
		"$suture" repo init "$work/init" --keys "$work/keys" --product x >/dev/null
		((i % 8)) || "$suture" repo publish "$work/init" --keys "$work/keys" >/dev/null
		"$suture" repo status "$work/init" --json | jq -e '(.roles | length) == 8' >/dev/null
	done
	note "killed $kills times"
	((kills >= 5))
}

@test "baseline, add, sign, publish and rollout, killed at random moments, leave a repository that clients verify" {
	local repo=$work/repo keys=$work/keys round i most release
	"$suture" repo init "$repo" --keys "$keys" --product x
	"$suture" repo baseline "$repo" 2026.10 "$work"/debs/{server,other}_1.deb
	"$suture" repo publish "$repo" --keys "$keys"
	"$suture" repo advisory "$repo" CVE-2026-1 --severity high --published 2026-11-03 \
		--package server --package other
	most=$(duration "$suture" repo publish "$repo" --keys "$keys")
	"$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" --store "$work/store"
	for ((round = 1; round <= 10; round++)); do
		release=2026.11.$round
		for ((i = 0; i < 20; i++)); do
			case $((RANDOM % 6)) in
			0) killed "$most" "$suture" repo add "$repo" "$release" --baseline 2026.10 "$work"/debs/server_{1,2}.deb ;;
			1) killed "$most" "$suture" repo add "$repo" "$release" --baseline 2026.10 "$work"/debs/other_{1,2}.deb ;;
			2) killed "$most" "$suture" repo sign "$repo" --keys "$keys" ;;
			3) killed "$most" "$suture" repo baseline "$repo" "2027.0$((round % 9 + 1))" "$work"/debs/server_2.deb ;;
			*) killed "$most" "$suture" repo status "$repo" ;;
			esac
			# The store follows: never an older state, never one that does not verify.
			"$suture" fetch --repository "$repo" --store "$work/store" --all >/dev/null
		done
		"$suture" repo add "$repo" "$release" --baseline 2026.10 "$work"/debs/server_{1,2}.deb >/dev/null
		for ((i = 0; i < 10; i++)); do
			killed "$most" "$suture" repo publish "$repo" --keys "$keys"
			"$suture" fetch --repository "$repo" --store "$work/store" --all >/dev/null
		done
		"$suture" repo publish "$repo" --keys "$keys" >/dev/null
		for ((i = 0; i < 5; i++)); do
			killed "$most" "$suture" repo rollout "$repo" "$release" --open test --keys "$keys"
			"$suture" fetch --repository "$repo" --store "$work/store" --ring test >/dev/null
		done
		"$suture" repo rollout "$repo" "$release" --open test --keys "$keys" >/dev/null
		"$suture" fetch --repository "$repo" --store "$work/store" --release "$release" --all --json |
			jq -e '(.hotpatches | length) >= 1' >/dev/null
		# Also a client that was never here before.
		rm -rf "$work/fresh"
		"$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" --store "$work/fresh" --all >/dev/null
	done
	note "killed $kills times"
	((kills >= 30))
}
