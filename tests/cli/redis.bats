#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stock redis-server with Lua scripts and persistence in use: patched,
# proved, given back.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	need_commands jq
	work_begin
	export work known_pair
	# The server is a link, in the package redis-server, to a program in
	# redis-tools.
	local each
	deb_fetch_both redis-tools 5:7.0.15-1~deb12u7 5:7.0.15-1~deb12u10
	for each in old new; do
		local deb=${each}_deb
		deb_libraries "$work/$each" "${!deb}"
		deb_unpack "$work/$each" "${!deb}" \
			"$(deb_fetch redis-server "$(deb_version "${!deb}")")"
	done
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

server_start() { # ROLE ROOT
	free_ports "port_$1"
	local port=port_$1
	rm -rf "$work/${1:?}"
	redis_start "$1" "$2" "$work/$1" "${!port}"
	printf -v "server_$1" %s "$pid"
}

server_pids() { # ROLE
	local server=server_$1
	echo "${!server}"
}

probe() { # ROLE
	local port=port_$1
	redis_probe "${!port}"
}

use_begin() {
	# shellcheck disable=SC2154 # server_start sets it
	redis_load_begin "$port_target"
}

use_end() {
	redis_load_end "$port_target"
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
	redis_ask "$port_target" <<<'CONFIG SET save ""'
	cp "$work/target/log" "$work/log.before"
	record_state before "${pids[@]}"
	use_begin
	cycles 50 "$hotpatch" "${pids[@]}"
	use_end
	diff "$work/log.before" "$work/target/log"
	nothing_left_behind "${pids[@]}"
}
