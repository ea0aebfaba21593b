# SPDX-License-Identifier: Apache-2.0
# suture show, and what each command does with bad options.

bats_require_minimum_version 1.5.0

setup() {
	top=$BATS_TEST_DIRNAME/../..
	suture=${SUTURE:-$top/build/suture}
	sample=$BATS_TEST_TMPDIR/sample.hotpatch
	"${suture%/*}/sample-patch" "$sample"
}

@test "show tells identity, functions, conditions, imports and parts" {
	run -0 --separate-stderr "$suture" show "$sample"
	[[ $stderr == "" ]]
	[[ $output =~ Hotpatch\ +server-1a2b3c4d-5e6f7081 ]]
	[[ $output =~ Package\ +server\ 1.0-1\ -\>\ 1.0-2\ \(amd64\) ]]
	[[ $output =~ Advisories\ +CVE-2026-0001,\ DSA-1-1 ]]
	[[ $output =~ check_length\ +0x1180\ +44\ +33 ]]
	[[ $output =~ added_helper\ +new\ +14 ]]
	[[ $output =~ layout-size\ +check_length\ .*no\ such\ object\ outlives\ the\ call ]]
	[[ $output =~ puts\ +GLIBC_2.2.5\ +refused ]]
	[[ $output =~ .data.rel.ro\ +24\ +8\ +4\ +read-only ]]
	[[ $output =~ SHA-256\ +$(sha256sum <"$sample" | cut -d' ' -f1) ]]
}

@test "show --json prints the same for programs" {
	run -0 "$suture" show --json "$sample"
	[[ $(jq -r .name <<<"$output") == server-1a2b3c4d-5e6f7081 ]]
	[[ $(jq -r .size <<<"$output") == $(stat -c %s "$sample") ]]
	[[ $(jq -c '.functions[0]' <<<"$output") == '{"address":4480,"name":"check_length","new_size":33,"old_size":44}' ]]
	[[ $(jq -c '[.imports[].name]' <<<"$output") == '["puts","optional"]' ]]
	[[ $(jq -c '[.parts[].size] | add' <<<"$output") == $(jq .payload_size <<<"$output") ]]
}

@test "show --disasm names what relocations refer to" {
	run -0 "$suture" show --disasm "$sample"
	[[ $output == *"check_length:    ; replaces check_length at 0x1180"* ]]
	[[ $output == *"lea rdi, [.rodata]"* ]]
	[[ $output == *"call puts@GLIBC_2.2.5"* ]]
	[[ $output == *"mov eax, [limit]"* ]]
	[[ $output == *"call old+0x1139"* ]]
	[[ $output == *"call added_helper"* ]]
}

@test "show decodes as many instructions as objdump" {
	objdump -d --no-show-raw-insn "$sample" | grep -cE '^ +[0-9a-f]+:' >"$BATS_TEST_TMPDIR/theirs"
	"$suture" show --disasm "$sample" | sed -n '/^check_length:/,$p' |
		grep -cE '^ +[0-9a-f]+  ' >"$BATS_TEST_TMPDIR/ours"
	diff "$BATS_TEST_TMPDIR/theirs" "$BATS_TEST_TMPDIR/ours"
}

@test "show refuses what is no hotpatch" {
	head -c 100 "$sample" >"$BATS_TEST_TMPDIR/cut"
	run -1 --separate-stderr "$suture" show "$BATS_TEST_TMPDIR/cut"
	[[ $stderr == *"/cut: section table is cut off" ]]
	[[ $output == "" ]]
	run -1 --separate-stderr "$suture" show "$suture"
	[[ $stderr == *"not a relocatable x86-64 ELF file"* ]]
	run -1 --separate-stderr "$suture" show "$BATS_TEST_TMPDIR/absent"
	[[ $stderr == *"/absent: No such file or directory" ]]
	run -2 --separate-stderr "$suture" show "$BATS_TEST_TMPDIR"
	[[ $stderr == *"is a directory" ]]
}

@test "with --json an error is JSON too" {
	run -1 --separate-stderr "$suture" show --json /dev/null
	[[ $(jq -r .error.code <<<"$output") == format ]]
	[[ $(jq -r .error.message <<<"$output") == *"is not a hotpatch"* ]]
}

@test "bad usage has status 2 and points at --help" {
	run -2 --separate-stderr "$suture" show
	[[ $stderr == *"see 'suture show --help'" ]]
	run -2 --separate-stderr "$suture" show --no-such-option "$sample"
	[[ $stderr == *"bad option '--no-such-option'; see 'suture show --help'" ]]
	run -2 --separate-stderr "$suture" show -x "$sample"
	[[ $stderr == *"bad option '-x'; see"* ]]
	run -2 --separate-stderr "$suture" show --json=yes "$sample"
	[[ $stderr == *"bad option '--json=yes'; see"* ]]
	run -2 --separate-stderr "$suture" show "$sample" "$sample"
	run -2 "$suture" no-such-command
	run -2 "$suture"
}

@test "every command has a help text that names it" {
	for command in $("$suture" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
		run -0 --separate-stderr "$suture" "$command" --help
		[[ $output == "usage: suture $command"* ]]
		[[ $stderr == "" ]]
		help=$output
		run -0 "$suture" help "$command"
		[[ $output == "$help" ]]
	done
}

@test "output that cannot be written is an error" {
	run -1 bash -c '"$1" show "$2" >/dev/full' - "$suture" "$sample"
	[[ $output == *"cannot write output: No space left on device" ]]
}
