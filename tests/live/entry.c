// SPDX-License-Identifier: Apache-2.0
/**
 * A victim with a thread whose program counter is within the first bytes of a
 * function: call(), asleep in a system call ("live-entry call"), or trap(), interrupted by a
 * signal whose handler sleeps ("live-entry trap"). "r" lets it leave (ok), "a" calls that
 * function with 6 and prints what it says, "q" quits.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static atomic_int is_released, n_traps;

// rax is the number of the system call.
__asm__(".globl call\n.type call, @function\n.globl trap\n.type trap, @function\n"
	"call:\n	nop\n	syscall\n	lea 1(%rdi), %eax\n	ret\n.size call, .-call\n"
	"trap:\n	nop\n	ud2\n	lea 1(%rdi), %eax\n	ret\n.size trap, .-trap\n");

extern int call(int x), trap(int x);

static int enter(int (*function)(int), int x, long number)
{
	int result;

	__asm__ volatile("call *%[f]"
			 : "=a"(result)
			 : "0"(number), "D"(x), [f] "r"(function)
			 : "rcx", "r11", "memory", "cc");
	return result;
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	int mine = ++n_traps;
	while (mine == 1 && !is_released)
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}

static void on_wake(int sig)
{
	(void)sig;
}

static int is_trap;

static void *work(void *unused)
{
	(void)unused;
	if (is_trap)
		enter(trap, 1, 0);
	else
		enter(call, 1, 34); // pause(2)
	for (;;)
		pause();
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	pthread_t thread;

	is_trap = argc == 2 && strcmp(argv[1], "trap") == 0;
	sigaction(SIGILL, &action, NULL);
	signal(SIGUSR1, on_wake);
	pthread_create(&thread, NULL, work, NULL);
	usleep(50000);
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		if (c == 'a')
			printf("%d\n", enter(is_trap ? trap : call, 6, 39)); // getpid(2)
		if (c == 'r') {
			is_released = 1;
			pthread_kill(thread, SIGUSR1);
			usleep(20000);
			puts("ok");
		}
		fflush(stdout);
	}
	return 0;
}
