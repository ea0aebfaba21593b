# SPDX-License-Identifier: Apache-2.0
# Either of the agent's processes is killed at any moment, time and again.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	agent_begin
}

teardown() {
	agent_end
}

# A process of the agent's, by chance; main itself one time in eight.
victim_of_chance() {
	local list
	read -ra list -d '' < <(descendants "$agent") || true
	if ((RANDOM % 8 == 0 || ${#list[@]} == 0)); then
		echo "$agent"
	else
		echo "${list[RANDOM % ${#list[@]}]}"
	fi
}

@test "killed 150 times while releases come and go, it loses nothing and leaves nothing half-way" {
	start_victim
	start_hub
	hub_config
	release 2026.11 good
	release 2026.12 better
	rollout 2026.11 running open
	rollout 2026.12 running waiting
	start_agent
	until_answer new
	for i in {1..150}; do
		if ((i % 10 == 0)); then
			rollout 2026.12 running "$( ((i / 10 % 2)) && echo open || echo waiting)"
		fi
		sleep "0.$((RANDOM % 8 + 1))"
		kill -KILL "$(victim_of_chance)" 2>/dev/null || true
		is_alive "$agent" || start_agent
		# Always one of the three whole programs.
		[[ $(answer) =~ ^(old|new|newer)$ ]]
	done
	rollout 2026.12 running open
	until_answer newer
	until_story '.release == "2026.12" and .coverage.protected == 1'
	run -0 "$suture" verify --pid "$victim" "$built/agent-better.hotpatch"
	# Everything that is written down arrives, each number once.
	wait_until 120 test ! -s "$state/trust/events"
	[[ $(stored "SELECT count(*) = count(DISTINCT seq) AND count(*) = max(seq) FROM device_events") == 1 ]]
	[[ $(stored "SELECT count(*) FROM device_events WHERE type = 'applied'") -ge 2 ]]
	# No file of a state was left torn.
	for file in "$state"/trust/*.json "$state"/outbox/*.json "$runtime/agent.json"; do
		jq -e . "$file" >/dev/null
	done
}

# Those of the agent's workers that wait for their turn on the victim.
kill_waiting_workers() {
	local one
	for one in $(descendants "$agent"); do
		if readlink "/proc/$one"/fd/* 2>/dev/null | grep -qxF "/proc/$victim"; then
			kill -KILL "$one"
		fi
	done
}

dies_without_answer() {
	kill_waiting_workers
	story_says '.processes[0].reason == "agent-error"'
}

@test "a worker that dies says nothing of the hotpatch, and is followed by another" {
	start_victim
	config
	release 2026.11 good
	rollout 2026.11 running waiting
	start_agent
	until_story '.processes[0].reason == "ring-waiting"'
	# As another run of suture would that works on it.
	exec 9<"/proc/$victim"
	flock 9
	rollout 2026.11 running open
	wait_until 120 dies_without_answer
	exec 9<&-
	until_answer new
	until_story '.coverage.protected == 1'
	[[ ! $(events refused) && ! $(events held) ]]
}
