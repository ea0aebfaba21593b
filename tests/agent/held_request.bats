# SPDX-License-Identifier: Apache-2.0
# What an operator decides reaches a device through the request that the hub holds, not with
# its next refresh or report.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	agent_begin
	# A repository with the keys of a hub.
	add_target() { "$bin/tests/hub-rollout/hub-seed" add "$repository" "$work/keys" "$@"; }
	publish_targets() { :; } # done when it was added
	rm -rf "$repository"
	"$bin/tests/hub-rollout/hub-seed" init "$repository" "$work/keys"
	publish baselines baselines/2026.10.json "$(baseline_json)"
}

teardown() {
	agent_end
}

# The one ring opens at once and stays open.
policy() {
	jq -n '{on_red: "pause", auto_start: true, rings: [{name: "test", label: "Test", percent: null,
		match: null, deferral_s: 0, soak_s: 86400, min_sample: 1, success_rate: 0.5,
		error_rate: 0.2, approval: false}]}'
}

# decided WHAT FILTER: the story tells it, and how long that took.
decided() {
	local begin=$SECONDS
	until_story "$2"
	note "$1 reached the device within $((SECONDS - begin + 1)) s"
}

@test "a release, a pause, a hold and a recall reach a device at once that refreshes each hour" {
	start_victim
	start_hub --repository "$repository" --keys "$work/keys"
	in_hub PUT policy "$(policy)" >"$work/answer"
	refresh=3600 report=3600 hub_config
	start_agent
	until_story '.ring == "test" and .facts.refreshed != null'
	release 2026.11 good
	until_answer new
	decided "a release" '.coverage.protected == 1'
	in_hub POST rollouts/2026.11/pause '{"reason":"because"}' >"$work/answer"
	decided "a pause" '.text | test("is paused")'
	answers new
	in_hub POST rollouts/2026.11/resume '{"reason":"because"}' >"$work/answer"
	decided "the end of a pause" '.text | test("is paused") | not'
	device=$(story .device)
	in_hub PATCH "devices/$device" '{"hold":{"reason":"not before Monday"}}' >"$work/answer"
	decided "a hold" '.hold == "not before Monday"'
	in_hub PATCH "devices/$device" '{"hold":null}' >"$work/answer"
	decided "the end of a hold" '.hold == null'
	in_hub POST recalls '{"releases":["2026.11"],"hotpatches":[],"reason":"bad"}' >"$work/answer"
	decided "a recall" '.coverage.exposed == 1 and .processes[0].reason == "recalled"'
	until_answer old
}
