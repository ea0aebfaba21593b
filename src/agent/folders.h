// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The agent's folders
 *
 *     STATE/                 0755 root
 *       lock                 one agent for each state
 *       mirror/              the network process's: what it has fetched
 *       identity/     0700   the network process's: the device's key and certificates
 *       fetched/      0700   the network process's own store of metadata
 *       outbox/       0750   what the network process may read: need.json, report.json
 *       trust/        0700   the patching process's: what it has verified
 *         store/             TUF metadata
 *         hotpatches/        SHA256.hotpatch
 *         plan.json          what the catalogue wants of this device
 *         active.json        which hotpatches are to stand here
 *         device.json        id, ring, what is held
 *         events             one line for each that is not acknowledged
 *     RUNTIME/
 *       agent.json           the story
 */

#include "agent/config.h"

#define SUT_FOLDER_MIRROR   "mirror"
#define SUT_FOLDER_IDENTITY "identity"
#define SUT_FOLDER_FETCHED  "fetched"
#define SUT_FOLDER_OUTBOX   "outbox"
#define SUT_FOLDER_TRUST    "trust"

/** Make them, with their owners, and take the lock, which lasts as long as the process.
 *  SUT_E_BUSY when another agent has it. */
sut_check struct sut_err *sut_folders_make(const struct sut_config *config);
