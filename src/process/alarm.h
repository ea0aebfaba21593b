// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Alarms
 *
 * A wait for one thread that the kernel itself ends: waitpid(2) sleeps until that
 * thread reports and wakes for no other, which nothing that looks and sleeps in turns
 * can do. When its time is up it returns EINTR, again and again, because the first
 * time may come just before it begins to sleep.
 *
 * For the calling thread only, one at a time. Uses SIGALRM, which a worker has for
 * itself.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/** An alarm. Owns its timer. */
struct sut_alarm {
	timer_t timer;
	bool is_set; /**< False: there was no timer left, and nothing interrupts. */
};

/** Interrupt the calling thread's waits from @p deadline on, in sut_now() time. */
void sut_alarm_begin(uint64_t deadline, struct sut_alarm *ret);

/** No more. */
void sut_alarm_end(struct sut_alarm *alarm);
