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
	source "$BATS_TEST_DIRNAME/../lib/kills.bash"
	kills=0
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

@test "repo init that is killed is completed by the same command" {
	local i most
	# The keys are made once, which takes longer than all the rest.
	"$suture" repo init "$work/init" --keys "$work/keys" --product x >/dev/null
	for ((i = 0; i < 40 || (kills < 5 && i < 400); i++)); do
		rm -rf "$work/init"
		# Time and again: a machine is faster now than then.
		((i % 10)) || most=$(duration "$suture" repo init "$work/init" --keys "$work/keys" --product x)
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
	"$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" --store "$work/store"
	for ((round = 1; round <= 10 || (kills < 30 && round <= 60); round++)); do
		release=2026.11.$round
		most=$(duration "$suture" repo publish "$repo" --keys "$keys")
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

# until_done MILLISECONDS TIMES COMMAND...: killed some times, each time looked at by a client with a
# store, then let through.
until_done() {
	local most=$1 times=$2 i
	shift 2
	for ((i = 0; i < times; i++)); do
		killed "$most" "$@"
		"$suture" fetch --repository "$repo" --store "$work/store" --all >/dev/null
	done
	"$@" >"$work/done"
	"$suture" fetch --repository "$repo" --store "$work/store" --all >/dev/null
}

# A repository with one published release, and a client of it; sets $repo and $keys.
begin_published() { # NAME
	repo=$work/$1 keys=$work/$1.keys
	rm -rf "$work/store"
	"$suture" repo init "$repo" --keys "$keys" --product x
	"$suture" repo baseline "$repo" 2026.10 "$work"/debs/{server,other}_1.deb
	"$suture" repo advisory "$repo" CVE-2026-1 --severity high --published 2026-11-03 \
		--package server --package other
	"$suture" repo add "$repo" 2026.11 --baseline 2026.10 "$work"/debs/server_{1,2}.deb
	"$suture" repo publish "$repo" --keys "$keys"
	"$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" --store "$work/store"
}

@test "advisory, sign, recall and new keys, killed at random moments, are completed by the same command" {
	local most round release
	begin_published changes
	for ((round = 1; round <= 4 || (kills < 30 && round <= 24); round++)); do
		release=2026.12.$round
		most=$(duration "$suture" repo publish "$repo" --keys "$keys")
		until_done "$most" 5 "$suture" repo advisory "$repo" "CVE-2026-9$round" --severity high \
			--published 2026-11-03 --package other
		"$suture" repo add "$repo" "$release" --baseline 2026.10 "$work"/debs/other_{1,2}.deb \
			--advisory "CVE-2026-9$round" >/dev/null
		until_done "$most" 5 "$suture" repo sign "$repo" --keys "$keys"
		until_done "$most" 5 "$suture" repo publish "$repo" --keys "$keys"
		"$suture" fetch --repository "$repo" --store "$work/store" --release "$release" --all --json |
			jq -e '.release == "'"$release"'"' | grep -qx true
		# For good, and as often as it is said it is one word.
		until_done "$most" 5 "$suture" repo recall "$repo" "$release" --reason "round $round" --keys "$keys"
		"$suture" repo status "$repo" --json >"$work/status"
		[[ $(jq -r --arg name "$release" '.releases[] | select(.name == $name) | .state' "$work/status") == recalled ]]
		until_done "$most" 5 "$suture" repo key rotate "$repo" timestamp --keys "$keys"
		until_done "$most" 5 "$suture" repo publish "$repo" --keys "$keys"
		# Who was away all the time follows the whole chain of roots.
		rm -rf "$work/fresh"
		"$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" --store "$work/fresh" --all >/dev/null
	done
	note "killed $kills times"
	((kills >= 30))
}

@test "a fetch that is killed leaves a store that the next one completes" {
	local most i targets
	begin_published fetched
	for ((i = 0; i < 60 || (kills < 20 && i < 600); i++)); do
		((i % 20)) || most=$(rm -rf "$work/store" && duration "$suture" fetch --repository "$repo" \
			--root "$repo/metadata/1.root.json" --store "$work/store" --all)
		# A new store, or one that has something to catch up with.
		if ((i % 3 == 0)); then
			rm -rf "$work/store"
		else
			"$suture" repo publish "$repo" --keys "$keys" >/dev/null
			rm -rf "$work/store/targets"
		fi
		killed "$most" "$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" \
			--store "$work/store" --all
		# What is there already is whole.
		targets=$(find "$work/store/targets" -name '*.hotpatch' 2>/dev/null || true)
		[[ ! $targets ]] || "$suture" show "$targets" >/dev/null
		"$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" --store "$work/store" --all >/dev/null
		cmp "$(find "$work/store/targets" -name '*.hotpatch')" "$(find "$repo/targets" -name '*.hotpatch')"
	done
	note "killed $kills times"
	((kills >= 20))
}
