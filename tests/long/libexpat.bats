#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A program that uses a stock libexpat. The fix moves fields of the parser, so a
# hotpatch is right only where no parser is alive.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/program.bash"
	need_commands cc jq
	work_begin
	export work known_pair library
	deb_fetch_both libexpat1 2.5.0-1+deb12u2 2.5.0-1+deb12u5
	deb_unpack "$work/old" "$old_deb"
	deb_unpack "$work/new" "$new_deb"
	library=$(cd "$work/old" && echo lib/*/libexpat.so.1.*)
	program_build expat "$work/old/$library"
	make_documents
	hotpatch_build "$old_deb" "$new_deb" "$work/unweighed"
	local why='the program makes a parser for each question and has none while it waits'
	hotpatch_build "$old_deb" "$new_deb" "$work/hotpatches" \
		--accept "layout=$why" --accept "constants=$why" \
		--accept 'data:data_281c0=the list of features that XML_GetFeatureList gives out'
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/program.bash"
}

teardown() {
	stop_all
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

make_documents() {
	mkdir "$work/documents"
	pushd "$work/documents" >/dev/null || return
	printf '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "entity"><!ATTLIST a k CDATA "v">]><a b="c">&e; &#233;<d/></a>' >plain
	printf '<a><b></a>' >broken
	printf '<a b="1" b="2"/>' >twice
	printf '<a xmlns:n="urn:n"><n:b n:c="1"/>]]></a>' >brackets
	# UTF-16: a pair of surrogates, and a high one without its low one.
	printf '\xff\xfe<\0a\0>\0\x3d\xd8\x00\xde<\0/\0a\0>\0' >pair
	printf '\xff\xfe<\0a\0>\0\x3d\xd8A\0<\0/\0a\0>\0' >half
	{
		printf '<!DOCTYPE a [<!ENTITY e0 "x">'
		local i
		for ((i = 1; i < 12; i++)); do
			printf '<!ENTITY e%d "&e%d;&e%d;">' $i $((i - 1)) $((i - 1))
		done
		printf ']><a>&e11;</a>'
	} >entities
	popd >/dev/null || return
}

# Without threads: they would hold parsers all the time.
server_start() { # ROLE ROOT
	program_start expat "$1" "$(library_path "$2")" alone
	printf -v "program_$1" %s "$pid"
}

server_pids() { # ROLE
	local program=program_$1
	echo "${!program}"
}

probe() { # ROLE
	local question
	while read -r question; do
		echo "== $question"
		program_ask "$1" "${question//DOCS/$work/documents}"
	done <<-END
		parse DOCS/plain
		pieces 3 DOCS/plain
		parse DOCS/broken
		parse DOCS/twice
		parse DOCS/brackets
		parse DOCS/pair
		pieces 1 DOCS/pair
		parse DOCS/half
		parse DOCS/entities
	END
}

use_begin() { :; }

use_end() {
	[[ $(program_ask target "parse $work/documents/plain") == *'well formed' ]]
}

@test "libexpat's fix is not called safe: it waits for review, and says which structures moved" {
	[[ $(verdict_of "$work/unweighed" "$library") == @(review|refused) ]]
	run hotpatch_of "$work/unweighed" "$library"
	[[ $status != 0 && $output == *layout* ]]
	[[ -z $(find "$work/unweighed" -name '*.hotpatch') ]]
}

@test "a program without live parsers takes libexpat's fix, once the signs are accepted, and gives it back" {
	# Half a pair of surrogates.
	hotpatch=$(hotpatch_of "$work/hotpatches" "$library")
	scenario libexpat "$hotpatch" 1
}

@test "libexpat with nearly every function replaced answers as the new package" {
	transplant libexpat "$work/old/$library" "$work/new/$library" \
		"layout=no parser lives" "constants=no parser lives" \
		'data:data_281c0=the list of features that XML_GetFeatureList gives out'
}
