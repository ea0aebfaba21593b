// SPDX-License-Identifier: Apache-2.0
#include "process/execs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** What stands in each message before its event. */
enum { EVENT_OFF = NLMSG_HDRLEN + sizeof(struct cn_msg) };

/** The subscription. Since Linux 6.6 it may say of which events; before, a longer one
 *  than the first word is ignored. */
struct wish {
	struct nlmsghdr header;
	struct cn_msg message;
	uint32_t what;
	uint32_t events;
};

// Of all that the kernel would tell, only this wakes us. The answer to the
// subscription is PROC_EVENT_NONE.
static bool set_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, EVENT_OFF),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
}

static bool send_wish(int fd, bool is_filtered)
{
	size_t size = sizeof(uint32_t) * (is_filtered ? 2 : 1);
	struct wish wish = {
		.header = { .nlmsg_len = EVENT_OFF + size, .nlmsg_type = NLMSG_DONE },
		.message = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = size },
		.what = PROC_CN_MCAST_LISTEN,
		.events = PROC_EVENT_EXEC,
	};

	return send(fd, &wish, wish.header.nlmsg_len, 0) >= 0;
}

// One event, of which PROC_EVENT_NONE says that there is none.
static enum sut_execs_news read_event(int fd, struct proc_event *ret)
{
	uint8_t bytes[1024];
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	ssize_t size = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_size);

	if (size < 0)
		return errno == ENOBUFS ? SUT_EXECS_LOST : SUT_EXECS_NONE;
	*ret = (struct proc_event){ .what = PROC_EVENT_NONE };
	// Only the kernel is believed.
	size_t least = offsetof(struct proc_event, event_data) + sizeof(ret->event_data.exec);
	if (from.nl_pid == 0 && size >= (ssize_t)(EVENT_OFF + least)) {
		size_t left = size - EVENT_OFF;
		memcpy(ret, bytes + EVENT_OFF, left < sizeof(*ret) ? left : sizeof(*ret));
	}
	return SUT_EXECS_ONE;
}

// The kernel answers at once, or never.
static bool is_answered(int fd)
{
	static const int limit = 50; // ms
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct proc_event event;

	return poll(&ready, 1, limit) == 1 && read_event(fd, &event) == SUT_EXECS_ONE &&
	       (event.what != PROC_EVENT_NONE || event.event_data.ack.err == 0);
}

static struct sut_err *subscribe(int fd)
{
	static const int room = 4 * 1024 * 1024; // bytes
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return sut_err_os(errno, "news of executed programs");
	// Without that much there is less.
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (!set_filter(fd))
		return sut_err_os(errno, "news of executed programs");
	if ((send_wish(fd, true) && is_answered(fd)) || (send_wish(fd, false) && is_answered(fd)))
		return NULL;
	return sut_err(SUT_E_UNSUPPORTED,
		       "the kernel does not tell here which programs are executed");
}

struct sut_err *sut_execs_open(struct sut_execs *ret)
{
	int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);

	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT))
		return sut_err(SUT_E_UNSUPPORTED,
			       "the kernel does not tell here which programs are executed");
	if (fd < 0)
		return sut_err_os(errno, "news of executed programs");
	struct sut_err *err = subscribe(fd);
	if (err)
		close(fd);
	else
		ret->fd = fd;
	return err;
}

void sut_execs_close(struct sut_execs *execs)
{
	if (execs->fd >= 0)
		close(execs->fd);
	execs->fd = -1;
}

enum sut_execs_news sut_execs_next(const struct sut_execs *execs, pid_t *ret)
{
	struct proc_event event;

	for (;;) {
		enum sut_execs_news news = read_event(execs->fd, &event);
		if (news != SUT_EXECS_ONE)
			return news;
		if (event.what != PROC_EVENT_EXEC)
			continue;
		*ret = event.event_data.exec.process_tgid;
		return news;
	}
}
