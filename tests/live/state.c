// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-state
 *
 * A victim whose threads have unusual states that only they can tell. Commands:
 *   s  one line: every signal's disposition, and of each thread its signal mask,
 *      alternate stack, robust list, floating-point control words and errno
 *   a  answer(6)
 *   q  quit
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include <xmmintrin.h>

enum { N_THREADS = 3, N_SIGNALS = 64 };

static char lines[N_THREADS + 1][1024];
static _Atomic int asked[N_THREADS + 1];
static char stacks[N_THREADS + 1][65536];

int answer(int x);
extern int bias;
int bias = 1;
__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}

static void on_signal(int sig)
{
	(void)sig;
}

static void on_other(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
}

// The C library shows its own idea of a disposition; this is the kernel's.
static int describe_signals(char *text, size_t size)
{
	struct {
		uint64_t handler, flags, restorer, mask;
	} action;
	int n = 0;

	for (int sig = 1; sig <= N_SIGNALS; sig++) {
		if (syscall(SYS_rt_sigaction, sig, NULL, &action, 8) < 0)
			continue;
		n += snprintf(text + n, size - n, "%d:%lx,%lx,%lx,%lx ", sig, action.handler,
			      action.flags, action.restorer, action.mask);
	}
	return n;
}

static void describe_thread(char *text, size_t size)
{
	uint64_t mask = 0, pending = 0;
	stack_t stack = { 0 };
	void *robust = NULL;
	size_t robust_size = 0;
	unsigned short control;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8);
	syscall(SYS_rt_sigpending, &pending, 8);
	sigaltstack(NULL, &stack);
	syscall(SYS_get_robust_list, 0, &robust, &robust_size);
	__asm__("fnstcw %0" : "=m"(control));
	snprintf(text, size,
		 "mask %lx pending %lx stack %p,%d,%zu robust %p,%zu fp %x,%x errno %d name ", mask,
		 pending, stack.ss_sp, stack.ss_flags, stack.ss_size, robust, robust_size, control,
		 _mm_getcsr() & ~0x3fu, errno);
	prctl(PR_GET_NAME, text + strlen(text));
}

// Something of its own for each thread.
static void be_unusual(int i)
{
	stack_t stack = { .ss_sp = stacks[i], .ss_size = sizeof(stacks[i]) };
	// Rounding: bits 10 and 11 of the x87 control word, 13 and 14 of MXCSR.
	unsigned short control = 0x37f | (i % 3 + 1) << 10;
	static const int blocked[] = { SIGUSR1, SIGTERM, SIGCHLD, SIGHUP };
	cpu_set_t cpus;
	sigset_t set;
	char name[16];

	sigaltstack(&stack, NULL);
	sigemptyset(&set);
	sigaddset(&set, blocked[i]);
	sigaddset(&set, SIGRTMIN + i + 2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	syscall(SYS_tgkill, getpid(), gettid(), SIGRTMIN + i + 2); // stays pending
	__asm__("fldcw %0" : : "m"(control));
	_mm_setcsr(_mm_getcsr() | (i % 3 + 1) << 13);
	snprintf(name, sizeof(name), "unusual %d", i);
	prctl(PR_SET_NAME, name);
	prctl(PR_SET_TIMERSLACK, 100000 + i);
	CPU_ZERO(&cpus);
	CPU_SET(i % 2, &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	setpriority(PRIO_PROCESS, gettid(), i + 1);
	errno = 100 + i;
}

static void *live(void *argument)
{
	int i = (int)(uintptr_t)argument;

	be_unusual(i);
	for (;;) {
		if (asked[i]) {
			describe_thread(lines[i], sizeof(lines[i]));
			asked[i] = 0;
		}
		usleep(5000);
	}
	return NULL;
}

static void print_state(void)
{
	static char text[8192];

	describe_signals(text, sizeof(text));
	fputs(text, stdout);
	for (int i = 0; i < N_THREADS; i++)
		asked[i] = 1;
	describe_thread(lines[N_THREADS], sizeof(lines[N_THREADS]));
	for (int i = 0; i < N_THREADS; i++)
		while (asked[i])
			usleep(1000);
	for (int i = 0; i <= N_THREADS; i++)
		printf("| %s ", lines[i]);
	putchar('\n');
}

static void set_process(void)
{
	struct sigaction plain = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct sigaction other = { .sa_sigaction = on_other, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct rlimit limit = { 100, 200 };
	struct itimerval timer = { { 1000, 0 }, { 1000, 0 } };

	sigaddset(&other.sa_mask, SIGINT);
	sigaction(SIGUSR2, &plain, NULL);
	sigaction(SIGALRM, &other, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &limit);
	limit = (struct rlimit){ 1 << 20, 1 << 20 };
	setrlimit(RLIMIT_CORE, &limit);
	setitimer(ITIMER_VIRTUAL, &timer, NULL);
	umask(031);
	(void)!chdir("/proc");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int main(void)
{
	pthread_t thread;

	set_process();
	for (int i = 0; i < N_THREADS; i++)
		if (pthread_create(&thread, NULL, live, (void *)(uintptr_t)i) != 0)
			return 1;
	be_unusual(N_THREADS);
	usleep(50000);
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		if (c == 'a')
			printf("%d\n", answer(6));
		if (c == 's')
			print_state();
		fflush(stdout);
	}
	return 0;
}
