#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The stress test of the builder: every function of the new build that can be
# moved goes onto the old build's data, not only those that changed. What was
# read wrongly in any of thousands of functions (a jump table, a reference, an
# unwind entry) shows as a crash or a wrong answer.

bats_require_minimum_version 1.5.0

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	need_commands jq curl python3
	work_begin
}

teardown() {
	work_end
}

@test "nginx with nearly every function replaced answers as the new package" {
	source "$BATS_TEST_DIRNAME/../lib/nginx.bash"
	deb_fetch_both nginx 1.22.1-9+deb12u9 1.22.1-9+deb12u11
	deb_unpack "$work/old" "$old_deb"
	deb_unpack "$work/new" "$new_deb"
	transplant nginx "$work/old/usr/sbin/nginx" "$work/new/usr/sbin/nginx" \
		--accept 'allocation:ngx_http_v2_init=no HTTP/2 connection is open'
}

@test "redis with nearly every function replaced answers as the new package" {
	source "$BATS_TEST_DIRNAME/../lib/redis.bash"
	redis_unpack
	transplant redis "$work/old/usr/bin/redis-check-rdb" "$work/new/usr/bin/redis-check-rdb"
}
