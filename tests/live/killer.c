// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-killer STEP COMMAND...
 *
 * Runs COMMAND and kills it, with every process it has started, when one of them
 * is about to make system call number STEP of those that change other processes:
 * ptrace, and pwrite to their memory. Prints "killed", or "ended STATUS N" when
 * the command ended before; N is how many such calls it made. No hook in the
 * product is needed for this: every point between two changes is reached.
 *
 * With $VICTIM set, process $VICTIM is killed then instead, and the command runs on when it
 * is dead; calls that read its memory are such steps, too. With $SIGNAL besides, it is sent
 * that signal, and the command runs on when another thread than the first has executed a
 * program, or cannot. With
 * $WHOM, only one process of the command is: "worker", the one that was about to make
 * the call, or "parent", the one that was started first. With $PAUSE nobody is killed:
 * whoever was about to make the call stands still for $PAUSE seconds.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX = 64 };

/** A process that is watched. */
struct watched {
	pid_t pid;
	int is_inside; /**< Between the entry and the exit of a call. */
};

static struct watched all[MAX];
static int n_all;

static struct watched *find(pid_t pid)
{
	for (int i = 0; i < n_all; i++)
		if (all[i].pid == pid)
			return &all[i];
	all[n_all] = (struct watched){ .pid = pid };
	return &all[n_all++];
}

static void forget(pid_t pid)
{
	*find(pid) = all[--n_all];
}

static int is_change(pid_t pid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &regs) < 0)
		return 0;
	return regs.orig_rax == SYS_ptrace || regs.orig_rax == SYS_pwrite64 ||
	       (getenv("VICTIM") && regs.orig_rax == SYS_process_vm_readv);
}

// Has it given its memory back?
static int is_dead(const char *victim)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "/proc/%s/maps", victim);
	int fd = open(path, O_RDONLY);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (fd >= 0)
		close(fd);
	return size <= 0;
}

// Is it a program of one thread, which stands still?
static int is_replaced(const char *victim)
{
	char path[64], text[512] = "", state = 0;
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/task", victim);
	if (stat(path, &st) < 0 || st.st_nlink != 3)
		return 0;
	snprintf(path, sizeof(path), "/proc/%s/stat", victim);
	int fd = open(path, O_RDONLY);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
		sscanf(text, "%*d (%*[^)]) %c", &state);
	if (fd >= 0)
		close(fd);
	return state == 't' || state == 'S';
}

static void strike(const char *victim)
{
	const char *signal = getenv("SIGNAL");

	kill(atoi(victim), signal ? atoi(signal) : SIGKILL);
	// Where all threads are stopped, none of them executes anything now.
	for (int i = 0; signal ? i < 500 && !is_replaced(victim) : !is_dead(victim); i++)
		usleep(1000);
}

static int kill_all(void)
{
	for (int i = 0; i < n_all; i++)
		kill(all[i].pid, SIGKILL);
	while (waitpid(-1, NULL, __WALL) > 0 || errno == EINTR)
		;
	puts("killed");
	return 0;
}

// Kill whom we are to kill; false when that was the whole command.
static int kill_one(pid_t caller, pid_t first)
{
	const char *victim = getenv("VICTIM"), *whom = getenv("WHOM"), *pause = getenv("PAUSE");

	if (pause)
		sleep(atoi(pause));
	else if (victim)
		strike(victim);
	else if (whom)
		kill(strcmp(whom, "parent") == 0 ? first : caller, SIGKILL);
	return victim || whom || pause;
}

static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		raise(SIGSTOP);
		execv(argv[0], argv);
		_exit(127);
	}
	waitpid(pid, NULL, WUNTRACED);
	ptrace(PTRACE_SEIZE, pid, NULL,
	       (long)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		      PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL));
	find(pid);
	kill(pid, SIGCONT);
	return pid;
}

int main(int argc, char **argv)
{
	long step = argc > 2 ? atol(argv[1]) : 0, n = 0;
	int status, end = -1;

	if (argc < 3)
		return 2;
	pid_t first = start(argv + 2);
	for (;;) {
		pid_t pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			break;
		if (!WIFSTOPPED(status)) {
			if (pid == first)
				end = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
			forget(pid);
			continue;
		}
		struct watched *w = find(pid);
		int sig = WSTOPSIG(status), event = status >> 16;
		if (sig == (SIGTRAP | 0x80)) {
			w->is_inside = !w->is_inside;
			if (w->is_inside && is_change(pid) && ++n == step &&
			    !kill_one(pid, first))
				return kill_all();
		}
		ptrace(PTRACE_SYSCALL, pid, NULL,
		       (long)(event || sig == (SIGTRAP | 0x80) ? 0 : sig));
	}
	printf("ended %d %ld\n", end, n);
	return 0;
}
