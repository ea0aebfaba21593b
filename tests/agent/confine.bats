# SPDX-License-Identifier: Apache-2.0
# What the agent's processes may do, and how large they are.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	agent_begin
}

teardown() {
	agent_end
}

# The agent's process of that name, the oldest: workers have their parent's.
process() {
	local child
	for child in $(descendants "$agent"); do
		[[ $(<"/proc/$child/comm") == "$1" ]] || continue
		echo "$child"
		return
	done
} 2>/dev/null

# field PID NAME: of its status.
field() {
	awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"
}

@test "the network process has no rights, the patching one twelve capabilities, both a filter" {
	config
	start_agent
	until_story '.facts.refreshed != null'
	fetch=$(process sutured-fetch)
	patch=$(process sutured-patch)
	[[ $(field "$fetch" Uid) == "$(id -u nobody)" && $(field "$fetch" CapEff) == 0000000000000000 ]]
	[[ $(field "$fetch" CapBnd) != 0000000000000000 || $(field "$fetch" NoNewPrivs) == 1 ]]
	[[ $(field "$fetch" Seccomp) == 2 && $(field "$patch" Seccomp) == 2 ]]
	[[ $(field "$fetch" NoNewPrivs) == 1 && $(field "$patch" NoNewPrivs) == 1 ]]
	# CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER KILL SETPCAP NET_ADMIN SYS_CHROOT SYS_PTRACE
	# SYS_ADMIN SYS_NICE SYS_RESOURCE, of those that there are here.
	[[ $(field "$patch" CapEff) == $(printf %016x $((0x1ac112f & 0x$(field $$ CapEff)))) ]]
	# Its program links no library of the network's.
	! grep -qE 'libcurl|libssl|libgnutls' "/proc/$patch/maps"
}

@test "a process confined like the network's opens sockets and threads, and nothing else" {
	mkdir -m 777 "$work/own" "$work/own.besides"
	run -0 "$built/agent-confined" fetch "$work/own"
	echo "$output"
	for name in inet inet6 unix thread write; do
		[[ $output == *"$name may"* ]]
	done
	for name in packet fork exec ptrace uring mount root; do
		[[ $output == *"$name EPERM"* || $output == *"$name EACCES"* ]]
	done
	if [[ $output == *"landlock may"* ]]; then
		[[ $output == *"write-besides EACCES"* && $output == *"read-besides EACCES"* ]]
	fi
}

@test "a process confined like the patching one has no network and executes nothing" {
	mkdir "$work/own" "$work/own.besides"
	run -0 "$built/agent-confined" patch "$work/own"
	echo "$output"
	for name in inet inet6 packet exec uring mount; do
		[[ $output == *"$name EPERM"* || $output == *"$name EACCES"* ]]
	done
	for name in unix fork thread write; do
		[[ $output == *"$name may"* ]]
	done
}

@test "what is killed is started again, and nothing is forgotten" {
	start_victim
	config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_answer new
	until_story '.coverage.protected == 1 and .facts.watching'
	for name in sutured-fetch sutured-patch sutured-watch; do
		is_there() { [[ $(process "$name") ]]; }
		wait_until $patience is_there
		old=$(process "$name")
		kill -KILL $old
		is_new() { [[ $(process "$name") && $(process "$name") != "$old" ]]; }
		wait_until $patience is_new
	done
	start_victim later
	until_answer new
	release 2026.12 better
	rollout 2026.12 running open
	until_answer newer
	has_three() { (($(events applied | wc -l) >= 3)); }
	wait_until $patience has_three
}

@test "main's end ends all of them, and the next one goes on" {
	start_victim
	config
	release 2026.11 good
	rollout 2026.11 running open
	start_agent
	until_answer new
	processes=$(descendants "$agent")
	kill -KILL "$agent"
	all_gone() { for one in $processes; do ! is_alive "$one" || return 1; done; }
	wait_until $patience all_gone
	answers new
	start_agent
	rollout 2026.11 rolled-back open
	until_answer old
}
