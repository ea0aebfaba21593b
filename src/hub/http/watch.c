// SPDX-License-Identifier: Apache-2.0
#include "hub/http/watch.h"

#include <sys/epoll.h>
#include <unistd.h>

void sut_watch_set(int epoll, struct sut_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };
	int change = !events ? EPOLL_CTL_DEL : watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (watch->fd < 0 || events == watch->events)
		return;
	if (epoll_ctl(epoll, change, watch->fd, &event) == 0)
		watch->events = events;
}

void sut_watch_close(struct sut_watch *watch)
{
	if (watch->fd >= 0)
		close(watch->fd);
	watch->fd = -1;
	watch->events = 0;
}
