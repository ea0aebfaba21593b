// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Sockets that listen
 */

#include "base/err.h"

/** Listen on @p address, IPv4 or IPv6, at @p port; 0 takes one that is free. @p fd_ret is the
 *  caller's and does not block; @p port_ret is the port that it got. */
sut_check struct sut_err *sut_listen(const char *address, int port, int *fd_ret, int *port_ret);
