// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A program that is nothing but a case's own probe.c: it hands each line of standard
 * input, two numbers, to probe(), and prints what that returns. Around it stand
 * functions that never change, so that the builds are alike.
 */

#ifdef __cplusplus
extern "C" {
#endif

/** Of the case: answer question @p which with number @p x. */
long probe(long which, long x);

/** Answer question @p which with functions that are the same in both builds. */
long unchanged(long which, long x);

#ifdef __cplusplus
}
#endif

/** A function that the compiler sees through as little as a linker does. */
#define APART __attribute__((noinline, noclone, noipa))
