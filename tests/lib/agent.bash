# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# A repository, a victim and an agent for tests. A test file sources this, calls
# agent_begin in its setup and agent_end in its teardown.

# shellcheck source=tests/lib/base.bash
source "${BASH_SOURCE[0]%/*}/base.bash"

bin=${suture%/*}
built=$bin/tests/agent

agent_begin() {
	# An agent patches each process of the victim's build on the machine: two runs of these
	# tests at once would do it to each other.
	exec 8>"${TMPDIR:-/tmp}/suture-agent-tests.lock"
	flock -w 600 8
	work_begin
	repository=$work/repository
	state=$work/state
	runtime=$work/run
	cp "$built/agent-victim" "$work/victim"
	"$built/agent-repository" "$repository" init
	publish baselines baselines/2026.10.json "$(baseline_json)"
}

agent_end() {
	if [[ ${BATS_VERSION:-} && ! ${BATS_TEST_COMPLETED:-} && -f $work/sutured.out ]]; then
		tail -n 40 "$work/sutured.out" | sed 's/^/# /' >&2
	fi
	work_end
	exec 8>&-
}

# publish ROLE PATH TEXT: puts it into the repository.
publish() {
	printf '%s' "$3" >"$work/document"
	add_target "$1" "$2" "$work/document"
	publish_targets
}

# add_target ROLE PATH FILE. What has keys of its own for each role replaces these two.
add_target() {
	"$built/agent-repository" "$repository" put "$@"
}

publish_targets() {
	"$built/agent-repository" "$repository" publish
}

baseline_json() {
	local id
	id=$(shown good .old_build_id)
	jq -n --arg id "$id" --arg path "$work/victim" '{type: "baseline", name: "2026.10",
		product: "test", date: "2026-10-13", planned: true, packages: [{name: "victim",
		version: "1.0-1", architecture: "amd64", source: "victim",
		builds: [{path: $path, build_id: $id}]}]}'
}

# shown NAME FILTER: of what `suture show` says of a hotpatch.
shown() {
	"$suture" show --json "$built/agent-$1.hotpatch" | jq -r "$2"
}

# release NAME HOTPATCH...: publishes a release with these hotpatches of the victim.
release() {
	local name=$1 one file target list='[]'
	shift
	for one; do
		file=$built/agent-$one.hotpatch
		target=hotpatches/$name/$(shown "$one" .name).hotpatch
		add_target hotpatches "$target" "$file"
		list=$(jq --argjson old "$list" --arg target "$target" --arg path "$work/victim" \
			--arg sha "$(sha256sum <"$file" | cut -d' ' -f1)" --argjson size "$(stat -c %s "$file")" \
			'$old + [{name, target: $target, sha256: $sha, size: $size, full_size: 100000,
			old_build_id, new_build_id, package: "victim", old_version: "1.0-1",
			new_version: "1.0-2", path: $path, advisories: ["TEST-1"], accepted: []}]' \
			<<<"$("$suture" show --json "$file")")
	done
	publish hotpatches "hotpatches/$name.json" "$(jq -n --arg name "$name" --argjson list "$list" \
		'{type: "release", name: $name, baseline: "2026.10", kind: "hotpatch", date: "2026-11-10",
		out_of_band: false, advisories: [{id: "TEST-1", severity: "high", published: "2026-11-03",
		summary: "test"}], hotpatches: $list, not_hotpatchable: []}')"
}

# rollout RELEASE STATE RING-STATE: publishes its rollout to the ring "test".
rollout() {
	decision=$((${decision:-0} + 1))
	publish rollouts "rollouts/$1.json" "$(jq -n --arg name "$1" --arg state "$2" --arg ring "$3" \
		--argjson n "$decision" '{type: "rollout", id: $name, release: $name,
		baseline: "2026.10", state: $state, rings: [{name: "test", state: $ring,
		opened: (if $ring == "waiting" then null else "2026-11-10T12:00:00Z" end)}],
		decision: $n, decided: "2026-11-10T12:00:00Z", reason: "test", expedited: false}')"
}

# revoke ID RELEASE: publishes the signed word that it must go.
revoke() {
	publish revocations "revocations/$1.json" "$(jq -n --arg id "$1" --arg name "$2" \
		'{type: "revocation", id: $id, releases: [$name], hotpatches: [], reason: "test",
		date: "2026-11-11T00:00:00Z"}')"
}

# start_victim [ROLE]: starts one; sets $victim and $port.
start_victim() {
	free_ports port
	start "${1:-victim}" "$work/victim" "$port"
	victim=$pid
	wait_port "$port"
}

answer() { # [PORT]
	curl -s -m 30 "http://127.0.0.1:${1:-$port}/"
}

answers() { # TEXT [PORT]
	[[ $(answer "${2:-$port}") == "$1" ]]
}

# config [LINE]...: writes the configuration; lines are added at the end.
config() {
	{
		printf '[agent]\nstate = %s\nruntime = %s\nuser = nobody\n%s\nrefresh = %s\nreport = %s\nwatch = 600\n' \
			"$state" "$runtime" "${ring-ring = test}" "${refresh:-1}" "${report:-2}"
		printf '[repository]\nurl = %s\nroot = %s/metadata/1.root.json\n' \
			"${url:-file://$repository}" "$repository"
		printf '%s\n' "$@"
	} >"$work/sutured.conf"
}

# probe LINE...: the configuration of a probe of the victim, each second. A machine that is slow
# is no failure of it, and what it watches for is seen also when all took long.
probe() {
	printf '%s\n' '[probe web]' "path = $work/victim" 'interval = 1' 'timeout = 60' 'watch = 600' "$@"
}

# start_agent: with the configuration; sets $agent.
start_agent() {
	start sutured "$bin/sutured" --config "$work/sutured.conf" --foreground
	agent=$pid
}

# Resident memory of its processes, KiB, as the kernel counts it for each.
agent_memory_of_each() {
	local one
	for one in "$agent" $(descendants "$agent"); do
		awk '$1 == "Name:" { name = $2 } $1 == "VmRSS:" { print name, $2 }' "/proc/$one/status"
	done 2>/dev/null
}

agent_memory() {
	agent_memory_of_each | awk '{ n += $2 } END { print n + 0 }'
}

# The agent's story, through a filter of jq.
story() {
	jq -r "$1" "$runtime/agent.json"
}

# story_says FILTER: does it hold of the story?
story_says() {
	[[ -f $runtime/agent.json ]] && jq -e "$1" "$runtime/agent.json" >/dev/null
}

# How long any of what follows is waited for, s: a disk that others keep busy has one file written
# in seconds, and the agent writes many.
patience=300

until_story() { # FILTER
	wait_until $patience story_says "$1" || {
		jq -c '{release, coverage, why, text, held, readiness, facts, processes}' "$runtime/agent.json" >&2
		fail "the story never says $1"
	}
}

until_answer() { # TEXT [PORT]
	wait_until $patience answers "$1" "${2:-$port}" || fail "the victim says '$(answer "${2:-$port}")', not '$1'"
}

# The events that were written down, of one type.
events() { # TYPE
	jq -c "select(.type == \"$1\")" "$state/trust/events"
}

has_event() { # TYPE
	[[ $(events "$1") ]]
}

# start_hub [OPTION]...: a hub with this repository; sets $hub, $hub_url and at the first start
# signs in.
start_hub() {
	local is_first=
	[[ -d $work/hub ]] || is_first=yes
	start hub "$bin/suture-hub" --data "$work/hub" --listen "127.0.0.1:${hub_port:-0}" \
		--web "$top/web" "$@"
	hub=$pid
	wait_until $patience grep -q '^Listening' "$work/hub.out" || fail "$(<"$work/hub.out")"
	hub_port=$(sed -n 's|^Listening on https://.*:\([0-9]*\)$|\1|p' "$work/hub.out")
	hub_url=https://127.0.0.1:$hub_port
	[[ ! $is_first ]] || sign_in
}

sign_in() {
	sed -n 's/^Password: //p' "$work/hub.out" >"$work/password"
	in_hub POST session "$(jq -n --rawfile p "$work/password" '{name: "admin", password: ($p | rtrimstr("\n"))}')" \
		>"$work/session"
	csrf=$(jq -r .csrf "$work/session")
	[[ $csrf != null ]] || fail "$(<"$work/session")"
}

# in_hub METHOD PATH [JSON]: asks the hub as the administrator, prints the answer.
in_hub() {
	local json=()
	[[ ! ${3:-} ]] || json=(-H 'Content-Type: application/json' --data-binary "$3")
	curl -sS -m 60 --cacert "$work/hub/ca.crt" -X "$1" -b "$work/cookies" -c "$work/cookies" \
		-H "X-CSRF-Token: ${csrf:-}" "${json[@]}" "$hub_url/api/v1/$2"
}

# hub_says PATH FILTER: does it hold of what the hub tells?
hub_says() {
	in_hub GET "$1" | jq -e "$2" >/dev/null
}

until_hub() { # PATH FILTER
	wait_until $patience hub_says "$1" "$2" || fail "the hub never says $2 of $1: $(in_hub GET "$1")"
}

# hub_config [LINE]...: a configuration with the hub and a fresh token; no ring but the hub's.
hub_config() {
	in_hub POST enrolment-tokens '{"uses":1,"label":"test","ring":"test"}' | jq -r .token >"$work/token"
	ring='' config '[hub]' "url = $hub_url" "token_file = $work/token" "$@"
}

# stored SQL: asks the hub's database, without disturbing it.
stored() {
	python3 -c 'import sqlite3, sys
for row in sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True).execute(sys.argv[2]):
    print(*row, sep="|")' "$work/hub/hub.db" "$1"
}
