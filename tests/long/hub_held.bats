# SPDX-License-Identifier: Apache-2.0
# A held request whose time is up.

load ../hub/lib

setup() {
	start_hub
	sign_in
}

teardown() {
	stop_hub
}

@test "a request that is held while nothing happens is answered with nothing new before a minute is over" {
	enrol one
	as_device one GET '/api/v1/device/changes?since=0'
	change=$(jq -r .change <<<"$body")
	begin=$SECONDS
	as_device one GET "/api/v1/device/changes?since=$change"
	[[ $status_code == 200 && $body == "{\"change\":$change}" ]]
	((SECONDS >= begin + 40))
	# It is the same for the next one.
	begin=$SECONDS
	as_device one GET "/api/v1/device/changes?since=$change"
	[[ $status_code == 200 && $body == "{\"change\":$change}" ]]
	((SECONDS >= begin + 40))
}
