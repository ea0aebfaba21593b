# SPDX-License-Identifier: Apache-2.0
# Symbols that the old build never imported are found as its dynamic linker would.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	hotpatch=$built/live-imports.hotpatch
}

teardown() {
	kill_victim
}

@test "new imports, an IFUNC, data and an absent weak symbol are resolved in the target" {
	start_victim live-imports
	[[ $(ask a) == $((97 + 5)) ]]
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 8031 ]]
	run -0 "$suture" verify --pid "$pid" "$hotpatch"
	stop_victim
}

@test "a library that is preloaded comes first, as for the program itself" {
	cat >"$BATS_TEST_TMPDIR/preload.c" <<-'END'
		#include <stddef.h>
		size_t strlen(const char *text)
		{
			return 77;
		}
	END
	cc -shared -fPIC -fno-builtin -o "$BATS_TEST_TMPDIR/preload.so" "$BATS_TEST_TMPDIR/preload.c"
	LD_PRELOAD=$BATS_TEST_TMPDIR/preload.so start_victim live-imports
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 77031 ]]
	stop_victim
}
