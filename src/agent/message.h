// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the agent's processes say to each other
 *
 * A closed list of messages of one size, over a pair of SOCK_SEQPACKET sockets for each
 * two that talk. Large things are files, which a message names by what they are.
 *
 *              ┌─ RUN ──── main ◄──────────────┐
 *              ▼ RAN                           │ (starts both, and runs commands)
 *            patch ── NEED REPORT PROBE REFRESH ──► fetch
 *                  ◄── HELLO MIRROR RING HUB ACK PROBED ENROLLED EXPIRED
 *
 * A receiver takes a message only if it is on the list for its direction and every byte
 * of it is as it must be. Whoever sends nonsense is ended.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

/** The messages. */
enum sut_message_type {
	SUT_MESSAGE_HELLO = 1, /**< Between patch and fetch: I have begun; tell me again what
				    I should know or do. */
	/* From fetch to patch. */
	SUT_MESSAGE_MIRROR,   /**< The mirror is as new as it gets. number: 1 fresh, 0 the refresh
				   failed; text: why. */
	SUT_MESSAGE_RING,     /**< text: the ring that the hub has assigned. */
	SUT_MESSAGE_HUB,      /**< The hub is there: number is bits of enum sut_hub_flag;
				   text: why this device is on hold. */
	SUT_MESSAGE_ACK,      /**< The hub has stored report number. */
	SUT_MESSAGE_PROBED,   /**< index, number: 1 healthy, 0 not; text: why. */
	SUT_MESSAGE_ENROLLED, /**< text: the device's id. */
	SUT_MESSAGE_EXPIRED,  /**< The device is nobody to the hub any more; text: the way out. */
	/* From patch to fetch. */
	SUT_MESSAGE_NEED,    /**< Get the targets that outbox/need.json lists. */
	SUT_MESSAGE_REPORT,  /**< Send outbox/report.json; number: its seq. */
	SUT_MESSAGE_PROBE,   /**< Try the HTTP probe index. */
	SUT_MESSAGE_REFRESH, /**< Refresh at once. */
	/* Between patch and main. */
	SUT_MESSAGE_RUN, /**< Run the command of probe index; or, with SUT_RUN_BASELINE, move
			      the packages of outbox/baseline. */
	SUT_MESSAGE_RAN, /**< It is over: index; number: 1 well, 0 not; text: why. */
};

/** The index in RUN and RAN that is no probe's. */
enum { SUT_RUN_BASELINE = 1000 };

/** What HUB says. */
enum sut_hub_flag {
	SUT_HUB_IS_THERE = 1, /**< It has answered. */
	SUT_HUB_ON_HOLD = 2,  /**< An operator holds this device. */
	SUT_HUB_PAUSED = 4,   /**< Rollouts stand still here. */
};

/** Who sends to whom. */
enum sut_direction {
	SUT_FETCH_TO_PATCH,
	SUT_PATCH_TO_FETCH,
	SUT_PATCH_TO_MAIN,
	SUT_MAIN_TO_PATCH,
};

enum { SUT_MESSAGE_TEXT = 240 };

/** A message, as it travels: in the machine's byte order. Text is printable, and what
 *  is behind its end is 0. */
struct sut_message {
	uint32_t type;  /**< enum sut_message_type. */
	uint32_t index; /**< Of a probe, or 0. */
	uint64_t number;
	char text[SUT_MESSAGE_TEXT];
};

/** Take a message out of @p bytes. */
sut_check struct sut_err *sut_message_parse(struct sut_view bytes, enum sut_direction direction,
					    struct sut_message *ret);

/** A message with a text, of which as much is taken as goes in, made printable. */
struct sut_message sut_message_make(enum sut_message_type type, uint32_t index, uint64_t number,
				    const char *text);

/** Send it without waiting; false when it does not go: the other one is not there, or
 *  does not listen. */
bool sut_message_send(int fd, const struct sut_message *message);

/** Take the next one; @p found is false when there is none. */
sut_check struct sut_err *sut_message_receive(int fd, enum sut_direction direction, bool *found,
					      struct sut_message *ret);
