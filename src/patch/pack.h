// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Packed hotpatches
 *
 * On disk a hotpatch is a plain ELF object, so that everybody's tools read it. On
 * its way it is packed with xz, which makes it a third of the size; whatever reads
 * a hotpatch takes both forms. A packed hotpatch holds the plain one byte for
 * byte, so the digest is that of the plain one.
 */

#include "base/err.h"
#include "base/view.h"

struct sut_buf;

/** Does @p file begin like a packed hotpatch (the magic number of xz)? */
bool sut_pack_is_packed(struct sut_view file);

/** Append @p file, packed, to @p ret. */
sut_check struct sut_err *sut_pack(struct sut_view file, struct sut_buf *ret);

/** Append what @p packed holds to @p ret. Anything but one whole xz stream of at
 *  most 128 MiB is SUT_E_FORMAT. */
sut_check struct sut_err *sut_unpack(struct sut_view packed, struct sut_buf *ret);
