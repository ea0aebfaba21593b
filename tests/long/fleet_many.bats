#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# Ten thousand devices, simulated by a program that speaks the real protocol, and a real
# hub, which is killed in the middle. FLEET_DEVICES: another number.

bats_require_minimum_version 1.5.0

setup() {
	source "$BATS_TEST_DIRNAME/../lib/fleet.bash"
	need_commands jq curl python3
	work_begin
	kind=bundled
	bundled_packages
	free_ports port
}

teardown() {
	work_end
}

# Gates that a few devices which fail their probe do not close: each two hundredth does.
set_policy() {
	hub_policy 3 5 25
	jq '.rings[] |= . + {min_sample: 100, success_rate: 0.95, error_rate: 0.2}' "$work/policy.json" >"$work/gates.json"
	hub policy set "$work/gates.json" >/dev/null
}

start_hub() {
	hub_start "127.0.0.1:$port" 127.0.0.1 --repository "$work/repo" --keys "$work/keys" --passphrase-file "$work/passphrase"
	hub_pid=$pid
}

start_load() {
	start load "$top/build/fleet-load" --hub "127.0.0.1:$port" --name 127.0.0.1 --ca "$work/hub/ca.crt" \
		--token "$(hub_token "$n")" --devices "$n" --fail-each 200 \
		--repository "$work/repo" --root "$root" --store "$work/store" \
		--until 2026.11 --seconds 1800 --write "$work/written"
	load_pid=$pid
}

# What the load program said last: it says a line each second.
last_of() { # MEMBER
	grep '^{.*}$' "$work/load.out" | tail -n 1 | jq -r ".$1"
}

# hub_metric NAME: a number of the hub's.
hub_metric() {
	curl -s -f --max-time 60 --cacert "$work/hub/ca.crt" -H "Authorization: Bearer $(<"$work/api-token")" "$hub_url/metrics" |
		awk -v name="$1" '$1 == name { print $2 }'
}

# Each device has a connection, and nearly each a request that the hub holds: those whose time
# is up are just asking again.
are_held() {
	held=$(hub_metric suture_hub_held)
	[[ ${held:-0} -ge $((n * 9 / 10)) && $(last_of connected) == "$n" ]] || ! is_alive "$load_pid"
}

is_ready() {
	[[ $(last_of ready) == "$n" ]] || ! is_alive "$load_pid"
}

have_it() { # N: so many devices have the release.
	(($(last_of with) >= $1)) || ! is_alive "$load_pid"
}

has_ended() {
	! is_alive "$load_pid"
}

# Killed with thousands of connections, it takes a moment to let go of its folder.
is_hub_gone() {
	! is_alive "$hub_pid" && flock -n "$work/hub/lock" true
}

# The hub's counts over all rings: how many devices they have, are done, failed.
counts() {
	hub rollout 2026.11 --json | jq -c '[.rings[] | {devices, done, failed}]
		| {devices: (map(.devices) | add), done: (map(.done) | add), failed: (map(.failed) | add)}'
}

is_counted() { # COUNTS
	[[ $(counts) == "$1" ]]
}

@test "ten thousand devices go through a rollout, also when the hub is killed in the middle, and no report is lost" {
	n=${FLEET_DEVICES:-10000}
	repo_begin "$old_deb"
	start_hub
	hub_login
	set_policy
	start_load
	wait_until 900 is_ready
	[[ $(last_of ready) == "$n" ]] || fail "not all are ready: $(tail -n 3 "$work/load.out")"
	note "$n devices enrolled and reporting after $(last_of seconds) s"
	wait_until 600 are_held || fail "not all are held: $held of $n"
	is_alive "$load_pid" || fail "$(tail -n 3 "$work/load.out")"
	note "the hub holds $held requests after $(last_of seconds) s; it has $(awk '/^VmRSS/ { print $2 }' "/proc/$hub_pid/status") KB and $(ls "/proc/$hub_pid/fd" | wc -l) descriptors"

	repo_release 2026.11 "$old_deb" "$new_deb" CVE-2026-0001 'a visitor reads what others sent'
	wait_until 900 have_it $((n / 10))
	kill -KILL "$hub_pid"
	wait_until 60 is_hub_gone || fail "the hub survives SIGKILL"
	note "killed the hub when $(last_of with) devices had the release"
	start_hub

	wait_until 1500 has_ended
	grep '^{.*}$' "$work/load.out" | tail -n 1 >"$work/end"
	note "after $(jq .seconds "$work/end") s: $(jq -c '{reports, events, wakes, idle, handshakes, lost, refused, with, failed}' "$work/end")"
	[[ $(jq '.with + .failed' "$work/end") == "$n" && $(jq .failed "$work/end") == $((n / 200)) ]] ||
		fail "not all are decided: $(<"$work/end") $(tail -n 5 "$work/hub.out")"
	[[ $(jq .refused "$work/end") == 0 ]] || fail "$(grep -v '^{' "$work/load.out" | head -n 5)"
	# The hub came to the same end by the reports alone.
	wait_until 120 is_counted "$(jq -c --argjson n "$n" '{devices: $n, done: .with, failed}' "$work/end")" || fail "$(counts)"
	wait_until 120 rollout_is 2026.11 completed || fail "$(hub rollout 2026.11)"
	"$top/bench/fleet_check" "127.0.0.1:$port" "$work/hub/ca.crt" "$work/api-token" "$work/written" >"$work/check" ||
		fail "$(tail -n 5 "$work/check")"
	note "$(<"$work/check")"
	[[ $(<"$work/check") == "$n devices, $(jq .events "$work/end") acknowledged events: 0 devices lost something" ]]
}
