// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Routes about the fleet: overview, devices, groups, releases, calendar, metrics
 */

#include "hub/http/route.h"

extern const struct sut_route sut_overview_routes[];
extern const struct sut_route sut_fleet_routes[];
extern const struct sut_route sut_release_routes[];
extern const struct sut_route sut_metrics_routes[];
