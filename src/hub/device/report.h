// SPDX-License-Identifier: Apache-2.0
#pragma once

/**
 * Reports: JSON of a device, checked
 *
 * Every field by type and size, every list by count; what is not known is left out.
 * A text that people will read has no control characters.
 */

#include <jansson.h>

#include "base/cleanup.h"
#include "hub/store/device.h"

/** How many of each a report may have. */
enum { SUT_REPORT_PROCESSES = 4096, SUT_REPORT_EVENTS = 1024 };

/** A checked report and the texts made for it. Borrows from the JSON that it was read from. */
struct sut_checked_report {
	struct sut_report report;
	char *texts[4]; /**< Those of report that end in _json. */
	char digest[65];
};

/** Check @p json, which must outlive @p ret. SUT_E_FORMAT names the field. */
sut_check struct sut_err *sut_report_read(const json_t *json, struct sut_checked_report *ret);
void sut_report_deinit(struct sut_checked_report *checked);

/** Check attributes: up to 64 names with short texts; @p ret is the caller's. */
sut_check struct sut_err *sut_attributes_read(const json_t *json, char **ret);
