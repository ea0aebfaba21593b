# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# What the scenario tests, the demo and the benchmarks share: where things are,
# a work folder, processes that are certain to be ended, waiting, and what can
# be seen of a process from outside.
#
# A script sources this file and calls `work_begin` (which sets $work) before
# anything else, and `work_end` in its exit trap or teardown. Every process
# goes through `start`, which writes its pid down: `work_end` ends exactly
# those, with their descendants, also after a failure.

# shellcheck source=tests/lib/jq.bash
source "${BASH_SOURCE[0]%/*}/jq.bash"

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034 # for those who source this
suture=${SUTURE:-$top/build/suture}

fail() {
	printf '%s\n' "$*" >&2
	return 1
}

# A remark in the test run's output that does not count as failure.
note() {
	if [[ ${BATS_VERSION:-} ]]; then
		printf '# %s\n' "$*" >&3
	else
		printf '%s\n' "$*"
	fi
}

need_commands() {
	local command missing=()
	for command; do
		command -v "$command" >/dev/null || missing+=("$command")
	done
	((${#missing[@]} == 0)) ||
		fail "missing: ${missing[*]} (tools/setup installs what the tests need)"
}

# Makes $work. Other users may look inside, because servers started as root
# drop to a user of their own.
work_begin() {
	work=$(mktemp -d "${TMPDIR:-/tmp}/suture.XXXXXX")
	chmod 755 "$work"
	: >"$work/pids"
}

work_end() {
	[[ ${work:-} ]] || return 0
	stop_all
	[[ ${SUTURE_KEEP:-} ]] || rm -rf "$work"
}

# The time a process started, in clock ticks since boot: with the pid, its
# identity. Empty when it is gone or a zombie.
started_at() {
	local stat
	{ stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
	read -ra stat <<<"${stat##*) }"
	[[ ${stat[0]} == [ZX] ]] || echo "${stat[19]}"
}

remember() { # PID
	printf '%s %s\n' "$1" "$(started_at "$1")" >>"$work/pids"
}

# start NAME COMMAND...: runs it in the background, in a session of its own
# (a Ctrl-C on the terminal is for the script), output to $work/NAME.out. Its pid
# is in $pid and in $work/NAME.pid.
start() {
	local name=$1
	shift
	# What the one before it of that name has said is gone before anybody waits for words.
	: >"$work/$name.out"
	setsid "$@" >"$work/$name.out" 2>&1 </dev/null 3>&- 4>&- 8>&- &
	pid=$!
	disown "$pid" 2>/dev/null || true
	echo "$pid" >"$work/$name.pid"
	remember "$pid"
}

descendants() { # PID
	local child children
	read -ra children -d '' < <(cat "/proc/$1"/task/*/children 2>/dev/null) || true
	for child in "${children[@]}"; do
		echo "$child"
		descendants "$child"
	done
}

still_there() { # "PID START"...
	local one
	for one; do
		[[ $(started_at "${one%% *}") == "${one#* }" ]] && echo "$one"
	done
	return 0
}

# Ends the given processes and their descendants: TERM first, KILL after five
# seconds. They are gone then. A pid that meanwhile belongs to somebody else is left alone.
stop() { # PID...
	local each one list=() left deadline=$((SECONDS + 5))
	for each; do
		for one in "$each" $(descendants "$each"); do
			list+=("$one $(started_at "$one")")
		done
	done
	mapfile -t left < <(still_there "${list[@]}")
	for one in "${left[@]}"; do kill -TERM "${one%% *}" 2>/dev/null || true; done
	while ((SECONDS <= deadline)); do
		mapfile -t left < <(still_there "${left[@]}")
		((${#left[@]})) || return 0
		sleep 0.05
	done
	for one in "${left[@]}"; do kill -KILL "${one%% *}" 2>/dev/null || true; done
	wait_until 60 are_gone "${left[@]}" || true
}

are_gone() { # "PID START"...
	[[ ! $(still_there "$@") ]]
}

stop_all() {
	local one list=()
	[[ -f $work/pids ]] || return 0
	while read -r one; do
		[[ $one != *' ' && $(still_there "$one") ]] && list+=("${one%% *}")
	done <"$work/pids"
	((${#list[@]} == 0)) || stop "${list[@]}"
	: >"$work/pids"
}

is_alive() { # PID
	[[ $(started_at "$1") ]]
}

# wait_until SECONDS COMMAND...: until the command succeeds.
wait_until() {
	local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000))
	shift
	until "$@" >/dev/null 2>&1; do
		((${EPOCHREALTIME/./} < deadline)) || return 1
		sleep 0.05
	done
}

is_listening() { # PORT, on loopback or everywhere, TCP
	local hex
	printf -v hex ':%04X' "$1"
	awk -v port="$hex" '$4 == "0A" && substr($2, length($2) - 4) == port { found = 1 }
		END { exit !found }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
}

wait_port() { # PORT
	wait_until 120 is_listening "$1" || fail "nobody listens on port $1 after 120 s"
}

# free_ports NAME...: sets each variable to a port that nobody listens on.
free_ports() {
	local _name _port
	local -A _taken=()
	for _name; do
		while :; do
			_port=$((20000 + RANDOM % 12000))
			[[ ${_taken[$_port]:-} ]] || is_listening "$_port" || break
		done
		_taken[$_port]=1
		printf -v "$_name" %s "$_port"
	done
}

# What a process has mapped, one line each, without what the kernel resizes by
# itself (heap, stacks) and the kernel's own pages. With "grows" as $2 also
# without nameless writable memory and its guard pages: what an allocator maps
# under load.
mappings() { # PID ["grows"]
	awk -v grows="${2:-}" '
		$6 ~ /^\[(heap|stack|vvar|vdso|vsyscall|vvar_vclock)/ { next }
		grows && NF < 6 && $2 ~ /^(rw-|---)p$/ { next }
		{ print $1, $2, $6 }' "/proc/$1/maps"
}

# How many descriptors of each kind it has open.
descriptors() { # PID
	local fd
	for fd in "/proc/$1/fd"/*; do
		readlink "$fd" | sed 's/:\[[0-9]*\]$//'
	done | sort | uniq -c
}

# Threads, without those that an allocator starts when it sees fit.
threads() { # PID
	local task name
	for task in "/proc/$1/task"/*; do
		name=$(<"$task/comm")
		[[ $name == jemalloc_* ]] || printf '%s %s\n' "${task##*/}" "$name"
	done
}
