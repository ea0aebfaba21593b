# SPDX-License-Identifier: Apache-2.0
# Rollouts by a real hub over a real signed repository, with devices that report.

setup() {
	source "$BATS_TEST_DIRNAME/../hub/lib.bash"
	seed=$build/tests/hub-rollout/hub-seed
	repo=$work/repo keys=$work/keys
	"$seed" init "$repo" "$keys"
	publish baselines baselines/2026.10.json "$(baseline)"
}

teardown() {
	stop_hub
}

old=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
new=bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb

# publish ROLE TARGET JSON
publish() {
	printf %s "$3" >"$work/document"
	"$seed" add "$repo" "$keys" "$1" "$2" "$work/document"
}

baseline() {
	jq -nc --arg old $old '{type: "baseline", name: "2026.10", product: "debian-12", date: "2026-10-13",
		planned: true, packages: [{name: "server", version: "1-1", architecture: "amd64",
		source: "server", builds: [{path: "/usr/sbin/server", build_id: $old}]}]}'
}

release() { # NAME
	jq -nc --arg old $old --arg new $new --arg name "$1" '{type: "release", name: $name, baseline: "2026.10",
		kind: "hotpatch", date: "2026-11-10", out_of_band: false,
		advisories: [{id: "CVE-2026-1", severity: "high", published: "2026-11-03", summary: "a hole"}],
		hotpatches: [{name: "server-1", target: "hotpatches/\($name)/server-1.hotpatch",
			sha256: ("0" * 64), size: 10, full_size: 1000, old_build_id: $old, new_build_id: $new,
			package: "server", old_version: "1-1", new_version: "1-2", path: "/usr/sbin/server",
			advisories: ["CVE-2026-1"], accepted: []}], not_hotpatchable: []}'
}

start() {
	start_hub --repository "$repo" --keys "$keys"
	sign_in
	# Gates that open as soon as all devices of a ring say so.
	as_user PUT /api/v1/policy "$(jq -nc --argjson fast "${1:-{\}}" '{rings: [
		{name: "test", label: "Test"}, {name: "fast", label: "Fast"}, {name: "broad", label: "Broad"}]
		| map(. + {percent: null, match: null, deferral_s: 0, soak_s: 0, min_sample: 1,
			success_rate: 0.9, error_rate: 0.1, approval: false} + (if .name == "fast" then $fast else {} end)),
		on_red: "roll-back", auto_start: true}')"
	[ "$status_code" = 200 ] || { echo "$body"; return 1; }
}

# tell NAME SEQ exposed|protected RELEASE [JQ FILTER]: a device's report.
tell() {
	as_device "$1" POST /api/v1/device/report "$(report "${devices[$1]}" "$2" '.
		| .release = '"$([ "$4" ] && echo "\"$4\"" || echo null)"'
		| .processes[0] += {build_id: "'$old'", state: "'"$3"'", release: .release}
		| (if "'"$3"'" == "protected" then .processes[0] += {reason: "protected", hotpatch: "server-1",
			proof: ("0" * 64), verified: .sent} | .coverage = {protected: 1, exposed: 0, in_progress: 0}
		   else . end) | '"${5:-.}")"
	[ "$status_code" = 200 ] || { echo "$body"; return 1; }
}

fleet() { # a device in each ring
	declare -gA devices
	for ring in test fast broad; do
		enrol "$ring" "\"$ring\""
		devices[$ring]=$device
		tell "$ring" 1 exposed ""
	done
}

is_rollout() { # JQ CONDITION
	as_user GET /api/v1/rollouts/2026.11
	[ "$status_code" = 200 ] && jq -e "$1" <<<"$body" >/dev/null
}

ring_is() { # RING STATE
	is_rollout ".rings[] | select(.name == \"$1\") | .state == \"$2\""
}

# Waits until a ring is open for its devices: published. By then whoever judges reports knows of
# it; that it was decided the API tells a moment earlier.
wait_open() { # RING
	wait_for 120 published_is ".rings[] | select(.name == \"$1\") | .state == \"open\""
}

# The newest published document of the rollout.
published() {
	local version file
	version=$(jq .signed.meta.\"rollouts.json\".version "$repo"/metadata/"$(jq -r '.signed.meta."snapshot.json".version' \
		"$repo/metadata/timestamp.json")".snapshot.json)
	file=$(jq -r '.signed.targets."rollouts/2026.11.json".hashes.sha256' "$repo/metadata/$version.rollouts.json")
	cat "$repo/targets/rollouts/$file.2026.11.json"
}

published_is() { # JQ CONDITION
	# Of nothing at all, jq -e says that it is so.
	[[ $(published 2>/dev/null | jq "$1") == true ]]
}

@test "a release goes through the rings, each when the one before has proved it" {
	start
	fleet
	publish hotpatches hotpatches/2026.11.json "$(release 2026.11)"
	wait_open test
	published_is '.rings[1].state == "waiting"'
	ring_is test open
	ring_is fast waiting
	tell test 2 protected 2026.11
	wait_open fast
	ring_is broad waiting
	tell fast 2 protected 2026.11
	wait_open broad
	tell broad 2 protected 2026.11
	wait_for 60 is_rollout '.state == "completed"'
	wait_for 60 published_is '.state == "completed"'
	# What is published verifies from the root of trust on.
	"$build/suture" fetch --repository "$repo" --root "$repo/metadata/1.root.json" \
		--store "$work/store" --ring broad --json >"$work/fetched"
	as_user GET /api/v1/overview
	[ "$(jq .devices.by_status.protected <<<"$body")" = 3 ]
}

in_database() { # SQL
	sqlite3 -cmd '.timeout 60000' "$data/hub.db" "$1"
}

@test "a rollout that the policy starts is made and started in one step, so that none is left to wait" {
	start
	fleet
	# It ends between the two, as it would when the hub is killed there.
	in_database "create trigger ends before insert on rollout_steps when new.action = 'started'
		begin select raise(abort, 'it ends here'); end"
	publish hotpatches hotpatches/2026.11.json "$(release 2026.11)"
	wait_for 60 grep -q 'it ends here' "$work/log"
	as_user GET /api/v1/rollouts/2026.11
	[ "$status_code" = 404 ]
	in_database 'drop trigger ends'
	wait_for 60 ring_is test open
	is_rollout '[.timeline[].action][:2] == ["created", "started"]'
}

@test "errors in a ring roll the release back, and it never reaches the next ring" {
	start
	fleet
	publish hotpatches hotpatches/2026.11.json "$(release 2026.11)"
	wait_open test
	tell test 2 exposed 2026.11 '.events = [{seq: 2, time: .sent, type: "probe-failed",
		hotpatch: "server-1", detail: "503"}] | .processes[0].reason = "held-here"'
	wait_for 60 is_rollout '.state == "rolled-back"'
	wait_for 60 published_is '.state == "rolled-back"'
	is_rollout '.rings | map(select(.name != "test") | .opened) == [null, null]'
	as_user GET '/api/v1/audit?limit=50'
	jq -e '[.items[] | select(.action == "rollout.rolled-back" and .actor == "hub")] | length == 1' <<<"$body"
}

@test "a person pauses, resumes and rolls back with a reason, and the log has each" {
	start '{"approval": true}'
	fleet
	publish hotpatches hotpatches/2026.11.json "$(release 2026.11)"
	wait_for 60 ring_is test open
	as_user POST /api/v1/rollouts/2026.11/pause '{"reason":"looks odd"}'
	[ "$status_code" = 200 ]
	wait_for 60 published_is '.state == "paused"'
	tell test 2 protected 2026.11
	is_rollout '.state == "paused"'
	as_user POST /api/v1/rollouts/2026.11/resume '{"reason":"was nothing"}'
	[ "$status_code" = 200 ]
	wait_for 60 published_is '.state == "running"'
	# The second ring waits for a person.
	wait_for 60 is_rollout '.rings[] | select(.name == "fast") | .gates | any(.name == "approval" and .state == "waiting")'
	as_user POST /api/v1/rollouts/2026.11/approve '{"reason":"go","ring":"fast"}'
	[ "$status_code" = 200 ]
	wait_for 60 ring_is fast open
	as_user POST /api/v1/rollouts/2026.11/roll-back '{"reason":"enough"}'
	[ "$status_code" = 200 ]
	wait_for 60 published_is '.state == "rolled-back" and .reason == "enough"'
	as_user GET '/api/v1/audit?limit=100'
	for reason in "looks odd" "was nothing" go enough; do
		jq -e --arg reason "$reason" '[.items[] | tojson | select(contains($reason))] | length == 1' <<<"$body"
	done
	as_user GET /api/v1/audit/check
	jq -e .ok <<<"$body"
}

@test "a hub that is killed while it decides goes on where it was" {
	start
	fleet
	publish hotpatches hotpatches/2026.11.json "$(release 2026.11)"
	for name in test fast broad; do
		wait_open "$name"
		tell "$name" 2 protected 2026.11
		stop_hub KILL
		start_hub --repository "$repo" --keys "$keys"
	done
	wait_for 60 is_rollout '.state == "completed"'
	wait_for 60 published_is '.state == "completed"'
}

@test "what a device reports first to a hub that starts counts like all that comes later" {
	start
	fleet
	publish hotpatches hotpatches/2026.11.json "$(release 2026.11)"
	wait_open test
	stop_hub
	# Whoever holds the repository's lock keeps the hub from reading it.
	flock "$repo/.lock" sleep 5 3>&- &
	locker=$!
	is_locked() { ! flock -n "$repo/.lock" true; }
	wait_for 60 is_locked
	start_hub --repository "$repo" --keys "$keys"
	tell test 2 exposed 2026.11 '.events = [{seq: 2, time: .sent, type: "crash", hotpatch: "server-1", detail: "11"}]'
	wait "$locker"
	wait_for 60 is_rollout '.state == "rolled-back"'
}
