// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "hub/http/gate.h"

// What the gate lets through @bytes, which come @step at a time. How far it got is returned.
static size_t feed(struct sut_view bytes, size_t step, struct sut_buf *out,
		   struct sut_refusal *refusal)
{
	struct sut_gate gate = { 0 };
	size_t at = 0;

	*refusal = (struct sut_refusal){ 0 };
	while (at < bytes.size && !refusal->status && (at == 0 || gate.is_inside)) {
		size_t left = bytes.size - at, used = 0;
		struct sut_view piece = { bytes.data + at, left < step ? left : step };
		struct sut_err *err = sut_gate_feed(&gate, piece, out, &used, refusal);

		assert(!err && used <= piece.size && (used > 0 || refusal->status));
		at += used;
	}
	sut_gate_deinit(&gate);
	return at;
}

/** Any bytes: a refusal with a reason, or a request that passes the gate again as it is, however
 *  its bytes were cut into pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sut_view bytes = { data, size };
	struct sut_buf whole = { 0 }, pieces = { 0 }, again = { 0 };
	struct sut_refusal refusal, other;
	size_t used = feed(bytes, size + 1, &whole, &refusal);

	feed(bytes, 1, &pieces, &other);
	assert(!!refusal.status == !!other.status);
	assert(!refusal.status || refusal.text);
	if (!refusal.status) {
		assert(sut_view_equal(sut_buf_view(&whole), sut_buf_view(&pieces)));
		size_t passed = feed(sut_buf_view(&whole), size + 1, &again, &other);
		assert(!other.status && passed == whole.size && used <= size);
		assert(sut_view_equal(sut_buf_view(&whole), sut_buf_view(&again)));
	}
	sut_buf_deinit(&whole);
	sut_buf_deinit(&pieces);
	sut_buf_deinit(&again);
	return 0;
}
