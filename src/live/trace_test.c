// SPDX-License-Identifier: Apache-2.0
#include "live/trace.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "test.h"

static const uint64_t at = 0x700000000000;

static char name[] = "server-12345678-9abcdef0";
static char advisories[] = "CVE-2026-1, CVE-2026-2";
static char function_name[] = "handle";
static char part_name[] = ".text";

static struct sut_trace_function function = {
	.name = function_name,
	.entry = 0x400000,
	.at = 0x400004,
	.target = at + 0x1000,
	.old_size = 40,
	.new_size = 60,
	.before = { 1, 2, 3, 4, 5 },
	.after = { 0xe9 },
};
static struct sut_trace_part part = {
	.name = part_name,
	.at = at + 0x1000,
	.size = 100,
	.is_executable = true,
};
static const struct sut_trace sample = {
	.state = SUT_TRACE_APPLIED,
	.name = name,
	.advisories = advisories,
	.build_id = { .size = 20, .bytes = { 7 } },
	.base = 0x3f0000,
	.module = { 0x3f0000, 0x500000 },
	.ro = { at, at + 0x1000 },
	.rx = { at + 0x1000, at + 0x2000 },
	.functions = &function,
	.n_functions = 1,
	.parts = &part,
	.n_parts = 1,
};

TEST(trace, reads_what_was_written)
{
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };
	_cleanup_(sut_trace_deinit) struct sut_trace trace = { 0 };

	EXPECT_OK(sut_trace_write(&sample, &bytes));
	EXPECT(bytes.size == sut_trace_size(&sample));
	EXPECT_OK(sut_trace_read(sut_buf_view(&bytes), at, &trace));
	EXPECT(trace.state == SUT_TRACE_APPLIED && trace.n_functions == 1 && trace.n_parts == 1);
	EXPECT(strcmp(trace.name, name) == 0 && strcmp(trace.advisories, advisories) == 0);
	EXPECT(trace.functions[0].at == function.at && trace.functions[0].before[4] == 5);
	EXPECT(strcmp(trace.functions[0].name, function_name) == 0);
	EXPECT(trace.parts[0].at == part.at && trace.parts[0].is_executable);
}

TEST(trace, refuses_every_truncation)
{
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };
	struct sut_trace trace;

	EXPECT_OK(sut_trace_write(&sample, &bytes));
	for (size_t size = 0; size < bytes.size; size++)
		EXPECT_ERR(sut_trace_read((struct sut_view){ bytes.data, size }, at, &trace),
			   SUT_E_FORMAT, "");
}

TEST(trace, refuses_every_flipped_bit_but_a_known_state)
{
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };
	size_t n_taken = 0;

	EXPECT_OK(sut_trace_write(&sample, &bytes));
	for (size_t bit = 0; bit < bytes.size * 8; bit++) {
		struct sut_trace trace;
		bytes.data[bit / 8] ^= 1 << bit % 8;
		struct sut_err *err = sut_trace_read(sut_buf_view(&bytes), at, &trace);
		bytes.data[bit / 8] ^= 1 << bit % 8;
		if (!err) {
			n_taken++;
			EXPECT(trace.state != sample.state || trace.is_lost || trace.is_entry_only);
			sut_trace_deinit(&trace);
		}
		sut_err_free(err);
	}
	EXPECT(n_taken <= 5);
}

TEST(trace, survives_flipped_bits_under_a_good_seal)
{
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };

	EXPECT_OK(sut_trace_write(&sample, &bytes));
	for (size_t bit = 0; bit < bytes.size * 8; bit++) {
		_cleanup_(sut_buf_deinit) struct sut_buf forged = { 0 };
		struct sut_trace trace;
		EXPECT_OK(sut_buf_add(&forged, bytes.data, bytes.size));
		forged.data[bit / 8] ^= 1 << bit % 8;
		struct sut_err *err = sut_trace_seal(forged.data, forged.size);
		if (!err)
			err = sut_trace_read(sut_buf_view(&forged), at, &trace);
		if (!err)
			sut_trace_deinit(&trace);
		sut_err_free(err);
	}
}

TEST(trace, refuses_one_that_stands_elsewhere)
{
	_cleanup_(sut_buf_deinit) struct sut_buf bytes = { 0 };
	struct sut_trace trace;

	EXPECT_OK(sut_trace_write(&sample, &bytes));
	EXPECT_ERR(sut_trace_read(sut_buf_view(&bytes), at + 0x1000, &trace), SUT_E_FORMAT,
		   "not where it should be");
}
