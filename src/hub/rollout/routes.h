// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Routes about rollouts, recalls and the policy
 */

#include "hub/http/route.h"

extern const struct sut_route sut_rollout_routes[];
