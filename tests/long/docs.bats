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

# The blocks of commands of a document, those for WHERE when it is given, with what a shell
# says when one fails.
commands_of() { # DOCUMENT [WHERE]
	awk -v mark="\`\`\`sh${2:+ $2}" 'BEGIN { print "set -eu -o pipefail" }
		$0 == mark { on = 1; next } /^```$/ { on = 0 } on' "$top/docs/$1"
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

follow_text() { # NAME DOCUMENT [WHERE]
	commands_of "$2" "${3:-}" >"$work/commands"
	(($(wc -l <"$work/commands") > 4)) || fail "there are no commands in $2"
	machine_do "$1" sh -c 'cd && exec bash' <"$work/commands" >"$work/text.out" 2>&1 ||
		fail "what $2 says does not work: $(tail -n 20 "$work/text.out")"
}

# `suture repo` as the release engineer has it, on the hub's machine.
engineer() { # WORD...
	machine_do hub env SUTURE_PASSPHRASE_FILE=/root/passphrase suture repo "$@" >"$work/engineer.out" 2>&1 ||
		fail "suture repo $*: $(<"$work/engineer.out")"
}

# engineer_release NAME ADVISORY
engineer_release() {
	engineer advisory /srv/suture "$2" --severity high --published 2026-11-03
	engineer add /srv/suture "$1" --baseline 2026.10 /root/old.deb /root/new.deb --advisory "$2"
	engineer publish /srv/suture --keys /root/keys
}

# What the operators' text begins with: a repository with a release, and on-line keys.
engineer_begin() {
	machine_do hub sh -c 'head -c 24 /dev/urandom | base64 >/root/passphrase'
	engineer init /srv/suture --keys /root/keys --product debian-12
	engineer baseline /srv/suture 2026.10 /root/old.deb
	engineer_release 2026.11 CVE-2026-0001
	machine_do hub sh -c 'install -d -m 700 /etc/suture-hub/keys && cp /root/passphrase /etc/suture-hub/ &&
		cp /root/keys/rollouts* /root/keys/snapshot* /root/keys/timestamp* /etc/suture-hub/keys/'
}

# A person at the hub's machine, without a terminal: passwords come from FILE.
person() { # FILE SCRIPT
	machine_do hub setsid -w bash -c "cd && $2" <"$1"
}

# Each command that the text of operators.md names, one a line: words that stand for
# something are filled in.
hub_commands_of() { # DEVICE
	awk '/^```/ { on = !on } !on' "$top/docs/operators.md" | grep -oE '`suture hub [^`]*`' | tr -d '\`' |
		sed -e "s/\\bID\\b/$1/; s/ …$/ 'it is to be so'/"
}

hub_has_device() {
	device=$(person /dev/null 'suture hub devices --json' | jq -r '.items[0].id // empty')
	[[ $device ]]
}

@test "release-engineers.md leads from nothing to a signed release on a device" {
	site_begin
	fresh_machine one 11
	follow_text one release-engineers.md
	wait_until 300 carries one "$(machine_do one pgrep -c -x "${server_file##*/}")" ||
		fail "$(machine_do one suture status; machine_do one suture repo status /srv/suture; cat "$work/text.out")"
	(($(visits_failed one) == 0))
}

@test "operators.md leads from a repository to a device that reports, and each command in it does what it says" {
	site_begin
	fresh_machine hub 11
	fresh_machine one 12
	for each in hub one; do
		machine_do "$each" sh -c "echo $site_net.11 hub.example.org >>/etc/hosts"
	done
	engineer_begin
	machine_start hub hub bash -c "$(commands_of operators.md hub)"
	wait_until 300 grep -q '^Listening' "$work/hub-hub.out" || fail "$(<"$work/hub-hub.out")"
	sed -n 's/^Password: //p' "$work/hub-hub.out" >"$work/password"
	run -0 person "$work/password" "$(commands_of operators.md person)"
	grep -oE 'suture1\.[^ ]+' <<<"$output" >"$work/token"
	machine_do hub cat /srv/suture/metadata/1.root.json >"$work/1.root.json"
	machine_put one /root "$work/token" "$work/1.root.json"
	follow_text one operators.md device
	wait_until 300 hub_has_device || fail "$(machine_do one suture status)"
	n=$(machine_do one pgrep -c -x "${server_file##*/}")
	mapfile -t said < <(hub_commands_of "$device")
	((${#said[@]} > 15))
	for command in "${said[@]}"; do
		[[ $command != *2026.12* ]] || engineer_release 2026.12 CVE-2026-0002
		# What the hub has not seen yet, it does not know.
		wait_until 300 person /dev/null "$command" >"$work/said.out" 2>&1 ||
			fail "$command: $(<"$work/said.out")"
		case $command in
		*assign*) wait_until 300 carries one "$n" || fail "$(machine_do one suture status)" ;;
		*roll-back*) wait_until 300 is_bare one || fail "$(machine_do one suture status)" ;;
		*expedite*) wait_until 300 carries one "$n" || fail "$(machine_do one suture status)" ;;
		esac
	done
	[[ $(person /dev/null "suture hub devices --json" | jq ".items | length") == 0 ]]
	(($(visits_failed one) == 0))
}
