# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A real hub with a signed repository, and devices that speak its protocol.

# shellcheck source=tests/hub/lib.bash
source "$BATS_TEST_DIRNAME/../hub/lib.bash"

repo=$work/repo
keys=$work/keys
suture=$build/suture
seed=$build/tests/hub-rollout/hub-seed

# A policy whose rings open as soon as their gates allow; $1 is what a red gate does.
policy() {
	jq -n --arg on_red "${1:-roll-back}" '{$on_red, auto_start: true, rings: [
		{name: "test", label: "Test", percent: null, match: {attribute: "role", value: "canary"},
			deferral_s: 0, soak_s: 1, min_sample: 1, success_rate: 1, error_rate: 0.2, approval: false},
		{name: "fast", label: "Fast", percent: 20, match: null,
			deferral_s: 0, soak_s: 0, min_sample: 1, success_rate: 0.5, error_rate: 0.2, approval: false},
		{name: "broad", label: "Broad", percent: null, match: null,
			deferral_s: 0, soak_s: 0, min_sample: 1, success_rate: 0.5, error_rate: 0.2, approval: false}]}'
}

# start_fleet [ON_RED]: repository, hub, policy, and a device in each ring: test-1, fast-1, broad-1.
start_fleet() {
	"$seed" init "$repo" "$keys"
	restart_hub
	as_user PUT /api/v1/policy "$(policy "${1:-}")"
	[[ $status_code == 200 ]]
	for ring in test fast broad; do
		enrol "$ring-1" "\"$ring\""
		echo "$device" >"$work/$ring-1.id"
		echo 0 >"$work/$ring-1.seq"
		tell "$ring-1"
	done
}

# The hub is started, again or for the first time, and the administrator signed in.
restart_hub() {
	start_hub --repository "$repo" --keys "$keys"
	sign_in
	[[ $status_code == 200 ]]
}

# publish RELEASE [BUILD]: a release with one hotpatch, "server", appears in the repository.
publish() {
	jq -n --arg name "$1" --arg build "${2:-00ff}" '{type: "release", $name, baseline: "2026.10", kind: "hotpatch",
		date: "2026-11-10", out_of_band: false,
		advisories: [{id: "CVE-2026-1", severity: "high", published: "2026-11-03", summary: "A hole."}],
		hotpatches: [{name: "server", target: "hotpatches/\($name)/server.hotpatch", sha256: ("00" * 32),
			size: 1000, full_size: 100000, old_build_id: $build, new_build_id: "00fe", package: "server",
			old_version: "1", new_version: "2", path: "/usr/sbin/server", advisories: ["CVE-2026-1"], accepted: []}],
		not_hotpatchable: []}' >"$work/release.json"
	"$seed" add "$repo" "$keys" hotpatches "hotpatches/$1.json" "$work/release.json"
}

# tell NAME [RELEASE] [EVENT]: the device reports; with RELEASE its process is protected by it,
# with EVENT that happened to hotpatch "server". The hub's answer is in $body.
tell() {
	local seq
	seq=$(($(<"$work/$1.seq") + 1))
	echo "$seq" >"$work/$1.seq"
	as_device "$1" POST /api/v1/device/report "$(report "$(<"$work/$1.id")" "$seq" ".hostname = \"$1\"
		| .events = [] | .attributes = {}
		| if \"${2:-}\" != \"\" then .release = \"${2:-}\" | .coverage = {protected: 1, exposed: 0, in_progress: 0}
			| .processes[0] += {state: \"protected\", reason: \"protected\", hotpatch: \"server\", release: \"${2:-}\"}
			else . end
		| if \"${3:-}\" != \"\" then .processes[0] += {state: \"exposed\", reason: \"held-here\"}
			| .release = null | .coverage = {protected: 0, exposed: 1, in_progress: 0}
			| .events = [{seq: $seq, time: \"2026-11-10T11:59:59Z\", type: \"${3:-}\", hotpatch: \"server\", detail: \"d\"}]
			else . end")"
	[[ $status_code == 200 ]]
}

# rollout_is ID JQ: does the rollout look like that?
rollout_is() {
	as_user GET "/api/v1/rollouts/$1"
	[[ $status_code == 200 ]] && jq -e "$2" <<<"$body" >/dev/null
}

# The rollout as the repository tells it: the newest document that the metadata names.
published() { # ID
	local version name
	version=$(jq -r '.signed.meta["snapshot.json"].version' "$repo/metadata/timestamp.json")
	version=$(jq -r '.signed.meta["rollouts.json"].version' "$repo/metadata/$version.snapshot.json")
	name=$(jq -r --arg path "rollouts/$1.json" '.signed.targets[$path].hashes.sha256' \
		"$repo/metadata/$version.rollouts.json")
	cat "$repo/targets/rollouts/$name.$1.json"
}

published_is() { # ID JQ
	# Of nothing at all, jq -e says that it is so.
	[[ $(published "$1" 2>/dev/null | jq "$2") == true ]]
}

# decide ID VERB [RING]
decide() {
	as_user POST "/api/v1/rollouts/$1/$2" "$(jq -n --arg ring "${3:-}" \
		'{reason: "because"} + if $ring == "" then {} else {$ring} end')"
}
