# SPDX-License-Identifier: Apache-2.0
# Streams of events do not outlive who they were opened for.

load ../hub/lib

setup() {
	start_hub
	sign_in
}

teardown() {
	[ -z "${stream:-}" ] || kill "$stream" 2>/dev/null || true
	stop_hub
}

@test "a stream ends after minutes, and who has signed out meanwhile gets no other" {
	curl -sSN --cacert "$data/ca.crt" -b "$cookies" "$url/api/v1/events" >"$work/events" 3>&- &
	stream=$!
	wait_for 60 test -s "$work/events"
	as_user DELETE /api/v1/session
	is_over() {
		! kill -0 "$stream" 2>/dev/null
	}
	wait_for 600 is_over
	wait "$stream"
	stream=
	ask GET /api/v1/events '' -b "$cookies"
	[[ $status_code == 401 ]]
}
