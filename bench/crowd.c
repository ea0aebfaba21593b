// SPDX-License-Identifier: Apache-2.0
/**
 * usage: crowd N PROGRAM
 *
 * Starts PROGRAM N times, says "ready" when each has said something, and ends them
 * when its standard input ends.
 */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[1]) : 0, said[2];
	pid_t *pids = calloc(n + 1, sizeof(*pids));
	posix_spawn_file_actions_t actions;
	char byte;

	if (n < 1 || !pids || pipe(said) < 0)
		return 2;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, said[1], 1);
	for (int i = 0; i < n; i++) {
		char *args[] = { argv[2], NULL };
		if (posix_spawn(&pids[i], argv[2], &actions, NULL, args, args + 1) != 0)
			return 1;
	}
	for (int lines = 0; lines < n;)
		if (read(said[0], &byte, 1) == 1)
			lines += byte == '\n';
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	return 0;
}
