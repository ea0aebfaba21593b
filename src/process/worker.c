// SPDX-License-Identifier: Apache-2.0
#include "process/worker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

// In the worker SIGTERM is blocked and asks for the end: a signal that is
// pending is a flag that needs no handler and no variable.
bool sut_worker_is_cancelled(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;
}

static void prepare(void)
{
	static const int blocked[] = { SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGPIPE };
	sigset_t set;

	setsid();
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		sigaddset(&set, blocked[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	// An ignored SIGCHLD would never become pending, and an inherited one is.
	signal(SIGCHLD, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

/** What the working thread does. */
struct job {
	sut_worker_fn work;
	void *context;
	json_t *result;
};

static void *do_job(void *argument)
{
	struct job *job = argument;

	job->result = job->work(job->context);
	return NULL;
}

// The work is done by a thread of its own. When that ends, the kernel lets go of its
// tracees at once; when a process ends, only after all of its memory is torn down,
// and a signal that comes meanwhile, though the target ignores it, would still wake
// a sleeper.
// Returns 0 or an errno.
static int run(struct job *job)
{
	pthread_t thread;
	int os_errno = pthread_create(&thread, NULL, do_job, job);

	return os_errno ? os_errno : pthread_join(thread, NULL);
}

static int send_result(int fd, json_t *result)
{
	_cleanup_free_ char *text = result ? json_dumps(result, JSON_COMPACT) : NULL;

	if (!text)
		return 1;
	for (size_t size = strlen(text), done = 0; done < size;) {
		ssize_t n = write(fd, text + done, size - done);
		if (n < 0 && errno != EINTR)
			return 1;
		done += n > 0 ? n : 0;
	}
	return 0;
}

struct sut_err *sut_worker_start(sut_worker_fn work, void *context, struct sut_worker *ret)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return sut_err_os(errno, "pipe");
	pid_t pid = fork();
	if (pid == 0) {
		struct job job = { .work = work, .context = context };
		prepare();
		close(ends[0]);
		int os_errno = run(&job);
		_exit(os_errno ? os_errno : send_result(ends[1], job.result));
	}
	int os_errno = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return sut_err_os(os_errno, "fork");
	}
	*ret = (struct sut_worker){ .pid = pid, .pipe = ends[0] };
	return NULL;
}

pid_t sut_worker_thread(const struct sut_worker *worker)
{
	char path[32];
	const struct dirent *entry;
	pid_t thread = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", worker->pid);
	DIR *tasks = opendir(path);
	while (tasks && thread == 0 && (entry = readdir(tasks))) {
		pid_t tid = atoi(entry->d_name);
		if (tid != worker->pid)
			thread = tid;
	}
	if (tasks)
		closedir(tasks);
	return thread;
}

void sut_worker_cancel(const struct sut_worker *worker)
{
	if (worker->pid > 0)
		kill(worker->pid, SIGTERM);
}

struct sut_err *sut_worker_finish(struct sut_worker *worker, json_t **ret)
{
	_cleanup_(sut_file_deinit) struct sut_file text = { 0 };
	struct sut_err *err = sut_file_read_fd(worker->pipe, "worker", &text);
	int status;

	close(worker->pipe);
	while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
		;
	*worker = (struct sut_worker){ .pipe = -1 };
	if (err)
		return err;
	if (WIFSIGNALED(status))
		return sut_err(SUT_E_OS, "the worker was ended by signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	// The exit status is what kept its thread from starting; 1: something else.
	if (WEXITSTATUS(status) > 1)
		return sut_err_os(WEXITSTATUS(status), "start the worker's thread");
	json_t *result = json_loadb((const char *)text.view.data, text.view.size,
				    JSON_DECODE_ANY, NULL);
	if (!result)
		return sut_err(SUT_E_NOMEM, "the worker ended without a result");
	*ret = result;
	return NULL;
}
