# SPDX-License-Identifier: Apache-2.0
# Replaced functions use the thread-local variables of the old build, of each thread,
# in every way that compilers reach them.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	d=$BATS_TEST_TMPDIR
	source=$BATS_TEST_DIRNAME/tls.c
	built=$d
}

teardown() {
	kill_victim
}

# Patch the victim with the hotpatch from $1 to $2, and back.
live() {
	run -0 "$suture" build -o "$d/hotpatch" "$1" "$2"
	start_victim victim
	[[ $(ask a)$(ask a)$(ask b) == 181918 ]]
	run -0 "$suture" apply --pid "$pid" "$d/hotpatch"
	[[ $(ask a)$(ask b)$(ask a) == 565457 ]]
	run -0 "$suture" verify --pid "$pid" "$d/hotpatch"
	run -0 "$suture" revert --pid "$pid" "$d/hotpatch"
	[[ $(ask a)$(ask b) == 2218 ]]
	stop_victim
}

# The program itself, compiled with $@.
program() {
	"$@" -O2 -Wl,--build-id -o "$d/victim" "$source" -pthread
	"$@" -O2 -Wl,--build-id -DNEW -o "$d/new" "$source" -pthread
	live "$d/victim" "$d/new"
}

# A library compiled with the flags $@, linked or opened by the program.
library() {
	cc "$@" -O2 -fPIC -shared -Wl,--build-id -DLIBRARY -o "$d/libtls.so" "$source"
	cc "$@" -O2 -fPIC -shared -Wl,--build-id -DLIBRARY -DNEW -o "$d/new.so" "$source"
	cc -O2 -DHOST -o "$d/victim" "$source" -pthread -L"$d" -ltls -Wl,-rpath,"$d"
	live "$d/libtls.so" "$d/new.so"
}

# The relocations for thread-local variables in file $1.
kinds() {
	readelf -rW "$1" | grep -oE 'R_X86_64_(DTPMOD64|DTPOFF64|TPOFF64|TLSDESC)' | sort -u | tr '\n' ' '
}

@test "local exec: a program" {
	program cc
	[[ -z $(kinds "$d/victim") ]]
}

@test "local exec: a program at a fixed address" {
	program cc -no-pie -fno-pie
}

@test "initial exec: a library" {
	library -ftls-model=initial-exec
	[[ $(kinds "$d/libtls.so") == "R_X86_64_TPOFF64 " ]]
}

@test "global dynamic: a library" {
	library -ftls-model=global-dynamic
	[[ $(kinds "$d/libtls.so") == *DTPMOD64* ]]
}

@test "local dynamic: a library" {
	library -ftls-model=local-dynamic
	[[ $(kinds "$d/libtls.so") == *DTPMOD64* ]]
}

@test "descriptors: a library" {
	library -mtls-dialect=gnu2
	[[ $(kinds "$d/libtls.so") == *TLSDESC* ]]
}
