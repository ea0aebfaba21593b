// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "process/snapshot.h"
#include "process/tracer.h"

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

// A shell that executes itself for ever.
static pid_t start_executing(void)
{
	static const char again[] = "exec sh -c \"$0\" \"$0\"";
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/bin/sh", "sh", "-c", again, again, NULL);
		_exit(1);
	}
	return pid;
}

static bool has_whole_program(const struct sut_snapshot *s)
{
	bool has_linker = false, has_vdso = false, has_shell = false;

	for (size_t i = 0; i < s->modules.n; i++) {
		const char *path = s->modules.items[i].path;
		has_linker |= strstr(path, "/ld-") != NULL;
		has_vdso |= strcmp(path, "[vdso]") == 0;
		has_shell |= strstr(path, "sh") != NULL;
	}
	return has_linker && has_vdso && has_shell;
}

// How many of @p n looks at process @p pid show less than a program.
static size_t count_halves(pid_t pid, size_t n)
{
	size_t n_halves = 0;

	for (size_t i = 0; i < n; i++) {
		struct sut_snapshot s;
		EXPECT_OK(sut_snapshot_open(pid, &s));
		EXPECT_OK(sut_snapshot_read(&s));
		n_halves += !has_whole_program(&s);
		sut_snapshot_close(&s);
	}
	return n_halves;
}

static bool is_shell(pid_t pid)
{
	char path[32], name[16] = "";

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? 0 : read(fd, name, sizeof(name) - 1);
	if (fd >= 0)
		close(fd);
	return size > 0 && strcmp(name, "sh\n") == 0;
}

TEST(snapshot, never_shows_half_of_a_program_that_is_being_executed)
{
	pid_t pid = start_executing();

	while (!is_shell(pid))
		usleep(1000);
	EXPECT(count_halves(pid, 500) == 0);
	end(pid);
}

TEST(snapshot, knows_the_program_that_it_read_from_the_next_one)
{
	pid_t pid = start_executing();
	struct sut_snapshot s;
	uint64_t deadline = sut_now() + UINT64_C(60000000000);

	EXPECT_OK(sut_snapshot_open(pid, &s));
	EXPECT_OK(sut_snapshot_read(&s));
	while (sut_snapshot_is_current(&s) && sut_now() < deadline)
		usleep(100);
	EXPECT(!sut_snapshot_is_current(&s));
	sut_snapshot_close(&s);
	EXPECT_OK(sut_snapshot_open(getpid(), &s));
	EXPECT_OK(sut_snapshot_read(&s));
	EXPECT(sut_snapshot_is_current(&s));
	sut_snapshot_close(&s);
	end(pid);
}

// The first process of a PID namespace that is killed has no memory any more when it
// waits for the others to be gone: here for one that its parent, outside, does not
// reap. Returns false where no such namespace can be made.
static bool run_exiting(int ready, int go)
{
	char byte;

	if (unshare(CLONE_NEWPID) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWPID) < 0)
		return false;
	pid_t first = fork();
	if (first == 0)
		for (;;)
			pause();
	pid_t other = fork();
	if (other == 0)
		for (;;)
			pause();
	kill(first, SIGKILL);
	if (write(ready, &first, sizeof(first)) != sizeof(first))
		return false;
	if (read(go, &byte, 1) < 0)
		return false;
	waitpid(other, NULL, 0);
	waitpid(first, NULL, 0);
	return true;
}

TEST(snapshot, process_that_is_exiting_is_gone_and_no_kernel_thread)
{
	int ready[2], go[2];
	pid_t exiting = 0;
	struct sut_err *err = NULL;
	struct sut_snapshot s;
	uint64_t deadline = sut_now() + UINT64_C(60000000000);

	EXPECT(pipe(ready) == 0 && pipe(go) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		close(go[1]);
		_exit(!run_exiting(ready[1], go[0]));
	}
	close(ready[1]);
	close(go[0]);
	EXPECT(read(ready[0], &exiting, sizeof(exiting)) == sizeof(exiting));
	// It was killed, and dies some time.
	while (!err && sut_now() < deadline) {
		err = sut_snapshot_open(exiting, &s);
		if (!err)
			sut_snapshot_close(&s);
	}
	EXPECT_ERR(err, SUT_E_GONE, "has exited");
	close(go[1]);
	EXPECT(waitpid(pid, NULL, 0) == pid);
	close(ready[0]);
}
