// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Files: the hub's page, and the repository
 *
 * The page's files are read once, at the start: what is served is a table of names that
 * are known, and no name of a request ever reaches the file system. The repository
 * changes, and its files are opened below its folder, through no link.
 */

#include "base/cleanup.h"
#include "base/err.h"
#include "hub/http/route.h"

struct sut_web;

/** Read all files below @p folder; NULL: there is no page. */
sut_check struct sut_err *sut_web_open(const char *folder, struct sut_web **ret);
void sut_web_close(struct sut_web *web);
DEFINE_CLEANUP(struct sut_web *, sut_web_close)

extern const struct sut_route sut_web_routes[];
