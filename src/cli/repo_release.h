// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A release in the making
 *
 * Kept as JSON while it changes, and read as a release (with all checks) before it is
 * staged. What belongs to it is staged first and the document last, so that whatever ends
 * the program leaves a document that says less than is there, never more.
 */

#include "base/view.h"
#include "cli/repo_command.h"
#include "diff/reason.h"

struct sut_baseline;
struct sut_channel;

/** A release in the making. Owns the documents; borrows the call. */
struct sut_release_draft {
	const struct sut_repo_call *call;
	struct sut_channel *channel;
	json_t *document;
	const struct sut_baseline *baseline; /**< Borrowed from the channel. */
	json_t *advisories;                  /**< Ids given with --advisory: array; may be empty. */
	size_t n_carried;                    /**< Hotpatches that came from the release before. */
};

/** Begin with release @p name as it is staged, or with what the release before it on the
 *  same baseline holds. SUT_E_USAGE when it is published already, or when its baseline is
 *  not known or another one. */
sut_check struct sut_err *sut_release_draft_init(const struct sut_repo_call *call, const char *name,
						 struct sut_release_draft *ret);
void sut_release_draft_deinit(struct sut_release_draft *draft);

/** What is known of a hotpatch beside itself. Borrowed. */
struct sut_release_draft_origin {
	uint64_t full_size;       /**< Of the new package, bytes; 0: not known. */
	const json_t *advisories; /**< More ids than the hotpatch names: array or NULL. */
};

/** Put a hotpatch (plain or packed) into it, in place of an earlier one for the same build,
 *  whose advisories it takes over. @p ret_entry: its entry in the document, borrowed; may
 *  be NULL. */
sut_check struct sut_err *sut_release_draft_add(struct sut_release_draft *draft,
						struct sut_view file,
						const struct sut_release_draft_origin *origin,
						const json_t **entry_ret);

/** A file that could not be hotpatched. Borrows all. */
struct sut_release_draft_leftover {
	const char *package, *path;              /**< Path absolute. */
	const char *old_build_id, *new_build_id; /**< "": not known. */
	bool is_refused;
	const struct sut_reasons *reasons;
	const json_t *advisories; /**< Ids: array. */
};

/** Note it, in place of an earlier note. */
sut_check struct sut_err *
sut_release_draft_leave(struct sut_release_draft *draft,
			const struct sut_release_draft_leftover *leftover);

/** Stage the document. */
sut_check struct sut_err *sut_release_draft_stage(struct sut_release_draft *draft);
