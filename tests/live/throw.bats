# SPDX-License-Identifier: Apache-2.0
# Exceptions thrown from, through and into replaced functions, and cancelled threads.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	source=$BATS_TEST_DIRNAME/throw.cc
	compose=$built/live-compose
	built=$BATS_TEST_TMPDIR
	hotpatch=$built/hotpatch
	g++ -O2 -o "$built/victim" "$source" -pthread -Wl,--build-id
}

teardown() {
	kill_victim
}

# The hotpatch for the functions named.
make_hotpatch() {
	g++ -O2 -fPIC -DFIX "${@/#/-DHAS_}" -c -o "$built/fix.o" "$source"
	"$compose" "$hotpatch" "$built/victim" "$built/fix.o" "$@"
}

# Replace the functions named; throw, cancel, revert, and throw again.
throws() {
	local answer=$1
	shift
	make_hotpatch "$@"
	start_victim victim
	[[ $(ask a) == "7 1" ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == "$answer 1" ]]
	[[ $(ask t) == "1 2" ]]
	[[ $(ask a) == "$answer 1" ]]
	"$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a) == "7 1" ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == "$answer 1" ]]
	stop_victim
}

@test "an exception from a replaced function" {
	throws 43 thrower
}

@test "an exception through a replaced function, whose destructors run" {
	throws 7 through
}

@test "an exception into a replaced function" {
	throws 7 catcher
}

@test "an exception from, through and into replaced functions" {
	throws 43 thrower through catcher
}

@test "a program that is patched while it has never thrown" {
	make_hotpatch thrower through catcher
	start_victim victim
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask t) == "1 2" ]]
	[[ $(ask a) == "43 1" ]]
	stop_victim
}

@test "code that catches is refused where the unwinder cannot be told" {
	g++ -O2 -static -o "$built/victim" "$source" -pthread -Wl,--build-id
	make_hotpatch catcher
	start_victim victim
	run -5 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $output == *"no libgcc_s"* || $output == *"which is not in the process"* ]]
	[[ $(ask a) == "7 1" ]]
	stop_victim
}

@test "a replaced function that starts threads, catches what they throw, and is called by them" {
	cat >"$built/threads.cc" <<-'END'
		#include <cstdio>
		#include <stdexcept>
		#include <thread>
		#include <vector>
		extern "C" int answer(int x);
		#ifndef FIX
		volatile int bias = 1;
		// Callers must not know that this one would do with an odd stack.
		extern "C" __attribute__((noipa)) int answer(int x) { return x + bias; }
		int main()
		{
			std::puts("ready");
			std::fflush(stdout);
			for (int c; (c = std::getchar()) != 'q';) {
				int direct = answer(6), inside = 0;
				std::thread thread([&] { inside = answer(6); });
				thread.join();
				std::printf("%d %d\n", direct, inside);
				std::fflush(stdout);
			}
			return 0;
		}
		#else
		extern "C" int answer(int x)
		{
			std::vector<std::thread> threads;
			int results[4] = {};
			for (int i = 0; i < 4; i++)
				threads.emplace_back([&results, i, x] {
					try {
						if (i % 2)
							throw std::runtime_error("odd");
						results[i] = x + i;
					} catch (const std::exception &) {
						results[i] = 10;
					}
				});
			for (auto &thread : threads)
				thread.join();
			return results[0] + results[1] + results[2] + results[3] + 9;
		}
		#endif
	END
	g++ -O2 -o "$built/victim" "$built/threads.cc" -pthread -Wl,--build-id
	g++ -O2 -fPIC -DFIX -c -o "$built/fix.o" "$built/threads.cc"
	"$compose" "$hotpatch" "$built/victim" "$built/fix.o" answer
	start_victim victim
	[[ $(ask a) == "7 7" ]]
	"$suture" apply --pid "$pid" "$hotpatch"
	[[ $(ask a) == "43 43" && $(ask a) == "43 43" ]]
	run -0 "$suture" verify --pid "$pid" "$hotpatch"
	"$suture" revert --pid "$pid" "$hotpatch"
	[[ $(ask a) == "7 7" ]]
	stop_victim
}
