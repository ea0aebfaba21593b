# SPDX-License-Identifier: Apache-2.0
# What the hub acknowledged is there after it was killed, whenever that was.

load lib

setup() {
	start_hub
}

teardown() {
	[ -z "${load:-}" ] || kill "$load" 2>/dev/null || true
	stop_hub
}

# How many reports were acknowledged so far is at least $1.
has_acknowledged() {
	[[ $(wc -l <"$work/acknowledged") -ge $1 ]]
}

@test "SIGKILL at any moment under load loses no acknowledged report" {
	sign_in
	pairs=()
	for name in a b c d e f; do
		enrol $name
		pairs+=("$name=$device")
	done
	: >"$work/acknowledged"
	for round in 1 2 3 4 5; do
		python3 "$BATS_TEST_DIRNAME/load.py" "${url##*:}" "$data/ca.crt" "$work" $((round * 1000000)) \
			"$work/acknowledged" "${pairs[@]}" >"$work/problems" 3>&- &
		load=$!
		before=$(wc -l <"$work/acknowledged")
		wait_for 300 has_acknowledged $((before + 20 + RANDOM % 300))
		stop_hub KILL
		wait "$load"
		load=
		[[ $(sqlite3 "$data/hub.db" 'pragma integrity_check') == ok ]]
		sqlite3 -separator ' ' "$data/hub.db" 'select device, seq from device_events' | sort >"$work/stored"
		[[ -z $(sort "$work/acknowledged" | comm -23 - "$work/stored") ]]
		start_hub
	done
	sign_in
	as_user GET /api/v1/audit/check
	[[ $(jq -r .ok <<<"$body") == true ]]
}
