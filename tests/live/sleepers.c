// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-sleepers [CALL...]
 *
 * A victim with one thread in each blocking system call (all that it knows, or
 * those named), for ever. Commands on standard input, one answer line each:
 *   l  list the calls
 *   c  how often each call has returned: name=returns/eintr/wrong …
 *   s  send one signal to every thread, and wait until each thread's handler has
 *      run and its call has returned EINTR: "ok", or who did not
 *   m  that a thousand times
 *   i  the same with a signal that is ignored: nobody may return
 *   q  quit
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LONG_SECONDS = 3600 };

static const struct timespec long_time = { .tv_sec = LONG_SECONDS };

// Descriptors of the call that is going on; closed when it has returned.
static __thread int held[8];
static __thread int n_held;

static int hold(int fd)
{
	held[n_held++] = fd;
	return fd;
}

static void close_held(void)
{
	while (n_held)
		close(held[--n_held]);
}

static long on_epoll_wait(void)
{
	struct epoll_event e;
	return epoll_wait(hold(epoll_create1(0)), &e, 1, LONG_SECONDS * 1000);
}

static long on_epoll_pwait(void)
{
	struct epoll_event e;
	sigset_t set;
	sigemptyset(&set);
	return epoll_pwait(hold(epoll_create1(0)), &e, 1, -1, &set);
}

static long on_epoll_pwait2(void)
{
	struct epoll_event e;
	return syscall(SYS_epoll_pwait2, hold(epoll_create1(0)), &e, 1, &long_time, NULL, 8);
}

static int new_semaphore(void)
{
	int id = semget(IPC_PRIVATE, 1, 0600);
	return id;
}

static long on_semop(void)
{
	struct sembuf op = { .sem_op = -1 };
	int id = new_semaphore();
	long r = semop(id, &op, 1);
	int saved = errno;
	semctl(id, 0, IPC_RMID);
	errno = saved;
	return r;
}

static long on_semtimedop(void)
{
	struct sembuf op = { .sem_op = -1 };
	int id = new_semaphore();
	long r = semtimedop(id, &op, 1, &long_time);
	int saved = errno;
	semctl(id, 0, IPC_RMID);
	errno = saved;
	return r;
}

static long on_msgrcv(void)
{
	struct { long type; char text[8]; } m;
	int id = msgget(IPC_PRIVATE, 0600);
	long r = msgrcv(id, &m, sizeof(m.text), 0, 0);
	int saved = errno;
	msgctl(id, IPC_RMID, NULL);
	errno = saved;
	return r;
}

static long on_sigtimedwait(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMAX);
	return sigtimedwait(&set, NULL, &long_time);
}

static long on_io_getevents(void)
{
	aio_context_t context = 0;
	struct io_event e;
	struct timespec t = long_time;
	if (syscall(SYS_io_setup, 1, &context) < 0)
		return -2;
	long r = syscall(SYS_io_getevents, context, 1, 1, &e, &t);
	int saved = errno;
	syscall(SYS_io_destroy, context);
	errno = saved;
	return r;
}

static long on_nanosleep(void)
{
	return nanosleep(&long_time, NULL);
}

static long on_clock_nanosleep(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += LONG_SECONDS;
	return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static long on_futex(void)
{
	static int word;
	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &long_time, NULL, 0);
}

static long on_futex_forever(void)
{
	static int word;
	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static int quiet_pipe(void)
{
	int ends[2];
	if (pipe(ends) < 0)
		return -1;
	hold(ends[1]);
	return hold(ends[0]);
}

static long on_poll(void)
{
	struct pollfd p = { quiet_pipe(), POLLIN, 0 };
	return poll(&p, 1, LONG_SECONDS * 1000);
}

static long on_ppoll(void)
{
	struct pollfd p = { quiet_pipe(), POLLIN, 0 };
	return ppoll(&p, 1, &long_time, NULL);
}

static long on_select(void)
{
	int fd = quiet_pipe();
	fd_set set;
	struct timeval t = { .tv_sec = LONG_SECONDS };
	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &t);
}

static long on_pselect(void)
{
	return pselect(0, NULL, NULL, NULL, &long_time, NULL);
}

static long on_recv_timeout(void)
{
	int ends[2];
	char c;
	struct timeval t = { .tv_sec = LONG_SECONDS };
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	hold(ends[0]);
	hold(ends[1]);
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	return recv(ends[0], &c, 1, 0);
}

static long on_read_timeout(void)
{
	int ends[2];
	char c;
	struct timeval t = { .tv_sec = LONG_SECONDS };
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	hold(ends[0]);
	hold(ends[1]);
	setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	return read(ends[0], &c, 1);
}

static long on_accept_timeout(void)
{
	struct timeval t = { .tv_sec = LONG_SECONDS };
	int fd = hold(socket(AF_UNIX, SOCK_STREAM, 0));
	sa_family_t family = AF_UNIX; // any name will do
	bind(fd, (struct sockaddr *)&family, sizeof(family));
	listen(fd, 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	return accept(fd, NULL, NULL);
}

static long on_read_pipe(void)
{
	char c;
	return read(quiet_pipe(), &c, 1);
}

static long on_mq_timedreceive(void)
{
	struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
	char name[32], text[8];
	struct timespec at;
	snprintf(name, sizeof(name), "/sleepers-%d", gettid());
	mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
	if (q < 0)
		return -2;
	mq_unlink(name);
	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += LONG_SECONDS;
	long r = mq_timedreceive(q, text, sizeof(text), NULL, &at);
	int saved = errno;
	mq_close(q);
	errno = saved;
	return r;
}

static long on_pause(void)
{
	return pause();
}

static long on_sigsuspend(void)
{
	sigset_t set;
	sigemptyset(&set);
	return sigsuspend(&set);
}

static long on_wait(void)
{
	static _Atomic pid_t child;
	if (!child) {
		pid_t pid = fork();
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		child = pid;
	}
	return waitpid(child, NULL, 0);
}

static long on_flock(void)
{
	static _Atomic int locked;
	char name[] = "/tmp/sleepers-XXXXXX", path[64];
	if (!locked) {
		int fd = mkstemp(name);
		flock(fd, LOCK_EX);
		unlink(name);
		locked = fd;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", locked);
	return flock(hold(open(path, O_RDONLY)), LOCK_EX);
}

static long on_connect_timeout(void)
{
	// A listener whose queue is full lets others wait.
	struct timeval t = { .tv_sec = LONG_SECONDS };
	struct sockaddr_storage name;
	socklen_t size = sizeof(name);
	sa_family_t family = AF_UNIX;
	int listener = hold(socket(AF_UNIX, SOCK_STREAM, 0));
	bind(listener, (struct sockaddr *)&family, sizeof(family));
	getsockname(listener, (struct sockaddr *)&name, &size);
	listen(listener, 0);
	connect(hold(socket(AF_UNIX, SOCK_STREAM, 0)), (struct sockaddr *)&name, size);
	int fd = hold(socket(AF_UNIX, SOCK_STREAM, 0));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	return connect(fd, (struct sockaddr *)&name, size);
}

static long on_send_timeout(void)
{
	struct timeval t = { .tv_sec = LONG_SECONDS };
	static char text[65536];
	int ends[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
	hold(ends[0]);
	hold(ends[1]);
	while (send(ends[0], text, sizeof(text), MSG_DONTWAIT) > 0)
		;
	setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
	return send(ends[0], text, 1, 0);
}

/** A thread and its call. */
struct sleeper {
	const char *name;
	long (*call)(void);
	pthread_t thread;
	atomic_long n_returns, n_eintr, n_wrong, n_handled;
	_Atomic pid_t tid;
	atomic_int is_in_call;
};

static struct sleeper sleepers[] = {
	{ "epoll_wait", on_epoll_wait },
	{ "epoll_pwait", on_epoll_pwait },
	{ "epoll_pwait2", on_epoll_pwait2 },
	{ "semop", on_semop },
	{ "semtimedop", on_semtimedop },
	{ "msgrcv", on_msgrcv },
	{ "sigtimedwait", on_sigtimedwait },
	{ "io_getevents", on_io_getevents },
	{ "nanosleep", on_nanosleep },
	{ "clock_nanosleep", on_clock_nanosleep },
	{ "futex", on_futex },
	{ "futex_forever", on_futex_forever },
	{ "poll", on_poll },
	{ "ppoll", on_ppoll },
	{ "select", on_select },
	{ "pselect", on_pselect },
	{ "recv_timeout", on_recv_timeout },
	{ "read_timeout", on_read_timeout },
	{ "accept_timeout", on_accept_timeout },
	{ "connect_timeout", on_connect_timeout },
	{ "send_timeout", on_send_timeout },
	{ "read_pipe", on_read_pipe },
	{ "mq_timedreceive", on_mq_timedreceive },
	{ "pause", on_pause },
	{ "sigsuspend", on_sigsuspend },
	{ "wait", on_wait },
	{ "flock", on_flock },
};

enum { N = sizeof(sleepers) / sizeof(sleepers[0]) };

static __thread struct sleeper *self;
static char is_wanted[N];

static void on_signal(int sig)
{
	(void)sig;
	if (self)
		self->n_handled++;
}

static void *sleep_for_ever(void *argument)
{
	self = argument;
	self->tid = gettid();
	for (;;) {
		self->is_in_call = 1;
		long r = self->call();
		self->is_in_call = 0;
		if (r == -1 && errno == EINTR) {
			self->n_eintr++;
		} else {
			fprintf(stderr, "%s: returned %ld, %s\n", self->name, r, strerror(errno));
			self->n_wrong++;
			usleep(100000);
		}
		close_held();
		self->n_returns++;
	}
	return NULL;
}

int answer(int x);
extern int bias;
int bias = 1;
__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}

static void short_sleep(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 200000 }, NULL);
}

// Is the thread asleep inside its call? A signal that comes before it has got
// there would be handled, and the call begun after it: nobody's mistake.
static int is_asleep(const struct sleeper *s)
{
	char path[64], text[512] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", s->tid);
	fd = open(path, O_RDONLY);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	const char *end = strrchr(text, ')');
	return s->is_in_call && end && end[2] == 'S';
}

// Send to all, then wait for all: handler run and call left.
static int send_to_all(int sig, int is_handled)
{
	long handled[N], returns[N];
	char late[512] = "";

	for (int i = 0; i < N; i++) {
		handled[i] = sleepers[i].n_handled;
		returns[i] = sleepers[i].n_returns;
		while (is_wanted[i] && !is_asleep(&sleepers[i]))
			short_sleep();
		if (is_wanted[i])
			pthread_kill(sleepers[i].thread, sig);
	}
	for (int i = 0; i < N && is_handled; i++)
		for (int tries = 0; is_wanted[i] && (sleepers[i].n_handled == handled[i] ||
						     sleepers[i].n_returns == returns[i]);
		     tries++) {
			short_sleep();
			if (tries == 100000) { // twenty seconds
				strncat(late, sleepers[i].name, sizeof(late) - strlen(late) - 2);
				strcat(late, " ");
				break;
			}
		}
	if (*late)
		puts(late);
	return !*late;
}

static void print_counts(void)
{
	for (int i = 0; i < N; i++)
		if (is_wanted[i])
			printf("%s=%ld/%ld/%ld ", sleepers[i].name, sleepers[i].n_returns,
			       sleepers[i].n_eintr, sleepers[i].n_wrong);
	putchar('\n');
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal }; // no SA_RESTART

	sigaction(SIGUSR1, &action, NULL);
	signal(SIGUSR2, SIG_IGN);
	for (int i = 0; i < N; i++) {
		is_wanted[i] = argc < 2;
		for (int j = 1; j < argc; j++)
			is_wanted[i] |= strcmp(argv[j], sleepers[i].name) == 0;
		if (is_wanted[i])
			pthread_create(&sleepers[i].thread, NULL, sleep_for_ever, &sleepers[i]);
	}
	usleep(200000);
	puts("ready");
	fflush(stdout);
	for (int c; (c = getchar()) != EOF && c != 'q';) {
		if (c == 'a')
			printf("%d\n", answer(6));
		if (c == 'l') {
			for (int i = 0; i < N; i++)
				if (is_wanted[i])
					printf("%s ", sleepers[i].name);
			putchar('\n');
		}
		if (c == 'c')
			print_counts();
		if (c == 's' && send_to_all(SIGUSR1, 1))
			puts("ok");
		if (c == 'm') {
			int n = 0;
			while (n < 1000 && send_to_all(SIGUSR1, 1))
				n++;
			if (n == 1000)
				puts("ok");
		}
		if (c == 'i' && send_to_all(SIGUSR2, 0))
			puts("ok");
		fflush(stdout);
	}
	_exit(0);
}
