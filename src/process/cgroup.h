// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * The memory limits of a process's control groups
 *
 * A page that we write into a target is charged to its groups. Where that is one page
 * too many, the kernel does not refuse it but kills a process of the group. So we look
 * beforehand. Both versions of control groups are known (cgroups(7)).
 */

#include <stdint.h>

#include "base/err.h"

struct sut_process;

/** May @p process use @p size bytes of memory more, in each group above it? What files
 *  occupy can be given back by the kernel and counts as free. SUT_E_UNSUPPORTED when it
 *  may not. Groups that cannot be read limit nothing. */
sut_check struct sut_err *sut_cgroup_check_room(const struct sut_process *process, uint64_t size);
