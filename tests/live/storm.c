// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-storm MODE
 *
 * A victim that makes trouble:
 *   clone    four threads that start and join others all the time
 *   fork     two threads that fork all the time; the children call answer()
 *   spawn    two threads that posix_spawn(3) all the time
 *   leader   the first thread has exited; others run
 *   uring    reads of io_uring are under way in kernel threads
 *   seccomp  a filter kills whoever maps memory, and more
 *   strict   a thread in seccomp's strict mode: read, write, exit, sigreturn
 *   mdwe     PR_SET_MDWE: no memory may become executable
 *   filter   the same by a filter, as systemd makes it: such calls fail
 *   shared   another process shares the memory (CLONE_VM) and calls answer()
 *   private  PR_SET_DUMPABLE 0
 *   exec     executes itself anew every few milliseconds
 *   alarm    SIGALRM two thousand times a second
 *   crowd    two hundred threads, the first one too, compute all the time
 * "a": answer(6); "c": "done N wrong N"; "x": the error of making memory executable;
 * "q": quit.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

int answer(int x);
extern int bias;
int bias = 1;

__attribute__((noinline)) int answer(int x)
{
	return x + bias;
}

static atomic_long n_done, n_wrong, n_started;

static int is_right(int a)
{
	return a == 7 || a == 43;
}

static void check(int is_fine)
{
	n_done++;
	if (!is_fine)
		n_wrong++;
}

static void *ask_once(void *unused)
{
	check(is_right(answer(6)));
	return unused;
}

static void *clone_storm(void *unused)
{
	pthread_t thread;

	for (;;) {
		if (pthread_create(&thread, NULL, ask_once, NULL) == 0)
			pthread_join(thread, NULL);
		else
			check(0);
	}
	return unused;
}

static void *compute(void *unused)
{
	// Long enough that a stop seldom finds a thread inside answer().
	for (;;) {
		for (volatile int i = 0; i < 200000; i++)
			;
		check(is_right(answer(6)));
	}
	return unused;
}

static void *fork_storm(void *unused)
{
	for (;;) {
		int status = 0;
		pid_t pid = fork();
		if (pid == 0)
			_exit(is_right(answer(6)) ? 0 : 1);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			check(0);
		check(status == 0);
	}
	return unused;
}

static void *spawn_storm(void *unused)
{
	char *const argv[] = { (char *)"true", NULL };

	for (;;) {
		int status = 0;
		pid_t pid;
		if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL) != 0) {
			check(0);
			continue;
		}
		waitpid(pid, &status, 0);
		check(status == 0);
	}
	return unused;
}

static void *ask_for_ever(void *unused)
{
	n_started++;
	for (;;) {
		check(is_right(answer(6)));
		usleep(200);
	}
	return unused;
}

static void start(int n, void *(*work)(void *))
{
	pthread_t thread;

	for (int i = 0; i < n; i++)
		if (pthread_create(&thread, NULL, work, NULL) != 0)
			_exit(1);
}

// One read of an empty pipe that IOSQE_ASYNC hands to a kernel thread.
static void start_uring(void)
{
	struct io_uring_params p = { 0 };
	static char byte;
	int ends[2], fd = syscall(SYS_io_uring_setup, 4, &p);

	if (fd < 0 || pipe(ends) < 0)
		_exit(77);
	char *ring = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
	struct io_uring_sqe *sqe = mmap(NULL, p.sq_entries * sizeof(*sqe), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQES);
	sqe[0] = (struct io_uring_sqe){ .opcode = IORING_OP_READ,
					.flags = IOSQE_ASYNC,
					.fd = ends[0],
					.addr = (uintptr_t)&byte,
					.len = 1 };
	*(uint32_t *)(ring + p.sq_off.array) = 0;
	*(volatile uint32_t *)(ring + p.sq_off.tail) = 1;
	if (syscall(SYS_io_uring_enter, fd, 1, 0, 0, NULL, 0) != 1)
		_exit(77);
}

#define ALLOW(name)                                                                              \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                   \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void forbid_most(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(read),
		ALLOW(write),
		ALLOW(futex),
		ALLOW(clock_nanosleep),
		ALLOW(rt_sigreturn),
		ALLOW(exit_group),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		_exit(77);
}

#define REFUSE(name, arg, mask, bits)                                                           \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),                    \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4),                            \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[arg])),     \
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),                                        \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1),                                  \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)

// MemoryDenyWriteExecute= of systemd.exec(5).
static void forbid_execution(void)
{
	enum { WX = PROT_WRITE | PROT_EXEC, SHARED_EXEC = 0100000 };
	struct sock_filter code[] = {
		REFUSE(mmap, 2, WX, WX),
		REFUSE(mprotect, 2, PROT_EXEC, PROT_EXEC),
		REFUSE(pkey_mprotect, 2, PROT_EXEC, PROT_EXEC),
		REFUSE(shmat, 2, SHARED_EXEC, SHARED_EXEC),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
		_exit(77);
}

static int make_executable(void)
{
	static char bytes[8192] __attribute__((aligned(4096)));

	return syscall(SYS_mprotect, bytes, 4096, PROT_READ | PROT_EXEC) == 0 ? 0 : errno;
}

static int share(void *unused)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ask_for_ever(unused);
	return 0;
}

static void on_alarm(int sig)
{
	(void)sig;
	check(is_right(answer(6)));
}

static void alarm_storm(void)
{
	struct itimerval t = { { 0, 500 }, { 0, 500 } };
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
}

static int is_strict; // then only a thread may exit

// The new image says ready only the first time.
static void exec_storm(char **argv)
{
	struct pollfd input = { 0, POLLIN, 0 };

	if (argv[2] == NULL)
		(void)!write(1, "ready\n", 6);
	for (int i = 0; i < 5; i++) {
		if (!is_right(answer(6)))
			_exit(1);
		if (poll(&input, 1, 1) > 0)
			_exit(0);
	}
	execl("/proc/self/exe", argv[0], argv[1], "again", NULL);
	_exit(1);
}

static void *serve(void *unused)
{
	char text[100], c;
	ssize_t size;

	(void)!write(1, "ready\n", 6);
	while (read(0, &c, 1) == 1 && c != 'q') {
		if (c == 'a') {
			size = snprintf(text, sizeof(text), "%d\n", answer(6));
			(void)!write(1, text, size);
		} else if (c == 'c') {
			size = snprintf(text, sizeof(text), "done %ld wrong %ld\n", n_done,
					n_wrong);
			(void)!write(1, text, size);
		} else if (c == 'x') {
			size = snprintf(text, sizeof(text), "%d\n", make_executable());
			(void)!write(1, text, size);
		}
	}
	syscall(is_strict ? SYS_exit : SYS_exit_group, 0);
	return unused;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	if (strcmp(mode, "clone") == 0)
		start(4, clone_storm);
	else if (strcmp(mode, "fork") == 0)
		start(2, fork_storm);
	else if (strcmp(mode, "spawn") == 0)
		start(2, spawn_storm);
	else if (strcmp(mode, "uring") == 0)
		start_uring();
	else if (strcmp(mode, "mdwe") == 0 && prctl(65, 1, 0, 0, 0) != 0)
		return 77;
	else if (strcmp(mode, "private") == 0)
		prctl(PR_SET_DUMPABLE, 0);
	else if (strcmp(mode, "shared") == 0)
		clone(share, (char *)malloc(1 << 20) + (1 << 20), CLONE_VM | SIGCHLD, NULL);
	else if (strcmp(mode, "alarm") == 0)
		alarm_storm();
	else if (strcmp(mode, "exec") == 0)
		exec_storm(argv);
	else if (strcmp(mode, "crowd") == 0) {
		start(200, compute);
		start(1, serve);
		compute(NULL);
	}
	start(2, ask_for_ever);
	while (n_started < 2) // the threads have made the calls that come first
		usleep(1000);
	if (strcmp(mode, "leader") == 0) {
		start(1, serve);
		pthread_exit(NULL);
	}
	if (strcmp(mode, "seccomp") == 0)
		forbid_most();
	if (strcmp(mode, "filter") == 0)
		forbid_execution();
	if (strcmp(mode, "strict") == 0)
		is_strict = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
	serve(NULL);
}
