// SPDX-License-Identifier: Apache-2.0
#include "process/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "process/maps.h"

// A process that exits while it is read shows in several ways: ESRCH from a
// file of a dead task, ENOENT from its directory.
static struct sut_err *proc_error(pid_t pid, const char *what)
{
	int os_errno = errno == ENOENT ? ESRCH : errno;

	if (os_errno == ESRCH)
		return sut_err(SUT_E_GONE, "process %d has exited", pid);
	return sut_err_os(os_errno, "%s of process %d", what, pid);
}

static int open_thread(int dir, pid_t tid)
{
	char path[32];

	snprintf(path, sizeof(path), "task/%d", tid);
	return openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool sut_stat_parse(const char *text, char *state_ret, unsigned long *flags_ret)
{
	// The name stands in parentheses and may hold some itself.
	const char *end = strrchr(text, ')');

	return end && sscanf(end + 1, " %c %*d %*d %*d %*d %*d %lu", state_ret, flags_ret) == 2;
}

static bool read_stat(int thread, char *state_ret, unsigned long *flags_ret)
{
	char text[512];
	_cleanup_close_ int fd = openat(thread, "stat", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (size <= 0)
		return false;
	text[size] = 0;
	return sut_stat_parse(text, state_ret, flags_ret);
}

// One that is exiting gives its memory back before it is a zombie. One of which we cannot
// read that, because we ran out of something, is not dead.
static bool is_dead(int thread)
{
	unsigned long flags;
	char state;

	errno = 0;
	if (!read_stat(thread, &state, &flags))
		return errno == 0 || errno == ESRCH || errno == ENOENT;
	return state == 'Z' || state == 'X' || (flags & SUT_STAT_EXITING);
}

// A process that has no memory, and is no kernel thread, is exiting.
static bool is_kernel_thread(int thread)
{
	unsigned long flags;
	char state;

	return read_stat(thread, &state, &flags) && (flags & SUT_STAT_KERNEL_THREAD);
}

// The folder of any live thread, or -1: there is none, and errno says why (ENOENT: it
// has ended).
static int open_live_thread(const struct sut_process *process, pid_t *tid_ret)
{
	_cleanup_close_ int fd = openat(process->dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *tasks = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	int found = -1;

	if (!tasks)
		return -1;
	fd = -1; // the stream owns it now
	while (found < 0 && (entry = readdir(tasks))) {
		pid_t tid = atoi(entry->d_name);
		int thread = tid > 0 ? open_thread(process->dir, tid) : -1;
		if (thread >= 0 && is_dead(thread)) {
			close(thread);
		} else if (thread >= 0) {
			found = thread;
			*tid_ret = tid;
		}
	}
	closedir(tasks);
	if (found < 0)
		errno = ENOENT;
	return found;
}

bool sut_process_renew(struct sut_process *process)
{
	pid_t tid;

	if (!is_dead(process->thread))
		return true;
	int thread = open_live_thread(process, &tid);
	if (thread < 0)
		return errno != ENOENT && errno != ESRCH;
	close(process->thread);
	process->thread = thread;
	process->tid = tid;
	return true;
}

static void read_comm(struct sut_process *process)
{
	_cleanup_close_ int fd = openat(process->dir, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, process->comm, sizeof(process->comm) - 1);

	process->comm[size > 0 ? size : 0] = 0;
	process->comm[strcspn(process->comm, "\n")] = 0;
	for (char *c = process->comm; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
}

struct sut_err *sut_process_check_proc(void)
{
	char text[32];
	ssize_t size = readlink("/proc/self", text, sizeof(text) - 1);

	if (size < 0)
		return sut_err(SUT_E_UNSUPPORTED, "/proc is not mounted, or not for this process");
	text[size] = 0;
	if (atoi(text) != getpid())
		return sut_err(SUT_E_UNSUPPORTED,
			       "/proc belongs to another PID namespace than this program; mount "
			       "one of its own, or run it where /proc is from");
	return NULL;
}

struct sut_err *sut_process_open(pid_t pid, struct sut_process *ret)
{
	char path[32];
	struct sut_process process = { .pid = pid, .tid = pid, .memory = -1 };
	struct sut_err *err = sut_process_check_proc();

	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	process.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (process.dir < 0)
		return proc_error(pid, "/proc");
	// /proc/TID can be opened for any thread; only a leader has a process.
	process.thread = open_thread(process.dir, pid);
	if (process.thread < 0) {
		err = proc_error(pid, "threads");
		close(process.dir);
		return err;
	}
	sut_process_renew(&process);
	read_comm(&process);
	*ret = process;
	return NULL;
}

void sut_process_close(struct sut_process *process)
{
	sut_process_release(process);
	if (process->thread >= 0)
		close(process->thread);
	if (process->dir >= 0)
		close(process->dir);
	*process = (struct sut_process){ .dir = -1, .thread = -1, .memory = -1 };
}

struct sut_err *sut_process_read(const struct sut_process *process, const char *name,
				 struct sut_file *ret)
{
	_cleanup_close_ int fd = openat(process->thread, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return proc_error(process->pid, name);
	struct sut_err *err = sut_file_read_fd(fd, name, ret);
	if (err && err->os_errno == ESRCH)
		err->code = SUT_E_GONE;
	return err ? sut_err_wrap(err, "process %d", process->pid) : NULL;
}

// The value of line "KEY:\tvalue" in a status file, or NULL.
static const char *find_line(const char *text, const char *key)
{
	size_t size = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, key, size) == 0 && line[size] == ':')
			return line + size + 1 + strspn(line + size + 1, "\t ");
	}
	return NULL;
}

static uint64_t read_number(const char *text, const char *key, int base)
{
	const char *value = find_line(text, key);

	return value ? strtoull(value, NULL, base) : 0;
}

static uid_t read_effective_uid(const char *text)
{
	const char *value = find_line(text, "Uid");
	unsigned real = 0, effective = 0;

	if (value && sscanf(value, "%u %u", &real, &effective) == 2)
		return effective;
	return 0;
}

// The thread's features line lists words; the flag is one of them.
static bool has_feature(const char *text, const char *feature)
{
	const char *value = find_line(text, "x86_Thread_features");
	size_t size = value ? strcspn(value, "\n") : 0;

	return value && memmem(value, size, feature, strlen(feature));
}

struct sut_err *sut_process_facts(const struct sut_process *process,
				  struct sut_process_facts *ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_process_read(process, "status", &file);

	if (err)
		return err;
	_cleanup_free_ char *text = strndup((const char *)file.view.data, file.view.size);
	if (!text)
		return sut_err_nomem();
	const char *state = find_line(text, "State");
	*ret = (struct sut_process_facts){
		.leader = read_number(text, "Tgid", 10),
		.state = state ? *state : 'X',
		.tracer = read_number(text, "TracerPid", 10),
		.uid = read_effective_uid(text),
		.is_kernel = is_kernel_thread(process->thread),
		.has_memory = find_line(text, "VmSize"),
		.seccomp = read_number(text, "Seccomp", 10),
		.n_threads = read_number(text, "Threads", 10),
		.ignored = read_number(text, "SigIgn", 16),
		.caught = read_number(text, "SigCgt", 16),
		.has_shadow_stack = has_feature(text, "shstk"),
	};
	return NULL;
}

struct sut_err *sut_process_maps(const struct sut_process *process, struct sut_maps *ret)
{
	struct sut_err *err = NULL;

	// A map that changes while it is read can contradict itself.
	for (int tries = 0; tries < 10; tries++) {
		_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
		sut_err_free(err);
		err = sut_process_read(process, "maps", &file);
		if (!err)
			err = sut_maps_parse(file.view, ret);
		if (!err || err->code != SUT_E_BUSY)
			return err;
	}
	return sut_err_wrap(err, "process %d", process->pid);
}

struct sut_err *sut_process_hold(struct sut_process *process)
{
	if (process->memory >= 0)
		return NULL;
	process->memory = openat(process->thread, "mem", O_RDWR | O_CLOEXEC);
	if (process->memory < 0)
		return proc_error(process->pid, "memory");
	return NULL;
}

void sut_process_release(struct sut_process *process)
{
	if (process->memory >= 0)
		close(process->memory);
	process->memory = -1;
}

// The memory file reads 0 bytes once the address space is gone, and fails with
// EIO where nothing is mapped.
static struct sut_err *memory_error(const struct sut_process *process, struct sut_addr at,
				    ssize_t done, const char *what)
{
	if (done == 0)
		return sut_err(SUT_E_GONE, "process %d has %s", process->pid,
			       sut_process_is_alive(process) ? "become another program" : "exited");
	if (errno == EIO || errno == EFAULT)
		return sut_err(SUT_E_FORMAT, "cannot %s memory of process %d at 0x%lx", what,
			       process->pid, (unsigned long)at.at);
	return sut_err_os(errno, "%s memory of process %d at 0x%lx", what, process->pid,
			  (unsigned long)at.at);
}

struct sut_err *sut_process_peek(struct sut_process *process, struct sut_addr from, void *to,
				 size_t size)
{
	struct sut_err *err = sut_process_hold(process);

	if (err)
		return err;
	while (size) {
		ssize_t done = pread(process->memory, to, size, from.at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return memory_error(process, from, done, "read");
		to = (uint8_t *)to + done;
		from.at += done;
		size -= done;
	}
	return NULL;
}

struct sut_err *sut_process_poke(struct sut_process *process, struct sut_addr to,
				 struct sut_view bytes)
{
	struct sut_err *err = sut_process_hold(process);

	if (err)
		return err;
	while (bytes.size) {
		ssize_t done = pwrite(process->memory, bytes.data, bytes.size, to.at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return memory_error(process, to, done, "write");
		bytes.data += done;
		bytes.size -= done;
		to.at += done;
	}
	return NULL;
}

bool sut_process_is_alive(const struct sut_process *process)
{
	return !is_dead(process->thread);
}

// Documentation/admin-guide/mm/pagemap.rst: 8 bytes for each page.
bool sut_process_has_own_page(const struct sut_process *process, struct sut_addr at)
{
	static const uint64_t present = UINT64_C(1) << 63, swapped = UINT64_C(1) << 62,
			      of_file = UINT64_C(1) << 61;
	uint64_t entry = 0;

	_cleanup_close_ int fd = openat(process->thread, "pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &entry, sizeof(entry), at.at / 4096 * sizeof(entry)) !=
			      sizeof(entry))
		return false;
	return (entry & (present | swapped)) && !(entry & of_file);
}
