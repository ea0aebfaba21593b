# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# jq 1.6 ends with 0 when it is asked with -e and nothing comes in. Here a question about
# nothing is answered with no. All tests that use jq -e source this, by tests/house.

jq() {
	local word asks=
	for word; do
		[[ $word == --exit-status || $word =~ ^-[a-zA-Z]*e ]] && asks=yes
	done
	[[ $asks ]] || {
		command jq "$@"
		return
	}
	local answer status=0
	answer=$(command jq "$@") || status=$?
	[[ ! $answer ]] || printf '%s\n' "$answer"
	((status == 0)) || return "$status"
	[[ $answer ]]
}
