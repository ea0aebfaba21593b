// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Programs that use a library, for tests
 *
 * A program answers questions, one a line on standard input, and meanwhile two
 * threads use the library without end, doing the same thing again and again
 * and comparing the outcome with the first one. After each answer it prints a
 * line with a dot. Two questions are the same in every program:
 *
 *     rounds    how often the threads came round, or what went wrong
 *     quit      end
 */

/** Answer @p question on standard output. */
void answer(char *question);

/** Do the same work each time; return a digest of the outcome. */
unsigned long work_once(void);

/** Add @p size bytes at @p data to a digest that began as 5381. */
unsigned long digest_add(unsigned long digest, const void *data, unsigned long size);
