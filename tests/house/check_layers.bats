# SPDX-License-Identifier: Apache-2.0
# tools/check-layers finds each kind of violation, and nothing in good code.

bats_require_minimum_version 1.5.0

setup() {
	check=$BATS_TEST_DIRNAME/../../tools/check-layers
	tree=$BATS_TEST_TMPDIR
	mkdir -p "$tree"/src/{base,elf,process,cli} "$tree"/tests
	put src/base/err.h '#pragma once' '/** goto, printf() and ptrace() in words are fine. */'
	put src/elf/image.h '#pragma once' '#include "base/err.h"'
	put src/process/stop.c '#include "elf/image.h"' 'int f(void)' '{' '	return ptrace(0);' '}'
	put src/cli/main.c '#include "process/stop.h"' 'int main(void)' '{' '	puts("x");' '}'
	put src/process/stop.h '#pragma once' 'int f(void);'
}

# put FILE LINE...: a source file with the licence line and these lines.
put() {
	local file=$tree/$1
	shift
	printf '%s\n' '// SPDX-License-Identifier: Apache-2.0' "$@" >"$file"
}

repeat() { # TIMES LINE
	local i
	for ((i = 0; i < $1; i++)); do printf '%s\n' "$2"; done
}

finds() { # TEXT
	run -1 "$check" "$tree"
	[[ $output == *"$1"* ]] || {
		printf 'expected: %s\ngot: %s\n' "$1" "$output"
		return 1
	}
}

@test "good code passes" {
	run -0 "$check" "$tree"
	[[ $output == "check-layers: 5 files, 2 functions, 0 of them over 49 lines" ]]
}

@test "an empty tree does not pass" {
	mkdir "$tree/empty"
	run -1 "$check" "$tree/empty"
}

@test "an include that points upward is found" {
	put src/elf/image.c '#include "process/stop.h"'
	finds 'src/elf/image.c:2: layer elf must not know layer process'
}

@test "an include that names no layer is found" {
	put src/elf/image.c '#include "image.h"'
	finds 'src/elf/image.c:2: an include names its layer: "image.h"'
}

@test "a product file that includes the tests' header is found" {
	put src/elf/image.c '#include "test.h"'
	finds 'src/elf/image.c:2: an include names its layer: "test.h"'
	put src/elf/image_test.c '#include "test.h"'
	rm "$tree/src/elf/image.c"
	run -0 "$check" "$tree"
}

@test "ptrace outside of its layer is found" {
	put src/cli/ui.c 'long f(void)' '{' '	return ptrace(0);' '}'
	finds 'src/cli/ui.c:4: only layer process calls ptrace'
}

@test "printing outside of the commands is found" {
	put src/elf/image.c 'void f(void)' '{' '	printf("x");' '	fputs("x", stderr);' '}'
	finds 'src/elf/image.c:4: only main.c, cmd_*.c, *_report.c and ui.c of layer cli print'
	finds 'src/elf/image.c:5: only main.c, cmd_*.c, *_report.c and ui.c of layer cli print'
}

@test "printing into memory is not printing" {
	put src/elf/image.c 'void f(void)' '{' '	snprintf(a, 1, "printf(");' \
		'	asprintf(&a, "x"); // printf()' '	/* puts("x"); */' '}'
	run -0 "$check" "$tree"
}

@test "goto and exit are found" {
	put src/elf/image.c 'void f(void)' '{' '	goto out;' '	exit(1);' '}'
	finds 'src/elf/image.c:4: no goto'
	finds 'src/elf/image.c:5: no exit below main'
}

@test "a missing licence line is found" {
	echo 'int a;' >"$tree/src/base/err.c"
	printf '#!/bin/sh\necho\n' >"$tree/tests/run"
	finds 'src/base/err.c:1: the first line must name the licence'
	finds 'tests/run:1: one of the first two lines must name the licence'
}

@test "a file of more than 600 lines is found" {
	# shellcheck disable=SC2046
	put src/base/err.c $(repeat 600 x)
	finds 'src/base/err.c:601: a file has at most 600 lines'
}

@test "a function of more than 100 lines is found" {
	mapfile -t body < <(repeat 101 '	a();')
	put src/base/err.c 'void f(void)' '{' "${body[@]}" '}'
	finds 'src/base/err.c:3: a function has 101 lines, over 100'
}

@test "too many functions of 50 lines or more are found" {
	mapfile -t body < <(repeat 50 '	a();')
	put src/base/err.c 'void f(void)' '{' "${body[@]}" '}'
	finds '1 of 3 functions have 50 lines or more, over 5%'
}

@test "a header with four project includes is found" {
	for i in 1 2 3 4; do put "src/base/h$i.h" '#pragma once'; done
	put src/elf/image.h '#include "base/h1.h"' '#include "base/h2.h"' '#include "base/h3.h"' \
		'#include "base/h4.h"'
	finds 'src/elf/image.h:5: a header has at most 3 project includes'
}

@test "includes five headers deep are found" {
	put src/base/h5.h '#pragma once'
	for i in 4 3 2 1; do put "src/base/h$i.h" "#include \"base/h$((i + 1)).h\""; done
	put src/base/err.c '#include "base/h1.h"'
	finds 'src/base/err.c:1: includes are 5 headers deep, over 4'
}
