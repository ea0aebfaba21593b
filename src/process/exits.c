// SPDX-License-Identifier: Apache-2.0
#include "process/exits.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/** What stands in each message before its event, and where an end's status is in it. */
enum {
	EVENT_OFF = NLMSG_HDRLEN + sizeof(struct cn_msg),
	STATUS_OFF = EVENT_OFF + offsetof(struct proc_event, event_data.exit.exit_code),
};

/** As of <linux/pidfd.h> of Linux 6.15, which is newer than the headers that we build with. */
struct pidfd_info {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid;
	uint32_t ids[8];
	int32_t exit_code;
};
#define GET_INFO  _IOWR(0xFF, 11, struct pidfd_info)
#define INFO_EXIT (UINT64_C(1) << 3)

/** The subscription: of these events only, where the kernel can (Linux 6.6). */
struct wish {
	struct nlmsghdr header;
	struct cn_msg message;
	uint32_t what;
	uint32_t events;
};

static const int crashes[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS };

enum { N_CRASHES = sizeof(crashes) / sizeof(crashes[0]) };

bool sut_exits_is_crash(int signal)
{
	for (size_t i = 0; i < N_CRASHES; i++)
		if (crashes[i] == signal)
			return true;
	return false;
}

// The low 7 bits of the status are the signal; its first byte in memory, on x86.
static bool set_filter(int fd)
{
	struct sock_filter code[8 + N_CRASHES] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EVENT_OFF),
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
	struct sock_fprog program = { n, code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

static bool send_wish(int fd, bool is_filtered)
{
	size_t size = sizeof(uint32_t) * (is_filtered ? 2 : 1);
	struct wish wish = {
		.header = { .nlmsg_len = EVENT_OFF + size, .nlmsg_type = NLMSG_DONE },
		.message = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = size },
		.what = PROC_CN_MCAST_LISTEN,
		.events = PROC_EVENT_EXIT,
	};

	return send(fd, &wish, wish.header.nlmsg_len, 0) >= 0;
}

// One event; false when there is none. Only the kernel is believed.
static bool read_event(int fd, struct proc_event *ret)
{
	uint8_t bytes[1024];
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	ssize_t size = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_size);

	if (size < 0)
		return errno == ENOBUFS && read_event(fd, ret);
	*ret = (struct proc_event){ .what = PROC_EVENT_NONE };
	if (from.nl_pid == 0 && size > EVENT_OFF) {
		size_t left = size - EVENT_OFF;
		memcpy(ret, bytes + EVENT_OFF, left < sizeof(*ret) ? left : sizeof(*ret));
	}
	return true;
}

// The kernel answers at once, or never.
static bool is_answered(int fd)
{
	static const int limit = 50; // ms
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct proc_event event;

	return poll(&ready, 1, limit) == 1 && read_event(fd, &event) &&
	       (event.what != PROC_EVENT_NONE || event.event_data.ack.err == 0);
}

struct sut_err *sut_exits_open(struct sut_exits *ret)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);

	if (fd < 0)
		return sut_err(SUT_E_UNSUPPORTED, "the kernel does not tell here what ends");
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || !set_filter(fd)) {
		struct sut_err *err = sut_err_os(errno, "news of crashes");
		close(fd);
		return err;
	}
	if ((send_wish(fd, true) && is_answered(fd)) || (send_wish(fd, false) && is_answered(fd))) {
		ret->fd = fd;
		return NULL;
	}
	close(fd);
	return sut_err(SUT_E_UNSUPPORTED, "the kernel does not tell here what ends");
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

	while (read_event(exits->fd, &event)) {
		int signal = event.event_data.exit.exit_code & 0x7f;
		if (event.what != PROC_EVENT_EXIT || !sut_exits_is_crash(signal))
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
