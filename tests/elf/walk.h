// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Reads everything that a parsed image lets its users reach, so that a wrong
 * bound shows under AddressSanitizer, and checks what image.h promises about
 * order. For tests and fuzz targets on hostile files.
 */

#include "elf/image.h"

/** Walk over @p image; aborts when it breaks a promise. Returns a checksum of
 *  all that was read. */
uint64_t walk_image(const struct sut_image *image);
