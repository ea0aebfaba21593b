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

@test "an IFUNC that does not tell its address leaves the old code, until it does" {
	cat >"$BATS_TEST_TMPDIR/preload.c" <<-'END'
		#include <stddef.h>
		#include <sys/syscall.h>
		#include <time.h>
		// Nothing is relocated yet when this is called first.
		static long call(long number, const void *a, const void *b)
		{
			long result;
			__asm__ volatile("syscall" : "=a"(result)
					 : "a"(number), "D"(a), "S"(b) : "rcx", "r11", "memory");
			return result;
		}
		static size_t ours(const char *text) { return 77; }
		static size_t (*resolve(void))(const char *)
		{
			const struct timespec hour = { 3600, 0 };
			if (call(SYS_access, SLOW, NULL) == 0)
				call(SYS_nanosleep, &hour, NULL);
			return ours;
		}
		size_t strlen(const char *text) __attribute__((ifunc("resolve")));
	END
	cc -shared -fPIC -fno-builtin -O2 -DSLOW="\"$BATS_TEST_TMPDIR/slow\"" \
		-o "$BATS_TEST_TMPDIR/preload.so" "$BATS_TEST_TMPDIR/preload.c"
	LD_PRELOAD=$BATS_TEST_TMPDIR/preload.so start_victim live-imports
	touch "$BATS_TEST_TMPDIR/slow"
	run -5 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(json '.processes[0] | "\(.outcome) \(.reason)"' <<<"$output") == \
		"busy resolve strlen: the function does not return" ]]
	[[ $(ask a) == 102 ]]
	rm "$BATS_TEST_TMPDIR/slow"
	run -0 "$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 77031 ]]
	stop_victim
}

# A library with two versions of one function, and a program that the hotpatch makes
# call $1 of it. $hotpatch is for the program, $library_patch makes V2 say 20.
make_versions() {
	local d=$BATS_TEST_TMPDIR compose=$built/live-compose
	cat >"$d/library.c" <<-'END'
		int keep(int x), value_one(void), value_two(void);
		int keep(int x) { return x; }
		int value_one(void) { return keep(1); }
		int value_two(void) { return keep(2); }
		__asm__(".symver value_one,value@V1\n.symver value_two,value@@V2");
	END
	echo 'V1 { global: keep; value; local: *; }; V2 { global: value; } V1;' >"$d/versions"
	cat >"$d/program.c" <<-'END'
		#include <stdio.h>
		int keep(int x), answer(int x);
		__attribute__((noinline)) int answer(int x) { return keep(x) + 1; }
		int main(void)
		{
			puts("ready");
			fflush(stdout);
			for (int c; (c = getchar()) != 'q';) {
				printf("%d\n", answer(6));
				fflush(stdout);
			}
			return 0;
		}
	END
	cat >"$d/fix.c" <<-END
		int value(void);
		__asm__(".symver value,$1");
		int answer(int x) { return x + 100 * value(); }
	END
	echo 'int value_two(void) { return 20; }' >"$d/library_fix.c"
	cc -O2 -fPIC -shared -Wl,--build-id -Wl,-soname,libversions.so \
		-Wl,--version-script="$d/versions" -o "$d/libversions.so" "$d/library.c"
	cc -O2 -Wl,--build-id -o "$d/program" "$d/program.c" -L"$d" -lversions -Wl,-rpath,"$d"
	cc -O2 -fPIC -c -o "$d/fix.o" "$d/fix.c"
	cc -O2 -fPIC -c -o "$d/library_fix.o" "$d/library_fix.c"
	hotpatch=$d/hotpatch library_patch=$d/library.hotpatch
	"$compose" "$hotpatch" "$d/program" "$d/fix.o" answer
	"$compose" "$library_patch" "$d/libversions.so" "$d/library_fix.o" value_two
	victims=$built built=$d
}

@test "of two versions of a symbol the new import gets the one that it names" {
	make_versions value@V1
	start_victim program
	[[ $(ask a) == 7 ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 106 ]]
	stop_victim
	built=$victims
	make_versions value@V2
	start_victim program
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 206 ]]
	stop_victim
}

@test "a new import of a function that another hotpatch replaces in the same stop" {
	make_versions value@V2
	start_victim program
	apply_at_once "$hotpatch" "$library_patch"
	[[ $(ask a) == 2006 ]]
	run -0 "$suture" verify --pid "$pid" "$hotpatch" "$library_patch"
	run -0 "$suture" revert --pid "$pid" "$library_patch"
	[[ $(ask a) == 206 ]]
	stop_victim
}

@test "a version that the library does not have is refused, and nothing changes" {
	make_versions value@V2
	# The library of another day, without V2.
	sed -i 's/^__asm__.*/__asm__(".symver value_one,value@@V1");/' "$built/library.c"
	echo 'V1 { global: keep; value; local: *; };' >"$built/versions"
	cc -O2 -fPIC -shared -Wl,--build-id -Wl,-soname,libversions.so \
		-Wl,--version-script="$built/versions" -o "$built/libversions.so" "$built/library.c"
	start_victim program
	run -5 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $output == *"needs value@V2, which is not in the process"* ]]
	[[ $(ask a) == 7 ]]
	stop_victim
}

@test "a call through the old build's table that has never been made is bound when it is made" {
	cat >"$BATS_TEST_TMPDIR/lazy.c" <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		int answer(int x);
		__attribute__((noinline)) int answer(int x)
		{
		#ifdef NEW
			return atoi("43") + x - 6;
		#else
			return x > 100 ? atoi("100") : x + 1;
		#endif
		}
		int main(void)
		{
			puts("ready");
			fflush(stdout);
			for (int c; (c = getchar()) != 'q';) {
				printf("%d\n", answer(6));
				fflush(stdout);
			}
			return 0;
		}
	END
	built=$BATS_TEST_TMPDIR hotpatch=$BATS_TEST_TMPDIR/hotpatch
	cc -O2 -Wl,--build-id -Wl,-z,lazy -o "$built/lazy" "$built/lazy.c"
	cc -O2 -Wl,--build-id -Wl,-z,lazy -DNEW -o "$built/new" "$built/lazy.c"
	[[ $(readelf -d "$built/lazy") != *BIND_NOW* ]]
	run -0 "$suture" build -o "$hotpatch" "$built/lazy" "$built/new"
	start_victim lazy
	slot=$(readelf -rW "$built/lazy" | awk '/JUMP_SLO.*(atoi|strtol)/ { print $1 }')
	[[ -n $slot ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == 43 && $(ask a) == 43 ]]
	"$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a) == 7 ]]
	stop_victim
}
