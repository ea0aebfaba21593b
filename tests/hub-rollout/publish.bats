# SPDX-License-Identifier: Apache-2.0
# What the hub signs and publishes, seen from outside.

load lib

teardown() {
	stop_hub
}

@test "what was decided and not published when the hub was killed is published at its next start" {
	start_fleet
	publish 2026.11
	wait_for 60 published_is 2026.11 '.rings[0].state == "open"'
	# Whoever holds the repository's lock keeps the hub from publishing.
	exec 9<>"$repo/.lock"
	flock 9
	decide 2026.11 pause
	[[ $status_code == 200 && $(jq '.decision > .published' <<<"$body") == true ]]
	stop_hub KILL
	published_is 2026.11 '.state == "running"'
	exec 9>&-
	restart_hub
	wait_for 60 published_is 2026.11 '.state == "paused" and .reason == "because"'
	wait_for 60 rollout_is 2026.11 '.state == "paused" and .decision == .published'
}

@test "a TUF client that knows only the first root takes the hub's rollout" {
	start_fleet
	publish 2026.11
	wait_for 60 published_is 2026.11 '.rings[0].state == "open"'
	"$suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" --store "$work/store" --ring test --json >"$work/fetched"
	[[ $(jq .release "$work/fetched") == '"2026.11"' ]]
	"$suture" fetch --repository "$repo" --store "$work/store" --ring broad --json >"$work/fetched"
	[[ $(jq .release "$work/fetched") == null ]]
}

@test "a timestamp that runs out is signed anew while nothing happens" {
	"$seed" init "$repo" "$keys" 30
	before=$(jq .signed.version "$repo/metadata/timestamp.json")
	is_newer() { (($(jq .signed.version "$repo/metadata/timestamp.json") > before)); }
	restart_hub
	wait_for 120 is_newer
	as_user GET /api/v1/rollouts
	[[ $(jq .total <<<"$body") == 0 ]]
}

@test "a resumed rollout counts failures anew, one that was rolled back starts anew" {
	start_fleet pause
	publish 2026.11
	wait_for 60 published_is 2026.11 '.rings[0].state == "open"'
	tell test-1 2026.11 probe-failed
	wait_for 60 published_is 2026.11 '.state == "paused"'
	rollout_is 2026.11 '.rings[0].failed == 1'
	decide 2026.11 resume
	[[ $status_code == 200 ]]
	rollout_is 2026.11 '.state == "running" and .rings[0].failed == 0'
	decide 2026.11 roll-back
	[[ $status_code == 200 && $(jq -r .state <<<"$body") == rolled-back ]]
	decide 2026.11 start
	[[ $status_code == 200 ]]
	# It ran before, too: what is published now came later than this order.
	begun=$(jq .decision <<<"$body")
	wait_for 60 published_is 2026.11 ".decision >= $begun and .state == \"running\" and .rings[0].state == \"open\""
	decide 2026.11 expedite
	[[ $status_code == 200 ]]
	wait_for 60 published_is 2026.11 '.expedited and ([.rings[].state] | index("waiting") == null)'
	as_user POST /api/v1/recalls '{"releases":[],"hotpatches":["server"],"reason":"it is bad"}'
	[[ $status_code == 200 ]]
	wait_for 60 published_is 2026.11 '.state == "recalled"'
}

@test "the shell does what the page does" {
	start_fleet
	export XDG_CONFIG_HOME=$work/config
	publish 2026.11
	wait_for 60 published_is 2026.11 '.rings[0].state == "open"'
	echo "$password" >"$work/password"
	fingerprint=$(openssl x509 -in "$data/ca.crt" -noout -fingerprint -sha256 | cut -d= -f2)
	run "$suture" hub login "$url" --password-file "$work/password" --fingerprint "${fingerprint//A/B}0"
	[[ $status != 0 && ! -e $XDG_CONFIG_HOME/suture/hub.json ]]
	"$suture" hub login "$url" --password-file "$work/password" --fingerprint "$fingerprint"
	[[ $(stat -c %a "$XDG_CONFIG_HOME/suture/hub.json") == 600 ]]
	"$suture" hub status | grep -q '3 devices'
	[[ $("$suture" hub devices --ring test --json | jq .total) == 1 ]]
	run "$suture" hub pause 2026.11
	[[ $status == 2 && $output == *"--reason"* ]]
	"$suture" hub pause 2026.11 --reason "coffee first" | grep -q 'coffee first'
	wait_for 60 published_is 2026.11 '.state == "paused" and .reason == "coffee first"'
	"$suture" hub audit | grep -q rollout.paused
	"$suture" hub audit check
	"$suture" hub tokens create --uses 1 | grep -q '^suture1\.'
	"$suture" hub logout
	run "$suture" hub status
	[[ $status == 2 && $output == *"suture hub login"* ]]
}
