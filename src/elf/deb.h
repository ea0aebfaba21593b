// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Debian packages
 *
 * Reads a .deb (deb(5): an ar archive with control.tar and data.tar, each
 * compressed with gzip, xz, zstd or not at all) through libarchive, and keeps
 * its name, version, architecture and every regular file that is ELF.
 */

#include "base/err.h"
#include "base/view.h"

/** A regular ELF file in a package. Owned by the package. */
struct sut_deb_file {
	char *path; /**< Without leading "./" or "/". */
	struct sut_view bytes;
};

/** A package. Owns everything. */
struct sut_deb {
	char *package;      /**< Control field Package. */
	char *source;       /**< Control field Source without version, or the
				 package's own name. */
	char *version;      /**< Control field Version. */
	char *architecture; /**< Control field Architecture. */
	struct sut_deb_file *files; /**< Sorted by path. */
	size_t n_files;
	uint64_t size; /**< Of the .deb itself, bytes. */
};

/** Does @p file begin like a .deb ("!<arch>\ndebian-binary")? */
bool sut_deb_is_deb(struct sut_view file);

/** Parse @p file, which may be let go afterwards. A single file over 512 MiB or
 *  more than 4 GiB of files is SUT_E_FORMAT (a decompression bomb). */
sut_check struct sut_err *sut_deb_init(struct sut_view file,
				       struct sut_deb *ret);
void sut_deb_deinit(struct sut_deb *deb);
