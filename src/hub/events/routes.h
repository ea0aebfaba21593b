// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The stream of events that pages follow (server-sent events)
 */

#include "hub/http/route.h"

extern const struct sut_route sut_event_routes[];
