# SPDX-License-Identifier: Apache-2.0
# An agent with a static repository and a ring in its configuration: no hub.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	agent_begin
}

teardown() {
	agent_end
}

@test "a process is patched when its ring opens, and the story proves it" {
	start_victim
	config
	release 2026.11 good
	rollout 2026.11 running waiting
	start_agent
	until_story '.processes[0].reason == "ring-waiting"'
	answers old
	rollout 2026.11 running open
	until_answer new
	until_story '.coverage.protected == 1 and .release == "2026.11" and
		(.processes[0].proof | test("^[0-9a-f]{64}$")) and .processes[0].state == "protected"'
	has_event applied
}

@test "processes that start later are patched before they answer" {
	start_victim
	config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_answer new
	until_story '.facts.watching'
	for _ in 1 2 3 4 5; do
		start_victim later
		answers new
	done
	until_story '.coverage.protected == 6'
}

@test "a machine whose looks take longer than news need to come tells its story all the same" {
	start_victim
	config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	wait_until $patience test -e "$state/trust/.lock"
	# One look at a time: each waits for whoever holds this.
	start holder bash -c 'while :; do flock "$1" sleep 3; sleep 0.03; done' _ "$state/trust/.lock"
	until_answer new
	rm -f "$runtime/agent.json"
	wait_until 60 story_says '.coverage.protected == 1'
}

@test "a later release replaces the hotpatch, and a roll-back brings the one before" {
	start_victim
	config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_answer new
	release 2026.12 better
	rollout 2026.12 running open
	until_answer newer
	until_story '.release == "2026.12" and .coverage.protected == 1'
	rollout 2026.12 rolled-back open
	until_answer new
	until_story '.release == "2026.11" and .coverage.protected == 1'
	# What came again came now, also where a payload is used again.
	came_in_turn() {
		events applied | jq -s -e 'length == 3 and ([.[].time] | . == sort)'
	}
	wait_until $patience came_in_turn || fail "$(events applied)"
}

@test "a paused rollout stays where it is, and a recall takes it out of every process" {
	start_victim first
	first=$port
	config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_answer new
	until_story '.release == "2026.11"'
	rollout 2026.11 paused open
	until_story '(.text | test("is paused")) and .coverage.protected == 1'
	start_victim second
	until_answer new
	revoke stop 2026.11
	until_answer old
	until_answer old "$first"
	until_story '.coverage.exposed == 2 and all(.processes[]; .reason == "recalled")'
	has_event recalled
}

@test "a recall on a stick is obeyed while the repository cannot be reached" {
	start_victim
	url=file://$work/served
	cp -r "$repository" "$work/served"
	config
	sed -i "s|^root = |also = $work/stick\nroot = |" "$work/sutured.conf"
	release 2026.11 good
	rollout 2026.11 running open
	rm -rf "$work/served"
	cp -r "$repository" "$work/served"
	start_agent
	until_answer new
	mv "$work/served" "$work/gone"
	until_story '.facts.trouble != ""'
	revoke stop 2026.11
	cp -r "$repository" "$work/stick.new"
	mv "$work/stick.new" "$work/stick"
	until_answer old
}

@test "metadata that nobody signed changes nothing, and is told" {
	start_victim
	config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_answer new
	sed -i 's/"version":[0-9]*/"version":999/' "$repository/metadata/timestamp.json"
	until_story '.facts.trouble != ""'
	answers new
	until_story '.coverage.protected == 1'
}

@test "patched processes stay patched when the agent ends, and it finds them again" {
	start_victim
	config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_answer new
	until_story '.coverage.protected == 1'
	stop "$agent"
	run ! is_alive "$agent"
	answers new
	rm "$runtime/agent.json"
	start_agent
	until_story '.coverage.protected == 1'
	[[ $(events applied | wc -l) == 1 ]]
}
