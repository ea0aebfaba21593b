// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "hub/device/report.h"

/** Any bytes as a device's report: refused with a reason, or every field within its bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_json_ json_t *json = NULL;
	struct sut_checked_report checked;
	struct sut_err *err = sut_json_parse((struct sut_view){ data, size }, &json);

	if (!err)
		err = sut_report_read(json, &checked);
	if (err) {
		assert(err->msg[0]);
		sut_err_free(err);
		return 0;
	}
	assert(checked.report.n_processes <= SUT_REPORT_PROCESSES);
	assert(checked.report.n_events <= SUT_REPORT_EVENTS && checked.report.seq > 0);
	for (size_t i = 0; i < checked.report.n_processes; i++)
		assert(strlen(checked.report.processes[i].path) <= 4096);
	sut_report_deinit(&checked);
	return 0;
}
