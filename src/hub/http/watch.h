// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A descriptor in epoll(7), which is told only what changes
 */

#include <stdint.h>

/** A descriptor that its owner waits for. Owns it. */
struct sut_watch {
	void *owner;     /**< Whose events these are; NULL: the loop's own. */
	int fd;          /**< -1: none. */
	uint32_t events; /**< Those that epoll knows; 0: it does not know the descriptor. */
};

/** Let @p epoll tell of @p events, with the watch as their data. Nothing at all when they are
 *  0: otherwise it tells of a closed end again and again. */
void sut_watch_set(int epoll, struct sut_watch *watch, uint32_t events);

/** Close the descriptor; epoll forgets it by itself, because there is no other one of it. */
void sut_watch_close(struct sut_watch *watch);
