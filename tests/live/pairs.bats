#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A process that a hotpatch changed behaves as the new build does, and after revert
# as the old one again: small programs and libraries made for the purpose by
# tests/pairs/build, each of which lives through tests/lib/pair_story.py.

bats_require_minimum_version 1.5.0

setup_file() {
	export PAIRS=$BATS_FILE_TMPDIR/pairs
	export PAIR_OBJECTS=$BATS_TEST_DIRNAME/../../build/pair-objects
	"$BATS_TEST_DIRNAME/../pairs/build" "$PAIRS" $(lived)
}

# Print the words of key $2 in case $1.
value() {
	sed -n "s/^$2: *//p" "$BATS_TEST_DIRNAME/../pairs/cases/$1/expect"
}

# Print the cases that a process can live through.
lived() {
	local case
	for case in $(ls "$BATS_TEST_DIRNAME/../pairs/cases"); do
		case $(value "$case" live) in
		"" | no) ;;
		*) echo "$case" ;;
		esac
	done
}

# Run case $1 in all its flavours.
live() {
	local case=$1 flavour word options=() tests=$BATS_TEST_DIRNAME/..
	for word in $(value "$case" live); do
		[[ $word == yes ]] || options+=("--$word")
	done
	word=$(value "$case" source)
	for flavour in $(cd "$PAIRS/$case" && ls -d pie so exec 2>/dev/null); do
		[[ $flavour != so ]] || options+=(--host "$PAIRS/host")
		"$tests/lib/pair_story.py" "${SUTURE:-$tests/../build/suture}" \
			"$tests/pairs/commands/${word:-store}" "$PAIRS/$case/$flavour" "${options[@]}"
	done
}

@test "every case that may have a hotpatch says whether a process can live through it" {
	for case in $(ls "$BATS_TEST_DIRNAME/../pairs/cases"); do
		[[ $(value "$case" verdict) != *hotpatch* || $(value "$case" live) ]] || {
			echo "no live: in $case"
			return 1
		}
	done
}

@test "every case that a process can live through has a test in this file" {
	for case in $(lived); do
		grep -q "^@test .*{ live $case; }\$" "$BATS_TEST_FILENAME" || {
			echo "no test for $case"
			return 1
		}
	done
}

@test "a check added to a function takes effect, and goes" { live bounds-check; }
@test "a changed format string takes effect, and goes" { live string; }
@test "a new function called by changed ones takes effect, and goes" { live new-function; }
@test "a new import takes effect, and goes" { live new-import; }
@test "a new read-only table takes effect, and goes" { live new-constants; }
@test "a check among changed line numbers takes effect, and goes" { live assert-lines-and-check; }
@test "a change in an inlined function takes effect, and goes" { live inlined-function; }
@test "a parameter added to a function and its callers takes effect, and goes" { live parameter-added; }
@test "a grown buffer on the stack takes effect, and goes" { live stack-buffer-grown; }
@test "a changed read-only table under unchanged code takes effect, and goes" { live constant-table; }
@test "a jump table with one more case takes effect, and goes" { live jump-table; }
@test "a new static array takes effect, and goes" { live new-variable; }
@test "a new static variable in what was padding takes effect, and goes" { live new-variable-in-padding; }
@test "a table of labels takes effect, and goes" { live computed-goto; }
@test "a jump table into the middle of a cold part takes effect, and goes" { live jump-table-into-cold; }
@test "a branch behind a call that does not return takes effect, and goes" { live branch-behind-call; }
@test "a table of pointers with one more entry takes effect, and goes" { live pointer-table-grown; }
@test "a changed floating-point constant takes effect, and goes" { live float-constant; }
@test "another callee takes effect, and goes" { live other-callee; }
@test "another variable takes effect, and goes" { live other-variable; }
@test "one changed limit takes effect, and goes" { live limit-changed; }
@test "a function written anew takes effect, and goes" { live rewritten-function; }
@test "a check among functions that changed places takes effect, and goes" { live functions-reordered; }
@test "a function with static variables of its own changes, and goes back" { live private-variables; }
@test "a function with initialised static variables of its own changes, and goes back" { live private-variables-initialised; }
@test "a grown allocation of which no object is alive takes effect, and goes" { live allocation-grown; }
@test "a structure that only lives on the stack changes, and goes back" { live field-of-stack-object; }
@test "a structure of which no object is alive gets a field, and loses it" { live field-in-hash-entry; }
@test "a structure of which no object is alive loses a field, and gets it back" { live field-removed; }
@test "a grown read-only table takes effect, and goes" { live const-table-grown; }
@test "zeros added to a read-only table take effect, and go" { live const-table-zeros; }
@test "a changed table of numbers takes effect, and goes" { live table-of-numbers; }
@test "a changed long table takes effect, and goes" { live long-table; }
@test "a table changed behind a place inside of it takes effect, and goes" { live table-entered-inside; }
@test "a grown table of pointers takes effect, and goes" { live pointer-table-shared; }
@test "a change among labels that keep their places takes effect, and goes" { live labels-at-their-place; }
@test "a function with an exception specification changes, and goes back" { live cxx-exception-specification; }
@test "a grown table of functions takes effect, and goes" { live pointers-to-functions; }
@test "a wider load beside another line number takes effect, and goes" { live width-beside-line; }
@test "an exported function that is gone stays for those who call it" { live export-renamed; }
@test "a function that is gone stays for those who hold its address" { live lone-function-pointed-to; }
@test "a grown read-only array of texts takes effect, and goes" { live array-of-texts-grown; }
