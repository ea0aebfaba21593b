# SPDX-License-Identifier: Apache-2.0
# perf and gdb show a payload's functions by name.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	d=$BATS_TEST_TMPDIR
}

teardown() {
	kill_victim
	[[ -z ${map:-} ]] || rm -f "$map"
}

# A program with a thread that works in answer(), most of the time; the fix has one
# more function. $hotpatch is for it.
make_worker() {
	cat >"$d/worker.c" <<-'END'
		#include <pthread.h>
		#include <stdio.h>
		#include <unistd.h>
		extern volatile long sink;
		volatile long sink;
		int answer(int x);
		__attribute__((noinline)) int answer(int x)
		{
			for (int i = 0; i < 1000000; i++)
				sink += x;
			return x + 1;
		}
		__attribute__((noinline)) static void *work(void *unused)
		{
			for (;;) {
				sink += answer(1);
				usleep(2000);
			}
			return unused;
		}
		int main(void)
		{
			pthread_t thread;
			pthread_create(&thread, NULL, work, NULL);
			puts("ready");
			fflush(stdout);
			while (getchar() != 'q')
				;
			return 0;
		}
	END
	cat >"$d/fix.c" <<-'END'
		extern volatile long sink __attribute__((visibility("hidden")));
		__attribute__((noinline)) static int added(int x)
		{
			for (int i = 0; i < 1000000; i++)
				sink += x;
			return x;
		}
		int answer(int x)
		{
			for (int i = 0; i < 1000000; i++)
				sink -= x;
			return added(x) + 2;
		}
	END
	cc -O2 -fno-omit-frame-pointer -Wl,--build-id -o "$d/worker" "$d/worker.c" -pthread
	cc -O2 -fno-omit-frame-pointer -fPIC -c -o "$d/fix.o" "$d/fix.c"
	hotpatch=$d/hotpatch
	"$built/live-compose" "$hotpatch" "$d/worker" "$d/fix.o" answer
	built=$d
}

# How often the thread of the worker was in functions $1, as perf sees it.
samples_in() {
	perf script -i "$d/perf.data" -F ip,sym 2>/dev/null | grep -c -E " ($1)\$"
}

@test "perf shows the functions of a payload, and who called them" {
	make_worker
	start_victim worker
	"$suture" apply --pid "$pid" "$hotpatch"
	map=/tmp/perf-$pid.map
	"$suture" symbols --pid "$pid" >"$map"
	grep -E '^[0-9a-f]+ [0-9a-f]+ answer$' "$map"
	grep -E '^[0-9a-f]+ [0-9a-f]+ \[suture:worker-' "$map"
	perf record -q -e cpu-clock -g -o "$d/perf.data" -p "$pid" -- sleep 3
	# Without the file, the function that was added goes by the hotpatch's name.
	n=$(samples_in '\[suture:worker-.*\]')
	[[ $n -gt 10 ]]
	"$suture" symbols --pid "$pid" "$hotpatch" >"$map"
	[[ $(samples_in added) -ge $n ]]
	[[ $(samples_in answer) -gt 10 ]]
	[[ $(samples_in work) -gt 10 ]]
	stop_victim
}

@test "gdb shows the functions of a payload, and finds the way out of them" {
	start_victim live-frames later
	"$suture" apply --pid "$pid" "$built/live-frames.hotpatch"
	[[ $(ask t) == ok ]]
	run -0 "$suture" symbols --pid "$pid" --gdb "$d/payload.elf"
	[[ $output == "add-symbol-file $d/payload.elf" ]]
	run -0 gdb -nx -batch -iex 'set debuginfod enabled off' -p "$pid" -ex "$output" \
		-ex 'thread apply all backtrace'
	[[ $output =~ "in helper ()"[^#]*"#"[0-9]+" "*0x[0-9a-f]+" in answer ()"[^#]*"#"[0-9]+" "*0x[0-9a-f]+" in work ()" ]]
	start=$("$suture" status --pid "$pid" --json | json '.processes[0].hotpatches[0].functions[0].new_address')
	at=$(sed -n 's/^#[0-9]* *0x\([0-9a-f]*\) in answer ().*/\1/p' <<<"$output")
	[[ $((0x$at - start)) -gt 0 && $((0x$at - start)) -lt 64 ]]
	[[ $(ask r) == ok ]]
	stop_victim
}

@test "the file for gdb is sound ELF" {
	start_victim live-frames idle
	"$suture" apply --pid "$pid" "$built/live-frames.hotpatch"
	"$suture" symbols --pid "$pid" --gdb "$d/payload.elf"
	run -0 --separate-stderr readelf -SsW --debug-dump=frames "$d/payload.elf"
	[[ $stderr == "" ]]
	[[ $output == *"FUNC    GLOBAL DEFAULT    1 answer_tail"* ]]
	[[ $output == *"FDE cie="* ]]
	stop_victim
}

@test "a process without a hotpatch has no such names" {
	start_victim live-frames idle
	run -6 "$suture" symbols --pid "$pid"
	[[ -z $output ]]
	run -2 "$suture" symbols
	stop_victim
}
