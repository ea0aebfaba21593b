// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "live/trace.h"

/** Writes a trace to a file, for the fuzzer to start from. */
int main(int argc, char **argv)
{
	static const uint64_t at = 0x700000000000;
	static char name[] = "sample-12345678-9abcdef0", advisories[] = "CVE-2026-1", text[] = ".text";
	struct sut_trace_function functions[] = {
		{ .name = name, .entry = 0x1000, .at = 0x1000, .target = at + 0x1000 },
		{ .name = text, .entry = 0x2000, .at = 0x2004, .target = at + 0x1040 },
	};
	struct sut_trace_part parts[] = {
		{ .name = text, .at = at + 0x1000, .size = 80, .is_executable = true },
		{ .name = name, .at = at + 0x800, .size = 8 },
	};
	const struct sut_trace trace = {
		.state = SUT_TRACE_APPLIED,
		.name = name,
		.advisories = advisories,
		.build_id = { .size = 20 },
		.module = { 0, 0x10000 },
		.ro = { at, at + 0x1000 },
		.rx = { at + 0x1000, at + 0x2000 },
		.functions = functions,
		.n_functions = 2,
		.parts = parts,
		.n_parts = 2,
	};
	struct sut_buf bytes = { 0 };
	struct sut_err *err = argc == 2 ? sut_trace_write(&trace, &bytes) :
					  sut_err(SUT_E_USAGE, "usage: sample-trace FILE");

	if (!err)
		err = sut_file_write(argv[1], sut_buf_view(&bytes));
	sut_buf_deinit(&bytes);
	if (err)
		fprintf(stderr, "sample-trace: %s\n", err->msg);
	sut_err_free(err);
	return err != NULL;
}
