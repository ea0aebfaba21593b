// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * A hub from its first step to its last; for main()
 */

#include <stdbool.h>

#include "base/err.h"
#include "hub/hub.h"

/** Open all but the server: the store and the authority are made when they are not there. One
 *  hub at a time serves from a folder; who comes with @p is_guest only does something to the
 *  store meanwhile. On failure @p hub owns nothing. */
sut_check struct sut_err *sut_hub_open(const struct sut_hub_config *config, bool is_guest,
				       struct sut_hub *hub);

/** Begin to serve. */
sut_check struct sut_err *sut_hub_serve(struct sut_hub *hub);
void sut_hub_close(struct sut_hub *hub);
