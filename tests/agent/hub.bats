# SPDX-License-Identifier: Apache-2.0
# An agent with a real hub.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	agent_begin
}

teardown() {
	agent_end
}

@test "a device enrols, gets its ring from the hub, is patched, and reports with proof" {
	start_victim
	start_hub
	hub_config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_answer new
	until_story '.ring == "test" and .coverage.protected == 1'
	# All that was told is acknowledged, and kept no longer.
	has_stored() { [[ $(stored "SELECT count(*) FROM device_events WHERE type = 'applied'") == 1 ]]; }
	wait_until $patience has_stored
	wait_until $patience test ! -s "$state/trust/events"
	stored "SELECT * FROM devices"
	[[ $(stored "SELECT release FROM devices") == 2026.11 ]]
}

@test "an agent that ended before it kept its certificate enrols again, as the same device" {
	start_hub
	hub_config
	start_agent
	until_story '.ring == "test"'
	stop "$agent"
	rm "$state/identity/device.crt" "$runtime/agent.json"
	start_agent
	wait_until $patience test -s "$state/identity/device.crt" || fail "$(<"$work/sutured.out")"
	until_story '.ring == "test" and .facts.hub_seen != null'
	[[ $(stored "SELECT count(*) FROM devices") == 1 ]]
}

@test "a device that somebody holds keeps what it has, and takes nothing new until it is let go" {
	start_victim
	start_hub
	hub_config
	release 2026.11 good
	rollout 2026.11 completed done
	start_agent
	until_answer new
	until_hub devices '.total == 1'
	device=$(in_hub GET devices | jq -r '.items[0].id')
	in_hub PATCH "devices/$device" '{"hold":{"reason":"not before Monday"}}' >"$work/held"
	is_on_hold() { grep -q 'not before Monday' "$state/trust/device.json"; }
	wait_until $patience is_on_hold
	release 2026.12 better
	rollout 2026.12 completed done
	until_story '.processes[0].reason == "on-hold" and .processes[0].detail == "not before Monday"'
	[[ $(story '.processes[0].hotpatch') == "$(shown good .name)" ]]
	[[ $(answer) == new ]]
	# What starts now is as the others are.
	first=$port
	start_victim late
	until_answer new
	until_answer new "$first"
	[[ ! $(stored "SELECT 1 FROM device_events WHERE type = 'reverted'") ]]
	in_hub PATCH "devices/$device" '{"hold":null}' >"$work/held"
	until_answer newer
	until_answer newer "$first"
	until_story '.release == "2026.12" and .coverage.protected == 2'
}

@test "with the hub down the device goes on, and tells it all when it is back" {
	start_victim
	start_hub
	hub_config
	start_agent
	until_story '.ring == "test" and .facts.hub_seen != null'
	stop "$hub"
	stop "$agent"
	rm "$runtime/agent.json"
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	# The ring is remembered.
	until_answer new
	until_story '.ring == "test" and .coverage.protected == 1'
	has_event applied
	rollout 2026.11 rolled-back open
	until_answer old
	wait_until $patience has_event reverted
	start_hub
	kill -HUP "$agent"
	has_all() { [[ $(stored "SELECT group_concat(type, ' ') FROM (SELECT type FROM device_events WHERE type IN ('applied', 'reverted') ORDER BY seq)") == 'applied reverted' ]]; }
	wait_until $patience has_all || fail "$(stored "SELECT seq, type, detail FROM device_events")"
	wait_until $patience test ! -s "$state/trust/events"
}

@test "a device that another hub answers tells it nothing" {
	start_hub
	hub_config
	# The same address, but another hub, with a CA of its own.
	stop "$hub"
	mv "$work/hub" "$work/first-hub"
	rm "$work/cookies"
	start_hub
	start_agent
	wait_until $patience grep -q 'it shows no certificate with the fingerprint' "$work/sutured.out"
	[[ $(stored "SELECT count(*) FROM devices") == 0 ]]
	[[ ! -e $state/identity/device.crt ]]
}

# How many reports the hub has refused, as the agent's log tells.
refused_reports() {
	grep -c '^report: the hub answered' "$work/sutured.out"
}

@test "the first report is of a device that has a name: none is refused" {
	start_hub
	hub_config
	start_agent
	until_story '.facts.hub_seen != null and .ring == "test"'
	has_report() { [[ $(stored "SELECT report_seq > 0 FROM devices") == 1 ]]; }
	wait_until $patience has_report
	[[ $(refused_reports) == 0 ]]
}

@test "a device that was enrolled without being told learns its name from its certificate" {
	start_hub
	hub_config
	start_agent
	until_story '.device != null'
	device=$(story .device)
	stop "$agent"
	jq 'del(.id)' "$state/trust/device.json" >"$work/device.json"
	cat "$work/device.json" >"$state/trust/device.json"
	rm "$runtime/agent.json"
	start_agent
	until_story ".device == \"$device\" and .facts.hub_seen != null"
	[[ $(refused_reports) == 0 ]]
}
