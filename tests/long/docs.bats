#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The ways that the documents describe, tried from the text alone: every block of
# commands, as it stands there, on a fresh machine.

bats_require_minimum_version 1.5.0

setup() {
	source "$BATS_TEST_DIRNAME/../lib/fleet.bash"
	need_commands cc jq
	work_begin
	fleet_packages bundled
}

teardown() {
	site_end
	work_end
}

# The blocks of commands of a document, with what a shell says when one fails.
commands_of() { # DOCUMENT
	awk 'BEGIN { print "set -eu -o pipefail" } /^```sh$/ { on = 1; next } /^```$/ { on = 0 } on' "$top/docs/$1"
}

# A machine with the old server running, and Suture installed.
fresh_machine() { # NAME NUMBER
	machine_begin "$1" "$2" "$work/tree"
	machine_packages "$1" "$old_deb"
	machine_put "$1" /usr/bin "$suture"
	machine_put "$1" /usr/sbin "$top/build/sutured" "$top/build/sutured-fetch" "$top/build/suture-hub"
	cp "$old_deb" "$work/old.deb"
	cp "$new_deb" "$work/new.deb"
	machine_put "$1" /root "$work/old.deb" "$work/new.deb"
	server_begin "$1" "$2"
}

follow_text() { # NAME DOCUMENT
	commands_of "$2" >"$work/commands"
	(($(wc -l <"$work/commands") > 10)) || fail "there are no commands in $2"
	machine_do "$1" sh -c 'cd && exec bash' <"$work/commands" >"$work/text.out" 2>&1 ||
		fail "what $2 says does not work: $(tail -n 20 "$work/text.out")"
}

@test "release-engineers.md leads from nothing to a signed release on a device" {
	site_begin
	fresh_machine one 11
	follow_text one release-engineers.md
	wait_until 60 carries one "$(machine_do one pgrep -c -x "${server_file##*/}")" ||
		fail "$(machine_do one suture status; machine_do one suture repo status /srv/suture; cat "$work/text.out")"
	(($(visits_failed one) == 0))
}
