#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The machines of namespaces that the demo and the long tests are made of.

bats_require_minimum_version 1.5.0

setup() {
	source "$BATS_TEST_DIRNAME/../lib/machine.bash"
	work_begin
}

teardown() {
	site_end
	work_end
}

@test "a machine has its own name, address, processes and files" {
	mkdir -p "$work/tree/opt/thing"
	echo mine >"$work/tree/opt/thing/file"
	site_begin
	machine_begin one 11 "$work/tree"
	machine_begin two 12
	[[ $(machine_do one hostname) == one && $(machine_do two cat /etc/hostname) == two ]]
	[[ $(machine_do one cat /opt/thing/file) == mine ]]
	run ! machine_do two cat /opt/thing/file
	[[ ! -e /opt/thing/file ]]
	machine_do one sh -c 'echo more >/etc/suture-test'
	run ! machine_do two cat /etc/suture-test
	[[ ! -e /etc/suture-test ]]

	machine_start one sleeper sleep 600
	wait_until 60 machine_do one pgrep -x sleep
	run ! machine_do two pgrep -f 'sleep 600'
	is_alive "$(inner_pid one-sleeper)"
	machine_start one server python3 -m http.server -d /opt/thing 80
	wait_until 60 machine_do two curl -s -f -o /dev/null "http://$site_net.11/file"
	[[ $(site_do curl -s "http://$site_net.11/file") == mine ]]
}

holds_a_machine() {
	source "$BATS_TEST_DIRNAME/../lib/machine.bash"
	work=$1
	site_begin
	machine_begin one 11
	machine_start one sleeper sleep 600
	echo "$site_pid $(inner_pid one-sleeper)" >"$work/told.new"
	mv "$work/told.new" "$work/told"
	sleep 600
}

all_gone() {
	local each
	for each; do
		! is_alive "$each" || return
	done
}

@test "a machine is gone when the script that began it is killed" {
	export -f holds_a_machine
	export BATS_TEST_DIRNAME
	start script bash -c 'set -euo pipefail; holds_a_machine "$1"' script "$work"
	wait_until 60 test -e "$work/told"
	read -r -a pids <"$work/told"
	is_alive "${pids[0]}" && is_alive "${pids[1]}"
	kill -KILL "$pid"
	wait_until 60 all_gone "${pids[@]}"
}
