// SPDX-License-Identifier: Apache-2.0
#include "process/exits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "process/news.h"

/** Where an end's status is in a message. */
enum { STATUS_OFF = SUT_NEWS_EVENT + offsetof(struct proc_event, event_data.exit.exit_code) };

/** As of <linux/pidfd.h> of Linux 6.15, which is newer than the headers that we build with. */
struct pidfd_info {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid;
	uint32_t ids[8];
	int32_t exit_code;
};
#define GET_INFO  _IOWR(0xFF, 11, struct pidfd_info)
#define INFO_EXIT (UINT64_C(1) << 3)

static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };

enum { N_CRASHES = sizeof(crashes) / sizeof(crashes[0]) };

bool sut_exits_is_crash(int signal)
{
	for (size_t i = 0; i < N_CRASHES; i++)
		if (crashes[i] == signal)
			return true;
	return false;
}

struct sut_err *sut_exits_open(struct sut_exits *ret)
{
	// The low 7 bits of the status are the signal; its first byte in memory, on x86.
	struct sock_filter code[8 + N_CRASHES] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SUT_NEWS_EVENT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), N_CRASHES + 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXIT), 0, N_CRASHES + 2),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, STATUS_OFF),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x7f),
	};
	size_t n = 5;

	for (size_t i = 0; i < N_CRASHES; i++, n++)
		code[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, crashes[i],
						       N_CRASHES - i, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const struct sut_news_wish wish = {
		.of = "crashes",
		.event = PROC_EVENT_EXIT,
		.filter = { n, code },
	};
	return sut_news_open(&wish, &ret->fd);
}

void sut_exits_close(struct sut_exits *exits)
{
	if (exits->fd >= 0)
		close(exits->fd);
	exits->fd = -1;
}

// Each thread of a process that a signal ends has that status: the first one counts.
bool sut_exits_next(const struct sut_exits *exits, pid_t *pid_ret, int *signal_ret)
{
	struct proc_event event;
	enum sut_news news;

	while ((news = sut_news_next(exits->fd, &event)) != SUT_NEWS_NONE) {
		int signal = event.event_data.exit.exit_code & 0x7f;
		if (news != SUT_NEWS_ONE || event.what != PROC_EVENT_EXIT || !sut_exits_is_crash(signal))
			continue;
		*pid_ret = event.event_data.exit.process_tgid;
		*signal_ret = signal;
		return true;
	}
	return false;
}

int sut_exits_follow(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

enum sut_exit_news sut_exits_ask(int fd, int *signal_ret)
{
	struct pidfd_info info = { .mask = INFO_EXIT };

	if (ioctl(fd, GET_INFO, &info) < 0)
		return errno == ESRCH ? SUT_EXIT_NOT_YET : SUT_EXIT_UNKNOWN;
	if (!(info.mask & INFO_EXIT))
		return SUT_EXIT_NOT_YET;
	*signal_ret = info.exit_code & 0x7f;
	return SUT_EXIT_KNOWN;
}
