// SPDX-License-Identifier: Apache-2.0

/**
 * sutured: the agent
 *
 *     main ─┬─ fetch   the network, no rights          (sutured-fetch, a program of its own)
 *           └─ patch   the rights, no network          (forked; starts workers and a watcher)
 *
 * This file is the main process: it starts the two, again when one ends, and runs
 * commands for them. It reads its configuration and messages, nothing else.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "agent/confine.h"
#include "agent/folders.h"
#include "agent/log.h"
#include "agent/message.h"
#include "agent/patch.h"
#include "agent/rest.h"
#include "agent/runner.h"
#include "base/cleanup.h"

static const char usage[] =
	"usage: sutured [--config FILE] [--foreground] [--check-config] [--version]\n"
	"\n"
	"Keeps the processes of this machine patched.\n"
	"\n"
	"  --config FILE    instead of /etc/suture/sutured.conf\n"
	"  --foreground     stay where it was started\n"
	"  --check-config   only read the configuration, and say what is wrong with it\n";

enum { FETCH, PATCH, N_CHILDREN };

static const char *const names[N_CHILDREN] = { "fetch", "patch" };

/** One of the two. */
struct child {
	pid_t pid;       /**< 0: it does not run. */
	int64_t started; /**< sut_clock() time. */
	int64_t due;     /**< When it is to be started. */
	int wait;        /**< Before it is started the next time, s. */
};

/** The main process. The sockets stay open here, so that a process that is started
 *  again finds the other one. */
struct agent {
	const char *config_path;
	struct sut_config config;
	struct sut_runner runner;
	struct child children[N_CHILDREN];
	int between[2];  /**< patch's end, fetch's end. */
	int commands[2]; /**< patch's end, ours. */
	int signals;
	struct sut_rest rest;
	bool is_ending, is_begun_anew;
};

static struct sut_err *make_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return sut_err_os(errno, "make a pair of sockets");
	return NULL;
}

// The program of the network process lies beside ours, or where it is installed.
static void execute_fetch(const struct agent *agent)
{
	char path[4096], channel[16];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 16);

	if (n > 0) {
		path[n] = 0;
		char *name = strrchr(path, '/');
		snprintf(name, sizeof(path) - (name - path), "/sutured-fetch");
		if (access(path, X_OK) < 0)
			snprintf(path, sizeof(path), "%s", SUTURE_FETCH);
	}
	snprintf(channel, sizeof(channel), "%d", agent->between[1]);
	fcntl(agent->between[1], F_SETFD, 0);
	execl(path, "sutured-fetch", agent->config_path, channel, NULL);
	sut_log("%s: %s", path, strerror(errno));
}

static int run_child(struct agent *agent, int which, pid_t parent)
{
	sigset_t none;
	struct sut_err *err = sut_confine_to_parent(parent);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	close(agent->signals);
	close(agent->commands[1]);
	prctl(PR_SET_NAME, which == FETCH ? "sutured-fetch" : "sutured-patch");
	if (!err && which == FETCH)
		execute_fetch(agent);
	else if (!err)
		err = sut_patch_run(&agent->config, agent->between[0], agent->commands[0]);
	bool has_failed = err || which == FETCH;
	sut_log_err(names[which], err);
	return has_failed;
}

static void start_child(struct agent *agent, int which)
{
	struct child *child = &agent->children[which];
	pid_t parent = getpid();

	child->pid = fork();
	if (child->pid == 0)
		_exit(run_child(agent, which, parent));
	child->started = sut_clock();
	if (child->pid < 0) {
		child->pid = 0;
		child->due = child->started + 1;
	}
}

// One that has run for long is started at once; one that ends again and again waits.
static void take_end(struct agent *agent, int which, int status)
{
	static const int long_enough = 10, longest = 60; // s
	struct child *child = &agent->children[which];
	int64_t now = sut_clock();

	child->pid = 0;
	if (agent->is_ending)
		return;
	if (WIFSIGNALED(status))
		sut_log("%s was ended by signal %d; it is started again", names[which],
			WTERMSIG(status));
	else
		sut_log("%s has ended with status %d; it is started again", names[which],
			WEXITSTATUS(status));
	if (now - child->started >= long_enough)
		child->wait = 0;
	child->due = now + child->wait;
	child->wait = child->wait ? 2 * child->wait : 1;
	if (child->wait > longest)
		child->wait = longest;
}

static void reap(struct agent *agent)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		int which = 0;
		while (which < N_CHILDREN && agent->children[which].pid != pid)
			which++;
		if (which < N_CHILDREN)
			take_end(agent, which, status);
		else
			sut_runner_ended(&agent->runner, pid, status);
	}
}

static void take_signals(struct agent *agent)
{
	struct signalfd_siginfo info;

	while (read(agent->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(agent);
		else if (info.ssi_signo == SIGHUP && agent->children[FETCH].pid)
			kill(agent->children[FETCH].pid, SIGHUP); // refresh now
		else if (info.ssi_signo != SIGHUP)
			agent->is_ending = true;
	}
}

static void take_messages(struct agent *agent)
{
	struct sut_message message;
	bool found = true;

	while (found) {
		struct sut_err *err = sut_message_receive(agent->commands[1], SUT_PATCH_TO_MAIN,
							  &found, &message);
		if (err && agent->children[PATCH].pid)
			kill(agent->children[PATCH].pid, SIGKILL);
		sut_log_err("patch", err);
		if (found)
			sut_runner_start(&agent->runner, message.index);
	}
}

static void start_due(struct agent *agent)
{
	for (int i = 0; i < N_CHILDREN; i++)
		if (!agent->children[i].pid && agent->children[i].due <= sut_clock())
			start_child(agent, i);
}

// Milliseconds until there is something to do without being woken.
static int next_due(struct agent *agent)
{
	int next = sut_runner_tend(&agent->runner);
	int64_t now = sut_clock();

	for (int i = 0; i < N_CHILDREN; i++) {
		int64_t left = agent->children[i].due - now;
		if (!agent->children[i].pid && (next < 0 || left < next))
			next = left > 0 ? left : 0;
	}
	return next < 0 ? -1 : next * 1000 + 50;
}

// The service manager is told, where there is one (sd_notify(3)).
static void notify(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!path || strlen(path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, strlen(path));
	if (path[0] == '@')
		address.sun_path[0] = 0;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
	       offsetof(struct sockaddr_un, sun_path) + strlen(path));
}

// Both end in order: patch waits for its workers, which leave no target half-way.
static void end(struct agent *agent)
{
	static const int patience = 30; // s
	int64_t deadline = sut_clock() + patience;

	if (!agent->is_begun_anew)
		notify("STOPPING=1");
	sut_runner_stop(&agent->runner);
	for (int i = 0; i < N_CHILDREN; i++)
		if (agent->children[i].pid)
			kill(agent->children[i].pid, SIGTERM);
	while ((agent->children[FETCH].pid || agent->children[PATCH].pid) &&
	       sut_clock() < deadline) {
		struct pollfd fd = { .fd = agent->signals, .events = POLLIN };
		poll(&fd, 1, 1000);
		take_signals(agent);
	}
	for (int i = 0; i < N_CHILDREN; i++)
		if (agent->children[i].pid)
			kill(agent->children[i].pid, SIGKILL);
}

// Nobody is there who would start this process again.
static struct sut_err *begin_anew(const struct agent *agent)
{
	sut_log("a hotpatch came while memory was given back; sutured begins anew");
	execl("/proc/self/exe", "sutured", "--config", agent->config_path, "--foreground", NULL);
	return sut_err_os(errno, "begin anew");
}

static struct sut_err *run(struct agent *agent)
{
	sigset_t set;
	struct sut_err *err = make_pair(agent->between);

	if (!err)
		err = make_pair(agent->commands);
	if (err)
		return err;
	agent->runner.config = &agent->config;
	agent->runner.channel = agent->commands[1];
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_SETMASK, &set, NULL);
	agent->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (agent->signals < 0)
		return sut_err_os(errno, "signals");
	sut_rest_open(&agent->rest);
	start_due(agent);
	notify("READY=1");
	while (!agent->is_ending) {
		struct pollfd fds[] = { { .fd = agent->signals, .events = POLLIN },
					{ .fd = agent->commands[1], .events = POLLIN } };
		int timeout = next_due(agent);
		bool is_quiet = poll(fds, 2, sut_rest_timeout(&agent->rest, timeout)) == 0;
		if (sut_rest_waited(&agent->rest, timeout, is_quiet))
			agent->is_ending = agent->is_begun_anew = true;
		take_signals(agent);
		take_messages(agent);
		if (!agent->is_ending)
			start_due(agent);
	}
	end(agent);
	return agent->is_begun_anew ? begin_anew(agent) : NULL;
}

static struct sut_err *start(struct agent *agent, bool is_foreground)
{
	if (geteuid() != 0)
		return sut_err(SUT_E_DENIED, "the agent must be started by root: it patches "
					     "other users' processes");
	if (!is_foreground && daemon(0, 1) < 0)
		return sut_err_os(errno, "go into the background");
	struct sut_err *err = sut_folders_make(&agent->config);
	return err ? err : run(agent);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "check-config", no_argument, NULL, 'k' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct agent agent = { .config_path = "/etc/suture/sutured.conf" };
	bool is_foreground = false, is_check = false;
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (option == 'c')
			agent.config_path = optarg;
		is_foreground |= option == 'f';
		is_check |= option == 'k';
		if (option == 'v')
			puts("sutured " SUTURE_VERSION);
		if (option == 'h')
			fputs(usage, stdout);
		if (option == '?')
			return 2;
		if (option == 'v' || option == 'h')
			return 0;
	}
	if (optind < argc) {
		sut_log("sutured: what is \"%s\"? --help tells", argv[optind]);
		return 2;
	}
	struct sut_err *err = sut_config_read(agent.config_path, &agent.config);
	if (err) {
		sut_log_err("sutured", err);
		return 2;
	}
	if (is_check)
		return 0;
	err = start(&agent, is_foreground);
	bool has_failed = err;
	sut_log_err("sutured", err);
	return has_failed;
}
