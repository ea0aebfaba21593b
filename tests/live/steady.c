// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-steady THREADS
 *
 * A victim that notices everything. Its main thread computes all the time with
 * every register, red zone included; of the others each third computes, too, each
 * third sleeps in epoll_wait for ever, each third calls answer(). Commands:
 *   c  counts: "rounds N old N new N wrong N broken N woken N" (new: 43 or 99; wrong: answer() gave
 *      something else; broken: a register or the red zone changed; woken: an
 *      epoll_wait returned)
 *   a  answer(6)    q  quit
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

int answer(int x);
extern int bias;
int bias = 1;

__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}

static atomic_long n_rounds, n_old, n_new, n_wrong, n_broken, n_woken;

// Fill the registers, let time pass, and compare. Returns what differs, 0: nothing.
uint64_t spin(uint64_t turns);
__asm__(".text\n"
	".globl spin\n"
	".type spin, @function\n"
	"spin:\n"
	"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rdi, %rax\n"
	"	mov $0x1111111111111111, %rbx; mov $0x2222222222222222, %rcx\n"
	"	mov $0x3333333333333333, %rdx; mov $0x4444444444444444, %rsi\n"
	"	mov $0x5555555555555555, %rdi; mov $0x6666666666666666, %rbp\n"
	"	mov $0x7777777777777777, %r8;  mov $0x0888888888888888, %r9\n"
	"	mov $0x0999999999999999, %r10; mov $0x0aaaaaaaaaaaaaaa, %r11\n"
	"	mov $0x0bbbbbbbbbbbbbbb, %r12; mov $0x0ccccccccccccccc, %r13\n"
	"	mov $0x0ddddddddddddddd, %r14; mov $0x0eeeeeeeeeeeeeee, %r15\n"
	"	movq %rbx, %xmm0; movq %rcx, %xmm1; movq %rdx, %xmm7; movq %rsi, %xmm15\n"
	"	mov %rbx, -8(%rsp); mov %rcx, -64(%rsp); mov %rdx, -128(%rsp)\n"
	"1:	dec %rax\n"
	"	jnz 1b\n"
	"	xor -8(%rsp), %rbx; xor -64(%rsp), %rcx; xor -128(%rsp), %rdx\n"
	"	or %rbx, %rax; or %rcx, %rax; or %rdx, %rax\n"
	"	movq %xmm15, %rbx; xor %rsi, %rbx; or %rbx, %rax\n"
	"	movq %xmm0, %rbx; mov $0x1111111111111111, %rcx; xor %rcx, %rbx; or %rbx, %rax\n"
	"	movq %xmm1, %rbx; mov $0x2222222222222222, %rcx; xor %rcx, %rbx; or %rbx, %rax\n"
	"	movq %xmm7, %rbx; mov $0x3333333333333333, %rcx; xor %rcx, %rbx; or %rbx, %rax\n"
	"	mov $0x4444444444444444, %rcx; xor %rcx, %rsi; or %rsi, %rax\n"
	"	mov $0x5555555555555555, %rcx; xor %rcx, %rdi; or %rdi, %rax\n"
	"	mov $0x6666666666666666, %rcx; xor %rcx, %rbp; or %rbp, %rax\n"
	"	mov $0x7777777777777777, %rcx; xor %rcx, %r8;  or %r8, %rax\n"
	"	mov $0x0888888888888888, %rcx; xor %rcx, %r9;  or %r9, %rax\n"
	"	mov $0x0999999999999999, %rcx; xor %rcx, %r10; or %r10, %rax\n"
	"	mov $0x0aaaaaaaaaaaaaaa, %rcx; xor %rcx, %r11; or %r11, %rax\n"
	"	mov $0x0bbbbbbbbbbbbbbb, %rcx; xor %rcx, %r12; or %r12, %rax\n"
	"	mov $0x0ccccccccccccccc, %rcx; xor %rcx, %r13; or %r13, %rax\n"
	"	mov $0x0ddddddddddddddd, %rcx; xor %rcx, %r14; or %r14, %rax\n"
	"	mov $0x0eeeeeeeeeeeeeee, %rcx; xor %rcx, %r15; or %r15, %rax\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
	"	ret\n"
	".size spin, .-spin\n");

static void compute(void)
{
	// Also what AVX holds above SSE, and the x87 stack.
	volatile double a[16];
	long double b = 1.0L;
	double sum = 0;

	for (int i = 0; i < 16; i++)
		a[i] = i;
	if (spin(20000))
		n_broken++;
	for (int i = 0; i < 16; i++) {
		sum += a[i];
		b = b * 2.0L + i;
	}
	if (sum != 120 || b != 131055.0L)
		n_broken++;
	n_rounds++;
}

static void ask(void)
{
	int a = answer(6);

	atomic_fetch_add(a == 7 ? &n_old : a == 43 || a == 99 ? &n_new : &n_wrong, 1);
	nanosleep(&(struct timespec){ .tv_nsec = 300000 }, NULL);
}

static void sleep_for_ever(void)
{
	struct epoll_event e;
	int fd = epoll_create1(0);

	for (;;) {
		epoll_wait(fd, &e, 1, -1);
		n_woken++;
	}
}

static void *work(void *argument)
{
	uintptr_t kind = (uintptr_t)argument % 3;

	if (kind == 2)
		sleep_for_ever();
	for (;;) {
		if (kind == 0) {
			ask();
		} else {
			compute();
			usleep(1000);
		}
	}
	return NULL;
}

static int handle(int c)
{
	if (c == 'a')
		printf("%d\n", answer(6));
	if (c == 'c')
		printf("rounds %ld old %ld new %ld wrong %ld broken %ld woken %ld\n", n_rounds,
		       n_old, n_new, n_wrong, n_broken, n_woken);
	fflush(stdout);
	return c == 'q';
}

int main(int argc, char **argv)
{
	struct pollfd input = { 0, POLLIN, 0 };
	pthread_t thread;
	char c;

	for (int i = 0; i < (argc > 1 ? atoi(argv[1]) : 0); i++)
		if (pthread_create(&thread, NULL, work, (void *)(uintptr_t)i) != 0)
			return 1;
	puts("ready");
	fflush(stdout);
	for (;;) {
		compute();
		if (poll(&input, 1, 0) > 0 && (read(0, &c, 1) != 1 || handle(c)))
			_exit(0);
	}
}
