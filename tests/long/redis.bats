#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stock redis-server in which every function was replaced by the new
# package's: all kinds of commands, scripts, snapshots.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	need_commands jq
	work_begin
	export work known_pair
	local each
	deb_fetch_both redis-tools 5:7.0.15-1~deb12u7 5:7.0.15-1~deb12u10
	for each in old new; do
		local deb=${each}_deb
		deb_libraries "$work/$each" "${!deb}"
		deb_unpack "$work/$each" "${!deb}" \
			"$(deb_fetch redis-server "$(deb_version "${!deb}")")"
	done
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/redis.bash"
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
	echo "== benchmark"
	redis_tool benchmark -h 127.0.0.1 -p "${!port}" --dbnum 2 -n 2000 -r 100 -d 50 --csv 2>&1 |
		sed 's/,.*//'
	redis_tool benchmark -h 127.0.0.1 -p "${!port}" --dbnum 2 -n 2000 -P 16 -c 4 -q -t get,set 2>&1 |
		grep -c 'requests per second'
}

use_begin() {
	# shellcheck disable=SC2154 # server_start sets it
	redis_load_begin "$port_target"
}

use_end() {
	redis_load_end "$port_target"
}

@test "redis runs every function of the new package on the old one's data" {
	transplant redis "$work/old/usr/bin/redis-check-rdb" "$work/new/usr/bin/redis-check-rdb"
	redis_files_are_sound "$work/target" "$port_target"
}
