// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The story that the agent tells of this machine (docs/agent.md), for people
 */

#include <jansson.h>

#include "base/err.h"

/** Where it stands unless somebody says another place. */
#define SUT_AGENT_STORY "/run/suture/agent.json"

/** Read it. @p ret is a new reference, NULL when there is none at @p path. */
sut_check struct sut_err *sut_agent_story_read(const char *path, json_t **ret);

/** Print it. */
void sut_agent_story_print(const json_t *story);
