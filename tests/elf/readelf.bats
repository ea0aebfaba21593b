#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# readelf as the oracle: for real files both must see the same segments,
# sections, symbols with versions, relocations, FDEs, libraries and build-id.

setup() {
	here=$BATS_TEST_DIRNAME
	dump=$(dirname "${SUTURE:-$here/../../build/suture}")/image-dump
	tmp=$BATS_TEST_TMPDIR
}

# Compare what both see in file $1. readelf does not print the addends of RELR,
# nor the version of the symbol that stands for a version itself.
same() {
	local file=$1
	"$dump" "$file" >"$tmp/ours"
	"$here/readelf_facts" "$file" >"$tmp/theirs"
	awk '$NF == "?" { print $2 }' "$tmp/theirs" >"$tmp/relr"
	awk -v relr="$tmp/relr" '
		BEGIN { while ((getline place <relr) > 0) is_relr[place] = 1 }
		$1 == "reloc" && $2 in is_relr { $5 = "?" }
		$1 == "dynsym" && split($6, name, "@@") && name[1] == name[2] { $6 = name[1] }
		{ sub(/ +$/, ""); print }' "$tmp/ours" | LC_ALL=C sort >"$tmp/ours.sorted"
	sed 's/ *$//' "$tmp/theirs" | LC_ALL=C sort >"$tmp/theirs.sorted"
	diff -u "$tmp/theirs.sorted" "$tmp/ours.sorted" | head -n 40
	cmp "$tmp/theirs.sorted" "$tmp/ours.sorted"
	# An empty comparison proves nothing.
	[ "$(grep -c ^segment "$tmp/ours")" -ge 2 ]
}

compile() {
	printf '%s\n' '#include <stdio.h>' '#include <math.h>' \
		'__thread int t = 3; const char *p[] = { "a", "b", "c" };' \
		'int main(int n, char **v) { printf("%s %d %f\n", p[n], t, sin(n)); return v[0] == 0; }' \
		>"$tmp/p.c"
	"${CC:-cc}" -O2 -o "$tmp/p" "$tmp/p.c" "$@" -lm
}

@test "the C library" {
	same "$(ldd /bin/sh | awk '/libc\.so/ { print $3 }')"
}

@test "the dynamic linker" {
	same "$(ldd /bin/sh | awk '/ld-linux/ { print $1 }')"
}

@test "the shell" {
	same "$(readlink -f "$BASH")"
}

@test "a library with C++ exceptions" {
	same "$(ldd "$(command -v readelf)" "$(command -v c++)" "$(command -v gdb)" |
		awk '/libstdc\+\+/ { print $3; exit }')"
}

@test "the image-dump program itself, with its symbol table" {
	same "$dump"
	grep -q '^symbol .* main$' "$tmp/ours"
}

@test "a static executable" {
	compile -static
	same "$tmp/p"
	grep -q '^reloc .* 0 25 ' "$tmp/ours" # IRELATIVE
}

@test "a static PIE" {
	compile -static-pie
	same "$tmp/p"
	grep -q '^reloc .* 0 8 ' "$tmp/ours" # RELATIVE
}

@test "an executable at a fixed address" {
	compile -no-pie
	same "$tmp/p"
}

@test "relative relocations packed as RELR" {
	compile -pie -Wl,-z,pack-relative-relocs
	same "$tmp/p"
	[ -s "$tmp/relr" ]
}

@test "an executable with lazy binding and a hash table of the old kind" {
	compile -pie -Wl,-z,lazy -Wl,--hash-style=sysv
	same "$tmp/p"
}

@test "stripped of its section table, a file shows the same through its segments" {
	compile -pie -Wl,-z,now
	strip "$tmp/p"
	"$dump" "$tmp/p" | grep -v ^section >"$tmp/with"
	# e_shoff at 40, e_shentsize, e_shnum and e_shstrndx from 58 on
	dd if=/dev/zero of="$tmp/p" bs=1 seek=40 count=8 conv=notrunc status=none
	dd if=/dev/zero of="$tmp/p" bs=1 seek=58 count=6 conv=notrunc status=none
	"$dump" "$tmp/p" >"$tmp/without"
	diff "$tmp/with" "$tmp/without"
	grep -q ^fde "$tmp/without"
	grep -q '^dynsym .*@GLIBC' "$tmp/without"
}
