// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Folders whose files survive
 *
 * A write goes to a temporary file beside the target, is synced, renamed, and the folder synced:
 * whoever reads, also after a crash or with a full disk, finds the old file or the new one.
 * Temporary files are named `.new-XXXXXX`; sut_folder_sweep() removes those of a crash.
 */

#include <stdio.h>
#include <sys/types.h>

#include "base/file.h"

/** A file that is being written. Owns the descriptor and the temporary file. */
struct sut_draft {
	int fd;          /**< Open for writing, or -1. */
	char *temporary; /**< Path, owned. */
	char *path;      /**< Where it goes, owned. */
};

/** Begin to write @p name below @p folder; folders on the way are made. @p mode is the file's.
 *  Without sut_draft_keep(), sut_draft_deinit() leaves all as it was. */
sut_check struct sut_err *sut_draft_init(const char *folder, const char *name, mode_t mode,
					 struct sut_draft *ret);
void sut_draft_deinit(struct sut_draft *draft);

/** Append. */
sut_check struct sut_err *sut_draft_add(struct sut_draft *draft, struct sut_view bytes);

/** Make it the file, durably. With @p is_new_only a file that is there is an error
 *  (SUT_E_USAGE) and stays. */
sut_check struct sut_err *sut_draft_keep(struct sut_draft *draft, bool is_new_only);

/** All of this for bytes in memory. */
sut_check struct sut_err *sut_folder_write(const char *folder, const char *name,
					   struct sut_view bytes);

/** Read a file of at most @p limit bytes; @p found tells whether there is one, and without it
 *  @p ret is untouched. More than @p limit, or something that is no regular file, is
 *  SUT_E_FORMAT. */
sut_check struct sut_err *sut_folder_read(const char *folder, const char *name, size_t limit,
					  bool *found, struct sut_file *ret);

/** Move the file @p name from one folder into another of the same file system, durably. */
sut_check struct sut_err *sut_folder_move(const char *from, const char *to, const char *name);

/** Remove a file, durably; fine if there is none. */
sut_check struct sut_err *sut_folder_remove(const char *folder, const char *name);

/** Remove what a crash left in @p folder, in the folders below it too. */
void sut_folder_sweep(const char *folder);

/** Make a folder and those above it; fine if it is there. */
sut_check struct sut_err *sut_folder_make(const char *path);

/** Take the lock FOLDER/.lock, and wait for it up to @p seconds. SUT_E_BUSY when another process
 *  keeps it. close() of @p ret gives it back. */
sut_check struct sut_err *sut_folder_lock(const char *folder, unsigned int seconds, int *ret);
