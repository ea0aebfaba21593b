// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/buf.h"
#include "live/trace.h"

/** Any bytes under a good seal, as whoever owns a process may write them: read or
 *  refuse, and what was read writes back to a trace that reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t at = 0x700000000000;
	struct sut_buf bytes = { 0 }, again = { 0 };
	struct sut_trace trace;
	struct sut_err *err = sut_buf_add(&bytes, data, size);

	if (!err)
		err = sut_trace_seal(bytes.data, bytes.size);
	if (!err)
		err = sut_trace_read(sut_buf_view(&bytes), at, &trace);
	sut_err_free(err);
	if (!err) {
		struct sut_trace twin;
		if (sut_trace_write(&trace, &again))
			abort();
		// Names that overlap in the input take more room when they do not.
		err = sut_trace_read(sut_buf_view(&again), at, &twin);
		if (!err)
			sut_trace_deinit(&twin);
		sut_err_free(err);
		sut_trace_deinit(&trace);
	}
	sut_buf_deinit(&bytes);
	sut_buf_deinit(&again);
	return 0;
}
