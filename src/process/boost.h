// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Boosts
 *
 * A thread of the target that is needed runs with real-time priority for a moment,
 * so that it need not wait for its turn among a thousand others. Its own priority is
 * not changed, only lent:
 *
 *     helper, real-time ──waits for──► lock ──"held by"──► thread of the target
 *
 * The lock is a futex(2) with priority inheritance in memory of ours, into which we
 * write that thread's tid. As long as the helper waits, the kernel runs the thread
 * with the helper's priority; it stops to do so when the helper is gone, in whatever
 * way it went. So a tool that is killed leaves no changed priority behind.
 */

#include <stdbool.h>
#include <sys/types.h>

/** Somebody who is boosted. */
struct sut_boost;

/** Boost thread @p tid; whoever was boosted before no more. Without the right to
 *  real-time priority, or on a kernel without such locks, nothing happens. @p boost is
 *  NULL before the first. */
void sut_boost_begin(struct sut_boost **boost, pid_t tid);

/** Boost nobody. @p boost is NULL afterwards. */
void sut_boost_end(struct sut_boost **boost);

/** Is it @p tid that is boosted? @p boost may be NULL. */
bool sut_boost_has(const struct sut_boost *boost, pid_t tid);
