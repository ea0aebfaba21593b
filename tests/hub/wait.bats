# SPDX-License-Identifier: Apache-2.0
# Held requests and streams of events.

load lib

setup() {
	start_hub
	sign_in
}

teardown() {
	[ -z "${stream:-}" ] || kill "$stream" 2>/dev/null || true
	[ -z "${load:-}" ] || kill "$load" 2>/dev/null || true
	stop_hub
}

# stream_events FILE [CURL OPTION]...: follows the stream into FILE until it is ended.
stream_events() {
	local file=$1
	shift
	: >"$file"
	curl -sSN --cacert "$data/ca.crt" -b "$cookies" "$@" "$url/api/v1/events" >"$file" 3>&- &
	stream=$!
	wait_for 60 test -s "$file"
}

end_stream() {
	kill "$stream"
	wait "$stream" || true
	stream=
}

@test "a page follows what happens, and goes on where it was cut off" {
	stream_events "$work/events"
	enrol one
	wait_for 60 grep -q "\"id\":\"$device\"" "$work/events"
	last=$(sed -n 's/^id: //p' "$work/events" | tail -n 1)
	end_stream
	enrol two
	stream_events "$work/more" -H "Last-Event-ID: $last"
	wait_for 60 grep -q "\"id\":\"$device\"" "$work/more"
	run ! grep -q reset "$work/more"
	end_stream
	stream_events "$work/other" -H 'Last-Event-ID: 12'
	wait_for 60 grep -q '^event: reset' "$work/other"
	end_stream
}

@test "a page that has seen nothing yet goes on from there too" {
	stream_events "$work/events"
	wait_for 60 grep -q '^id: ' "$work/events"
	end_stream
	run ! grep -q '^event: ' "$work/events"
	enrol one
	stream_events "$work/more" -H "Last-Event-ID: $(sed -n 's/^id: //p' "$work/events" | tail -n 1)"
	wait_for 60 grep -q "\"id\":\"$device\"" "$work/more"
	run ! grep -q reset "$work/more"
}

@test "who waits for changes has an answer at once when something is new, and no other before" {
	enrol one
	as_device one GET '/api/v1/device/changes?since=0'
	[[ $status_code == 200 && $body == '{"change":1}' ]]
	as_device one GET '/api/v1/device/changes?since=x'
	[[ $status_code == 400 ]]
	(as_device one GET '/api/v1/device/changes?since=1' && echo "$status_code $body" >"$work/held") 3>&- &
	held=$!
	is_held() {
		ask GET /metrics '' -b "$cookies"
		grep -q '^suture_hub_held 1$' <<<"$body"
	}
	wait_for 60 is_held
	[[ ! -e $work/held ]]
	# The end of the hub is told to those who wait.
	stop_hub
	wait "$held" || true
}

# An administrator's API token, for programs.
api_token() {
	as_user POST /api/v1/api-tokens '{"label":"test","role":"administrator"}'
	jq -r .token <<<"$body"
}

@test "a held request is answered when its device changes, whatever else the client sends, and not before" {
	enrol one
	one=$device
	enrol two
	run python3 "$BATS_TEST_DIRNAME/held.py" "${url##*:}" "$data/ca.crt" "$work" "$(api_token)" "$one" "$device"
	echo "$output"
	[[ $status == 0 && $(grep -c '^ok' <<<"$output") == 6 ]]
}

@test "a held request costs the hub one descriptor" {
	as_user POST /api/v1/enrolment-tokens '{"uses":80,"label":"many"}'
	n_files() {
		ls "/proc/$hub/fd" | wc -l
	}
	# Those who asked so far are gone: what it listens on is its only socket.
	is_alone() {
		[[ $(find "/proc/$hub/fd" -lname 'socket:*' | wc -l) == 1 ]]
	}
	wait_for 60 is_alone
	before=$(n_files)
	"$build/fleet-load" --hub "${url##*/}" --name 127.0.0.1 --ca "$data/ca.crt" --token "$(jq -r .token <<<"$body")" \
		--devices 80 --seconds 600 >"$work/load" 2>&1 3>&- &
	load=$!
	is_held() {
		ask GET /metrics '' -b "$cookies"
		grep -q '^suture_hub_held 80$' <<<"$body"
	}
	wait_for 300 is_held
	# The pairs of sockets that their reports went through are closed in a second or two.
	are_closed() {
		[[ $(n_files) -le $((before + 80 + 5)) ]]
	}
	wait_for 60 are_closed
	[[ $(n_files) -ge $((before + 80 - 5)) ]]
}

@test "requests beyond what the hub takes at a time wait their turn" {
	stop_hub
	start_hub --max-connections 400
	# A fourth of the connections, and 128.
	run python3 "$BATS_TEST_DIRNAME/crowd.py" "${url##*:}" "$data/ca.crt" "$hub" 390 228
	echo "$output"
	[[ $status == 0 && $(grep -c '^ok' <<<"$output") == 2 ]]
}
