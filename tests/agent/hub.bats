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
	wait_until 60 has_stored
	wait_until 60 test ! -s "$state/trust/events"
	stored "SELECT * FROM devices"
	[[ $(stored "SELECT release FROM devices") == 2026.11 ]]
}
