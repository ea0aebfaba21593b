// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Whole files
 *
 * Reading: the file's bytes as a view, copied into memory, so that a file that
 * is truncated or rewritten meanwhile cannot change under a parser.
 * Writing: a temporary file beside the target, synced, then renamed, so that a
 * reader sees the old file or the new one and a full disk changes nothing.
 */

#include "base/err.h"
#include "base/view.h"

/** A file's bytes. Owns them. All zero is a valid empty file. */
struct sut_file {
	struct sut_view view;
};

/** Read the whole of @p path; files over 1 GiB are refused. */
sut_check struct sut_err *sut_file_read(const char *path, struct sut_file *ret);

/** Same, from an open descriptor that the caller keeps; @p name for errors. */
sut_check struct sut_err *sut_file_read_fd(int fd, const char *name,
					   struct sut_file *ret);
void sut_file_deinit(struct sut_file *file);

/** Replace @p path by @p bytes, atomically, with mode 0644. */
sut_check struct sut_err *sut_file_write(const char *path,
					 struct sut_view bytes);
/** The same with another mode (0600 for secrets), and the folder is synced too: what
 *  this has written is there after a power failure. */
sut_check struct sut_err *sut_file_write_durable(const char *path, struct sut_view bytes,
						 unsigned int mode);
