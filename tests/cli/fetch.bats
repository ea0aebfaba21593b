#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A machine fetches what it needs, over HTTP on loopback and from a folder.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/channel.bash"
	need_commands jq dpkg-deb cc python3
	work_begin
	export work
	channel_packages
	channel_passphrase
	"$suture" repo init "$work/repo" --keys "$work/keys" --product test-1
	"$suture" repo baseline "$work/repo" 2026.10 "$work"/debs/{server,other}_1.deb --date 2026-10-13
	"$suture" repo advisory "$work/repo" CVE-2026-1 --severity high --published 2026-11-03 \
		--package server --package other
	"$suture" repo add "$work/repo" 2026.11 --baseline 2026.10 "$work"/debs/server_{1,2}.deb
	"$suture" repo add "$work/repo" 2026.11 --baseline 2026.10 "$work"/debs/other_{1,2}.deb
	"$suture" repo publish "$work/repo" --keys "$work/keys"
	"$suture" repo rollout "$work/repo" 2026.11 --open test --keys "$work/keys"
	# It waits for a line on its input, and maps the old build.
	start victim bash -c 'exec "$1" < <(exec sleep infinity)' - "$work/bin/server-0"
	wait_until 60 grep -q server-0 "/proc/$pid/maps"
	channel_serve web "$work/repo"
	export url
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/channel.bash"
	store=$BATS_TEST_TMPDIR/store
	root=$work/repo/metadata/1.root.json
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

# What lies in the store, by name.
fetched() {
	find "$store/targets" -type f -name '*.hotpatch' -printf '%f\n' 2>/dev/null | sort
}

@test "over HTTP a machine fetches only what it runs, a tenth of the package and less" {
	run -0 "$suture" fetch --repository "$url" --root "$root" --store "$store" --ring test --json
	jq -e '.release == "2026.11" and (.hotpatches | length) == 1 and .size * 10 < .full_size and
		(.hotpatches[0] | .package == "server" and .processes >= 1) and .tuf.root == 1' <<<"$output"
	[[ $(fetched) == server-*.hotpatch ]]
	# It is what the program takes.
	file=$(jq -r '.hotpatches[0].path' <<<"$output")
	run -0 "$suture" show "$file"
	[[ $(stat -c %s "$file") == "$(jq .size <<<"$output")" || $output == *server* ]]
}

@test "again, nothing is fetched, and people see what is there" {
	"$suture" fetch --repository "$url" --root "$root" --store "$store"
	before=$(grep -c '\.hotpatch HTTP' "$work/web.out")
	run -0 "$suture" fetch --repository "$url" --store "$store"
	[[ $output == *"HOTPATCH"*"server-"*"2026.11: 1 hotpatches are there"* ]]
	[[ $(grep -c '\.hotpatch HTTP' "$work/web.out") == "$before" ]]
}

@test "a folder, as of a USB stick, does as well; all of a release when asked" {
	cp -r "$work/repo" "$BATS_TEST_TMPDIR/stick"
	rm -rf "$BATS_TEST_TMPDIR"/stick/{staged,advisories,channel.json,.lock}
	run -0 "$suture" fetch --repository "$BATS_TEST_TMPDIR/stick" --root "$root" --store "$store" --all
	(($(fetched | wc -l) == 2))
	run -0 "$suture" fetch --repository "file://$BATS_TEST_TMPDIR/stick" --store "$store" --all
}

@test "a ring that is not open yet gets nothing, and is told why" {
	run -0 "$suture" fetch --repository "$url" --root "$root" --store "$store" --ring broad
	[[ $output == *"ring broad is not open yet"* ]]
	[[ ! $(fetched) ]]
}

@test "a byte changed on the way is refused, and nothing of the file appears" {
	cp -r "$work/repo" "$BATS_TEST_TMPDIR/mirror"
	find "$BATS_TEST_TMPDIR/mirror/targets" -name '*.hotpatch' |
		while read -r file; do
			printf x | dd of="$file" bs=1 seek=50 conv=notrunc status=none
		done
	run -1 --separate-stderr "$suture" fetch --repository "$BATS_TEST_TMPDIR/mirror" --root "$root" \
		--store "$store" --json
	jq -e '.error.code == "untrusted"' <<<"$output"
	[[ ! $(fetched) ]]
}

@test "an older state than one that was seen is refused" {
	cp -r "$work/repo" "$BATS_TEST_TMPDIR/now"
	cp -r "$work/repo" "$BATS_TEST_TMPDIR/before"
	"$suture" repo publish "$BATS_TEST_TMPDIR/now" --keys "$work/keys"
	"$suture" fetch --repository "$BATS_TEST_TMPDIR/now" --root "$root" --store "$store"
	run -1 --separate-stderr "$suture" fetch --repository "$BATS_TEST_TMPDIR/before" --store "$store" --json
	jq -e '.error.code == "untrusted"' <<<"$output"
}

@test "a recalled release is not to be had" {
	cp -r "$work/repo" "$BATS_TEST_TMPDIR/repo"
	"$suture" repo recall "$BATS_TEST_TMPDIR/repo" 2026.11 --reason 'it crashes' --keys "$work/keys"
	run -0 "$suture" fetch --repository "$BATS_TEST_TMPDIR/repo" --root "$root" --store "$store" --ring test
	[[ $output == *"2026.11 was recalled"* && ! $(fetched) ]]
	run -2 "$suture" fetch --repository "$BATS_TEST_TMPDIR/repo" --store "$store" --release 2026.11
	[[ $output == *"was recalled: it crashes"* ]]
}

@test "without a root of trust, or a server, nothing is believed" {
	run -2 "$suture" fetch --repository "$url" --store "$store"
	run -1 --separate-stderr "$suture" fetch --repository "$url/nowhere" --root "$root" --store "$store" --json
	jq -e '.error.code == "network" or .error.code == "untrusted"' <<<"$output"
	run -2 "$suture" fetch --repository "$url"
	run -2 "$suture" fetch --repository "$url" --store "$store" --ring a --release 2026.11
	run -2 "$suture" fetch --repository ftp://localhost/ --root "$root" --store "$store"
}
