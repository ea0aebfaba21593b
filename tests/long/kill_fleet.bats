#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A whole fleet under SIGKILL: hub, agents and the commands on the repository die at random
# moments while releases come and go. KILL_SEED=N repeats a choice of moments.

bats_require_minimum_version 1.5.0

machines=(web-test web-fast web-broad)
rings=(test fast broad)

# First: some of its functions have another meaning here.
source "$BATS_TEST_DIRNAME/../lib/fleet.bash"
source "$BATS_TEST_DIRNAME/../lib/kills.bash"

setup() {
	need_commands cc curl dpkg-deb jq openssl python3
	work_begin
	seed=${KILL_SEED:-$((RANDOM * 32768 + RANDOM))}
	RANDOM=$seed
	note "KILL_SEED=$seed"
	kills=0
	: >"$work/facts"
}

teardown() {
	if [[ ! ${BATS_TEST_COMPLETED:-} ]]; then
		tail -n 12 "$work"/{clerk,web-*-agent}.out "$work/said" 2>/dev/null | cut -c1-300 | sed 's/^/# /' >&2
	fi
	site_end
	work_end
}

# ---- those who must not notice ---------------------------------------------

# A hub that was just killed is asked again; what it refuses is refused.
hub() { # WORD...: `suture hub`
	local answer status=1 deadline=$((SECONDS + 300))
	# 2: it understood, and refuses.
	while ((status != 0 && status != 2 && SECONDS < deadline)); do
		status=0
		answer=$(hub_once "$@" 2>&1) || status=$?
		((status == 0)) || sleep 0.1
	done
	((status == 0)) || fail "suture hub $*: exit status $status: $answer" || return
	[[ $answer || " $* " != *" --json "* ]] || fail "suture hub $*: it says nothing" || return
	printf '%s\n' "$answer"
}

hub_once() { # WORD...
	XDG_CONFIG_HOME=$work/config in_site "$suture" hub "$@"
}

# `suture repo`: killed up to three times, then let through.
repo() { # COMMAND ARGUMENT...
	local command=$1 i
	shift
	for ((i = 0; i < 3; i++)); do
		SUTURE_PASSPHRASE_FILE=$work/passphrase killed 300 "$suture" repo "$command" "$work/repo" "$@"
	done
	SUTURE_PASSPHRASE_FILE=$work/passphrase "$suture" repo "$command" "$work/repo" "$@"
}

fact() { # WORD...
	printf '%s\n' "$*" >>"$work/facts"
}

# decide VERB RELEASE [OPTION]...: a person's word, until it is acknowledged. A hub that was killed
# when it had obeyed, and not said so yet, refuses to do it again: then the rollout tells of the word.
decide() {
	local reason="word $((n_words += 1))" deadline=$((SECONDS + 300))
	until hub_once "$@" --reason "$reason" >"$work/decided" 2>&1 || was_decided "$2" "$reason"; do
		((SECONDS < deadline)) || fail "suture hub $*: $(<"$work/decided")" || return
		sleep 0.1
	done
	fact "decided $2 $reason"
	fact "word $2 $reason"
}

was_decided() { # RELEASE REASON
	hub rollout "$1" --json | jq -e --arg reason "$2" 'any(.timeline[]; .reason == $reason)' >/dev/null
}

# Who it is, by the hub: an agent that is killed at its enrolment may never say so.
device_id() { # MACHINE
	device_of "$1" | jq -r .id
}

until_carry() { # HOTPATCH MACHINE...
	wait_until 300 all_carry "$@" || fail "not all carry $1: $(hub devices)"
}

until_bare() { # MACHINE...
	wait_until 300 is_bare "$@" || fail "something carries a hotpatch: $(hub devices)"
}

until_rollout() { # RELEASE STATE
	wait_until 300 rollout_is "$1" "$2" || fail "$1 is never $2: $(hub rollout "$1")"
}

ring_is_open() { # RELEASE RING
	hub rollout "$1" --json | jq -e --arg ring "$2" 'any(.rings[]; .name == $ring and .state != "waiting")' >/dev/null
}

# What the server says when somebody asks for more than he sent.
echo_of() { # MACHINE
	machine_do "$1" curl -s -m 60 'http://127.0.0.1/echo?size=99&text=ok' | head -c 13
}

# ---- the fleet -------------------------------------------------------------

# Three fixes of one server: shop-server 1.1, and 1.2 and 1.4 that lead from it.
open_packages() {
	fleet_packages bundled
	later_deb=$work/shop-server_1.4.deb
	sed 's/refused: that is more than you sent/refused: you sent less/' "$top/demo/server/echo_2.c" >"$work/echo_4.c"
	bundled_deb 4 "$later_deb" "$work/echo_4.c"
}

open_fleet() {
	local i
	site_begin
	for i in 0 1 2; do
		machine_begin "${machines[i]}" $((11 + i)) "$work/tree"
		machine_packages "${machines[i]}" "$old_deb"
		FLEET_RATE=40 server_begin "${machines[i]}" $((11 + i))
	done
	repo_begin "$old_deb"
	hub_keeper=0.1 agent_keeper=2
	hub_start "$site_net.1:8443" "$site_net.1" --repository "$work/repo" --keys "$work/keys" \
		--passphrase-file "$work/passphrase"
	hub_login
	hub_policy 2
	jq '.rings[2].approval = true' "$work/policy.json" >"$work/policy.approved"
	hub policy set "$work/policy.approved" >/dev/null
	site_start clerk "$top/tests/lib/clerk.py" "$site_net.1" 8443 "$work/hub/ca.crt" "$work/api-token" "$work" "$work/facts"
	clerk=$pid
}

# A client with a store of its own reads along: at no moment is there nothing valid. Every third
# time it is killed itself.
start_reader() {
	cat >"$work/reader" <<-'END'
		suture=$1 work=$2 i=0
		fetch=("$suture" fetch --repository "$work/repo" --root "$work/root.json" --store "$work/reader.store" --all)
		while [[ ! -e $work/reader.enough ]]; do
			if ((++i % 3 == 0)); then
				status=0
				timeout --signal=KILL "0.0$((RANDOM % 90 + 10))" "${fetch[@]}" >"$work/read" 2>&1 || status=$?
				((status == 0 || status == 137)) || { cat "$work/read" >"$work/unread"; exit 1; }
			fi
			"${fetch[@]}" >"$work/read" 2>&1 || { cat "$work/read" >"$work/unread"; exit 1; }
			echo "$i" >"$work/reads"
			sleep 0.3
		done
	END
	start reader bash "$work/reader" "$suture" "$work"
	reader=$pid
}

start_killer() { # KILLS
	local each roots
	roots=("hub=$work/hub.pid")
	for each in "${machines[@]}"; do
		roots+=("$each=$work/$each-agent.pid")
	done
	start killer "$top/tests/lib/killer" "$seed" "$1" 2 "$work/kills" "${roots[@]}"
	killer=$pid
}

# ---- what is true at the end -----------------------------------------------

# Agents, servers, repository: nothing half-way, by the machines themselves.
machine_is_sound() { # MACHINE HOTPATCH-FILE
	local each pids
	mapfile -t pids < <(machine_do "$1" pgrep -x "${server_file##*/}")
	machine_put "$1" /run/check "$2"
	for each in "${pids[@]}"; do
		machine_do "$1" suture verify --pid "$each" "/run/check/${2##*/}" >"$work/said" || fail "$1: $(<"$work/said")" || return
	done
	# No file of a state was left torn. The agent lives: one may be gone before it is opened.
	machine_do "$1" sh -c 'n=0
		for file in /var/lib/suture/trust/*.json /var/lib/suture/outbox/*.json /run/suture/agent.json; do
			cat "$file" >/run/check/state || continue
			[ "$(jq "type" /run/check/state)" ] || { echo "$file"; exit 1; }
			n=$((n + 1))
		done
		[ "$n" -ge 4 ]' >"$work/said" 2>&1 || fail "$1: torn: $(<"$work/said")"
}

# Every number once, none left out: what the agent let go of was acknowledged.
events_are_whole() { # MACHINE
	[[ $(stored "SELECT count(*) > 2 AND count(*) = max(seq) AND min(seq) = 1 FROM device_events WHERE device = '$(device_id "$1")'") == 1 ]]
}

has_told_all() { # MACHINE
	machine_do "$1" test ! -s /var/lib/suture/trust/events && events_are_whole "$1"
}

stored() { # SQL
	python3 -c 'import sqlite3, sys
for row in sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True).execute(sys.argv[2]):
    print(*row, sep="|")' "$work/hub/hub.db" "$1"
}

all_facts_are_there() {
	stored "$(<"$top/tests/lib/facts.sql")" | sort -u >"$work/stored"
	sort -u "$work/facts" | comm -23 - "$work/stored" >"$work/lost"
	[[ ! -s $work/lost ]] || fail "acknowledged and lost: $(head -n 20 "$work/lost")"
	[[ $(stored 'PRAGMA integrity_check') == ok ]]
	hub audit check >"$work/said"
}

# Agents, hub and servers are as if nothing had been.
fleet_is_sound() { # HOTPATCH-NAME RELEASE WORDS
	local each file
	file=$(find "$work/reader.store/targets/hotpatches/$2" -name "$1.hotpatch")
	[[ $file ]] || fail "the reader has no hotpatch $1" || return
	for each in "${machines[@]}"; do
		[[ $(echo_of "$each") == "$3" ]] || fail "$each says '$(echo_of "$each")', not '$3'" || return
		machine_is_sound "$each" "$file" || return
		wait_until 300 has_told_all "$each" || fail "$each: the hub lacks numbers of its events" || return
	done
}

# A client that never was here, and the one that read along, see all that was published.
repository_is_sound() { # RELEASE...
	local each store
	for store in fresh reader.store; do
		for each; do
			"$suture" fetch --repository "$work/repo" --root "$work/root.json" --store "$work/$store" \
				--release "$each" --all --json >"$work/said" || fail "$store: $each" || return
			[[ $(jq '.hotpatches | length' "$work/said") == 1 ]] || fail "$store: $each: $(<"$work/said")" || return
		done
	done
	[[ $(repo status --json | jq '[.roles[].expires] | length') == 8 ]]
}

ended() { # PID
	wait_until 300 is_gone "$1"
}

is_gone() { # PID
	! is_alive "$1"
}

# ---- the stories -----------------------------------------------------------

# A release goes through the rings, is stopped on its way and goes on.
story_of_release() {
	repo_release 2026.11 "$old_deb" "$new_deb" CVE-2026-0001 first
	until_rollout 2026.11 running
	first=$(hub release 2026.11 --json | jq -r '.document.hotpatches[0].name')
	decide pause 2026.11
	until_rollout 2026.11 paused
	decide resume 2026.11
	until_carry "$first" web-test web-fast
	decide approve 2026.11 --ring broad
	until_carry "$first" "${machines[@]}"
	until_rollout 2026.11 completed
}

# The next one, which a machine that is held does not get.
story_of_hold() {
	local held
	held=$(device_id web-broad)
	hub hold "$held" --reason "not today" >"$work/decided"
	fact audit device.change "$held"
	repo_release 2026.12 "$old_deb" "$later_deb" CVE-2026-0002 second
	until_rollout 2026.12 running
	second=$(hub release 2026.12 --json | jq -r '.document.hotpatches[0].name')
	decide approve 2026.12 --ring broad
	until_carry "$second" web-test web-fast
	# Its ring is open, and it has not what others have.
	wait_until 300 ring_is_open 2026.12 broad || fail "broad never opens: $(hub rollout 2026.12)"
	until_carry "$first" web-broad
	hub unhold "$held" >"$work/decided"
	until_carry "$second" "${machines[@]}"
}

# Back, and forth again.
story_of_roll_back() { # RELEASE
	decide roll-back "$1"
	until_carry "$first" "${machines[@]}"
	decide start "$1"
	decide approve "$1" --ring broad
	until_carry "$second" "${machines[@]}"
}

# The release engineer takes it back for good, and brings another one.
story_of_recall() {
	repo recall 2026.12 --reason "found to be wrong" --keys "$work/keys" >"$work/recall.out"
	until_carry "$first" "${machines[@]}"
	repo_release 2026.12.1 "$old_deb" "$later_deb" CVE-2026-0003 third
	until_rollout 2026.12.1 running
	decide approve 2026.12.1 --ring broad
	until_carry "$second" "${machines[@]}"
}

# All of it dies at once.
kill_all() {
	local root each
	for root in hub "${machines[@]/%/-agent}"; do
		for each in $(descendants "$(<"$work/$root.pid")"); do
			[[ $(cat "/proc/$each/comm" 2>/dev/null) != suture* ]] || kill -KILL "$each" 2>/dev/null || true
		done
	done
}

@test "a fleet whose hub, agents and commands are killed at random loses nothing and comes to its state by itself" {
	local each
	open_packages
	open_fleet
	start_killer 80
	for i in 0 1 2; do
		agent_begin "${machines[i]}" "${rings[i]}"
		[[ $(<"$work/token") == suture1.* ]] || fail "the hub gave the token '$(<"$work/token")'" || return
	done
	for each in "${machines[@]}"; do
		wait_until 300 device_of "$each" || fail "$each does not enrol" || return
	done
	start_reader
	note "$SECONDS s: enrolled"
	story_of_release
	note "$SECONDS s: the first release is everywhere"
	story_of_hold
	story_of_roll_back 2026.12
	note "$SECONDS s: held, rolled back, started again"
	story_of_recall
	while is_alive "$killer"; do
		story_of_roll_back 2026.12.1
	done
	note "$SECONDS s: killed: $(wc -l <"$work/kills") processes and $kills commands"
	is_alive "$clerk" && is_alive "$reader" || fail "clerk and reader: $(cat "$work"/{clerk.out,unread})"

	# The last word, and nobody says another.
	decide roll-back 2026.12.1
	# Else what stood before the word passes for what came of it.
	until_carry "$first" "${machines[@]}"
	decide start 2026.12.1
	decide approve 2026.12.1 --ring broad
	kill_all
	wait_until 300 all_protected 2026.12.1 "${machines[@]}" || fail "not all are protected: $(hub devices)"
	until_carry "$second" "${machines[@]}"
	kill -TERM "$clerk"
	touch "$work/reader.enough"
	ended "$clerk" && ended "$reader"
	[[ ! -s $work/clerk.out && ! -e $work/unread ]] || fail "$(cat "$work"/{clerk.out,unread})"
	all_facts_are_there
	repository_is_sound 2026.11 2026.12.1
	fleet_is_sound "$second" 2026.12.1 "refused: you "
	read -r ok failed _ < <(visits_all "${machines[@]}")
	((ok > 1000 && failed == 0)) || fail "$failed of $ok questions: $(cat "$work"/*-visitors.out)"
	note "$(wc -l <"$work/facts") facts are there, $(<"$work/reads") reads were whole, $ok questions answered, $failed not"
	# How many commands are killed is chance, and how fast they are; repo_kill.bats aims at them.
	(($(wc -l <"$work/kills") >= 80 && kills >= 1))
}
