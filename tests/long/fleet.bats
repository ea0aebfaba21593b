#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The whole of it, as the demo shows it: hub, machines in rings, servers under load.

bats_require_minimum_version 1.5.0

setup() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_begin
}

teardown() {
	work_end
}

@test "a fleet takes a release ring by ring, stops a bad one in the first, obeys a recall" {
	run -0 "$top/demo/run"
	[[ $output == *"processes run exactly the fixed code"* ]]
	[[ $output == *"Fast and Broad never had it"* ]]
	[[ $output == *"Every process runs its old code again"* ]]
	[[ $output =~ Requests:\ +[0-9,]+\ answered,\ 0\ failed ]]
}
