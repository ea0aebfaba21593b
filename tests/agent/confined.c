// SPDX-License-Identifier: Apache-2.0

/**
 * What the agent's processes may do, tried out in one that is confined like them
 *
 *     agent-confined fetch|patch FOLDER
 *
 * Of all files only FOLDER may be written by "fetch". Prints a line for each try: its name, and
 * "may" or the reason.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/confine.h"

static const char *folder;

static long try_inet(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static long try_inet6(void)
{
	return socket(AF_INET6, SOCK_DGRAM, 0);
}

static long try_unix(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static long try_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static long try_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid;
}

static long try_exec(void)
{
	return execl("/nowhere", "nowhere", NULL); // refused before it is looked for
}

static void *run(void *context)
{
	return context;
}

static long try_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, run, NULL);
	return errno ? -1 : pthread_join(thread, NULL);
}

static long try_ptrace(void)
{
	return ptrace(PTRACE_SEIZE, getppid(), 0, 0);
}

static long try_uring(void)
{
	struct io_uring_params params = { 0 };

	return syscall(SYS_io_uring_setup, 1, &params);
}

static long try_mount(void)
{
	return mount("none", folder, "tmpfs", 0, NULL);
}

static long try_write(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/file", folder);
	return open(path, O_WRONLY | O_CREAT, 0600);
}

static long try_write_besides(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s.besides/file", folder);
	return open(path, O_WRONLY | O_CREAT, 0600);
}

static long try_read_besides(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s.besides", folder);
	return open(path, O_RDONLY | O_DIRECTORY);
}

static long try_root(void)
{
	return setuid(0);
}

static const struct {
	const char *name;
	long (*try)(void);
} tries[] = {
	{ "inet", try_inet },
	{ "inet6", try_inet6 },
	{ "unix", try_unix },
	{ "packet", try_packet },
	{ "fork", try_fork },
	{ "exec", try_exec },
	{ "thread", try_thread },
	{ "ptrace", try_ptrace },
	{ "uring", try_uring },
	{ "mount", try_mount },
	{ "write", try_write },
	{ "write-besides", try_write_besides },
	{ "read-besides", try_read_besides },
	{ "root", try_root },
};

static struct sut_err *confine(const char *role, bool *has_landlock)
{
	const struct sut_allowed allowed[] = {
		{ folder, true }, { "/etc", false }, { "/lib", false }, { "/usr/lib", false }
	};
	struct sut_err *err;

	*has_landlock = false;
	if (strcmp(role, "patch") == 0) {
		err = sut_confine_capabilities();
		return err ? err : sut_confine_patch();
	}
	err = sut_confine_files(allowed, 4, has_landlock);
	if (!err)
		err = sut_confine_user("nobody");
	return err ? err : sut_confine_fetch();
}

int main(int argc, char **argv)
{
	bool has_landlock;

	if (argc != 3)
		return 2;
	folder = argv[2];
	setvbuf(stdout, NULL, _IONBF, 0);
	struct sut_err *err = confine(argv[1], &has_landlock);
	if (err) {
		fprintf(stderr, "agent-confined: %s\n", err->msg);
		return 1;
	}
	printf("landlock %s\n", has_landlock ? "may" : "no");
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		errno = 0;
		long result = tries[i].try();
		printf("%s %s\n", tries[i].name, result >= 0 ? "may" : strerrorname_np(errno));
	}
	return 0;
}
