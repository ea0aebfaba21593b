#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The release engineer's commands, on small real packages.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/channel.bash"
	need_commands jq dpkg-deb cc
	work_begin
	export work
	channel_packages
	channel_passphrase
	# What each test begins with: a published baseline, and an advisory.
	"$suture" repo init "$work/begin" --keys "$work/keys" --product test-1
	"$suture" repo baseline "$work/begin" 2026.10 "$work"/debs/{server,other,odd}_1.deb --date 2026-10-13
	"$suture" repo publish "$work/begin" --keys "$work/keys"
	"$suture" repo advisory "$work/begin" CVE-2026-1 --severity high --published 2026-11-03 \
		--package server --summary 'a hole'
	"$suture" repo advisory "$work/begin" CVE-2026-2 --severity low --published 2026-11-20 --package other
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/channel.bash"
	keys=$work/keys
	repo=$BATS_TEST_TMPDIR/repo
	cp -r "$work/begin" "$repo"
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

# The document of a release, baseline, …: staged, or else published.
document() { # PATH
	local found
	found=$(find "$repo/staged/targets" "$repo/targets" -path "*/${1%/*}/*.${1##*/}" -printf '%T@ %p\n' |
		sort -n | tail -n 1)
	cat "${found#* }"
}

add() { # RELEASE FILE...
	local release=$1
	shift
	"$suture" repo add "$repo" "$release" --baseline 2026.10 "$@"
}

publish() {
	"$suture" repo publish "$repo" --keys "$keys"
}

@test "a baseline is a manifest of packages, versions and the build-ids that readelf tells" {
	document baselines/2026.10.json >"$BATS_TEST_TMPDIR/json"
	for name in server odd other; do
		id=$(readelf -n "$work/bin/$name-0" | sed -n 's/.*Build ID: //p')
		jq -e --arg name "$name" --arg id "$id" '.packages[] | select(.name == $name) |
			.version == "1-1" and .architecture == "amd64" and
			.builds == [{"path": "/usr/bin/\($name)", "build_id": $id}]' "$BATS_TEST_TMPDIR/json"
	done
	jq -e '.type == "baseline" and .product == "test-1" and .date == "2026-10-13" and .planned' \
		"$BATS_TEST_TMPDIR/json"
}

@test "a release is built from packages, checked, published and rolled out" {
	run -0 add 2026.11 "$work"/debs/server_{1,2}.deb
	run -0 "$suture" repo check "$repo" 2026.11
	[[ $output == *"It may be published."* ]]
	run -0 "$suture" repo sign "$repo" --keys "$keys"
	[[ $output == "1 new signatures." ]]
	run -0 publish
	document hotpatches/2026.11.json | jq -e '.type == "release" and .baseline == "2026.10" and
		.kind == "hotpatch" and (.out_of_band | not) and .advisories[0].id == "CVE-2026-1" and
		.hotpatches[0].package == "server" and .hotpatches[0].old_version == "1-1" and
		.hotpatches[0].new_version == "1-2" and .hotpatches[0].path == "/usr/bin/server" and
		.hotpatches[0].advisories == ["CVE-2026-1"] and
		.hotpatches[0].size * 10 < .hotpatches[0].full_size'
	# What is served is the packed hotpatch, by its digest.
	read -r target sha256 < <(document hotpatches/2026.11.json |
		jq -r '.hotpatches[0] | "\(.target) \(.sha256)"')
	served=$repo/targets/${target%/*}/$sha256.${target##*/}
	[[ $(sha256sum "$served") == "$sha256 "* ]]
	run -0 "$suture" show "$served"
	run -0 "$suture" repo rollout "$repo" 2026.11 --open test --keys "$keys"
	document rollouts/2026.11.json | jq -e '.state == "running" and .decision == 2 and
		(.rings | map(.state)) == ["open", "waiting", "waiting"]'
	run -0 "$suture" repo status "$repo"
	[[ $output == *"2026.11 hotpatch 2026.10  running"* ]]
}

@test "every command may be given again and changes nothing" {
	add 2026.11 "$work"/debs/server_{1,2}.deb
	publish
	"$suture" repo rollout "$repo" 2026.11 --open test --keys "$keys"
	before=$(cd "$repo" && find . -type f ! -name '*snapshot.json' ! -name timestamp.json -exec sha256sum {} + | sort)
	run -0 "$suture" repo init "$repo" --keys "$keys" --product test-1
	[[ $output == *"nothing to do"* ]]
	run -0 "$suture" repo baseline "$repo" 2026.10 "$work"/debs/{server,other,odd}_1.deb
	run -0 "$suture" repo advisory "$repo" CVE-2026-1 --severity high --published 2026-11-03 \
		--package server --summary 'a hole'
	run -0 publish
	run -0 "$suture" repo rollout "$repo" 2026.11 --open test --keys "$keys"
	[[ $output == *"running, as it was"* ]]
	after=$(cd "$repo" && find . -type f ! -name '*snapshot.json' ! -name timestamp.json -exec sha256sum {} + | sort)
	diff <(echo "$before") <(echo "$after")
}

@test "adding the same twice gives the same bytes" {
	add 2026.11 "$work"/debs/server_{1,2}.deb --date 2026-11-10
	one=$(document hotpatches/2026.11.json)
	add 2026.11 "$work"/debs/server_{1,2}.deb
	[[ $(document hotpatches/2026.11.json) == "$one" ]]
}

@test "what is not security-only is refused: no advisory, and one that nobody entered" {
	rm "$repo"/advisories/*
	add 2026.11 "$work"/debs/server_{1,2}.deb
	run -3 "$suture" repo check "$repo" 2026.11
	[[ $output == *"PROBLEM no-advisory:"* ]]
	run -3 publish
	[[ ! -e $repo/metadata/2.hotpatches.json ]]
	run -2 add 2026.11 "$work"/debs/server_{1,2}.deb --advisory CVE-2026-7
	[[ $output == *"enter it with 'suture repo advisory'"* ]]
}

@test "a hotpatch for a build that is not in the baseline is refused" {
	add 2026.11 "$work"/debs/server_{2,3}.deb
	run -3 "$suture" repo check "$repo" 2026.11
	[[ $output == *"PROBLEM foreign-build:"*"is not in baseline 2026.10"* ]]
	run -3 publish
	run -2 "$suture" repo add "$repo" 2026.11 --baseline 2026.07 "$work"/debs/server_{1,2}.deb
	[[ $output == *"is on baseline 2026.10"* ]]
	run -2 "$suture" repo add "$repo" 2026.12 --baseline 2026.07 "$work"/debs/server_{1,2}.deb
	[[ $output == *"there is no baseline 2026.07"* ]]
}

@test "a release holds all of the one before it, and its advisories" {
	add 2026.11 "$work"/debs/server_{1,2}.deb
	publish
	run -0 add 2026.12 "$work"/debs/other_{1,2}.deb
	[[ $output == *"2 hotpatches (1 of the release before)"* ]]
	run -0 "$suture" repo check "$repo" 2026.12
	# A later fix of the same build takes the earlier one's place.
	run -0 "$suture" repo advisory "$repo" CVE-2026-3 --severity critical --published 2026-12-01
	run -0 add 2026.12 "$work"/debs/server_{1,3}.deb --advisory CVE-2026-3
	run -0 "$suture" repo check "$repo" 2026.12
	document hotpatches/2026.12.json | jq -e '(.hotpatches | length) == 2 and
		([.hotpatches[] | select(.package == "server")][0] | .new_version == "1-3" and
			(.advisories | sort) == ["CVE-2026-1", "CVE-2026-3"]) and
		(.advisories | map(.id) | sort) == ["CVE-2026-1", "CVE-2026-2", "CVE-2026-3"]'
	run -0 publish
}

@test "a published release and a published baseline are not changed any more" {
	add 2026.11 "$work"/debs/server_{1,2}.deb
	publish
	run -2 add 2026.11 "$work"/debs/other_{1,2}.deb
	[[ $output == *"out of band like 2026.11.1"* ]]
	run -2 "$suture" repo baseline "$repo" 2026.10 "$work"/debs/server_1.deb
	[[ $output == *"is published with other packages"* ]]
	run -0 add 2026.11.1 "$work"/debs/other_{1,2}.deb
	run -0 "$suture" repo check "$repo" 2026.11.1
	document hotpatches/2026.11.1.json | jq -e .out_of_band
	run -0 "$suture" calendar 2026 --repository "$repo" --json
	jq -e '[.events[] | select(.published)] | map(.name) == ["2026.10", "2026.11"]' <<<"$output"
	publish
	run -0 "$suture" calendar 2026 --repository "$repo"
	[[ $output == *"2026.11.1 out of band 2026.10  published"* ]]
	# As others see it: verified, at its address, and by a rule of theirs.
	channel_serve "calendar" "$repo"
	"$suture" calendar 2026 --repository "$repo" --json >"$BATS_TEST_TMPDIR/own"
	run -0 "$suture" calendar 2026 --repository "$url" --store "$BATS_TEST_TMPDIR/store" \
		--root "$repo/metadata/1.root.json" --json
	diff "$BATS_TEST_TMPDIR/own" - <<<"$output"
	echo '{"week": 5, "weekday": "friday", "baselines": [2, 8]}' >"$BATS_TEST_TMPDIR/rule"
	run -0 "$suture" calendar 2026 --rule "$BATS_TEST_TMPDIR/rule" --repository "$url" \
		--store "$BATS_TEST_TMPDIR/store" --json
	# What is out has its date; what is to come is the rule's, on what is out.
	jq -e '.rule.week == 5 and (.events | map(select(.name | startswith("2026.1")))
		| map([.name, .baseline, .kind, .planned]) == [
			["2026.10", "2026.10", "baseline", false],
			["2026.11", "2026.10", "hotpatch", true],
			["2026.11.1", "2026.10", "hotpatch", false],
			["2026.12", "2026.10", "hotpatch", true]])' <<<"$output"
	jq -e '.events | map(select(.published) | .date)[0] == "2026-10-13"' <<<"$output"
	jq -e '.events[-1].date == "2026-12-25"' <<<"$output"
}

@test "a calendar of a repository that somebody changed on the way is refused" {
	channel_serve "changed" "$repo"
	"$suture" calendar 2026 --repository "$url" --store "$BATS_TEST_TMPDIR/store" \
		--root "$repo/metadata/1.root.json"
	sed -i 's/2026-10-13/2026-10-14/' "$repo"/targets/hotpatches/*.2026.10.json
	run -1 "$suture" calendar 2026 --repository "$url" --store "$BATS_TEST_TMPDIR/store"
	[[ $output == *"hotpatches/2026.10.json"* ]]
	run -2 "$suture" calendar 2026 --repository "$url"
	[[ $output == *"needs --store DIR"* ]]
}

@test "what cannot be hotpatched is listed, and turns the month into a baseline when asked" {
	add 2026.11 "$work"/debs/server_{1,2}.deb
	run -3 add 2026.11 "$work"/debs/odd_{1,2}.deb --advisory CVE-2026-1
	[[ $output == *"/usr/bin/odd: refused"* ]]
	run -0 "$suture" repo check "$repo" 2026.11
	[[ $output == *"note not-hotpatchable: /usr/bin/odd of package odd"*"--unplanned-baseline"* ]]
	document hotpatches/2026.11.json | jq -e '.not_hotpatchable[0] | .package == "odd" and
		.verdict == "refused" and (.reasons | length) > 0 and .advisories == ["CVE-2026-1"]'
	run -2 "$suture" repo check "$repo" 2026.11 --unplanned-baseline
	[[ $output == *"make its manifest first"* ]]
	"$suture" repo baseline "$repo" 2026.11 "$work"/debs/{server,odd}_2.deb "$work/debs/other_1.deb" \
		--unplanned-baseline
	run -0 "$suture" repo check "$repo" 2026.11 --unplanned-baseline
	[[ $output == *"(a new baseline on baseline 2026.10)"*"the new baseline closes it"* ]]
	run -0 publish
	document hotpatches/2026.11.json | jq -e '.kind == "baseline" and (.hotpatches | length) == 1'
	document baselines/2026.11.json | jq -e '.planned | not'
	run -0 "$suture" calendar 2026 --repository "$repo"
	[[ $output == *"2026.11 unplanned baseline 2026.11"*"2026.12 hotpatches         2026.11"* ]]
}

@test "a month that could be hotpatched after all forgets what it had noted" {
	run -3 add 2026.11 "$work"/debs/odd_{1,2}.deb --advisory CVE-2026-1
	channel_program "$work/bin/odd-good" -DFIX=1 -DKIND='"odd"'
	channel_package "$work/debs/odd_good.deb" odd 1-2 "$work/bin/odd-good"
	run -0 add 2026.11 "$work/debs/odd_1.deb" "$work/debs/odd_good.deb"
	document hotpatches/2026.11.json | jq -e '.not_hotpatchable == [] and
		.hotpatches[0].advisories == ["CVE-2026-1"]'
}

@test "hotpatches that are built already are added as they are" {
	"$suture" build "$work/bin/server-0" "$work/bin/server-1" -o "$BATS_TEST_TMPDIR/plain.hotpatch"
	run -0 add 2026.11 "$BATS_TEST_TMPDIR/plain.hotpatch" --advisory CVE-2026-1
	document hotpatches/2026.11.json | jq -e '.hotpatches[0] | .package == "server" and
		.path == "/usr/bin/server" and .old_version == "1-1" and .new_version == "unknown"'
	run -0 "$suture" repo check "$repo" 2026.11
	echo garbage >"$BATS_TEST_TMPDIR/bad.hotpatch"
	run -1 add 2026.11 "$BATS_TEST_TMPDIR/bad.hotpatch"
}

@test "a hotpatch that somebody changed after it was added is found" {
	add 2026.11 "$work"/debs/server_{1,2}.deb
	file=$(find "$repo/staged/targets" -name '*.hotpatch')
	chmod u+w "$file"
	printf x | dd of="$file" bs=1 seek=100 conv=notrunc status=none
	run -1 "$suture" repo check "$repo" 2026.11
	run -1 publish
	[[ ! -e $repo/metadata/2.hotpatches.json ]]
}

@test "a recall is signed, stays, and its release is no more the one to follow" {
	add 2026.11 "$work"/debs/server_{1,2}.deb
	publish
	name=$(document hotpatches/2026.11.json | jq -r '.hotpatches[0].name')
	run -2 "$suture" repo recall "$repo" 2026.11
	[[ $output == *"needs --reason"* ]]
	run -2 "$suture" repo recall "$repo" 2026.99 --reason x
	run -0 "$suture" repo recall "$repo" 2026.11 "$name" --reason 'it crashes' --keys "$keys"
	jq -e '.releases == ["2026.11"] and .hotpatches == [$name] and .reason == "it crashes"' \
		--arg name "$name" "$repo"/targets/revocations/*.json
	run -0 "$suture" repo recall "$repo" 2026.11 --reason again --keys "$keys"
	[[ $output == *"recalled already"* ]]
	(($(find "$repo/targets/revocations" -type f | wc -l) == 1))
	run -0 "$suture" repo status "$repo"
	[[ $output == *"2026.11 hotpatch 2026.10  recalled"* ]]
	run -0 add 2026.12 "$work"/debs/other_{1,2}.deb
	[[ $output == *"1 hotpatches (0 of the release before)"* ]]
}

@test "a rollout is decided step by step, with reasons" {
	add 2026.11 "$work"/debs/server_{1,2}.deb
	run -2 "$suture" repo rollout "$repo" 2026.11 --open test
	[[ $output == *"is not published yet"* ]]
	publish
	local step
	run -2 "$suture" repo rollout "$repo" 2026.11 --open fast
	[[ $output == *"ring test comes before ring fast"* ]]
	run -2 "$suture" repo rollout "$repo" 2026.11 --open nowhere
	run -2 "$suture" repo rollout "$repo" 2026.11
	for step in '--open test' '--pause --reason why' '--resume --reason why' '--open fast' \
		'--open broad' --complete '--roll-back --reason why'; do
		# shellcheck disable=SC2086 # words
		run -0 "$suture" repo rollout "$repo" 2026.11 $step --dry-run
		# shellcheck disable=SC2086
		run -0 "$suture" repo rollout "$repo" 2026.11 $step
	done
	document rollouts/2026.11.json | jq -e '.state == "rolled-back" and .reason == "why" and .decision == 8'
	run -2 "$suture" repo rollout "$repo" 2026.11 --resume --reason x
	[[ $output == *"publish a later release"* ]]
	run -2 "$suture" repo rollout "$repo" 2026.11 --pause
	[[ $output == *"needs --reason"* ]]
}

@test "keys have thresholds, and are signed with on another machine" {
	run -0 "$suture" repo init "$BATS_TEST_TMPDIR/two" --keys "$BATS_TEST_TMPDIR/keys" --product x \
		--role hotpatches=2/3 --period timestamp=1
	repo=$BATS_TEST_TMPDIR/two
	mkdir "$BATS_TEST_TMPDIR/other"
	mv "$BATS_TEST_TMPDIR"/keys/hotpatches-[23].key "$BATS_TEST_TMPDIR/other"
	run -0 "$suture" repo sign "$repo" --keys "$BATS_TEST_TMPDIR/keys"
	run -2 "$suture" repo publish "$repo" --keys "$BATS_TEST_TMPDIR/keys"
	[[ $output == *hotpatches* ]]
	run -0 "$suture" repo status "$repo" --json
	jq -e '.roles[] | select(.role == "hotpatches") | .signatures == 1 and .threshold == 2 and .keys == 3' <<<"$output"
	run -0 "$suture" repo sign "$repo" --role hotpatches --export "$BATS_TEST_TMPDIR/file"
	run -0 "$suture" repo sign --file "$BATS_TEST_TMPDIR/file" --keys "$BATS_TEST_TMPDIR/other"
	run -0 "$suture" repo sign "$repo" --import "$BATS_TEST_TMPDIR/file" --json
	[[ $(jq .signatures <<<"$output") == 2 ]]
	run -0 "$suture" repo publish "$repo" --keys "$BATS_TEST_TMPDIR/keys"
	(($(date -d "$(jq -r .signed.expires "$repo/metadata/timestamp.json")" +%s) < $(date +%s) + 86500))
}

@test "keys are added and rotated, and clients follow" {
	"$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" --store "$BATS_TEST_TMPDIR/store"
	cp -r "$keys" "$BATS_TEST_TMPDIR/keys"
	keys=$BATS_TEST_TMPDIR/keys
	for role in hotpatches timestamp root; do
		run -0 "$suture" repo key rotate "$repo" $role --keys "$keys"
		[[ -e $keys/$role-2.key ]]
	done
	run -0 "$suture" repo key add "$repo" rollouts --keys "$keys" --threshold 2
	run -0 publish
	run -0 "$suture" fetch --repository "$repo" --store "$BATS_TEST_TMPDIR/store" --json
	jq -e '.tuf.root == 2' <<<"$output"
	rm "$keys"/{hotpatches,timestamp,root}.key
	add 2026.11 "$work"/debs/server_{1,2}.deb
	run -0 publish
	run -0 "$suture" repo key list "$repo" --json
	jq -e '[.keys[] | select(.role == "rollouts")] | length == 2 and .[0].threshold == 2' <<<"$output"
	run -2 "$suture" repo key add "$repo" nobody --keys "$keys"
}

@test "keys are sealed: a wrong passphrase opens none, and they stay out of what is served" {
	! grep -q '"seed"' "$keys"/*.key
	[[ $(stat -c %a "$keys/root.key") == 600 ]]
	echo wrong >"$BATS_TEST_TMPDIR/wrong"
	add 2026.11 "$work"/debs/server_{1,2}.deb
	run -1 "$suture" repo publish "$repo" --keys "$keys" --passphrase-file "$BATS_TEST_TMPDIR/wrong"
	run -2 "$suture" repo publish "$repo" --keys "$BATS_TEST_TMPDIR/no-such-folder"
	run -2 "$suture" repo init "$BATS_TEST_TMPDIR/new" --keys "$BATS_TEST_TMPDIR/new/keys" --product x
	[[ $output == *"keep keys elsewhere"* ]]
	[[ ! -e $BATS_TEST_TMPDIR/new ]]
}

@test "a dry run changes nothing" {
	before=$(cd "$repo" && find . -type f -exec sha256sum {} + | sort)
	run -0 "$suture" repo init "$BATS_TEST_TMPDIR/new" --keys "$BATS_TEST_TMPDIR/keys" --product x --dry-run
	[[ ! -e $BATS_TEST_TMPDIR/new && ! -e $BATS_TEST_TMPDIR/keys ]]
	mkdir "$BATS_TEST_TMPDIR/debs"
	cp "$work"/debs/{server,other}_2.deb "$BATS_TEST_TMPDIR/debs"
	run -0 "$suture" repo baseline "$repo" 2027.01 "$BATS_TEST_TMPDIR/debs" --dry-run
	[[ $output == "Baseline 2027.01: 2 packages with 2 builds would be staged." ]]
	run -1 "$suture" repo baseline "$repo" 2027.01 "$work/debs" --dry-run
	[[ $output == *"is there twice"* ]]
	run -0 "$suture" repo advisory "$repo" CVE-9 --severity low --published 2026-01-01 --dry-run
	run -0 add 2026.11 "$work"/debs/server_{1,2}.deb --dry-run --json
	jq -e '.files[0].verdict == "hotpatch" and (.release.hotpatches | length) == 1' <<<"$output"
	run -0 "$suture" repo publish "$repo" --dry-run
	run -0 "$suture" repo recall "$repo" 2026.10 --reason x --dry-run
	diff <(echo "$before") <(cd "$repo" && find . -type f -exec sha256sum {} + | sort)
}

@test "what makes no sense is refused before anything is done" {
	run -2 "$suture" repo
	run -2 "$suture" repo bake "$repo"
	run -2 "$suture" repo status
	run -2 "$suture" repo status "$BATS_TEST_TMPDIR/none"
	run -2 "$suture" repo status "$repo" --keys x
	[[ $output == *"takes no --keys"* ]]
	run -2 "$suture" repo add "$repo" november --baseline 2026.10 "$work"/debs/server_{1,2}.deb
	run -2 add 2026.11 "$work/debs/server_1.deb"
	run -2 add 2026.11 "$work/debs/server_1.deb" "$work/debs/other_2.deb"
	run -2 "$suture" repo advisory "$repo" ../x --severity low --published 2026-01-01
	run -2 "$suture" repo advisory "$repo" CVE-1 --severity worst --published 2026-01-01
	run -2 "$suture" repo advisory "$repo" CVE-1 --severity low --published yesterday
	run -1 "$suture" repo baseline "$repo" 2027.01 "$work/bin/server-0"
	run -2 "$suture" repo check "$repo" 2026.12 --json
	jq -e '.error.code == "usage"' <<<"${output#*suture repo: *$'\n'}"
}

@test "what others have signed is published with the keys of snapshot and timestamp alone" {
	"$suture" repo init "$BATS_TEST_TMPDIR/two" --keys "$BATS_TEST_TMPDIR/keys" --product x --role hotpatches=2/2
	repo=$BATS_TEST_TMPDIR/two
	"$suture" repo baseline "$repo" 2026.10 "$work/debs/server_1.deb"
	"$suture" repo publish "$repo" --keys "$BATS_TEST_TMPDIR/keys"
	"$suture" repo advisory "$repo" CVE-2026-1 --severity high --published 2026-11-03 --package server
	add 2026.11 "$work"/debs/server_{1,2}.deb
	"$suture" repo sign "$repo" --keys "$BATS_TEST_TMPDIR/keys"
	mkdir "$BATS_TEST_TMPDIR/online"
	mv "$BATS_TEST_TMPDIR"/keys/{snapshot,timestamp}.key "$BATS_TEST_TMPDIR/online"
	run -0 "$suture" repo publish "$repo" --keys "$BATS_TEST_TMPDIR/online"
	run -0 "$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" \
		--store "$BATS_TEST_TMPDIR/store" --all --json
	jq -e '(.hotpatches | length) == 1' <<<"$output"
}

# What a repository looks like after years: many versions, of which each wrote its files
# long ago, and two roots.
age() {
	find "$repo/metadata" "$repo/targets" -type f -exec touch -d '-3 days' {} +
}

old_repository() {
	local state
	add 2026.11 "$work"/debs/server_{1,2}.deb
	publish
	# Who looked at it then has this store.
	"$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" \
		--store "$BATS_TEST_TMPDIR/store" --release 2026.11 --all
	"$suture" repo rollout "$repo" 2026.11 --open test --keys "$keys"
	for state in --pause --resume --pause --resume; do
		"$suture" repo rollout "$repo" 2026.11 "$state" --reason why --keys "$keys"
	done
	"$suture" repo key rotate "$repo" root --keys "$keys"
	publish
	age
}

# Whoever knew it then, and who comes now with the first root only, gets everything.
all_is_served() { # REPO
	rm -rf "$BATS_TEST_TMPDIR"/{then,now}
	cp -r "$BATS_TEST_TMPDIR/store" "$BATS_TEST_TMPDIR/then"
	rm -rf "$BATS_TEST_TMPDIR/then/targets"
	"$suture" fetch --repository "$1" --store "$BATS_TEST_TMPDIR/then" --release 2026.11 --all --json |
		jq -e '(.hotpatches | length) == 1 and .tuf.root == 2' &&
		"$suture" fetch --repository "$1" --store "$BATS_TEST_TMPDIR/now" --root "$1/metadata/1.root.json" \
			--ring test --all --json | jq -e '(.hotpatches | length) == 1 and .tuf.root == 2'
}

@test "prune removes what is old, wherever it is killed, and every client goes on" {
	old_repository
	# Not ours; of a publishing that was killed; and staged.
	echo hello >"$repo/targets/index.html"
	n=$(jq '.signed.meta["snapshot.json"].version' "$repo/metadata/timestamp.json")
	((n > 5))
	cp "$repo/metadata/$n.snapshot.json" "$repo/metadata/$((n + 1)).snapshot.json"
	run -0 add 2026.12 "$work"/debs/server_{1,2}.deb
	age
	find "$repo" -type f | sort >"$BATS_TEST_TMPDIR/before"
	run -0 "$suture" repo prune "$repo" --keep 1 --dry-run --json
	jq -e '.removed == false and .size > 0 and (.files | length) > 6 and (.files | index("metadata/1.snapshot.json"))' <<<"$output"
	mapfile -t files < <(jq -r '.files[]' <<<"$output")
	find "$repo" -type f | sort | diff "$BATS_TEST_TMPDIR/before" -
	# They go in this order; after any of them it may be killed.
	cp -a "$repo" "$BATS_TEST_TMPDIR/killed"
	for file in "${files[@]}"; do
		rm "$BATS_TEST_TMPDIR/killed/$file"
		all_is_served "$BATS_TEST_TMPDIR/killed"
	done
	run -0 "$suture" repo prune "$repo" --keep 1
	[[ $output == *"${#files[@]} files, "*" were removed."* ]]
	find "$repo" -type f | sort >"$BATS_TEST_TMPDIR/after"
	printf "$repo/%s\n" "${files[@]}" | sort | comm -13 - "$BATS_TEST_TMPDIR/before" | diff - "$BATS_TEST_TMPDIR/after"
	for file in metadata/{1,2}.root.json "metadata/$((n - 1)).snapshot.json" "metadata/$n.snapshot.json" \
		"metadata/$((n + 1)).snapshot.json" targets/index.html; do
		[[ -f $repo/$file ]]
	done
	[[ ! -e $repo/metadata/$((n - 2)).snapshot.json ]]
	all_is_served "$repo"
	# Staged, published and rolled out after it as before it.
	run -0 "$suture" repo check "$repo" 2026.12
	run -0 publish
	run -0 "$suture" repo rollout "$repo" 2026.12 --open test --keys "$keys"
	run -0 "$suture" fetch --repository "$repo" --store "$BATS_TEST_TMPDIR/now" --ring test --all --json
	jq -e '.release == "2026.12"' <<<"$output"
}

@test "prune leaves what a client may be in the middle of, and has nothing to do twice" {
	old_repository
	run -0 "$suture" repo prune "$repo" --keep 0
	run -0 "$suture" repo prune "$repo" --keep 0
	[[ $output == "Nothing is old." ]]
	# What was current until now stays, with the files it names, however old it is.
	find "$repo/metadata" "$repo/targets" -type f | sort >"$BATS_TEST_TMPDIR/before"
	run -0 "$suture" repo rollout "$repo" 2026.11 --pause --reason why --keys "$keys"
	run -0 "$suture" repo prune "$repo" --keep 0
	[[ $output == "Nothing is old." ]]
	find "$repo/metadata" "$repo/targets" -type f | sort | comm -23 "$BATS_TEST_TMPDIR/before" - >"$BATS_TEST_TMPDIR/gone"
	[[ ! -s $BATS_TEST_TMPDIR/gone ]]
	age
	run -0 "$suture" repo prune "$repo" --keep 0 --json
	jq -e '.removed and (.files | map(select(startswith("targets/rollouts/"))) | length) == 1 and
		(.files | map(select(endswith(".root.json"))) | length) == 0' <<<"$output"
	run -2 "$suture" repo prune "$repo" --keep -1
	run -2 "$suture" repo prune "$BATS_TEST_TMPDIR/none"
}
