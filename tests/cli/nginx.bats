#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A stock nginx under load: patched, proved, given back.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	need_commands wrk curl python3 jq
	work_begin
	export work known_pair
	deb_fetch_both nginx 1.22.1-9+deb12u9 1.22.1-9+deb12u11
	deb_unpack "$work/old" "$old_deb"
	deb_unpack "$work/new" "$new_deb"
	# The record of an HTTP/2 connection grew. No such connection is open when
	# these tests apply the hotpatch.
	hotpatch_build "$old_deb" "$new_deb" "$work/hotpatches" \
		--accept 'allocation:ngx_http_v2_init=no HTTP/2 connection is open'
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/nginx.bash"
	hotpatch=$(hotpatch_of "$work/hotpatches" usr/sbin/nginx)
}

teardown() {
	stop_all
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

@test "nginx under load takes the fix, proves it and gives it back" {
	# Of the new package's fixes four can be asked about from outside without a
	# crash: an alias after a rewrite, a group that grows or shrinks between two
	# passes, and many streams at once.
	scenario nginx "$hotpatch" 4
	# Nothing in the log but what is said of the malformed questions.
	run grep -E '\[(alert|crit|emerg)\]' "$work/target/logs/error.log"
	run grep -v -e 'where URI was rewritten' -e 'no buffer space' <<<"$output"
	[[ ! $output ]]
}

@test "nginx that is reloaded afterwards has patched workers from birth" {
	local pids before
	server_start target "$work/old"
	mapfile -t pids < <(server_pids target)
	suture_do apply "$hotpatch" "${pids[@]}"
	[[ $(steps_after "$hotpatch") == *reload* ]]
	before="${pids[*]:1}"
	kill -HUP "${pids[0]}"
	workers_are_new() {
		local now
		mapfile -t now < <(nginx_workers "${pids[0]}")
		[[ ${#now[@]} == 2 && " $before " != *" ${now[0]} "* && " $before " != *" ${now[1]} "* ]]
	}
	wait_until 120 workers_are_new
	mapfile -t pids < <(server_pids target)
	suture_do verify "$hotpatch" "${pids[@]}"
}

@test "fifty times patched and given back under load, nginx notices nothing" {
	local pids
	server_start target "$work/old"
	mapfile -t pids < <(server_pids target)
	cp "$work/target/logs/error.log" "$work/log.before"
	record_state before "${pids[@]}"
	use_begin
	cycles 50 "$hotpatch" "${pids[@]}"
	use_end
	same_processes "${pids[@]}"
	diff "$work/log.before" "$work/target/logs/error.log"
	nothing_left_behind "${pids[@]}"
}
