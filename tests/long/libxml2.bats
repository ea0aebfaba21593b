#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# A program that uses a stock libxml2 in several threads: the library in it is
# patched, proved, given back.

bats_require_minimum_version 1.5.0

setup_file() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/program.bash"
	need_commands cc jq
	work_begin
	export work known_pair
	local each
	deb_fetch_both libxml2 2.9.14+dfsg-1.3~deb12u4 2.9.14+dfsg-1.3~deb12u6
	for each in old new; do
		local deb=${each}_deb
		deb_unpack "$work/$each" "${!deb}"
		deb_libraries "$work/$each" "${!deb}"
	done
	library=$(cd "$work/old" && echo usr/lib/*/libxml2.so.2.*)
	export library
	program_build xml "$work/old/$library"
	make_documents
	# A field was inserted in what a schema is read with, which exists only
	# while a schema is read. The threads at work read none, and questions are
	# asked before and after.
	local why='no schema is being read'
	hotpatch_build "$old_deb" "$new_deb" "$work/hotpatches" \
		--accept "layout:fn_12a220=$why" --accept "layout:xmlRelaxNGParse=$why"
}

setup() {
	source "$BATS_TEST_DIRNAME/../lib/scenario.bash"
	source "$BATS_TEST_DIRNAME/../lib/program.bash"
	hotpatch=$(hotpatch_of "$work/hotpatches" "$library")
}

teardown() {
	stop_all
}

teardown_file() {
	source "$BATS_TEST_DIRNAME/../lib/base.bash"
	work_end
}

make_documents() {
	local i
	mkdir "$work/documents"
	pushd "$work/documents" >/dev/null || return
	cat >plain.xml <<-'END'
		<?xml version="1.0" encoding="ISO-8859-1"?>
		<!DOCTYPE list [<!ENTITY who "world"><!ELEMENT list (item*)>
		<!ATTLIST item id ID #REQUIRED kind CDATA "plain">]>
		<list><item id="a">hello &who;</item><item id="b" kind="odd">&#233;</item></list>
	END
	printf '<a><b></a>' >broken.xml
	printf '<p>un<b>closed<td>cell &nbsp; <script>a<b</script>' >page.html
	# Schemas that include one another ten deep.
	for ((i = 0; i < 10; i++)); do
		printf '<grammar xmlns="http://relaxng.org/ns/structure/1.0"><include href="%d.rng"/><define name="d%d"><empty/></define></grammar>' \
			$((i + 1)) $i >$i.rng
	done
	printf '<grammar xmlns="http://relaxng.org/ns/structure/1.0"><start><element name="x"><text/></element></start></grammar>' >10.rng
	popd >/dev/null || return
}

# The new library limits how deep schemas include one another, to 1000 or what
# this variable says; the old one has no limit.
server_start() { # ROLE ROOT
	RNG_INCLUDE_LIMIT=5 program_start xml "$1" "$(library_path "$2")"
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
		parse DOCS/plain.xml
		parse DOCS/broken.xml
		html DOCS/page.html
		xpath DOCS/plain.xml concat(count(//item), string(//item[@kind='odd']), id('a'))
		xpath DOCS/plain.xml count(//item[position() = last()]/preceding-sibling::*) div 0
		xpath DOCS/plain.xml //item[
		schema DOCS/10.rng
		schema DOCS/8.rng
		schema DOCS/0.rng
	END
}

use_begin() {
	rounds=$(program_rounds target)
}

use_end() {
	wait_until 120 goes_on || fail "the program's threads stand still at $rounds rounds"
}

goes_on() {
	(($(program_rounds target) > rounds))
}

@test "a program with libxml2 takes the fix, proves it and gives it back" {
	# Schemas that include one another without end.
	scenario libxml2 "$hotpatch" 1
}

@test "libxml2 with nearly every function replaced answers as the new package" {
	transplant libxml2 "$work/old/$library" "$work/new/$library" \
		"layout=no schema is being read"
}
