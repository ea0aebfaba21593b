# SPDX-License-Identifier: Apache-2.0
# Old and new code side by side: only for hotpatches that the builder proved, only when
# asked for, and told until no old code is in use any more.

bats_require_minimum_version 1.5.0

setup() {
	load helpers
	d=$BATS_TEST_TMPDIR
	compose=$built/live-compose
	victims=$built
	built=$d
}

teardown() {
	kill_victim
}

row() {
	json ".processes[] | select(.pid == $pid) | .$1"
}

status_of() {
	"$suture" status --pid "$pid" --json |
		json '.processes[0].hotpatches[0] | "\(.state) \(.entry_only)"'
}

# A program whose function answer() is $1, and $2 in the fixed build, with a thread that
# sleeps in a function that answer(1) calls. "r" lets it leave.
make_program() {
	cat >"$d/program.c" <<-'END'
		#include <pthread.h>
		#include <stdatomic.h>
		#include <stdio.h>
		#include <unistd.h>
		#define ALONE __attribute__((noinline, noclone))
		struct item { int a, b, c, d; };
		static atomic_int is_released;
		static struct item shared;
		int bias = 1, other_bias = 50;
		ALONE int helper(int x);
		ALONE int other(int x);
		ALONE int answer(int x, struct item *item);
		ALONE int helper(int x)
		{
			while (x == 1 && !is_released)
				usleep(1000);
			return x;
		}
		ALONE int other(int x)
		{
			return helper(x) + other_bias;
		}
		#ifdef NEW
		NEW_CODE
		#else
		OLD_CODE
		#endif
		static void *work(void *unused)
		{
			printf("%d\n", answer(1, &shared));
			fflush(stdout);
			for (;;)
				pause();
		}
		int main(void)
		{
			pthread_t thread;
			pthread_create(&thread, NULL, work, NULL);
			usleep(50000);
			puts("ready");
			fflush(stdout);
			for (int c; (c = getchar()) != 'q';) {
				if (c == 'r')
					is_released = 1;
				if (c == 'a')
					printf("%d\n", answer(6, &shared));
				fflush(stdout);
			}
			return 0;
		}
	END
	cc -O2 -Wl,--build-id "-DOLD_CODE=$1" -o "$d/old" "$d/program.c" -pthread
	cc -O2 -Wl,--build-id -DNEW "-DNEW_CODE=$2" -o "$d/new" "$d/program.c" -pthread
	hotpatch=$d/hotpatch
	run "$suture" build -o "$hotpatch" "$d/old" "$d/new"
	[[ -f $hotpatch ]] || {
		echo "$output"
		return 1
	}
}

old='int answer(int x, struct item *item) { item->a = helper(x) + bias; return item->a; }'

# With the fixed function $1 a hotpatch must not be proved.
not_proved() {
	make_program "${2:-$old}" "$1"
	[[ $("$suture" show --json "$hotpatch" | json .entry_only_safe) == false ]]
}

@test "a function with one check more is patched while a thread is in the old one" {
	make_program "$old" 'int answer(int x, struct item *item) { if (item->d > 5) return -1; item->a = helper(x) + bias; return item->a + 36; }'
	[[ $("$suture" show --json "$hotpatch" | json .entry_only_safe) == true ]]
	[[ $("$suture" show "$hotpatch") == *"Entry only"*"proved"* ]]
	start_victim old
	run -5 "$suture" apply --pid "$pid" --timeout 0.2 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == busy ]]
	run -0 "$suture" apply --pid "$pid" --timeout 0.2 --entry-only --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched ]]
	[[ $(row reason <<<"$output") == "entry only: calls that had begun may still run the old code" ]]
	[[ $(ask a) == 43 ]]
	[[ $(status_of) == "applied true" ]]
	[[ $("$suture" status --pid "$pid") == *" entry only "* ]]
	run -0 "$suture" verify --pid "$pid" --json "$hotpatch"
	[[ $(row reason <<<"$output") == "entry only"* ]]
	run -0 "$suture" apply --pid "$pid" --entry-only --json "$hotpatch"
	[[ $(row outcome <<<"$output") == already ]]
	# Without the option it waits for the old code to be left.
	run -5 "$suture" apply --pid "$pid" --timeout 0.2 --json "$hotpatch"
	[[ $(row reason <<<"$output") == *"will return into answer"* ]]
	[[ $(status_of) == "applied true" ]]
	[[ $(ask r) == 2 ]]
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == patched && -z $(row reason <<<"$output") ]]
	[[ $(status_of) == "applied false" ]]
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(row outcome <<<"$output") == already ]]
	[[ $(ask a) == 43 ]]
	stop_victim
}

@test "it is reverted while a thread is still in the old code" {
	make_program "$old" 'int answer(int x, struct item *item) { if (item->d > 5) return -1; item->a = helper(x) + bias; return item->a + 36; }'
	start_victim old
	"$suture" apply --pid "$pid" --entry-only "$hotpatch"
	[[ $(ask a) == 43 ]]
	run -0 "$suture" revert --pid "$pid" --timeout 0.2 --json "$hotpatch"
	[[ $(row outcome <<<"$output") == reverted ]]
	[[ $(status_of) == "reverted false" ]]
	[[ $(ask a) == 7 && $(ask r) == 2 ]]
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(status_of) == "applied false" ]]
	stop_victim
}

@test "a program that nobody is in is patched entry only as otherwise, and settled by another apply" {
	make_program "$old" 'int answer(int x, struct item *item) { if (item->d > 5) return -1; item->a = helper(x) + bias; return item->a + 36; }'
	start_victim old
	[[ $(ask r) == 2 ]]
	"$suture" apply --pid "$pid" --entry-only "$hotpatch"
	run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
	[[ $(status_of) == "applied false" && $(ask a) == 43 ]]
	stop_victim
}

@test "not proved: a function that calls another one, too" {
	not_proved 'int answer(int x, struct item *item) { item->a = helper(x) + bias; return other(item->a); }'
}

@test "not proved: a function that uses another variable" {
	not_proved 'int answer(int x, struct item *item) { item->a = helper(x) + other_bias; return item->a; }'
}

@test "not proved: a function that writes another field" {
	not_proved 'int answer(int x, struct item *item) { item->a = helper(x) + bias; item->b = 3; return item->a; }'
}

@test "not proved: a function that passes another field's address" {
	not_proved 'extern int use(int *p, int x); int answer(int x, struct item *item) { return use(&item->b, helper(x)) + use(&item->c, 1); } ALONE int use(int *p, int x) { return *p += x; }' \
		'extern int use(int *p, int x); int answer(int x, struct item *item) { return use(&item->b, helper(x)); } ALONE int use(int *p, int x) { return *p += x; }'
}

@test "not proved: a function with a variable of its own" {
	not_proved 'int answer(int x, struct item *item) { static int n; item->a = helper(x) + bias; return item->a + n++; }'
}

@test "not proved: a function that calls itself" {
	not_proved 'int answer(int x, struct item *item) { if (item->d > 5) return -1; item->a = helper(x) + bias; return x > 9 ? answer(x - 1, item) + answer(x - 3, item) : item->a; }' \
		'int answer(int x, struct item *item) { item->a = helper(x) + bias; return x > 9 ? answer(x - 1, item) + answer(x - 3, item) : item->a; }'
}

@test "not proved: atomic instructions" {
	not_proved 'int answer(int x, struct item *item) { __atomic_fetch_add(&item->a, helper(x), 5); return item->a + 1; }' \
		'int answer(int x, struct item *item) { __atomic_fetch_add(&item->a, helper(x), 5); return item->a; }'
}

@test "not proved: two functions" {
	not_proved 'int answer2(int x); int answer(int x, struct item *item) { item->a = helper(x) + bias; return answer2(item->a) + 1; } ALONE int answer2(int x) { return helper(x) + 5; }' \
		'int answer2(int x); int answer(int x, struct item *item) { item->a = helper(x) + bias; return answer2(item->a); } ALONE int answer2(int x) { return helper(x) + 7; }'
}

@test "a hotpatch that is not proved waits in spite of the option" {
	make_program "$old" 'int answer(int x, struct item *item) { item->a = helper(x) + other_bias; return item->a; }'
	start_victim old
	run -5 "$suture" apply --pid "$pid" --timeout 0.2 --entry-only --json "$hotpatch"
	[[ $(row outcome <<<"$output") == busy ]]
	[[ $(ask a) == 7 && $(ask r) == 2 ]]
	stop_victim
}

# A hotpatch for function $1 of the victim with threads in first bytes.
make_entry() {
	cp "$victims/live-entry" "$d/"
	echo "int $1(int x) { return x + 37; }" >"$d/fix.c"
	cc -O2 -fPIC -fno-builtin -c -o "$d/fix.o" "$d/fix.c"
	ENTRY_ONLY_SAFE=1 "$compose" "$d/hotpatch" "$d/live-entry" "$d/fix.o" "$1"
}

@test "a thread that sleeps within the bytes of the redirect holds it up" {
	make_entry call
	start_victim live-entry call
	[[ $(ask a) == 7 ]]
	run -5 "$suture" apply --pid "$pid" --timeout 0.2 --entry-only --json "$d/hotpatch"
	[[ $(row reason <<<"$output") == *"is running call" ]]
	[[ $(ask a) == 7 && $(ask r) == ok ]]
	run -0 "$suture" apply --pid "$pid" --entry-only --json "$d/hotpatch"
	[[ $(ask a) == 43 ]]
	stop_victim
}

@test "a thread that a signal interrupted within the bytes of the redirect holds it up" {
	make_entry trap
	start_victim live-entry trap
	[[ $(ask a) == 7 ]]
	run -5 "$suture" apply --pid "$pid" --timeout 0.2 --entry-only --json "$d/hotpatch"
	[[ $(row reason <<<"$output") == *"will return into trap"* ]]
	[[ $(ask a) == 7 && $(ask r) == ok ]]
	run -0 "$suture" apply --pid "$pid" --entry-only --json "$d/hotpatch"
	[[ $(ask a) == 43 ]]
	stop_victim
}

@test "the option is of apply alone" {
	run -2 "$suture" revert --entry-only name
	run -2 "$suture" status --entry-only
}

checked='int answer(int x, struct item *item) { if (item->d > 5) return -1; item->a = helper(x) + bias; return item->a + 36; }'

@test "killed at any step, it never leaves old code in use that the next apply does not see" {
	local step result n_killed=0
	make_program "$old" "$checked"
	for ((step = 1; step < 400; step += 7)); do
		start_victim old
		result=$("$victims/live-killer" "$step" "$suture" apply --entry-only --pid "$pid" "$hotpatch" | tail -n 1)
		run -5 "$suture" apply --pid "$pid" --timeout 0 --json "$hotpatch"
		[[ $(row outcome <<<"$output") == busy ]] || {
			echo "step $step: $output"
			return 1
		}
		[[ $(ask r) == 2 ]]
		run -0 "$suture" apply --pid "$pid" --json "$hotpatch"
		[[ $(ask a) == 43 && $(status_of) == "applied false" ]]
		stop_victim
		[[ $result == killed ]] || break
		n_killed=$((n_killed + 1))
	done
	[[ $result == "ended 0 "* && $n_killed -ge 2 ]]
}

@test "a later hotpatch waits for the old code that is still in use, and for the earlier one's" {
	make_program "$old" "$checked"
	printf 'extern int helper(int);\nint answer(int x, int *item) { return *item = helper(x) + 93; }\n' >"$d/later.c"
	cc -O2 -fPIC -c -o "$d/later.o" "$d/later.c"
	"$compose" "$d/later" "$d/old" "$d/later.o" answer
	start_victim old
	"$suture" apply --pid "$pid" --entry-only "$hotpatch"
	run -5 "$suture" apply --pid "$pid" --timeout 0.1 --json "$d/later"
	[[ $(row reason <<<"$output") == *"will return into answer"* ]]
	[[ $(ask a) == 43 && $(status_of) == "applied true" && $(ask r) == 2 ]]
	run -0 "$suture" apply --pid "$pid" --json "$d/later"
	[[ $(ask a) == 99 ]]
	[[ $("$suture" status --pid "$pid" --json |
		json '[.processes[0].hotpatches[] | "\(.state) \(.entry_only)"] | sort | join(", ")') == "applied false, reverted false" ]]
	stop_victim
}
