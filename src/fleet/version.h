// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Names of releases, and their order
 *
 * "2026.11" is the release of a month, "2026.11.1" the first one out of band after it.
 */

#include <stdbool.h>

/** Room for a name with its final NUL. */
#define SUT_VERSION_SIZE 16

/** A release's name, taken apart. */
struct sut_version {
	int year;   /**< 1970 to 9999. */
	int month;  /**< 1 to 12. */
	int number; /**< 0: the month's own; 1 to 999: out of band. */
};

/** Read a name in its one form; false, and @p ret untouched, for anything else. */
bool sut_version_read(const char *text, struct sut_version *ret);

/** Write a name. */
void sut_version_write(struct sut_version version, char ret[SUT_VERSION_SIZE]);

/** Compare two names in release order, as strcmp() does. Both are valid names. */
int sut_version_compare(const char *a, const char *b);
