#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stock redis-server with Lua scripts and persistence in use: patched,
# proved, given back.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/redis.bash"
	need_commands jq
	work_begin
	export work known_pair
	redis_unpack
	hotpatch_build "$old_deb" "$new_deb" "$work/hotpatches"
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/redis.bash"
	hotpatch=$(hotpatch_of "$work/hotpatches" usr/bin/redis-check-rdb)
}

teardown() {
	stop_all
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

@test "redis with scripts and persistence in use takes the fix, proves it and gives it back" {
	# A malformed value is refused.
	scenario redis "$hotpatch" 1
	redis_files_are_sound "$work/target" "$port_target"
}

@test "fifty times patched and given back under load, redis notices nothing" {
	local pids SCENARIO_GROWS=1 # jemalloc
	server_start target "$work/old"
	mapfile -t pids < <(server_pids target)
	redis_on_request "$port_target"
	redis_log "$work/target" >"$work/log.before"
	record_state before "${pids[@]}"
	use_begin
	cycles 50 "$hotpatch" "${pids[@]}"
	use_end
	diff "$work/log.before" <(redis_log "$work/target")
	nothing_left_behind "${pids[@]}"
}
