# SPDX-License-Identifier: Apache-2.0
# How much of a machine the agent takes.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	agent_begin
}

teardown() {
	agent_end
}

# Is there a connection to the hub, over which the next news come?
is_held() {
	local socket
	socket=$(ss -Htnp state established "dport = :$hub_port" | grep -c '"sutured-fetch"') || true
	((socket > 0))
}

is_small() {
	is_held && (($(agent_memory) < 10240))
}

# Until all processes together have less than 10 MiB resident, and a request is held.
until_small() {
	wait_until $patience is_small || fail "$(agent_memory_of_each; ss -Htnp "dport = :$hub_port")"
}

# Does a refresh that begins now have another time in the story than this one?
is_over() { # TIME
	[[ $(date -u +%FT%TZ) > $1 ]]
}

@test "all processes together have less than 10 MiB while a request is held, after a refresh too" {
	start_victim
	start_hub
	report=3600 refresh=3600 hub_config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_answer new
	until_story '.ring == "test" and .coverage.protected == 1 and .facts.watching'
	until_small
	refreshed=$(story .facts.refreshed)
	wait_until $patience is_over "$refreshed"
	kill -HUP "$agent"
	until_story ".facts.refreshed != \"$refreshed\""
	until_small
	note "resident while idle, with a watcher and a held request: $(agent_memory) KiB"
	# It does its work as before.
	rollout 2026.11 rolled-back open
	kill -HUP "$agent"
	until_answer old
}

# Processor time of its processes, in ticks.
used() {
	local one
	for one in $(descendants "$agent"); do
		cat "/proc/$one/stat"
	done 2>/dev/null | sed 's/^.*) //' | awk '{ n += $12 + $13 } END { print n + 0 }'
}

# On a machine of its own: elsewhere the watcher looks at each program that others execute.
@test "an idle agent uses no processor time that can be measured" {
	refresh=3600 config
	release 2026.11 good
	rollout 2026.11 running open
	start sutured unshare --net --pid --fork --kill-child --mount-proc \
		"$bin/sutured" --config "$work/sutured.conf" --foreground
	agent=$pid
	until_story '.facts.watching'
	# In ten seconds at most one tick (10 ms); a window in which something was to do is not it.
	for _ in {1..12}; do
		before=$(used)
		sleep 10
		after=$(used)
		# The processes are there; each may have used less than a tick in all its life.
		(($(descendants "$agent" | wc -l) >= 4))
		((after < before || after - before > 1)) || return 0
	done
	fail "between $before and $after ticks in ten seconds"
}
