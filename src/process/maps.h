// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Memory maps
 *
 * The mappings of a process as /proc/PID/maps tells them (proc(5)), sorted by
 * address. The text is the kernel's, but a path in it is anybody's: the parser
 * takes nothing for granted.
 */

#include "base/err.h"
#include "base/view.h"
#include "process/addr.h"

/** A mapping. */
struct sut_mapping {
	struct sut_span span;
	bool is_readable, is_writable, is_executable;
	bool is_shared; /**< MAP_SHARED. */
	uint64_t off;   /**< File offset; 0 when anonymous. */
	uint64_t dev;   /**< makedev() of the file's device; 0: anonymous. */
	uint64_t inode; /**< 0: anonymous. */
	char *path;     /**< As the kernel prints it, "" when anonymous and without a
			     name; "[stack]", "[heap]", "[anon:NAME]" otherwise. Owned. */
};

/** The maps of a process. Owns everything. All zero is a valid empty one. */
struct sut_maps {
	struct sut_mapping *items; /**< Sorted by address, disjoint. */
	size_t n;
	size_t capacity; /**< Private. */
};

/** Parse the text of a maps file. */
sut_check struct sut_err *sut_maps_parse(struct sut_view text, struct sut_maps *ret);
void sut_maps_deinit(struct sut_maps *maps);

/** Add a mapping without a name, as if it were there. */
sut_check struct sut_err *sut_maps_add(struct sut_maps *maps, struct sut_span span);

/** Find the mapping that holds @p at, or NULL. */
const struct sut_mapping *sut_maps_at(const struct sut_maps *maps, uint64_t at);

/** Find the mapping named @p path ("[stack]"), or NULL. */
const struct sut_mapping *sut_maps_named(const struct sut_maps *maps, const char *path);
