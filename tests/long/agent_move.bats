# SPDX-License-Identifier: Apache-2.0
# The way to a baseline, gone by the real apt and dpkg: in a mount namespace in which /etc,
# /opt and /var have a layer in memory, so that this machine stays as it is.

bats_require_minimum_version 1.5.0

setup() {
	load ../lib/agent
	need_commands apt-get dpkg-deb dpkg-scanpackages
	agent_begin
}

teardown() {
	agent_end
}

# package NAME ARCHITECTURE VERSION: with a program that sleeps.
package() {
	local tree=$work/tree
	rm -rf "$tree"
	mkdir -p "$tree/DEBIAN" "$tree/opt/suture-test"
	printf 'Package: %s\nArchitecture: %s\nVersion: %s\nMaintainer: nobody <nobody@localhost>\nDescription: test\n' \
		"$1" "$2" "$3" >"$tree/DEBIAN/control"
	cp "$(command -v sleep)" "$tree/opt/suture-test/$1"
	printf '%s' "$3" >>"$tree/opt/suture-test/$1" # behind what is loaded: another file, the same program
	dpkg-deb --root-owner-group -b "$tree" "$work/archive/$1_$3_$2.deb" >/dev/null
}

# What runs in the namespace: `inner COMMAND...`.
inner() {
	nsenter -t "$machine" --mount -- "$@"
}

begin_machine() {
	cat >"$work/machine" <<-'END'
		set -e
		mount --make-rprivate /
		for each in etc opt var; do
			mkdir -p "/$each"
			mkdir -p "$1/$each"
			mount -t tmpfs layer "$1/$each"
			mkdir "$1/$each/upper" "$1/$each/work"
			mount -t overlay overlay -o "lowerdir=/$each,upperdir=$1/$each/upper,workdir=$1/$each/work" "/$each"
		done
		touch "$1/ready"
		exec sleep infinity
	END
	mkdir "$work/layers"
	start machine unshare --mount sh "$work/machine" "$work/layers"
	machine=$pid
	wait_until 60 test -e "$work/layers/ready" || fail "$(<"$work/machine.out")"
	inner sh -c "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*
		echo 'deb [trusted=yes] file:$work/archive ./' >/etc/apt/sources.list
		dpkg -i '$work'/archive/*_1.0-1_*.deb" >"$work/dpkg.log" 2>&1 || fail "$(<"$work/dpkg.log")"
	inner apt-mark hold suture-test-held >/dev/null
}

build_id() { # FILE
	readelf -n "$1" | sed -n 's/.*Build ID: //p'
}

version_is() { # NAME VERSION
	[[ $(inner dpkg-query -W -f '${Version}' "$1") == "$2" ]]
}

have_moved() {
	[[ $(events baseline) == *"the packages have moved"* ]]
}

@test "packages move to the baseline's versions in the window, by apt; one on hold stays and keeps nobody" {
	start_victim
	mkdir "$work/archive"
	for version in 1.0-1 1.0-2 1.0-3; do
		package suture-test-server amd64 "$version"
		package suture-test-data all "$version"
		package suture-test-held amd64 "$version"
	done
	(cd "$work/archive" && dpkg-scanpackages --multiversion . >Packages 2>/dev/null)
	begin_machine
	config '[window]' 'apply = yes' 'start = 00:00' 'length = 1440'
	# The exact version counts: apt has a newer one.
	publish baselines baselines/2026.10.json "$(baseline_json | jq --arg id "$(build_id "$work/tree/opt/suture-test/suture-test-held")" '
		.packages += [["server", "amd64"], ["data", "all"], ["held", "amd64"] | {name: "suture-test-\(.[0])",
			version: "1.0-2", architecture: .[1], source: "suture-test",
			builds: [{path: "/opt/suture-test/suture-test-\(.[0])", build_id: $id}]}]')"
	release 2026.11 good
	rollout 2026.11 running open
	start server nsenter -t "$machine" --mount -- /opt/suture-test/suture-test-server infinity
	server=$pid
	start sutured nsenter -t "$machine" --mount -- "$bin/sutured" --config "$work/sutured.conf" --foreground
	agent=$pid
	wait_until 600 version_is suture-test-server 1.0-2 || fail "$(tail -n 40 "$work/sutured.out")"
	wait_until 300 version_is suture-test-data 1.0-2
	# The versions are there before apt has ended.
	wait_until 300 have_moved || fail "$(tail -n 40 "$work/sutured.out")"
	version_is suture-test-held 1.0-1
	until_story '[.move.packages[] | [.name, .hold]] == [["suture-test-held", true]]'
	# Who still runs the old file is named. This machine may have others whose files are gone.
	until_story ".move.others | index($server) != null and index($victim) == null"
	[[ ! $(events error) ]]
	run -0 "$suture" status --agent "$runtime/agent.json"
	[[ $output == *"suture-test-held 1.0-2, now 1.0-1 (on hold)"* ]]
	# And this machine has none of it.
	[[ ! -e /opt/suture-test ]]
	run -1 dpkg-query -W suture-test-server
}
