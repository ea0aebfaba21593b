// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * News of processes
 *
 * The kernel tells root in the first PID, user and network namespace what happens to
 * processes (the proc connector, a netlink socket; CONFIG_PROC_EVENTS). Here is the
 * subscription: of one kind of event, and of these only what a filter in the kernel lets
 * through. Which that is, process/execs.h and process/exits.h know.
 *
 * The kernel drops what is not fetched in time, and says so.
 */

#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stdint.h>

#include "base/err.h"

/** What stands in each message before its event: where a filter finds it. Bytes. */
enum { SUT_NEWS_EVENT = NLMSG_HDRLEN + sizeof(struct cn_msg) };

/** A subscription. */
struct sut_news_wish {
	/** What the news is of, as in "news of crashes": for errors. */
	const char *of;
	uint32_t event; /**< PROC_EVENT_*. */
	/** What wakes us; it must let PROC_EVENT_NONE through, the kernel's answer. */
	struct sock_fprog filter;
	/** Bytes the kernel may keep until they are fetched, where it allows so much; 0: as
	 *  it is set up. */
	int room;
};

/** Subscribe. @p ret is a descriptor of the caller's that can be polled. SUT_E_UNSUPPORTED
 *  where the kernel does not tell, SUT_E_DENIED without CAP_NET_ADMIN. */
sut_check struct sut_err *sut_news_open(const struct sut_news_wish *wish, int *ret);

/** What sut_news_next() found. */
enum sut_news {
	SUT_NEWS_NONE, /**< Nothing for now. */
	SUT_NEWS_ONE,  /**< An event. */
	SUT_NEWS_LOST, /**< Some were dropped. */
};

/** Take the next one. What is not from the kernel, or too short, is PROC_EVENT_NONE in
 *  @p ret; fields that the kernel does not send are 0. */
enum sut_news sut_news_next(int fd, struct proc_event *ret);
