// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-timers MILLISECONDS [locked]
 *
 * A victim with one thread in each call that has a timeout, again and again, always
 * with the same timeout. With "locked", a seccomp filter kills whoever lets the kernel
 * restart a call (restart_syscall(2) is not among what it allows). Commands:
 *   c  name=rounds/shortest/longest/wrong …, in milliseconds, since the last "c";
 *      wrong: returned anything but what a timeout gives
 *   a  answer(6)
 *   q  quit
 */
#include <errno.h>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long milliseconds;

int answer(int x);
extern int bias;
int bias = 1;
__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}

static struct timespec span(void)
{
	return (struct timespec){ milliseconds / 1000, milliseconds % 1000 * 1000000 };
}

static struct timespec moment(clockid_t clock)
{
	struct timespec at, length = span();

	clock_gettime(clock, &at);
	at.tv_sec += length.tv_sec;
	at.tv_nsec += length.tv_nsec;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

// What a call gives when nothing comes: 0, or -1 with an errno.
static int is_error(long result, int expected)
{
	return result == -1 && errno == expected;
}

// Each call prepares itself once, on its own thread.
static __thread int fd = -1, other_fd;

static int new_epoll(void)
{
	return fd >= 0 ? fd : (fd = epoll_create1(0));
}

static int on_epoll_wait(void)
{
	struct epoll_event e;
	return epoll_wait(new_epoll(), &e, 1, milliseconds) == 0;
}

static int on_epoll_pwait(void)
{
	struct epoll_event e;
	sigset_t set;
	sigemptyset(&set);
	return epoll_pwait(new_epoll(), &e, 1, milliseconds, &set) == 0;
}

static int on_epoll_pwait2(void)
{
	struct epoll_event e;
	struct timespec t = span();
	return syscall(SYS_epoll_pwait2, new_epoll(), &e, 1, &t, NULL, 8) == 0;
}

static int on_semtimedop(void)
{
	struct sembuf op = { .sem_op = -1 };
	struct timespec t = span();
	int id = semget(IPC_PRIVATE, 1, 0600);
	int ok = is_error(semtimedop(id, &op, 1, &t), EAGAIN);
	semctl(id, 0, IPC_RMID);
	return ok;
}

static int on_sigtimedwait(void)
{
	struct timespec t = span();
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX);
	return is_error(sigtimedwait(&set, NULL, &t), EAGAIN);
}

static int on_io_getevents(void)
{
	static __thread aio_context_t context;
	struct timespec t = span();
	struct io_event e;
	if (!context && syscall(SYS_io_setup, 1, &context) < 0)
		return 0;
	return syscall(SYS_io_getevents, context, 1, 1, &e, &t) == 0;
}

static int on_io_uring(void)
{
	struct io_uring_params p = { 0 };
	struct timespec t = span();
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&t };
	if (fd < 0)
		fd = syscall(SYS_io_uring_setup, 4, &p);
	return is_error(syscall(SYS_io_uring_enter, fd, 0, 1,
				IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg)),
			ETIME);
}

static int on_nanosleep(void)
{
	struct timespec t = span();
	return syscall(SYS_nanosleep, &t, NULL) == 0;
}

static int on_clock_nanosleep(void)
{
	struct timespec t = span();
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &t, NULL) == 0;
}

static int on_sleep_until(void)
{
	struct timespec at = moment(CLOCK_MONOTONIC);
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == 0;
}

static int on_futex(void)
{
	struct timespec t = span();
	int word = 0;
	return is_error(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &t, NULL, 0), ETIMEDOUT);
}

static int on_futex_until(void)
{
	struct timespec at = moment(CLOCK_MONOTONIC);
	int word = 0;
	return is_error(syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, &at, NULL, -1),
			ETIMEDOUT);
}

static int on_poll(void)
{
	return poll(NULL, 0, milliseconds) == 0;
}

static int on_ppoll(void)
{
	struct timespec t = span();
	return ppoll(NULL, 0, &t, NULL) == 0;
}

static int on_select(void)
{
	struct timeval t = { milliseconds / 1000, milliseconds % 1000 * 1000 };
	return select(0, NULL, NULL, NULL, &t) == 0;
}

static int on_pselect(void)
{
	struct timespec t = span();
	return pselect(0, NULL, NULL, NULL, &t, NULL) == 0;
}

static void new_pair(int option)
{
	struct timeval t = { milliseconds / 1000, milliseconds % 1000 * 1000 };
	int ends[2];

	if (fd >= 0)
		return;
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	setsockopt(ends[0], SOL_SOCKET, option, &t, sizeof(t));
	fd = ends[0];
	other_fd = ends[1];
}

static int on_recv(void)
{
	char c;
	new_pair(SO_RCVTIMEO);
	return is_error(recv(fd, &c, 1, 0), EAGAIN);
}

static int on_recvmsg(void)
{
	char c;
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	new_pair(SO_RCVTIMEO);
	return is_error(recvmsg(fd, &m, 0), EAGAIN);
}

static int on_read(void)
{
	char c;
	new_pair(SO_RCVTIMEO);
	return is_error(read(fd, &c, 1), EAGAIN);
}

static int on_send(void)
{
	static char text[65536];
	new_pair(SO_SNDTIMEO);
	while (send(fd, text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	return is_error(send(fd, text, 1, 0), EAGAIN);
}

static int on_accept(void)
{
	struct timeval t = { milliseconds / 1000, milliseconds % 1000 * 1000 };
	sa_family_t family = AF_UNIX; // any name will do
	if (fd < 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&family, sizeof(family));
		listen(fd, 1);
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	}
	return is_error(accept(fd, NULL, NULL), EAGAIN);
}

// A listener whose queue is full lets others wait.
static int on_connect(void)
{
	static __thread struct sockaddr_storage name;
	static __thread socklen_t size = sizeof(name);
	struct timeval t = { milliseconds / 1000, milliseconds % 1000 * 1000 };
	sa_family_t family = AF_UNIX;

	if (fd < 0) {
		fd = socket(AF_UNIX, SOCK_STREAM, 0);
		bind(fd, (struct sockaddr *)&family, sizeof(family));
		getsockname(fd, (struct sockaddr *)&name, &size);
		listen(fd, 0);
		other_fd = socket(AF_UNIX, SOCK_STREAM, 0);
		connect(other_fd, (struct sockaddr *)&name, size);
	}
	int caller = socket(AF_UNIX, SOCK_STREAM, 0);
	setsockopt(caller, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	int ok = is_error(connect(caller, (struct sockaddr *)&name, size), EAGAIN);
	close(caller);
	return ok;
}

static int on_mq_timedreceive(void)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	struct timespec at = moment(CLOCK_REALTIME);
	char name[32], text[8];

	if (fd < 0) {
		snprintf(name, sizeof(name), "/timers-%d", gettid());
		fd = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
		mq_unlink(name);
	}
	return is_error(mq_timedreceive(fd, text, sizeof(text), NULL, &at), ETIMEDOUT);
}

/** A thread and its call. */
struct timer {
	const char *name;
	int (*call)(void);
	atomic_long rounds, shortest, longest, wrong;
};

static struct timer timers[] = {
	{ .name = "epoll_wait", .call = on_epoll_wait },
	{ .name = "epoll_pwait", .call = on_epoll_pwait },
	{ .name = "epoll_pwait2", .call = on_epoll_pwait2 },
	{ .name = "semtimedop", .call = on_semtimedop },
	{ .name = "sigtimedwait", .call = on_sigtimedwait },
	{ .name = "io_getevents", .call = on_io_getevents },
	{ .name = "io_uring_enter", .call = on_io_uring },
	{ .name = "nanosleep", .call = on_nanosleep },
	{ .name = "clock_nanosleep", .call = on_clock_nanosleep },
	{ .name = "sleep_until", .call = on_sleep_until },
	{ .name = "futex", .call = on_futex },
	{ .name = "futex_until", .call = on_futex_until },
	{ .name = "poll", .call = on_poll },
	{ .name = "ppoll", .call = on_ppoll },
	{ .name = "select", .call = on_select },
	{ .name = "pselect", .call = on_pselect },
	{ .name = "recv", .call = on_recv },
	{ .name = "recvmsg", .call = on_recvmsg },
	{ .name = "read", .call = on_read },
	{ .name = "send", .call = on_send },
	{ .name = "accept", .call = on_accept },
	{ .name = "connect", .call = on_connect },
	{ .name = "mq_timedreceive", .call = on_mq_timedreceive },
};

enum { N = sizeof(timers) / sizeof(timers[0]) };

static long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void *time_for_ever(void *argument)
{
	struct timer *timer = argument;

	for (;;) {
		long begin = now();
		int ok = timer->call();
		long took = now() - begin;
		if (!ok) {
			fprintf(stderr, "%s: %s\n", timer->name, strerror(errno));
			timer->wrong++;
			usleep(10000);
		}
		if (timer->rounds++ == 0 || took < timer->shortest)
			timer->shortest = took;
		if (took > timer->longest)
			timer->longest = took;
	}
	return NULL;
}

static void print_counts(void)
{
	for (int i = 0; i < N; i++) {
		struct timer *t = &timers[i];
		printf("%s=%ld/%ld/%ld/%ld ", t->name, atomic_exchange(&t->rounds, 0),
		       t->shortest / 1000, atomic_exchange(&t->longest, 0) / 1000,
		       atomic_exchange(&t->wrong, 0));
	}
	putchar('\n');
}

static void forbid_restarts(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
		_exit(77);
}

int main(int argc, char **argv)
{
	pthread_t thread;

	milliseconds = argc > 1 ? atol(argv[1]) : 1000;
	if (argc > 2)
		forbid_restarts();
	for (int i = 0; i < N; i++)
		if (pthread_create(&thread, NULL, time_for_ever, &timers[i]) != 0)
			return 1;
	usleep(100000);
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		if (c == 'a')
			printf("%d\n", answer(6));
		if (c == 'c')
			print_counts();
		fflush(stdout);
	}
	_exit(0);
}
