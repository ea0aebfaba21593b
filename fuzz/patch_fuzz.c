// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/buf.h"
#include "patch/pack.h"
#include "patch/patch.h"

/** Any bytes at all: refuse, or give a patch that passes the check and writes
 *  back as the same bytes (those that were packed, if the file is packed). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sut_view file = { data, size };
	struct sut_patch patch;
	struct sut_buf again = { 0 };
	struct sut_err *err = sut_patch_read(file, &patch);

	if (err) {
		sut_err_free(err);
		return 0;
	}
	if (sut_patch_check(&patch) || sut_patch_write(&patch, &again))
		abort();
	if (!sut_pack_is_packed(file) && !sut_view_equal(file, sut_buf_view(&again)))
		abort();
	sut_buf_deinit(&again);
	sut_patch_deinit(&patch);
	return 0;
}
