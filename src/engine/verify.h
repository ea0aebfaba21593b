// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The recipe `verify`
 *
 * Proves what a process runs. Against a hotpatch file: every byte of code and
 * constants in the payload is linked anew from the file and compared, every
 * redirect, and every other byte of the replaced functions. Without a file: the
 * same against what the trace says. Nothing is stopped or changed.
 */

#include <jansson.h>

#include "engine/select.h"

/** Verify process @p pid (a sut_crew_fn). The context is a struct sut_select; with
 *  files in it, each must stand in every module it is for. */
json_t *sut_verify_work(pid_t pid, void *select);
