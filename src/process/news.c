// SPDX-License-Identifier: Apache-2.0
#include "process/news.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/** The subscription as it is sent. Since Linux 6.6 it may say of which events; before, a
 *  longer one than the first word is ignored. */
struct request {
	struct nlmsghdr header;
	struct cn_msg message;
	uint32_t what;
	uint32_t events;
};

static bool send_request(int fd, uint32_t event, bool is_filtered)
{
	size_t size = sizeof(uint32_t) * (is_filtered ? 2 : 1);
	struct request request = {
		.header = { .nlmsg_len = SUT_NEWS_EVENT + size, .nlmsg_type = NLMSG_DONE },
		.message = { .id = { CN_IDX_PROC, CN_VAL_PROC }, .len = size },
		.what = PROC_CN_MCAST_LISTEN,
		.events = event,
	};

	return send(fd, &request, request.header.nlmsg_len, 0) >= 0;
}

// The kernel answers at once, or never.
static bool is_answered(int fd)
{
	static const int limit = 50; // ms
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct proc_event event;

	return poll(&ready, 1, limit) == 1 && sut_news_next(fd, &event) == SUT_NEWS_ONE &&
	       (event.what != PROC_EVENT_NONE || event.event_data.ack.err == 0);
}

static struct sut_err *refuse(const struct sut_news_wish *wish)
{
	return sut_err(SUT_E_UNSUPPORTED, "the kernel gives no news of %s here", wish->of);
}

static struct sut_err *subscribe(int fd, const struct sut_news_wish *wish)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return sut_err_os(errno, "news of %s", wish->of);
	// Without that much there is less.
	if (wish->room)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wish->room, sizeof(wish->room));
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &wish->filter, sizeof(wish->filter)) < 0)
		return sut_err_os(errno, "news of %s", wish->of);
	if ((send_request(fd, wish->event, true) && is_answered(fd)) ||
	    (send_request(fd, wish->event, false) && is_answered(fd)))
		return NULL;
	return refuse(wish);
}

struct sut_err *sut_news_open(const struct sut_news_wish *wish, int *ret)
{
	int fd = socket(PF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_CONNECTOR);

	if (fd < 0 && (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT))
		return refuse(wish);
	if (fd < 0)
		return sut_err_os(errno, "news of %s", wish->of);
	struct sut_err *err = subscribe(fd, wish);
	if (err)
		close(fd);
	else
		*ret = fd;
	return err;
}

enum sut_news sut_news_next(int fd, struct proc_event *ret)
{
	uint8_t bytes[1024];
	struct sockaddr_nl from = { 0 };
	socklen_t from_size = sizeof(from);
	ssize_t size = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_size);

	if (size < 0)
		return errno == ENOBUFS ? SUT_NEWS_LOST : SUT_NEWS_NONE;
	*ret = (struct proc_event){ .what = PROC_EVENT_NONE };
	// Only the kernel is believed.
	size_t least = offsetof(struct proc_event, event_data) + sizeof(ret->event_data.exec);
	if (from.nl_pid == 0 && size >= (ssize_t)(SUT_NEWS_EVENT + least)) {
		size_t left = size - SUT_NEWS_EVENT;
		memcpy(ret, bytes + SUT_NEWS_EVENT, left < sizeof(*ret) ? left : sizeof(*ret));
	}
	return SUT_NEWS_ONE;
}
