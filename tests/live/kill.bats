# SPDX-License-Identifier: Apache-2.0
# A tool that is killed leaves a program that runs on rightly, and the next command
# completes or undoes. The tool is killed at every ninth step.

bats_require_minimum_version 1.5.0

setup() {
	load ../live/helpers
	load ../live/sweep
	first=$built/live-steady.hotpatch
	make_second
}

teardown() {
	kill_victim
}

@test "apply, killed at every ninth step, is completed by apply" {
	sweep_apply 9
}

@test "apply, killed at every ninth step, is undone by revert" {
	sweep_apply_then_revert 9
}

@test "revert, killed at every ninth step, is completed by revert" {
	sweep_revert 9
}

@test "apply after a revert, killed at every ninth step, is completed by apply" {
	sweep_apply_again 9
}

@test "a replacement, killed at every ninth step, is completed by the later hotpatch" {
	sweep_replace 9
}

@test "a replacement, killed at every ninth step, is taken back by the earlier hotpatch" {
	sweep_replace_then_back 9
}

@test "a program that is killed at every fifth step of apply is gone, and said to be" {
	sweep_victim 5
}

# A program whose first thread sleeps, while another one waits for a signal to execute it
# anew: then it says "again".
make_replaced() {
	cat >"$BATS_TEST_TMPDIR/replaced.c" <<-'END'
		#include <pthread.h>
		#include <signal.h>
		#include <stdio.h>
		#include <string.h>
		#include <unistd.h>
		int bias = 1;
		__attribute__((noinline)) int answer(int x) { return x + bias; }
		static void *wait_for_it(void *set)
		{
			int sig;
			sigwait(set, &sig);
			execl("/proc/self/exe", "replaced", "again", NULL);
			_exit(1);
		}
		int main(int argc, char **argv)
		{
			pthread_t thread;
			sigset_t set;
			sigemptyset(&set);
			sigaddset(&set, SIGUSR1);
			sigprocmask(SIG_BLOCK, &set, NULL);
			if (argc == 1)
				pthread_create(&thread, NULL, wait_for_it, &set);
			puts(argc > 1 ? "again" : "ready");
			fflush(stdout);
			for (int c; (c = getchar()) != 'q';) {
				printf("%d\n", answer(6));
				fflush(stdout);
			}
			return 0;
		}
	END
	echo 'int answer(int x) { return x + 37; }' >"$BATS_TEST_TMPDIR/replaced_fix.c"
	cc -O2 -Wl,--build-id -o "$BATS_TEST_TMPDIR/replaced" "$BATS_TEST_TMPDIR/replaced.c" -pthread
	cc -O2 -fPIC -c -o "$BATS_TEST_TMPDIR/replaced_fix.o" "$BATS_TEST_TMPDIR/replaced_fix.c"
	"$built/live-compose" "$BATS_TEST_TMPDIR/replaced.hotpatch" "$BATS_TEST_TMPDIR/replaced" \
		"$BATS_TEST_TMPDIR/replaced_fix.o" answer
}

@test "another thread than the first executes a program at any step of apply: it is unharmed" {
	local step result said killer=$built/live-killer
	make_replaced
	built=$BATS_TEST_TMPDIR
	for ((step = 1; step < 1000; step++)); do
		start_victim replaced
		result=$(VICTIM=$pid SIGNAL=10 timeout 300 "$killer" "$step" "$suture" apply --json \
			--pid "$pid" "$BATS_TEST_TMPDIR/replaced.hotpatch")
		((${result##* } >= step)) || break
		read -t 120 -r said <&"${VICTIM[0]}" || said=nothing
		[[ $said == again && $(ask a) =~ ^(7|43)$ ]] || {
			echo "step $step: said $said; $result"
			return 1
		}
		[[ $result =~ \"outcome\":\ \"(gone|patched)\" ]] || {
			echo "step $step: $result"
			return 1
		}
		stop_victim
	done
	stop_victim
	((step >= 10))
}

@test "apply whose worker alone is killed, at every 17th step, says so and is completed" {
	sweep_part worker 17 '7|43'
}

@test "apply whose parent alone is killed, at every 17th step, is completed by the worker" {
	sweep_part parent 17 43
}

@test "apply is killed, at every 29th step, and what repairs it, at every 19th: the third completes" {
	sweep_twice 29 19
}
