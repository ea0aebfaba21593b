#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stock nginx in which every function was replaced by the new package's, not
# only those that changed: what was read wrongly in any of thousands of functions
# (a jump table, a reference, an unwind entry) shows as a crash or a wrong answer.

bats_require_minimum_version 1.5.0

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/nginx.bash"
	need_commands wrk jq curl python3
	work_begin
}

teardown() {
	work_end
}

@test "nginx runs every function of the new package on the old one's data" {
	deb_fetch_both nginx 1.22.1-9+deb12u9 1.22.1-9+deb12u11
	deb_unpack "$work/old" "$old_deb"
	deb_unpack "$work/new" "$new_deb"
	transplant nginx "$work/old/usr/sbin/nginx" "$work/new/usr/sbin/nginx" \
		'allocation:ngx_http_v2_init=no HTTP/2 connection is open'
}
