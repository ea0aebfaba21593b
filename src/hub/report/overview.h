// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Counts of the fleet, as the overview and /metrics tell them
 */

#include <jansson.h>

#include "base/err.h"

struct sut_known;
struct sut_policy;

/** Sum up the rows of sut_store_overview() (hub/store/report.h): {"devices", "protected_share",
 *  "processes"} as in GET /api/v1/overview; a new reference, NULL without memory. */
json_t *sut_overview_count(const json_t *rows, const struct sut_policy *policy);

/** The events of @p year, with what is published. */
sut_check struct sut_err *sut_overview_calendar(const struct sut_known *known, int year,
						json_t **ret);
