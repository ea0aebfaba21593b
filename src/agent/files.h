// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * JSON in the agent's own folders
 *
 * Small files that one of the agent's processes writes for itself or for another one,
 * atomically and durably.
 */

#include <jansson.h>
#include <sys/types.h>

#include "agent/config.h"

/** Read STATE/@p below. @p ret is a new reference, NULL when there is no such file. */
sut_check struct sut_err *sut_state_read(const struct sut_config *config, const char *below,
					 json_t **ret);

/** Write it, with @p mode. @p json is borrowed. */
sut_check struct sut_err *sut_state_write(const struct sut_config *config, const char *below,
					  const json_t *json, mode_t mode);

/** Write @p json to the file at @p path. */
sut_check struct sut_err *sut_state_write_to(const char *path, const json_t *json, mode_t mode);

/** A member that is a text; "" when it is not. Borrowed. */
const char *sut_state_text(const json_t *object, const char *key);
