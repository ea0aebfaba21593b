// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the tool remembers of a repository beside the signed part: its product and policy in
 * REPO/channel.json, and advisories in REPO/advisories/ID.json
 */

#include "fleet/policy.h"
#include "fleet/release.h"

/** Settings. Owns everything. */
struct sut_settings {
	char *product;
	struct sut_policy policy; /**< For its rings, where no hub decides. */
};
void sut_settings_deinit(struct sut_settings *settings);

/** Make settings; @p policy is a file, NULL: the usual one. */
sut_check struct sut_err *sut_settings_make(const char *product, const char *policy,
					    struct sut_settings *ret);
sut_check struct sut_err *sut_settings_read(const char *repository, struct sut_settings *ret);
sut_check struct sut_err *sut_settings_write(const char *repository,
					     const struct sut_settings *settings);
/** Write them unless there are some. */
sut_check struct sut_err *sut_settings_write_missing(const char *repository,
						     const struct sut_settings *settings);

/** Remember an advisory, and for which packages it is: @p advisory as a release has it, with
 *  "packages", an array of names. Consumed. */
sut_check struct sut_err *sut_advisory_write(const char *repository, const char *id,
					     json_t *advisory);

/** The advisory @p id; SUT_E_USAGE says how to enter it. @p ret is the caller's. */
sut_check struct sut_err *sut_advisory_read(const char *repository, const char *id, json_t **ret);

/** All that are for @p package or @p source: an array of ids, the caller's, sorted. */
sut_check struct sut_err *sut_advisory_list(const char *repository, const char *package,
					    const char *source, json_t **ret);
