// SPDX-License-Identifier: Apache-2.0
#include "process/roster.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "process/process.h"
#include "process/tracer.h"

// task_struct flags, field 9 of /proc/TID/stat (include/linux/sched.h): io_uring's
// workers since Linux 5.12, and vhost's since 6.4, where the second flag's bit meant
// something else before. They appear among the threads of the process that they
// serve but run no user code. Newer kernels let them be traced; yet to interrupt one
// would end a request of the program with EINTR.
static const unsigned long flag_io_worker = 0x10, flag_user_worker = 0x4000;

struct sut_thread *sut_roster_find(struct sut_tracer *tracer, pid_t tid)
{
	for (size_t i = 0; i < tracer->n_threads; i++)
		if (tracer->threads[i].tid == tid && tracer->threads[i].state != SUT_THREAD_GONE)
			return &tracer->threads[i];
	return NULL;
}

struct sut_err *sut_roster_add(struct sut_tracer *tracer, pid_t tid, int state)
{
	struct sut_err *err = sut_array_grow(&tracer->threads, tracer->n_threads,
					     &tracer->capacity, sizeof(*tracer->threads));
	if (err)
		return err;
	tracer->threads[tracer->n_threads++] = (struct sut_thread){ .tid = tid, .state = state };
	return NULL;
}

static void read_at(int dir, const char *path, char *text, size_t size)
{
	_cleanup_close_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t done = fd < 0 ? 0 : read(fd, text, size - 1);

	text[done > 0 ? done : 0] = 0;
}

void sut_roster_read(const struct sut_tracer *tracer, pid_t tid, const char *name, char *text,
		     size_t size)
{
	char path[48];

	snprintf(path, sizeof(path), "task/%d/%s", tid, name);
	read_at(tracer->process->dir, path, text, size);
	for (size_t i = 0; i < tracer->n_sharers && !*text; i++)
		read_at(tracer->sharers[i].dir, path, text, size);
}

static bool has_user_workers(void)
{
	struct utsname u;
	int major_no = 0, minor_no = 0;

	return uname(&u) == 0 && sscanf(u.release, "%d.%d", &major_no, &minor_no) == 2 &&
	       (major_no > 6 || (major_no == 6 && minor_no >= 4));
}

/** What /proc/TID/stat says of a thread. */
enum kind { KIND_GONE, KIND_KERNEL, KIND_USER };

static enum kind look_at_thread(const struct sut_tracer *tracer, pid_t tid)
{
	char text[512], state = 0;
	unsigned long flags = 0;

	sut_roster_read(tracer, tid, "stat", text, sizeof(text));
	if (!sut_stat_parse(text, &state, &flags) || state == 'Z' || state == 'X')
		return KIND_GONE;
	if ((flags & flag_io_worker) || ((flags & flag_user_worker) && has_user_workers()))
		return KIND_KERNEL;
	return KIND_USER;
}

bool sut_roster_is_dead(const struct sut_tracer *tracer, pid_t tid)
{
	return look_at_thread(tracer, tid) == KIND_GONE;
}

/** Why a thread could not be seized. */
enum refusal {
	REFUSAL_GONE,
	REFUSAL_OURS,	/**< Traced by us under another tid: it took the leader's in exec. */
	REFUSAL_PASSES, /**< Its tracer is on its way out. */
	REFUSAL_FREE,	/**< Nobody traces it: no more, or we may not. */
	REFUSAL_TRACED,
};

// A run that has just ended gives up its lock a moment before its tracees.
static bool is_exiting(pid_t pid)
{
	char path[32], text[512], state = 0;
	unsigned long flags = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	read_at(AT_FDCWD, path, text, sizeof(text));
	return !sut_stat_parse(text, &state, &flags) || (flags & SUT_STAT_EXITING);
}

static enum refusal why_refused(const struct sut_tracer *tracer, pid_t tid, pid_t *tracer_ret)
{
	char text[4096];

	if (look_at_thread(tracer, tid) == KIND_GONE)
		return REFUSAL_GONE;
	sut_roster_read(tracer, tid, "status", text, sizeof(text));
	const char *line = strstr(text, "\nTracerPid:");
	*tracer_ret = line ? atoi(line + strlen("\nTracerPid:")) : 0;
	if (*tracer_ret == gettid())
		return REFUSAL_OURS;
	if (*tracer_ret && is_exiting(*tracer_ret))
		return REFUSAL_PASSES;
	return *tracer_ret ? REFUSAL_TRACED : REFUSAL_FREE;
}

static struct sut_err *name_tracer(pid_t pid)
{
	char path[32], comm[32] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	read_at(AT_FDCWD, path, comm, sizeof(comm));
	comm[strcspn(comm, "\n")] = 0;
	return sut_err(SUT_E_UNSUPPORTED, "is traced by process %d (%s)", pid, comm);
}

// Try once. @p patience: how often it may still be worth while, since its tracer is about
// to be gone, or was until now.
static struct sut_err *try_thread(struct sut_tracer *tracer, pid_t tid, int *patience)
{
	enum { LONG = 500, SHORT = 20 };
	pid_t other = 0;

	*patience = 0;
	if (look_at_thread(tracer, tid) == KIND_KERNEL)
		return sut_roster_add(tracer, tid, SUT_THREAD_KERNEL);
	if (ptrace(PTRACE_SEIZE, tid, NULL, (long)SUT_TRACE_OPTIONS) == 0)
		return sut_roster_add(tracer, tid, SUT_THREAD_RUNNING);
	int os_errno = errno;
	if (os_errno == ESRCH)
		return NULL;
	switch (why_refused(tracer, tid, &other)) {
	case REFUSAL_GONE:
		return NULL;
	case REFUSAL_OURS:
		tracer->has_execed = true;
		return NULL;
	case REFUSAL_PASSES:
		*patience = LONG;
		return name_tracer(other);
	case REFUSAL_TRACED:
		return name_tracer(other);
	default:
		*patience = SHORT;
		return sut_err_os(os_errno, "trace thread %d", tid);
	}
}

static struct sut_err *seize_thread(struct sut_tracer *tracer, pid_t tid)
{
	static const struct timespec moment = { .tv_nsec = 1000000 };

	for (int tries = 0;; tries++) {
		int patience;
		struct sut_err *err = try_thread(tracer, tid, &patience);
		if (tries >= patience)
			return err;
		sut_err_free(err);
		nanosleep(&moment, NULL);
	}
}

typedef struct sut_err *(*thread_fn)(struct sut_tracer *tracer, pid_t tid);

// Call @p act for each thread of @p process that is not in the table.
static struct sut_err *for_each_new(struct sut_tracer *tracer, const struct sut_process *process,
				    thread_fn act)
{
	_cleanup_close_ int fd =
		openat(process->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct sut_err *err = NULL;

	if (!tasks)
		return sut_err(SUT_E_GONE, "process %d has exited", process->pid);
	fd = -1; // the stream owns it now
	while (!err && (entry = readdir(tasks))) {
		pid_t tid = atoi(entry->d_name);
		if (tid > 0 && !sut_roster_find(tracer, tid))
			err = act(tracer, tid);
	}
	closedir(tasks);
	return err;
}

static struct sut_err *seize_all(struct sut_tracer *tracer, const struct sut_process *process)
{
	return for_each_new(tracer, process, seize_thread);
}

static struct sut_err *inherit_thread(struct sut_tracer *tracer, pid_t tid)
{
	pid_t other = 0;

	if (look_at_thread(tracer, tid) != KIND_USER ||
	    why_refused(tracer, tid, &other) != REFUSAL_OURS)
		return NULL;
	return sut_roster_add(tracer, tid, SUT_THREAD_RUNNING);
}

struct sut_err *sut_tracer_inherit(struct sut_tracer *tracer)
{
	return for_each_new(tracer, tracer->process, inherit_thread);
}

struct sut_err *sut_tracer_seize(struct sut_tracer *tracer)
{
	struct sut_err *err = seize_all(tracer, tracer->process);

	for (size_t i = 0; i < tracer->n_sharers && !err; i++) {
		err = seize_all(tracer, &tracer->sharers[i]);
		// One that has exited shares nothing any more.
		if (err && err->code == SUT_E_GONE) {
			sut_err_free(err);
			err = NULL;
		}
	}
	return err;
}

// The task directory has a link for each thread (proc(5)).
static size_t count_tasks(const struct sut_process *process)
{
	struct stat st;

	if (fstatat(process->dir, "task", &st, 0) < 0 || st.st_nlink < 2)
		return 0;
	return st.st_nlink - 2;
}

size_t sut_roster_count(const struct sut_tracer *tracer)
{
	size_t n = count_tasks(tracer->process);

	for (size_t i = 0; i < tracer->n_sharers; i++)
		n += count_tasks(&tracer->sharers[i]);
	return n;
}

static bool is_known(const struct sut_tracer *tracer, pid_t pid)
{
	for (size_t i = 0; i < tracer->n_sharers; i++)
		if (tracer->sharers[i].pid == pid)
			return true;
	return pid == tracer->process->pid;
}

// The parent of process @p pid, and when it was started, in ticks since boot.
static bool read_birth(pid_t pid, pid_t *parent_ret, unsigned long long *ticks_ret)
{
	char path[32], text[512];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	read_at(AT_FDCWD, path, text, sizeof(text));
	const char *end = strrchr(text, ')');
	return end && sscanf(end + 1,
			     " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			     "%*d %*d %llu",
			     parent_ret, ticks_ret) == 2;
}

// A child of vfork(2) shares its parent's memory for a moment, and its parent cannot
// be stopped before that is over: to stop the child would only make it last. Who has
// shared it for longer is no such child. The parent is one of those who share the
// child's: it will go on with what is on its stack.
static bool is_guest(const struct sut_tracer *tracer, pid_t pid)
{
	static const unsigned long long young = 100; // ms
	unsigned long long ticks;
	pid_t parent;
	struct timespec now;

	if (read_birth(tracer->process->pid, &parent, &ticks) && parent == pid)
		return false;
	if (!read_birth(pid, &parent, &ticks))
		return true;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000 <
	       ticks * 1000 / sysconf(_SC_CLK_TCK) + young;
}

// Processes that share memory run the same program. A kernel without kcmp(2) cannot
// tell; there, none is found.
static bool shares_memory(const struct sut_tracer *tracer, const struct stat *exe, pid_t pid)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	return stat(path, &st) == 0 && st.st_dev == exe->st_dev && st.st_ino == exe->st_ino &&
	       syscall(SYS_kcmp, tracer->process->pid, pid, KCMP_VM, 0, 0) == 0;
}

static struct sut_err *add_process(struct sut_process **list, size_t *n, pid_t pid)
{
	struct sut_process *longer = reallocarray(*list, *n + 1, sizeof(*longer));

	if (!longer)
		return sut_err_nomem();
	*list = longer;
	struct sut_err *err = sut_process_open(pid, &longer[*n]);
	if (!err)
		++*n;
	else if (err->code == SUT_E_GONE) {
		sut_err_free(err);
		err = NULL;
	}
	return err;
}

void sut_roster_leave(struct sut_tracer *tracer, struct sut_thread *thread)
{
	ptrace(PTRACE_DETACH, thread->tid, NULL, NULL);
	thread->state = SUT_THREAD_GONE;
	for (size_t i = 0; i < tracer->n_sharers; i++) {
		if (tracer->sharers[i].pid != thread->tid)
			continue;
		sut_process_close(&tracer->sharers[i]);
		tracer->sharers[i] = tracer->sharers[--tracer->n_sharers];
		return;
	}
}

bool sut_roster_is_sharer(const struct sut_tracer *tracer, pid_t tid)
{
	for (size_t i = 0; i < tracer->n_sharers; i++)
		if (tracer->sharers[i].pid == tid)
			return true;
	return false;
}

static struct sut_err *add_sharer(struct sut_tracer *tracer, pid_t pid, bool and_guests)
{
	if (!is_guest(tracer, pid))
		return add_process(&tracer->sharers, &tracer->n_sharers, pid);
	return and_guests ? add_process(&tracer->guests, &tracer->n_guests, pid) : NULL;
}

struct sut_err *sut_tracer_find_sharers(struct sut_tracer *tracer, bool and_guests)
{
	struct stat exe;
	const struct dirent *entry;
	struct sut_err *err = NULL;
	DIR *proc;

	if (fstatat(tracer->process->thread, "exe", &exe, 0) < 0)
		return NULL; // it has exited; whoever works on it will find out
	proc = opendir("/proc");
	if (!proc)
		return sut_err_os(errno, "/proc");
	while (!err && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);
		if (pid > 0 && !is_known(tracer, pid) && shares_memory(tracer, &exe, pid))
			err = add_sharer(tracer, pid, and_guests);
	}
	closedir(proc);
	return err;
}
