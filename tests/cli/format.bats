# SPDX-License-Identifier: Apache-2.0
# The file format as others see it: the usual ELF tools read a hotpatch and
# have nothing to complain about.

bats_require_minimum_version 1.5.0

setup() {
	top=$BATS_TEST_DIRNAME/../..
	suture=${SUTURE:-$top/build/suture}
	sample=$BATS_TEST_TMPDIR/sample.hotpatch
	"${suture%/*}/sample-patch" "$sample"
}

@test "writing the same hotpatch twice gives the same bytes" {
	"${suture%/*}/sample-patch" "$BATS_TEST_TMPDIR/again.hotpatch"
	cmp "$sample" "$BATS_TEST_TMPDIR/again.hotpatch"
}

@test "readelf reads everything without a warning" {
	run -0 --separate-stderr readelf -aW "$sample"
	[[ $stderr == "" ]]
	[[ $output != *arning* ]]
	[[ $output =~ Type:\ +REL ]]
	[[ $output =~ \.rela\.text\ +RELA ]]
	[[ $output =~ \.suture\.functions\ +PROGBITS ]]
	[[ $output =~ "OS [0xff20] limit" ]]
	[[ $output =~ GLOBAL\ DEFAULT\ +UND\ puts@GLIBC_2.2.5 ]]
	[[ $output =~ WEAK\ +DEFAULT\ +UND\ optional ]]
}

@test "readelf sees the relocations and symbols that show tells" {
	n_relocs=$("$suture" show --json "$sample" | jq '[.parts[].relocations] | add')
	[[ $(readelf -rW "$sample" | grep -c R_X86_64_) == "$n_relocs" ]]
	n_imports=$("$suture" show --json "$sample" | jq '.imports | length')
	[[ $(readelf -sW "$sample" | grep -c '\(GLOBAL\|WEAK\).*UND') == "$n_imports" ]]
}

@test "objdump disassembles the payload with its relocations" {
	run -0 --separate-stderr objdump -dr "$sample"
	[[ $stderr == "" ]]
	[[ $output == *"<check_length>:"* ]]
	[[ $output == *"<added_helper>:"* ]]
	[[ $output == *"R_X86_64_PC32"*"puts@GLIBC_2.2.5-0x4"* ]]
	[[ $output != *"(bad)"* ]]
}

@test "gdb adds its symbols where the payload was placed" {
	run -0 --separate-stderr gdb -nx -batch -iex 'set debuginfod enabled off' \
		-ex "file $(type -P true)" \
		-ex "add-symbol-file $sample -s .text 0x7f0000001000 -s .bss 0x7f0000003000" \
		-ex 'info symbol 0x7f0000001025' -ex 'info address calls' \
		-ex 'disassemble check_length'
	[[ $stderr == "" ]]
	[[ $output != *arning* ]]
	[[ $output == *"added_helper + 3 in section .text of $sample"* ]]
	[[ $output == *'"calls" is at 0x7f0000003008'* ]]
	[[ $output == *"<+4>:"*"lea"* ]]
}

@test "jq reads the metadata section as it stands" {
	objcopy -O binary --only-section=.suture.meta --set-section-flags .suture.meta=alloc \
		"$sample" "$BATS_TEST_TMPDIR/meta"
	[[ $(jq -r .old_build_id "$BATS_TEST_TMPDIR/meta") == 1a2b3c4d* ]]
}

@test "a hotpatch of a later format version is refused with its number" {
	off=$(readelf -SW "$sample" | sed -n 's/.*\.note\.suture *NOTE *[0-9a-f]* \([0-9a-f]*\).*/\1/p')
	printf '\x09' | dd of="$sample" bs=1 seek=$((16#$off + 20)) conv=notrunc status=none
	run -1 --separate-stderr "$suture" show "$sample"
	[[ $stderr == *"has format version 9, this suture reads version 1"* ]]
}

# built_pair [OPTION]...: a small library in two versions, and the hotpatch between.
built_pair() {
	cd "$BATS_TEST_TMPDIR"
	for version in 1 2; do
		cat >p.c <<-END
			#include <stdio.h>
			#include <string.h>
			static int n_calls;
			static const char *last = "nothing";
			void count(const char *text) { n_calls++; last = text; }
			void report(void) { printf("%d calls, last %s\n", n_calls, last); }
			int check(const char *text)
			{
				count(text);
				if ($version > 1 && strlen(text) > 8) {
					printf("too long: %s\n", text);
					return -1;
				}
				return (int)strlen(text);
			}
		END
		cc -O2 -g0 -fPIC -shared -o p$version.so p.c
	done
	"$suture" build p1.so p2.so -o p.hotpatch "$@"
}

@test "what build makes is read by readelf, objdump and gdb without a warning" {
	built_pair
	run -0 --separate-stderr readelf -aW p.hotpatch
	[[ $stderr == "" && $output != *arning* && $output == *".eh_frame"* ]]
	run -0 --separate-stderr objdump -dr p.hotpatch
	[[ $stderr == "" && $output == *"<check>:"* && $output != *"(bad)"* ]]
	run -0 --separate-stderr gdb -nx -batch -iex 'set debuginfod enabled off' \
		-ex 'file p1.so' -ex 'add-symbol-file p.hotpatch -s .text 0x7f0000001000' \
		-ex 'info symbol 0x7f0000001030'
	[[ $stderr == "" && $output != *arning* && $output == *"in section .text of"*"p.hotpatch"* ]]
}

@test "a packed hotpatch is the same hotpatch in fewer bytes" {
	built_pair --pack
	mv p.hotpatch packed
	built_pair
	xz -dc packed | cmp - p.hotpatch
	(($(stat -c %s packed) < $(stat -c %s p.hotpatch) * 6 / 10))
	"$suture" show --json p.hotpatch | jq 'del(.size)' >plain.json
	"$suture" show --json packed | jq 'del(.size)' | cmp - plain.json
}

@test "an acceptance that fits no sign is told" {
	run -0 built_pair --accept nonsense:check=why
	[[ $output == *"--accept nonsense:check: there is no such sign."* ]]
	[[ -s $BATS_TEST_TMPDIR/p.hotpatch ]]
}

@test "the same two builds give the same hotpatch" {
	built_pair
	mv p.hotpatch first
	"$suture" build p1.so p2.so -o p.hotpatch
	cmp first p.hotpatch
}
