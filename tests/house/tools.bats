# SPDX-License-Identifier: Apache-2.0
# The scripts that set up and count.

bats_require_minimum_version 1.5.0

setup() {
	top=$BATS_TEST_DIRNAME/../..
	fake=$BATS_TEST_TMPDIR/bin
	mkdir "$fake"
	log=$BATS_TEST_TMPDIR/log
	: >"$log"
	PATH=$fake:$PATH
}

# put NAME LINE...: a command that stands in for the system's.
put() {
	local name=$1
	shift
	printf '%s\n' '#!/bin/sh' "$@" >"$fake/$name"
	chmod +x "$fake/$name"
}

# all_installed_but [PACKAGE]: what dpkg-query then says; a package that it never
# heard of has no line at all.
all_installed_but() {
	put dpkg-query 'shift 2' \
		"for name; do [ \$name = '${1:-}' ] || echo \$name installed; done" 'exit 1'
}

@test "all shell scripts pass shellcheck" {
	cd "$top"
	mapfile -t scripts < <(grep -lE '^#!/bin/(ba)?sh' -r tools tests fuzz demo bench .ci 2>/dev/null)
	((${#scripts[@]} >= 4))
	shellcheck --severity=warning "${scripts[@]}"
}

@test "set-up does nothing when all is there" {
	all_installed_but
	put apt-get 'exit 1'
	run -0 "$top/tools/setup" build check demo bench
	[[ $output == "" ]]
}

@test "set-up as root installs exactly what is missing" {
	all_installed_but jq
	put id 'echo 0'
	put apt-get "echo \"\$@\" >>$log"
	run -0 "$top/tools/setup" check
	[[ $(cat "$log") == "install --yes --no-install-recommends jq -o DPkg::Lock::Timeout="* ]]
}

@test "set-up fetches the package lists when an install fails without them" {
	all_installed_but jq
	put id 'echo 0'
	put apt-get "echo \$1 >>$log" "[ \$1 = update ] && touch $log.updated" "[ -e $log.updated ]"
	run -0 "$top/tools/setup" check
	[[ $(xargs <"$log") == "install update install" ]]
}

@test "set-up tries again when the archive does not answer, but not for ever" {
	all_installed_but jq
	put id 'echo 0'
	export SETUP_PAUSE=0
	put apt-get "echo \$1 >>$log" "[ \$(wc -l <$log) -gt 4 ]"
	run -0 "$top/tools/setup" check
	[[ $(xargs <"$log") == "install update update update update install" ]]
	put apt-get "echo \$1 >>$log" 'exit 1'
	: >"$log"
	run -1 "$top/tools/setup" check
	[[ $(xargs <"$log") == "install update update update update update" ]]
}

@test "set-up without rights says the exact command" {
	all_installed_but jq
	put id 'echo 1000'
	put sudo 'exit 1'
	put apt-get "echo \"\$@\" >>$log"
	run -1 "$top/tools/setup" check
	[[ $output == *"sudo apt-get update && sudo apt-get install --yes --no-install-recommends jq"* ]]
	[[ ! -s $log ]]
}

@test "set-up uses sudo where it asks for no password" {
	all_installed_but jq
	put id 'echo 1000'
	put sudo 'shift; exec "$@"'
	put apt-get "echo \"\$@\" >>$log"
	run -0 "$top/tools/setup" check
	[[ $(cat "$log") == "install --yes --no-install-recommends jq -o DPkg::Lock::Timeout="* ]]
}

@test "set-up refuses an unknown purpose" {
	run -2 "$top/tools/setup" fun
	[[ $output == *"no purpose 'fun'"* ]]
}

# ci LINE...: runs .ci/run with a make that does this.
ci() {
	put make "$@"
	run "$top/.ci/run"
}

@test "CI sums up what passed and failed" {
	ci 'echo "ok 1 - a"; echo "ok 2 b"; echo "# ok - not a test"; echo "	ok 3 - c"'
	[[ $status == 0 && ${lines[-1]} == "6 passed, 0 failed" ]]
}

@test "CI fails when one test fails, and names it" {
	ci 'echo "ok 1 a"; [ "$2" = check ] || { echo "not ok 2 b"; exit 2; }'
	[[ $status == 1 && ${lines[-1]} == "2 passed, 1 failed" ]]
	[[ ${lines[-3]} == "not ok 2 b" ]]
}

@test "CI fails when something fails that is no test" {
	ci 'echo "ok 1 a"; echo "error: no compiler"; exit 2'
	[[ $status == 1 && ${lines[-1]} == "2 passed, 2 failed" ]]
}

@test "CI fails when no test ran" {
	ci 'exit 0'
	[[ $status == 1 && ${lines[-1]} == "0 passed, 0 failed" ]]
}

@test "CI counts a skipped test as neither, and says so" {
	ci 'echo "ok 1 a"; echo "ok 2 b # skip no such kernel"'
	[[ $status == 0 && ${lines[-1]} == "2 passed, 0 failed" ]]
	[[ $output == *"skipped, for the reason given: 2"* ]]
}
