// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Releases
 *
 * A month's release, or one out of band: hotpatches on top of one baseline, with the
 * advisories that they close and what could not be hotpatched. As a document it is the
 * target `hotpatches/NAME.json`.
 *
 * A release of kind "baseline" brings the baseline of its own name: devices then have
 * to move to that, because something could not be hotpatched (or because the quarter
 * begins). Hotpatches that it holds all the same are for `baseline`, the one before,
 * and protect what they can until a device has moved.
 */

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/view.h"

struct sut_baseline;

enum sut_release_kind {
	SUT_RELEASE_HOTPATCH,
	SUT_RELEASE_BASELINE,
};

enum sut_advisory_severity {
	SUT_ADVISORY_CRITICAL,
	SUT_ADVISORY_HIGH,
	SUT_ADVISORY_MEDIUM,
	SUT_ADVISORY_LOW,
	SUT_ADVISORY_UNKNOWN,
};

/** The word: "critical". */
const char *sut_advisory_severity_name(enum sut_advisory_severity severity);
/** And back; false if @p word is none. */
bool sut_advisory_severity_find(const char *word, enum sut_advisory_severity *ret);

/** An advisory. Owns its texts. */
struct sut_advisory {
	char *id;     /**< "CVE-2026-1" */
	int severity; /**< enum sut_advisory_severity. */
	int64_t published;
	char *summary; /**< A line. */
};

/** A sign that somebody accepted, or a reason against a hotpatch. Owns its texts. */
struct sut_release_sign {
	char *code, *function;
	char *why; /**< Accepted: the reason given; a reason against: the detail. */
};

/** A hotpatch of a release. Owns everything. */
struct sut_release_hotpatch {
	char *name;
	char *target;       /**< Always hotpatches/RELEASE/NAME.hotpatch. */
	char *sha256;       /**< Of the target, hex. */
	uint64_t size;      /**< Of the target, bytes. */
	uint64_t full_size; /**< Of the package that it stands for, bytes; 0: not known. */
	char *old_build_id, *new_build_id; /**< Hex. */
	char *package, *old_version, *new_version;
	char *path;        /**< Absolute, of the file in its package. */
	char **advisories; /**< Ids. */
	size_t n_advisories;
	struct sut_release_sign *accepted;
	size_t n_accepted;
};

/** A file that had to change and could not be hotpatched. Owns everything. */
struct sut_release_leftover {
	char *package, *path;
	char *old_build_id, *new_build_id; /**< Hex; NULL when not known. */
	int verdict;                       /**< 0: review, 1: refused. */
	struct sut_release_sign *reasons;
	size_t n_reasons;
	char **advisories;
	size_t n_advisories;
};

/** A release. Owns everything. All zero is a valid empty one. */
struct sut_release {
	char *name;     /**< "2026.11" */
	char *baseline; /**< Name of the baseline that its hotpatches are for. */
	int kind;       /**< enum sut_release_kind. */
	int64_t date;
	bool is_out_of_band;
	struct sut_advisory *advisories;
	size_t n_advisories;
	struct sut_release_hotpatch *hotpatches;
	size_t n_hotpatches;
	struct sut_release_leftover *leftovers;
	size_t n_leftovers;
};

/** Read a document. SUT_E_FORMAT says which member is wrong; also two hotpatches of one
 *  name or for one build, and a target that is not where the release's belong. */
sut_check struct sut_err *sut_release_read(struct sut_view bytes, struct sut_release *ret);
void sut_release_deinit(struct sut_release *release);

/** The document as JSON, a new reference; NULL when out of memory. */
json_t *sut_release_write(const struct sut_release *release);

/** Find the hotpatch for build @p build_id, or NULL. Borrowed. */
const struct sut_release_hotpatch *sut_release_find(const struct sut_release *release,
						    const char *build_id);
/** Find the advisory, or NULL. Borrowed. */
const struct sut_advisory *sut_release_advisory(const struct sut_release *release, const char *id);

/** What may stand against publishing a release. */
enum sut_problem_code {
	SUT_PROBLEM_NAME,             /**< Number and "out of band" do not agree, or it is not
				       *   after its baseline. */
	SUT_PROBLEM_BASELINE,         /**< It sits on another baseline than the one given. */
	SUT_PROBLEM_NO_ADVISORY,      /**< A hotpatch closes no advisory: not security-only. */
	SUT_PROBLEM_UNKNOWN_ADVISORY, /**< It names one that the release does not tell of. */
	SUT_PROBLEM_NOT_CUMULATIVE,   /**< A build of the release before is not covered. */
	SUT_PROBLEM_FOREIGN_BUILD,    /**< A hotpatch is for no build of the baseline. */
	SUT_PROBLEM_EMPTY,            /**< A hotpatch release without hotpatches. */
	SUT_PROBLEM_NO_MANIFEST,      /**< Kind "baseline", and its own manifest is missing. */
	SUT_PROBLEM_LEFTOVER,         /**< Note: something could not be hotpatched. */
	SUT_PROBLEM_SIZE,             /**< Note: more than a tenth of the full package. */
};

/** "not-cumulative" */
const char *sut_problem_name(enum sut_problem_code code);

/** A problem. Owns its text. */
struct sut_problem {
	enum sut_problem_code code;
	bool is_note; /**< To be weighed by a person; does not stand against publishing. */
	char *text;   /**< A sentence that names the thing and the way out. */
};

/** What was found. Owns the list. All zero is a valid empty one. */
struct sut_problems {
	struct sut_problem *list;
	size_t n, capacity;
	size_t n_fatal; /**< How many are no notes. */
};
void sut_problems_deinit(struct sut_problems *problems);

/** What a release is checked against. All borrowed. */
struct sut_release_context {
	const struct sut_baseline *baseline; /**< Of the release's hotpatches. */
	/** The release before it on the same baseline; NULL: it is the first. */
	const struct sut_release *previous;
	/** Kind "baseline": the manifest of the release's own name; else unused. */
	const struct sut_baseline *manifest;
	/** Names of hotpatches that were revoked: they need not be covered again. */
	char *const *revoked;
	size_t n_revoked;
};

/** May @p release be published? Appends what is found to @p ret. Fails only when out of
 *  memory. */
sut_check struct sut_err *sut_release_check(const struct sut_release *release,
					    const struct sut_release_context *context,
					    struct sut_problems *ret);
