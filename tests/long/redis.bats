#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stock redis-server in which every function was replaced by the new
# package's: all kinds of commands, scripts, snapshots.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/redis.bash"
	need_commands jq
	work_begin
	export work known_pair
	redis_unpack
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/redis.bash"
	# In place of the library's: more questions.
	probe() { # ROLE
		local port=port_$1
		redis_probe_all "${!port}"
	}
}

teardown() {
	stop_all
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

# What tells the packages apart, and every command that the load tool knows.
redis_probe_all() { # PORT
	redis_probe "$1"
	echo "== benchmark"
	redis_tool benchmark -h 127.0.0.1 -p "$1" --dbnum 2 -n 2000 -r 100 -d 50 --csv 2>&1 |
		sed 's/,.*//'
	redis_tool benchmark -h 127.0.0.1 -p "$1" --dbnum 2 -n 2000 -P 16 -c 4 -q -t get,set 2>&1 |
		grep -c 'requests per second'
}

@test "redis runs every function of the new package on the old one's data" {
	transplant redis "$work/old/usr/bin/redis-check-rdb" "$work/new/usr/bin/redis-check-rdb"
	redis_files_are_sound "$work/target" "$port_target"
}
