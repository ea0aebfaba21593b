# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Talking to one of our programs that use a library (tests/long/programs): it
# reads questions from a pipe and answers into a file.

# shellcheck source=tests/lib/base.bash
source "${BASH_SOURCE[0]%/*}/base.bash"

# program_build NAME LIBRARY: compiles programs/NAME.c against a library file.
program_build() {
	local programs=$top/tests/long/programs
	cc -O2 -Wall -Wextra -pthread -D_GNU_SOURCE -o "$work/$1" \
		"$programs/program.c" "$programs/$1.c" "$2" \
		-Wl,--allow-shlib-undefined
}

# program_start NAME ROLE LIBRARY-PATH [ARGUMENT]...: sets $pid.
program_start() {
	local name=$1 role=$2 path=$3
	shift 3
	rm -f "$work/$role.in"
	mkfifo "$work/$role.in"
	# Opened both ways, so that it neither blocks nor ends.
	# shellcheck disable=SC2016 # for the inner shell
	LD_LIBRARY_PATH=$path start "$role" bash -c 'exec "${@:2}" <>"$1"' _ "$work/$role.in" \
		"$work/$name" "$@"
	wait_until 120 grep -qx ready "$work/$role.out" || fail "$name does not start: $(<"$work/$role.out")"
}

# program_ask ROLE QUESTION: prints the answer.
program_ask() {
	local before
	before=$(wc -l <"$work/$1.out")
	printf '%s\n' "$2" >"$work/$1.in"
	wait_until 120 program_answered "$1" "$before" && is_alive "$(<"$work/$1.pid")" ||
		fail "no answer to '$2': $(tail -n +$((before + 1)) "$work/$1.out")" || return
	tail -n +$((before + 1)) "$work/$1.out" | sed '$d'
}

program_answered() { # ROLE LINES
	(($(wc -l <"$work/$1.out") > $2)) && [[ $(tail -n 1 "$work/$1.out") == . ]]
}

# The threads that use the library all the time must not have seen a difference.
program_rounds() { # ROLE
	local rounds
	rounds=$(program_ask "$1" rounds)
	[[ $rounds =~ ^[0-9]+$ ]] || fail "$rounds"
	printf '%s\n' "$rounds"
}
