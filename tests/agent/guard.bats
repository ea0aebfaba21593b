# SPDX-License-Identifier: Apache-2.0
# What takes a hotpatch out by itself.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	agent_begin
}

teardown() {
	agent_end
}

# A release with hotpatch $1 is out; it was taken out for $2, and stays out.
taken_out() {
	until_story "(.held | length) == 1 and .processes[0].reason == \"held-here\""
	has_event "$2"
	has_event held
	[[ $(jq -r '.held[].reason' "$state/trust/device.json") == "$2" ]]
	until_answer old
	# A process that starts now is left alone too.
	start_victim later
	until_story '[.processes[] | select(.reason == "held-here")] | length == 2'
	answers old
}

@test "a hotpatch after which an HTTP probe fails is taken out and held" {
	start_victim
	config "$(probe "http = http://127.0.0.1:$port/")"
	release 2026.11 bad
	rollout 2026.11 running open
	start_agent
	taken_out bad probe-failed
}

@test "a hotpatch after which a command fails is taken out and held; the command is nobody's" {
	start_victim
	# It may be asked once more while this looks: what it said is whole at any time.
	config "$(probe "command = id -un >$work/said/new; mv $work/said/new $work/said/who; curl -sf http://127.0.0.1:$port/")"
	mkdir -m 777 "$work/said"
	release 2026.11 bad
	rollout 2026.11 running open
	start_agent
	taken_out bad probe-failed
	[[ $(<"$work/said/who") == nobody ]]
}

@test "a hotpatch after which a process crashes is taken out and held" {
	start_victim
	other=$port
	start_victim second
	config
	release 2026.11 crash
	rollout 2026.11 running open
	start_agent
	until_story '.coverage.protected == 2'
	answer || true
	is_dead() { ! is_alive "$victim"; }
	wait_until $patience is_dead
	# Nobody asks the other one before it is out of there.
	until_story '(.held | length) == 1 and (.processes | length) == 1 and .processes[0].hotpatch == null'
	answers old "$other"
	has_event crash
}

@test "a good hotpatch passes its probe, and one that was held makes room for another" {
	start_victim
	config "$(probe "http = http://127.0.0.1:$port/")"
	release 2026.11 bad
	rollout 2026.11 running open
	start_agent
	until_story '(.held | length) == 1'
	until_answer old
	release 2026.12 good
	rollout 2026.12 running open
	until_answer new
	until_story '.release == "2026.12" and .coverage.protected == 1'
	[[ $(events held | wc -l) == 1 ]]
}

@test "an HTTPS probe believes the CA that it is told of, and no other" {
	start_victim
	start_hub
	cp "$work/hub/ca.crt" "$work/probe.crt"
	config "$(probe "http = $hub_url/healthz")"
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_story '.processes[0].reason == "held-here" and (.held[].detail | test("certificate"))'
	until_answer old
	stop "$agent"
	config "$(probe "http = $hub_url/healthz" "ca_file = $work/probe.crt" 'failures = 5')"
	release 2026.12 better
	rollout 2026.12 running open
	rm "$runtime/agent.json"
	start_agent
	until_answer newer
	until_story '.coverage.protected == 1 and .release == "2026.12"'
	# Of what it is told before this, nothing is a failure.
	stop "$hub"
	until_story '[.held[] | select(.release == "2026.12")][0].detail | strings | test("onnect")'
}
