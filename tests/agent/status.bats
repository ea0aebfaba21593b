# SPDX-License-Identifier: Apache-2.0
# The machine's story, and the way to a baseline.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	agent_begin
}

teardown() {
	agent_end
}

@test "status tells the machine's story: protected, exposed with reason and remedy, held" {
	start_victim
	config "$(probe "http = http://127.0.0.1:$port/")"
	release 2026.11 good
	rollout 2026.11 running waiting
	start_agent
	until_story '.processes[0].reason == "ring-waiting"'
	run -0 "$suture" status --agent "$runtime/agent.json"
	[[ $output == *"2026.11 is on its way, and ring test is not open yet"* ]]
	[[ $output == *"ring-waiting $victim victim: "* ]]
	rollout 2026.11 running open
	until_story '.coverage.protected == 1'
	run -0 "$suture" status --agent "$runtime/agent.json"
	[[ $output == "Protected: all 1 processes that matter, proved"* ]]
	release 2026.12 bad
	rollout 2026.12 running open
	until_story '(.held | length) == 1 and .processes[0].reason == "held-here"'
	run -0 "$suture" status --agent "$runtime/agent.json"
	[[ $output == "Exposed: 1 of 1"* && $output == *"taken out"*"probe web: it answered 500"* ]]
	run -0 "$suture" status --json --agent "$runtime/agent.json"
	[[ $(jq -r '.agent.held[].reason' <<<"$output") == probe-failed ]]
	run -0 "$suture" status --agent "$work/nowhere"
	[[ $output != *"Protected"* && $output != *"Exposed"* ]]
}

@test "packages that are older than the baseline's are named, and who must be restarted" {
	start_victim
	config
	cat >"$work/dpkg" <<-END
		Package: victim
		Status: install ok installed
		Architecture: amd64
		Version: 0.9-1

		Package: other
		Status: install ok installed
		Architecture: amd64
		Version: 0.1-1
	END
	sed -i "s|^ring = .*|&\ndpkg = $work/dpkg|" "$work/sutured.conf"
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_story '.move.packages == [{"name": "victim", "architecture": "amd64", "from": "0.9-1",
		"to": "1.0-1", "hold": false}] and .move.reboot == false'
	[[ $(story '.move.units + .move.others | length') == 1 ]]
	has_event baseline
	run -0 "$suture" status --agent "$runtime/agent.json"
	[[ $output == *"1 packages must move to 2026.10"*"victim 1.0-1, now 0.9-1"* ]]
	sed -i 's/0.9-1/1.0-1/' "$work/dpkg"
	until_story '.move == null'
}
