# SPDX-License-Identifier: Apache-2.0
# Every kind of program and library: patched, verified, reverted.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	source=$BATS_TEST_DIRNAME
	compose=$built/live-compose
	built=$BATS_TEST_TMPDIR
	hotpatch=$built/hotpatch
}

teardown() {
	kill_victim
}

# Compile the fix with $1 and the flags that follow.
make_fix() {
	"$@" -O2 -fPIC -c -o "$built/fix.o" "$source/basic_fix.c"
}

# Compile victim and hotpatch with compiler $1 and the flags that follow.
make_victim() {
	"$@" -O2 -o "$built/victim" "$source/basic.c" -pthread -Wl,--build-id
	make_fix "$1"
	"$compose" "$hotpatch" "$built/victim" "$built/fix.o" answer
}

# The life of a patched victim, with five threads.
try_victim() {
	start_victim victim 5
	[[ $(ask a) == 7 ]]
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 ]]
	run -0 "$suture" verify --pid "$pid" "$hotpatch"
	run -0 "$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a) == 7 ]]
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 ]]
	run -0 ask c
	[[ $output == *"wrong 0" ]]
	stop_victim
}

@test "a position-independent executable" {
	make_victim cc -fPIE -pie
	try_victim
}

@test "an executable at a fixed address" {
	make_victim cc -fno-pie -no-pie
	[[ $(readelf -h "$built/victim") == *"EXEC (Executable file)"* ]]
	try_victim
}

@test "a static executable" {
	make_victim cc -fno-pie -static
	[[ $(readelf -h "$built/victim") == *"EXEC (Executable file)"* ]]
	try_victim
}

@test "a static position-independent executable" {
	make_victim cc -fPIE -static-pie
	try_victim
}

@test "functions that start with endbr64" {
	make_victim cc -fPIE -pie -fcf-protection=full
	[[ $(objdump -d --disassemble=answer "$built/victim") == *endbr64* ]]
	try_victim
}

@test "one segment for headers, constants and code" {
	make_victim cc -fPIE -pie -Wl,-z,noseparate-code
	try_victim
}

@test "a program of musl" {
	make_victim musl-gcc -fPIE -pie
	try_victim
}

@test "a static program of musl" {
	make_victim musl-gcc -static
	try_victim
}

# The library with the function, and its hotpatch.
make_library() {
	cc -O2 -fPIC -shared -DANSWER_IS_ELSEWHERE -o "$built/libanswer.so" "$source/basic.c" \
		-Wl,--build-id -Wl,-soname,libanswer.so
	make_fix cc
	"$compose" "$hotpatch" "$built/libanswer.so" "$built/fix.o" answer
}

@test "a library that the program needs, bound lazily" {
	make_library
	cc -O2 -DANSWER_IS_LINKED -o "$built/victim" "$source/basic.c" -pthread -L"$built" \
		-lanswer -Wl,-rpath,"$built" -Wl,-z,lazy
	try_victim
}

@test "a library that is opened later" {
	make_library
	cc -O2 -D_GNU_SOURCE -DANSWER_IS_OPENED -o "$built/victim" "$source/basic.c" -pthread
	ANSWER=$built/libanswer.so try_victim
}

@test "a library that is there twice is patched in both places" {
	make_library
	cc -O2 -D_GNU_SOURCE -DANSWER_IS_OPENED -o "$built/victim" "$source/basic.c" -pthread
	NAMESPACES=1 ANSWER=$built/libanswer.so start_victim victim
	[[ $(ask a)$(ask A) == 77 ]]
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a)$(ask A) == 4343 ]]
	run -0 "$suture" verify --pid "$pid" "$hotpatch"
	run -0 "$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a)$(ask A) == 77 ]]
	stop_victim
}
