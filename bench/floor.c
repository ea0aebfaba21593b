// SPDX-License-Identifier: Apache-2.0
/*
 * floor PID ROUNDS
 *
 * The least that stopping a process can cost: interrupt every thread, collect
 * every stop, read every thread's registers, continue them all. Prints for
 * each round the microseconds from the first interrupt to the last continue,
 * which is what `suture apply` calls its pause. Nothing is changed.
 *
 * As the engine does, it seizes the threads before the first round, takes
 * real-time priority while they stand still (where it may), and lets them go by
 * ending.
 */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 8192

struct threads {
	pid_t tid[MAX_THREADS];
	size_t n;
};

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static bool is_known(const struct threads *threads, pid_t tid)
{
	for (size_t i = 0; i < threads->n; i++)
		if (threads->tid[i] == tid)
			return true;
	return false;
}

/** Seize threads that are not seized yet; the number of them, or -1. */
static int seize_new(pid_t pid, struct threads *threads)
{
	char path[64];
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *folder = opendir(path);
	if (!folder)
		return -1;
	for (struct dirent *entry; (entry = readdir(folder));) {
		pid_t tid = atoi(entry->d_name);
		if (tid <= 0 || is_known(threads, tid) || threads->n == MAX_THREADS)
			continue;
		if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0) {
			if (errno == ESRCH)
				continue;
			closedir(folder);
			return -1;
		}
		threads->tid[threads->n++] = tid;
		found++;
	}
	closedir(folder);
	return found;
}

static void hurry(bool is_on)
{
	const struct sched_param param = { .sched_priority = is_on ? 1 : 0 };

	sched_setscheduler(0, is_on ? SCHED_FIFO : SCHED_OTHER, &param);
}

/** One stop and go, in microseconds; negative when the process is not as it
 *  was. */
static double stop_and_go(const struct threads *threads)
{
	struct user_regs_struct regs;
	double start = now_us();

	for (size_t i = 0; i < threads->n; i++)
		if (ptrace(PTRACE_INTERRUPT, threads->tid[i], 0, 0) < 0)
			return -1;
	for (size_t i = 0; i < threads->n; i++) {
		int status;
		if (waitpid(threads->tid[i], &status, __WALL) < 0 ||
		    !WIFSTOPPED(status))
			return -1;
	}
	for (size_t i = 0; i < threads->n; i++)
		if (ptrace(PTRACE_GETREGS, threads->tid[i], 0, &regs) < 0)
			return -1;
	for (size_t i = 0; i < threads->n; i++)
		if (ptrace(PTRACE_CONT, threads->tid[i], 0, 0) < 0)
			return -1;
	return now_us() - start;
}

int main(int argc, char **argv)
{
	static struct threads threads;

	if (argc != 3) {
		fprintf(stderr, "usage: floor PID ROUNDS\n");
		return 2;
	}
	for (int n = 1; n > 0;) {
		n = seize_new(atoi(argv[1]), &threads);
		if (n < 0) {
			perror("seize");
			return 1;
		}
	}
	for (int i = 0; i < atoi(argv[2]); i++) {
		if (i)
			usleep(20000);
		hurry(true);
		double pause = stop_and_go(&threads);
		hurry(false);
		if (pause < 0) {
			perror("stop and go");
			return 1;
		}
		printf("%.1f\n", pause);
	}
	return 0;
}
