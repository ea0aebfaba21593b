// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-mover MILLISECONDS [once] | 0
 *
 * Runs for a moment, so long at most, then executes a shell that executes it again, for
 * ever: a process that is always about to be another program. With "once" it has a child of
 * vfork(2) do so once, and exits. With 0 it stays as it is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int answer(void);
__attribute__((noipa)) int answer(void)
{
	return 7;
}

static void rest(int milliseconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	usleep((now.tv_nsec / 1000 + getpid()) % (milliseconds * 1000 + 1));
}

// A child that shares our memory until it executes another program.
static int leave_child(int milliseconds)
{
	pid_t pid = vfork();

	if (pid == 0) {
		rest(milliseconds);
		execl("/bin/true", "true", NULL);
		_exit(1);
	}
	return pid < 0 || waitpid(pid, NULL, 0) != pid;
}

int main(int argc, char **argv)
{
	int milliseconds = argc > 1 ? atoi(argv[1]) : 0;

	while (milliseconds == 0)
		pause();
	rest(milliseconds);
	if (answer() < 0)
		puts("never");
	if (argc > 2)
		return leave_child(milliseconds);
	execl("/bin/sh", "sh", "-c", "exec \"$0\" $1", argv[0], argv[1], NULL);
	return 1;
}
