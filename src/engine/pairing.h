// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Pairing the ELF files of two packages
 *
 * By path; what is left, by the path with every version in it taken out (file
 * names may carry the package's version, sonames included).
 */

#include "elf/deb.h"

/** A file of the old package and its successor. Borrowed from the packages. */
struct sut_file_pair {
	const struct sut_deb_file *old;
	const struct sut_deb_file *new; /**< NULL: removed. */
};

/** All ELF files of an old package. Owns the list. */
struct sut_pairing {
	struct sut_file_pair *pairs; /**< In the old package's order. */
	size_t n_pairs;
};

sut_check struct sut_err *sut_pairing_init(const struct sut_deb *old,
					   const struct sut_deb *new,
					   struct sut_pairing *ret);
void sut_pairing_deinit(struct sut_pairing *pairing);
