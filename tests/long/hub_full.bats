# SPDX-License-Identifier: Apache-2.0
# A hub whose disk is full: it says so, loses nothing, and goes on when there is space.

load ../hub/lib

# The hub's folder is a small file system of its own, which only its namespace sees.
setup() {
	mkdir -p "$data" "$work/bin"
	unshare --mount sh -c 'mount -t tmpfs -o size=16m none "$1" && echo >"$2" && exec sleep 100000' \
		sh "$data" "$work/mounted" 3>&- &
	holder=$!
	wait_for 60 test -s "$work/mounted"
	real=$build/suture-hub
	printf '#!/bin/sh\nexec nsenter -t %s -m -- "%s" "$@"\n' "$holder" "$(realpath "$real")" >"$work/bin/suture-hub"
	chmod +x "$work/bin/suture-hub"
	build=$work/bin
	start_hub
	inside cat "$data/ca.crt" >"$work/ca.crt"
	# What the helpers read of it, where they see it.
	cp "$work/ca.crt" "$data/ca.crt"
	sign_in
}

teardown() {
	[ -z "${load:-}" ] || kill "$load" 2>/dev/null || true
	stop_hub
	kill "$holder" 2>/dev/null || true
}

inside() {
	nsenter -t "$holder" -m -- "$@"
}

fill() {
	run inside dd if=/dev/zero of="$data/ballast" bs=4096
	[[ $status != 0 && $output == *"No space left"* ]]
}

has_acknowledged() {
	[[ $(wc -l <"$work/acknowledged") -ge $1 ]]
}

# report_from FIRST: all devices report as fast as they can, in the background.
report_from() {
	python3 "$BATS_TEST_DIRNAME/../hub/load.py" "${url##*:}" "$data/ca.crt" "$work" "$1" \
		"$work/acknowledged" "${pairs[@]}" >"$work/problems" 3>&- &
	load=$!
}

# What a larger write could not use may be enough for some small ones.
is_report_refused() {
	seq=$((seq + 1))
	as_device d POST /api/v1/device/report "$(report "$device" "$seq")"
	[ "$status_code" != 200 ] || echo "$device $seq" >>"$work/acknowledged"
	[[ $status_code == 507 && $(jq -r .code <<<"$body") == no-space ]]
}

is_token_refused() {
	as_user POST /api/v1/enrolment-tokens '{}'
	[[ $status_code == 507 && $(jq -r .code <<<"$body") == no-space ]]
}

# Every acknowledged report is in a database that is whole.
check_store() {
	[[ $(inside sqlite3 "$data/hub.db" 'pragma integrity_check') == ok ]]
	inside sqlite3 -separator ' ' "$data/hub.db" 'select device, seq from device_events' | sort >"$work/stored"
	[[ -z $(sort "$work/acknowledged" | comm -23 - "$work/stored") ]]
}

@test "on a full disk a report is answered 507, pages still show, nothing acknowledged is lost, also by SIGKILL" {
	pairs=()
	for name in a b c d; do
		enrol $name
		pairs+=("$name=$device")
	done
	: >"$work/acknowledged"
	for round in 1 2 3; do
		before=$(wc -l <"$work/acknowledged")
		report_from $((round * 1000000))
		wait_for 60 has_acknowledged $((before + 20))
		fill
		# Each device ends at its first report that is not taken.
		wait "$load" || true
		load=
		[[ $(grep -c ': 507$' "$work/problems") == 4 && $(wc -l <"$work/problems") == 4 ]] || {
			cat "$work/problems"
			return 1
		}
		seq=$((round * 1000000 + 900000))
		wait_for 60 is_report_refused
		wait_for 60 is_token_refused
		as_user GET /api/v1/devices
		[[ $status_code == 200 && $(jq .total <<<"$body") == 4 ]]
		# Once it is killed while the disk is full; else it goes on by itself.
		[[ $round != 2 ]] || stop_hub KILL
		inside rm "$data/ballast"
		[[ $round != 2 ]] || start_hub
		# What was refused is taken now, and is new.
		as_device d POST /api/v1/device/report "$(report "$device" "$seq")"
		[[ $status_code == 200 ]]
		echo "$device $seq" >>"$work/acknowledged"
		check_store
	done
	as_user GET /api/v1/audit/check
	[[ $(jq -r .ok <<<"$body") == true ]]
}
