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

# The hub has heard of so many hotpatches that came into the victim.
has_told_applied() { # N
	(($(stored "SELECT count(*) FROM device_events WHERE type = 'applied'") >= $1))
}

# As the loop does it: one that was just killed looks alive for a moment, and one that was started
# while the processes of the one before ended may have ended as well.
under_care() { # COMMAND...
	is_alive "$agent" || start_agent
	"$@"
}

# Nothing of the agent's, so that nobody writes any more.
kill_all_of_it() {
	local list
	mapfile -t list < <(echo "$agent"; descendants "$agent")
	kill -KILL "${list[@]}" 2>/dev/null || true
	wait_until 120 are_dead "${list[@]}"
}

are_dead() { # PID...
	local each
	for each; do
		! is_alive "$each" || return 1
	done
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
	wait_until 120 has_told_applied 1
	for i in {1..150}; do
		if ((i % 10 == 0)); then
			rollout 2026.12 running "$( ((i / 10 % 2)) && echo open || echo waiting)"
		fi
		sleep "0.$((RANDOM % 8 + 1))"
		kill -KILL "$(victim_of_chance)" 2>/dev/null || true
		is_alive "$agent" || start_agent
		# Always one of the three whole programs.
		[[ $(curl -s -m 60 "http://127.0.0.1:$port/") =~ ^(old|new|newer)$ ]]
	done
	rollout 2026.12 running open
	wait_until 120 under_care answers newer || fail "the victim says '$(answer)', not 'newer'"
	wait_until 120 under_care story_says '.release == "2026.12" and .coverage.protected == 1' || fail "$(story .)"
	run -0 "$suture" verify --pid "$victim" "$built/agent-better.hotpatch"
	# Everything that is written down arrives, each number once.
	wait_until 120 under_care test ! -s "$state/trust/events"
	[[ $(stored "SELECT count(*) = count(DISTINCT seq) AND count(*) = max(seq) FROM device_events") == 1 ]]
	wait_until 120 under_care has_told_applied 2
	# No file of a state was left torn. Nobody replaces one now.
	kill_all_of_it
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
