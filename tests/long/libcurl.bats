#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A program that uses a stock libcurl. The fix moves fields of the library's
# handles, so a hotpatch is right only where no handle is alive.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/program.bash"
	need_commands cc jq python3
	work_begin
	export work known_pair library
	local each
	deb_fetch_both libcurl4 7.88.1-10+deb12u5 7.88.1-10+deb12u15
	for each in old new; do
		local deb=${each}_deb
		deb_unpack "$work/$each" "${!deb}"
		deb_libraries "$work/$each" "${!deb}"
	done
	library=$(cd "$work/old" && echo usr/lib/*/libcurl.so.4.*)
	program_build url "$work/old/$library"
	hotpatch_build "$old_deb" "$new_deb" "$work/unweighed"
	local why='the program makes a handle for each question and has none while it waits'
	hotpatch_build "$old_deb" "$new_deb" "$work/hotpatches" \
		--accept "layout=$why" --accept "constants=$why" --accept "allocation=$why"
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/program.bash"
}

teardown() {
	stop_all
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

# Without threads: they would hold handles all the time.
server_start() { # ROLE ROOT
	printf 'machine localhost login me password secret\n' >"$work/netrc"
	pushd "$work" >/dev/null || return
	program_start url "$1" "$(library_path "$2")" alone
	popd >/dev/null || return
	printf -v "program_$1" %s "$pid"
}

server_pids() { # ROLE
	local program=program_$1
	echo "${!program}"
}

probe() { # ROLE
	local question url=http://127.0.0.1:$port_one
	while read -r question; do
		echo "== ${question//:[0-9]*\//:PORT/}"
		program_ask "$1" "$question"
	done <<-END
		get $url/plain?a=b
		get $url/to?$url/moved
		get $url/to?/relative
		post $url/form x=y&z=%20
		get http://127.0.0.1:1/nobody
		get nothing://here
		token abc $url/plain
		token abc $url/to?http://localhost:$port_two/elsewhere
	END
}

use_begin() { :; }

use_end() {
	[[ $(program_ask target "get http://127.0.0.1:$port_one/still") == *'No error' ]]
}

@test "libcurl's fix is not called safe: it waits for review, and says which structures moved" {
	[[ $(verdict_of "$work/unweighed" "$library") == review ]]
	run hotpatch_of "$work/unweighed" "$library"
	[[ $status != 0 && $output == *layout* ]]
	[[ -z $(find "$work/unweighed" -name '*.hotpatch') ]]
}

@test "a program without live handles takes libcurl's fix, once the signs are accepted, and gives it back" {
	free_ports port_one port_two
	start echo python3 "$top/tests/lib/echo_server.py" "$port_one" "$port_two"
	wait_port "$port_one"
	wait_port "$port_two"
	# A token that goes to another host than the one it is meant for.
	hotpatch=$(hotpatch_of "$work/hotpatches" "$library")
	scenario libcurl "$hotpatch" 1
}

@test "libcurl with nearly every function replaced answers as the new package" {
	free_ports port_one port_two
	start echo python3 "$top/tests/lib/echo_server.py" "$port_one" "$port_two"
	wait_port "$port_one"
	wait_port "$port_two"
	transplant libcurl "$work/old/$library" "$work/new/$library" \
		"layout=no handle lives" "constants=no handle lives" \
		"allocation=no handle lives"
}
