// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The recipe `status`
 *
 * Reads the traces out of processes. Nothing is stopped or changed.
 */

#include <jansson.h>

#include "engine/select.h"

/** Tell what process @p pid carries (a sut_crew_fn; the context is a struct
 *  sut_select):
 *  {"pid", "name", "error": "" or why it cannot be told, "hotpatches": [{
 *    "name", "digest", "build_id", "advisories", "file", "base", "state",
 *    "redirects": how many stand, "applied_at": seconds since 1970,
 *    "payload": [{"access", "start", "size"}],
 *    "functions": [{"name", "address", "new_address", "old_size", "new_size",
 *                   "redirected"}]}]}
 *  An empty object: a search found it, and it carries none any more. */
json_t *sut_status_work(pid_t pid, void *select);
