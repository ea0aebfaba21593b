#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What `suture build` says about each class of change: two builds of a program,
# made for the purpose by tests/pairs/build.

setup_file() {
	export PAIRS=$BATS_FILE_TMPDIR/pairs
	export PAIR_OBJECTS=$BATS_TEST_DIRNAME/../../build/pair-objects
	"$BATS_TEST_DIRNAME/../pairs/build" "$PAIRS"
}

# Print the words of key $2 in case $1.
value() {
	sed -n "s/^$2: *//p" "$BATS_TEST_DIRNAME/../pairs/cases/$1/expect"
}

# Is word $1 one of the others?
among() {
	local word=$1 other
	shift
	for other; do
		[ "$word" = "$other" ] && return 0
	done
	return 1
}

# Build the hotpatches of case $1 and compare with what it expects.
judge() {
	local case=$1 flavour suture=${SUTURE:-$BATS_TEST_DIRNAME/../../build/suture}
	for flavour in $(cd "$PAIRS/$case" && ls -d pie so exec 2>/dev/null); do
		judge_flavour "$case" "$PAIRS/$case/$flavour" "$suture"
	done
}

judge_flavour() {
	local case=$1 dir=$2 status=0 verdict code sections word
	"$3" build "$dir/old" "$dir/new" -o "$dir/out.hotpatch" --json >"$dir/json" || status=$?
	cat "$dir/json"
	verdict=$(jq -r '.files[0].verdict' "$dir/json")
	among "$verdict" $(value "$case" verdict)
	case $verdict in
	hotpatch)
		[ "$status" -eq 0 ]
		[ "$(jq '.files[0].functions | .changed + .added' "$dir/json")" -gt 0 ]
		word=$(value "$case" changed)
		[ ! "$word" ] || [ "$(jq '.files[0].functions.changed' "$dir/json")" -eq "$word" ]
		sections=$(readelf -SW "$dir/out.hotpatch" | sed -n 's/^ *\[ *[0-9]*\] \([^ ]*\).*/\1/p')
		for word in $(value "$case" has); do
			among "$word" $sections
		done
		for word in $(value "$case" has-not); do
			! among "$word" $sections || return 1
		done
		;;
	nothing)
		[ "$status" -eq 4 ]
		[ ! -e "$dir/out.hotpatch" ]
		;;
	review | refused)
		[ "$status" -eq 3 ]
		[ ! -e "$dir/out.hotpatch" ]
		[ "$(value "$case" reason)" ] || return 0
		for code in $(jq -r '.files[0].reasons[].code' "$dir/json"); do
			among "$code" $(value "$case" reason) && return 0
		done
		return 1
		;;
	esac
}

@test "every case is judged by a test of this file" {
	for case in $(ls "$BATS_TEST_DIRNAME/../pairs/cases"); do
		grep -q "^@test .*{ judge $case; }\$" "$BATS_TEST_FILENAME" || {
			echo "no test for $case"
			return 1
		}
	done
}

@test "a check added to a function is a hotpatch" { judge bounds-check; }
@test "a changed format string is a hotpatch" { judge string; }
@test "a new function called by changed ones is a hotpatch" { judge new-function; }
@test "a new import is a hotpatch" { judge new-import; }
@test "a new read-only table is a hotpatch" { judge new-constants; }
@test "changed line numbers alone are at most cosmetic" { judge assert-lines; }
@test "a check among changed line numbers is a hotpatch" { judge assert-lines-and-check; }
@test "a change in an inlined function is a hotpatch" { judge inlined-function; }
@test "a parameter added to a function and its callers is a hotpatch" { judge parameter-added; }
@test "a grown buffer on the stack is a hotpatch" { judge stack-buffer-grown; }
@test "a changed read-only table under unchanged code is a hotpatch" { judge constant-table; }
@test "a jump table with one more case is a hotpatch" { judge jump-table; }
@test "a new static array goes into the payload" { judge new-variable; }
@test "a new static variable in what was padding goes into the payload" { judge new-variable-in-padding; }
@test "static variables that change places are no change" { judge variables-reordered; }
@test "a changed string that nothing refers to is no change" { judge unused-string; }
@test "another build-id is no change" { judge build-id; }
@test "the same file is no change" { judge same; }
@test "a field inserted into a structure waits for review" { judge field-inserted; }
@test "a field appended to a structure waits for review" { judge field-appended; }
@test "a field appended to a structure from the program's own allocator waits for review" { judge field-appended-own-allocator; }
@test "a widened field waits for review" { judge field-widened; }
@test "a field inserted into a structure with a flexible end waits for review" { judge field-in-hash-entry; }
@test "a field inserted into a structure on the stack waits for review" { judge field-of-stack-object; }
@test "a moved bit-field waits for review" { judge bit-field-moved; }
@test "a grown allocation waits for review" { judge allocation-grown; }
@test "a renumbered enumeration waits for review" { judge enum-renumbered; }
@test "a changed constructor waits for review" { judge constructor; }
@test "a changed main waits for review" { judge main; }
@test "a changed event loop waits for review" { judge event-loop; }
@test "a changed event loop that jumps through a table waits for review" { judge event-loop-with-switch; }
@test "a changed function that only calls the event loop waits for review" { judge event-loop-below; }
@test "a changed writable table is noticed" { judge initialised-table; }
@test "a changed first value of a variable is noticed" { judge initialised-variable; }
@test "a changed pointer in a table is noticed" { judge pointer-table; }
@test "a package revision that a table leads to is no change" { judge revision-in-table; }
@test "a table of pointers with one more entry is rebuilt or waits for review" { judge pointer-table-grown; }
@test "a grown section between its edges is noticed" { judge section-set; }
@test "a changed thread-local layout is noticed" { judge thread-local; }
@test "a function written anew is a hotpatch" { judge rewritten-function; }
@test "functions that change places are found again" { judge functions-reordered; }
@test "a function too short for a jump is refused" { judge short-function; }
@test "a table of labels is followed or refused" { judge computed-goto; }
@test "a changed part that nothing is known to lead to waits for review where jumps are unknown" { judge unknown-jump-into-cold; }
@test "a jump table into the middle of a cold part is a hotpatch" { judge jump-table-into-cold; }
@test "a branch behind a call that does not return is a hotpatch" { judge branch-behind-call; }
@test "a build with other optimisation is refused as too different" { judge other-optimisation; }
@test "C++: a check in a function that throws is a hotpatch" { judge cxx-exception; }
@test "C++: a new virtual function is noticed" { judge cxx-virtual-function; }
@test "C++: a new override of a virtual function is noticed" { judge cxx-virtual-override; }
@test "C++: a member inserted into a class waits for review" { judge cxx-field; }
@test "a changed number in a table with pointers is noticed" { judge pointer-table-number; }
@test "a changed string that only a table refers to is noticed" { judge string-in-table; }
@test "a changed floating-point constant is a hotpatch" { judge float-constant; }
@test "a grown static buffer never lets new code write into the old one" { judge static-buffer-grown; }
@test "a grown static structure that reaches into its neighbour is noticed" { judge static-object-grown; }
@test "grown elements of an array on the heap are noticed" { judge array-element-grown; }
@test "swapped fields wait for review" { judge fields-swapped; }
@test "a removed field waits for review" { judge field-removed; }
@test "a renumbered enumeration that data hold is noticed" { judge enum-level; }
@test "another callee in the same bytes is a hotpatch" { judge other-callee; }
@test "another variable in the same bytes is a hotpatch" { judge other-variable; }
@test "a new constructor is noticed" { judge new-constructor; }
@test "a changed resolver of an indirect function is noticed" { judge ifunc-resolver; }
@test "one changed limit is no refusal" { judge limit-changed; }
@test "a function's own static variables keep their place and value" { judge private-variables; }
@test "a function's own initialised static variables keep their place and value" { judge private-variables-initialised; }
@test "a new variable among those that only its function uses travels alone" { judge private-variables-and-new; }
@test "a grown read-only table that unchanged code uses too is read where it is new" { judge const-table-grown; }
@test "zeros that are added to a read-only table are read where they are new" { judge const-table-zeros; }
@test "a change in a table of numbers is seen though a letter could begin it" { judge table-of-numbers; }
@test "a long table travels as a whole" { judge long-table; }
@test "a change behind a place inside of a table is seen" { judge table-entered-inside; }
@test "a grown table of pointers that unchanged code uses too travels" { judge pointer-table-shared; }
@test "a grown table of pointers whose fields code refers to is noticed or travels" { judge pointer-table-fields; }
@test "another first value of a variable that one function uses is noticed" { judge private-first-value; }
@test "a table of labels does not lead back into old code" { judge labels-at-their-place; }
@test "a variable that became wider is refused" { judge variable-widened; }
@test "a store into an old and a new variable at once never hits another" { judge variables-stored-together; }
@test "swapped thread-local variables wait for review" { judge thread-local-swapped; }
@test "another first value of a thread-local variable waits for review" { judge thread-local-first-value; }
@test "of functions that only variables tell apart none is taken for another" { judge twins; }
@test "C++: a function with an exception specification is a hotpatch" { judge cxx-exception-specification; }
@test "stored pointers to functions stay good" { judge pointers-to-functions; }
@test "a number is not taken for an address" { judge number-like-address; }
@test "a wider load beside another line number is no cosmetic change" { judge width-beside-line; }
@test "an exported function does not become one of another name" { judge export-renamed; }
@test "a function to which pointers are stored does not become an unlike one" { judge lone-function-pointed-to; }
@test "a renumbered enumeration that a jump table holds waits for review" { judge enum-in-jump-table; }
@test "a grown array that unchanged code uses too is refused" { judge array-grown; }
@test "a grown array of zeros that unchanged code uses too is refused" { judge array-grown-zeros; }
@test "a grown read-only array of texts is read where it is new" { judge array-of-texts-grown; }

# Put programs old and new of two cases into packages of that side.
pack_pairs() { # FOLDER CASE CASE
	local side case
	for side in old new; do
		mkdir -p "$1/$side/DEBIAN" "$1/$side/usr/bin"
		for case in "$2" "$3"; do
			cp "$PAIRS/$case/pie/$side" "$1/$side/usr/bin/$case"
		done
		printf '%s\n' 'Package: two' "Version: 1-$([[ $side == old ]] && echo 1 || echo 2)" \
			'Architecture: amd64' 'Maintainer: Nobody <nobody@localhost>' \
			'Description: two programs' >"$1/$side/DEBIAN/control"
		dpkg-deb --root-owner-group -b "$1/$side" "$1/$side.deb" >/dev/null
	done
}

@test "a function to leave needs to be in one file of a package, and else nothing is written" {
	local suture=${SUTURE:-$BATS_TEST_DIRNAME/../../build/suture} dir=$BATS_TEST_TMPDIR name
	pack_pairs "$dir" bounds-check string
	name=$("$suture" build "$PAIRS/string/pie/old" "$PAIRS/string/pie/new" -o "$dir/one" --json |
		jq -r .files[0].output)
	name=$("$suture" show "$name" --json | jq -r '.functions[0].name')
	run "$suture" build "$dir/old.deb" "$dir/new.deb" -o "$dir/out" --leave no_such_function
	[ "$status" -eq 2 ]
	[ -z "$(ls "$dir/out")" ]
	run "$suture" build "$dir/old.deb" "$dir/new.deb" -o "$dir/out" --leave "$name"
	[ "$status" -eq 0 ] || [ "$status" -eq 4 ]
	[[ $output == *"was left as it is on request"* ]]
	[ -n "$(ls "$dir/out")" ]
}
