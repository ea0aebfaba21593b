// SPDX-License-Identifier: Apache-2.0
/**
 * usage: live-mover MILLISECONDS [once]
 *
 * Runs for a moment, so long at most, then executes a shell that executes it again, for
 * ever: a process that is always about to be another program. With "once" it exits instead.
 */
#include <stdio.h>
#include <stdlib.h>
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

int main(int argc, char **argv)
{
	int milliseconds = argc > 1 ? atoi(argv[1]) : 0;

	rest(milliseconds);
	if (answer() < 0)
		puts("never");
	if (argc > 2)
		return 0;
	execl("/bin/sh", "sh", "-c", "exec \"$0\" $1", argv[0], argv[1], NULL);
	return 1;
}
