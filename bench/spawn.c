// SPDX-License-Identifier: Apache-2.0
/**
 * usage: spawn N PROGRAM
 *
 * Starts PROGRAM N times and waits for its end each time. Prints the median of what
 * one start takes, in microseconds.
 */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	int n = argc == 3 ? atoi(argv[1]) : 0;
	double *times = calloc(n + 1, sizeof(*times));

	if (n < 1 || !times)
		return 2;
	for (int i = 0; i < n; i++) {
		char *args[] = { argv[2], NULL };
		double begin = now();
		pid_t pid;
		int status;
		if (posix_spawn(&pid, argv[2], NULL, NULL, args, args + 1) != 0 ||
		    waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) > 1)
			return 1;
		times[i] = now() - begin;
	}
	qsort(times, n, sizeof(*times), by_size);
	printf("%.1f\n", times[n / 2]);
	return 0;
}
