// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * What devices ask: enrolment, renewal of their certificate, reports, changes
 */

#include "hub/http/route.h"

extern const struct sut_route sut_device_routes[];
