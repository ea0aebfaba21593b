// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process/boost.h"

// A process that computes without end and dies with its parent.
static pid_t start_busy(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			__asm__ volatile("pause");
	}
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

// Field 18 of /proc/PID/stat (proc(5)): for an ordinary process 20 and how nice it is, and
// with real-time priority N -1-N, whoever it is from.
static int priority(pid_t pid)
{
	char path[32], text[512] = "";
	int value = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *file = fopen(path, "r");
	if (file) {
		text[fread(text, 1, sizeof(text) - 1, file)] = 0;
		fclose(file);
	}
	const char *end_of_name = strrchr(text, ')');
	if (end_of_name)
		sscanf(end_of_name + 1,
		       " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d", &value);
	return value;
}

// Our children are as nice as we are.
static int ordinary(void)
{
	return 20 + getpriority(PRIO_PROCESS, 0);
}

// What happens to others' priorities comes a moment later.
static bool becomes(pid_t pid, int wanted)
{
	for (int i = 0; i < 2000 && priority(pid) != wanted; i++)
		usleep(1000);
	return priority(pid) == wanted;
}

static bool may_hurry(void)
{
	const struct sched_param fast = { .sched_priority = 1 }, slow = { 0 };
	int own = sched_getscheduler(0);
	bool may = sched_setscheduler(0, SCHED_FIFO, &fast) == 0;

	sched_setscheduler(0, own, &slow);
	return may;
}

TEST(boost, is_lent_and_given_back)
{
	struct sut_boost *boost = NULL;
	pid_t pid = start_busy(), other = start_busy();

	EXPECT(priority(pid) == ordinary());
	sut_boost_begin(&boost, pid);
	EXPECT(becomes(pid, may_hurry() ? -2 : ordinary()));
	EXPECT(sched_getscheduler(pid) == SCHED_OTHER);
	sut_boost_begin(&boost, other);
	EXPECT(becomes(other, may_hurry() ? -2 : ordinary()));
	EXPECT(priority(pid) == ordinary());
	sut_boost_end(&boost);
	EXPECT(priority(other) == ordinary());
	sut_boost_end(&boost);
	end(pid);
	end(other);
}

TEST(boost, ends_with_a_tool_that_is_killed)
{
	pid_t pid = start_busy(), tool = fork();

	if (tool == 0) {
		struct sut_boost *boost = NULL;
		sut_boost_begin(&boost, pid);
		for (;;)
			pause();
	}
	EXPECT(becomes(pid, may_hurry() ? -2 : ordinary()));
	end(tool);
	EXPECT(becomes(pid, ordinary()));
	end(pid);
}

TEST(boost, survives_the_end_of_the_boosted)
{
	struct sut_boost *boost = NULL;
	pid_t pid = start_busy();

	sut_boost_begin(&boost, pid);
	EXPECT(becomes(pid, may_hurry() ? -2 : ordinary()));
	end(pid);
	sut_boost_end(&boost);
	sut_boost_begin(&boost, pid);
	sut_boost_end(&boost);
}
