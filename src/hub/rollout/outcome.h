// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Outcomes: how a device comes out with a release, judged from its report
 *
 *     processes of the release's builds, events of its hotpatches ──► done, failed, or on its way
 *
 * Pure: no store, no clock. The gates count what comes out here.
 */

#include <jansson.h>

#include "fleet/release.h"
#include "hub/store/rollout.h"

/**
 * Judge a device by @p report, which passed the checks of a report.
 *
 * It has failed when it tells that a hotpatch of @p release was taken out, was refused, or
 * was followed by a crash or a failed probe. It is done when it reports the release and no
 * process of the release's builds is open. A failure stays until some process is proved
 * with the release. Else it is as @p before.
 */
enum sut_outcome sut_outcome_judge(const struct sut_release *release, const json_t *report,
				   enum sut_outcome before);
