// SPDX-License-Identifier: Apache-2.0
#include "process/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "process/maps.h"
#include "process/process.h"
#include "process/tracer.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA	     0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

// Memory that parent and child have at the same address.
static char scratch[16];

static int take_errno(struct sut_err *err)
{
	int result = !err ? 0 : err->os_errno ? err->os_errno : EIO;

	sut_err_free(err);
	return result;
}

static int failed(long result)
{
	return result < 0 ? errno : 0;
}

static int probe_read(pid_t pid)
{
	char to[sizeof(scratch)];
	struct iovec local = { to, sizeof(to) }, remote = { scratch, sizeof(scratch) };

	return failed(process_vm_readv(pid, &local, 1, &remote, 1, 0));
}

// The bytes that stand there already, over themselves.
static int probe_write(struct sut_process *child, const void *at)
{
	struct sut_addr to = { (uintptr_t)at };

	return take_errno(sut_process_poke(child, to, (struct sut_view){ at, 8 }));
}

static int probe_poke(pid_t pid, const void *at)
{
	long word;

	memcpy(&word, at, sizeof(word));
	return failed(ptrace(PTRACE_POKEDATA, pid, at, word));
}

static int probe_suspend(pid_t pid)
{
	int result = failed(ptrace(PTRACE_SETOPTIONS, pid, NULL,
				   (long)(SUT_TRACE_OPTIONS | PTRACE_O_SUSPEND_SECCOMP)));

	ptrace(PTRACE_SETOPTIONS, pid, NULL, (long)SUT_TRACE_OPTIONS);
	return result;
}

static int probe_mask(pid_t pid)
{
	uint64_t mask;
	int result = failed(ptrace(PTRACE_GETSIGMASK, pid, sizeof(mask), &mask));

	return result ? result : failed(ptrace(PTRACE_SETSIGMASK, pid, sizeof(mask), &mask));
}

static int probe_map_files(const struct sut_process *child)
{
	_cleanup_(sut_maps_deinit) struct sut_maps maps = { 0 };
	int result = take_errno(sut_process_maps(child, &maps));
	char path[64] = "map_files";

	if (result)
		return result;
	const struct sut_mapping *m = sut_maps_at(&maps, (uintptr_t)probe_map_files);
	if (m)
		snprintf(path, sizeof(path), "map_files/%lx-%lx", (unsigned long)m->span.start,
			 (unsigned long)m->span.end);
	_cleanup_close_ int fd = openat(child->dir, path, O_RDONLY | O_CLOEXEC);
	return failed(fd);
}

static int probe_name(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return errno;
	int result = failed(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, page, 4096, "suture:doctor"));
	munmap(page, 4096);
	return result;
}

static int probe_hurry(void)
{
	const struct sched_param fast = { .sched_priority = 1 }, normal = { 0 };
	int result = failed(sched_setscheduler(0, SCHED_FIFO, &fast));

	sched_setscheduler(0, SCHED_OTHER, &normal);
	return result;
}

static int probe_fanotify(void)
{
	_cleanup_close_ int fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);

	return failed(fd);
}

static void probe_stopped(struct sut_process *child, struct sut_probe *probe)
{
	const void *code = (const void *)(uintptr_t)probe_stopped;

	probe->read_memory = probe_read(child->pid);
	probe->write_memory = probe_write(child, scratch);
	probe->write_code = probe_write(child, code);
	probe->poke_code = probe_poke(child->pid, code);
	probe->suspend_seccomp = probe_suspend(child->pid);
	probe->signal_mask = probe_mask(child->pid);
	probe->map_files = probe_map_files(child);
}

static void probe_child(struct sut_process *child, struct sut_probe *probe)
{
	struct sut_tracer tracer;
	struct sut_stop stop = { 0 };

	sut_tracer_init(child, &tracer);
	struct sut_err *err = sut_tracer_stop(&tracer, sut_now() + 1000000000, &stop);
	probe->trace = take_errno(err);
	if (!probe->trace && !stop.is_complete)
		probe->trace = ETIMEDOUT;
	if (!probe->trace)
		probe_stopped(child, probe);
	sut_tracer_deinit(&tracer);
}

struct sut_err *sut_probe_run(struct sut_probe *ret)
{
	struct sut_probe probe = { 0 };
	struct sut_process child;
	pid_t pid = fork();

	if (pid < 0)
		return sut_err_os(errno, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	struct sut_err *err = sut_process_open(pid, &child);
	if (!err) {
		probe_child(&child, &probe);
		sut_process_close(&child);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	if (err)
		return err;
	probe.name_memory = probe_name();
	probe.hurry = probe_hurry();
	probe.fanotify = probe_fanotify();
	*ret = probe;
	return NULL;
}
