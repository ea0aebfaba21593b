// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What the hub says about itself: /healthz, and its part of /metrics
 */

#include <stdio.h>

#include "base/err.h"
#include "hub/http/route.h"

extern const struct sut_route sut_about_routes[];

/** Write the server's own numbers in OpenMetrics, without the final "# EOF". */
sut_check struct sut_err *sut_metrics_write(struct sut_hub *hub, FILE *out);
