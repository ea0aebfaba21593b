# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# How the demos talk.

bold='' dim='' green='' red='' plain=''
if [[ -t 1 && ${TERM:-dumb} != dumb && ! ${NO_COLOR:-} ]]; then
	bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
fi

part=0
heading() {
	part=$((part + 1))
	printf '\n%s%d. %s%s\n' "$bold" "$part" "$*" "$plain"
}
tell() { printf '   %s\n' "$*"; }
good() { printf '   %s%s%s\n' "$green" "$*" "$plain"; }
bad() { printf '   %s%s%s\n' "$red" "$*" "$plain"; }
command_line() { printf '   %s$ %s%s\n' "$dim" "$*" "$plain"; }
thousands() { sed ':a; s/\B[0-9]\{3\}\>/,&/; ta' <<<"$1"; }
