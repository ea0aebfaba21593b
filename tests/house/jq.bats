# SPDX-License-Identifier: Apache-2.0
# The question about nothing: tests/lib/jq.bash, and that all who ask have it.

bats_require_minimum_version 1.5.0

setup() {
	top=$BATS_TEST_DIRNAME/../..
	source "$top/tests/lib/jq.bash"
}

# sources_of FILE: the files that FILE sources or loads itself.
sources_of() {
	local word
	sed -nE 's/^[[:space:]]*(source|load) +"?(\$\(dirname "\$\{BASH_SOURCE\[0\]\}"\)|\$\{BASH_SOURCE\[0\]%\/\*\}|\$BATS_TEST_DIRNAME)?([^"]*)"?$/\3/p' "$1" |
		while read -r word; do
			case $word in
			'$top'/*) word=$top${word#'$top'} ;;
			*) word=$(dirname "$1")/${word#/} ;;
			esac
			[[ -f $word ]] || word+=.bash
			realpath "$word"
		done
}

# has_it FILE: it reaches jq.bash through what it sources.
has_it() {
	local next
	[[ ${1##*/} != jq.bash ]] || return 0
	while read -r next; do
		! has_it "$next" || return 0
	done < <(sources_of "$1")
	return 1
}

@test "an answer is passed on, and so is its status" {
	run -0 jq -e .a <<<'{"a": 7}'
	[[ $output == 7 ]]
	run -1 jq -e .a <<<'{"a": false}'
	[[ $output == false ]]
	run -1 jq -e .a <<<'{}'
	run -1 jq -e .a </dev/null
	[[ $output == "" ]]
	run jq -e .a <<<'{'
	((status > 1))
}

@test "nothing is no, however -e is written" {
	for flag in -e -re -er --exit-status; do
		run -1 jq "$flag" . </dev/null
		run -1 jq . "$flag" </dev/null
	done
	run -4 jq -e 'select(.a)' <<<'{"a": false}'
}

@test "without -e nothing is nothing" {
	run -0 jq -r . </dev/null
	[[ $output == "" ]]
	run -0 jq --arg e 1 -n '$e'
}

@test "every test and library that asks with -e sources it" {
	local file failed=0 n=0
	while read -r file; do
		((++n))
		has_it "$file" || {
			echo "$file asks jq -e and does not source tests/lib/jq.bash"
			failed=1
		}
	done < <(grep -rlIE '\bjq\b.* (-[a-zA-Z]*e|--exit-status)\b' --exclude-dir=node_modules \
		"$top"/{tests,demo,bench})
	((n > 10))
	((failed == 0))
}
