// SPDX-License-Identifier: Apache-2.0
#include "agent/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "agent/log.h"
#include "agent/message.h"
#include "agent/move.h"
#include "base/cleanup.h"

int64_t sut_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}

static void tell(const struct sut_runner *runner, uint32_t index, bool is_well, const char *why)
{
	struct sut_message message = sut_message_make(SUT_MESSAGE_RAN, index, is_well, why);

	sut_message_send(runner->channel, &message);
}

// In the child: nothing of ours is inherited but the environment that a command needs.
static void begin_child(void)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close_range(STDERR_FILENO + 1, ~0u, 0);
}

// Exit statuses of a shell: 126 says that it could not be executed.
static void run_probe(const struct sut_probe *probe)
{
	const struct passwd *user = getpwnam(probe->user);
	struct rlimit no_core = { 0, 0 };
	char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
		NULL
	};

	begin_child();
	setrlimit(RLIMIT_CORE, &no_core);
	if (!user || setgroups(0, NULL) < 0 ||
	    setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || chdir("/") < 0)
		_exit(126);
	execle("/bin/sh", "sh", "-c", probe->command, NULL, environment);
	_exit(126);
}

static struct sut_run_one *find_run(struct sut_runner *runner, pid_t pid)
{
	for (size_t i = 0; i < SUT_MAX_RUNS; i++)
		if (runner->runs[i].pid == pid)
			return &runner->runs[i];
	return NULL;
}

static bool is_running(const struct sut_runner *runner, uint32_t index)
{
	for (size_t i = 0; i < SUT_MAX_RUNS; i++)
		if (runner->runs[i].pid && runner->runs[i].index == index)
			return true;
	return false;
}

static void run_child(const struct sut_runner *runner, uint32_t index)
{
	if (index != SUT_RUN_BASELINE)
		run_probe(&runner->config->probes[index]);
	begin_child();
	_exit(sut_move_run(runner->config));
}

void sut_runner_start(struct sut_runner *runner, uint32_t index)
{
	const struct sut_config *config = runner->config;
	bool is_probe = index < config->n_probes && config->probes[index].command;
	struct sut_run_one *run = find_run(runner, 0);

	if (!is_probe && index != SUT_RUN_BASELINE)
		return tell(runner, index, false, "there is no such command");
	if (is_running(runner, index) || !run)
		return;
	pid_t pid = fork();
	if (pid == 0)
		run_child(runner, index);
	if (pid < 0)
		return tell(runner, index, true, "no room to run it"); // says nothing of its health
	*run = (struct sut_run_one){ pid, index,
				     is_probe ? sut_clock() + config->probes[index].timeout : 0 };
}

void sut_runner_ended(struct sut_runner *runner, pid_t pid, int status)
{
	struct sut_run_one *run = find_run(runner, pid);
	char why[64] = "";

	if (!run)
		return;
	if (WIFSIGNALED(status))
		snprintf(why, sizeof(why), "ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status))
		snprintf(why, sizeof(why), "exit status %d", WEXITSTATUS(status));
	if (run->deadline < 0)
		snprintf(why, sizeof(why), "took too long");
	tell(runner, run->index, !*why, why);
	run->pid = 0;
}

int sut_runner_tend(struct sut_runner *runner)
{
	int64_t now = sut_clock(), next = -1;

	for (size_t i = 0; i < SUT_MAX_RUNS; i++) {
		struct sut_run_one *run = &runner->runs[i];
		if (!run->pid || run->deadline <= 0)
			continue;
		if (now > run->deadline) {
			kill(-run->pid, SIGKILL); // the session that it leads
			run->deadline = -1;
		} else if (next < 0 || run->deadline + 1 - now < next) {
			next = run->deadline + 1 - now;
		}
	}
	return next;
}

void sut_runner_stop(struct sut_runner *runner)
{
	for (size_t i = 0; i < SUT_MAX_RUNS; i++)
		if (runner->runs[i].pid && runner->runs[i].index != SUT_RUN_BASELINE)
			kill(-runner->runs[i].pid, SIGKILL);
}
