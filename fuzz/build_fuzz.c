// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "base/cleanup.h"
#include "diff/reason.h"
#include "elf/image.h"
#include "engine/build.h"
#include "patch/patch.h"

/** Bytes at the end of the input that say how the new file differs from the old. */
struct edit {
	uint16_t off;
	uint8_t value;
};
enum { N_EDITS = 4 };

// A hotpatch that was built must be one that can be read.
static void check(const struct sut_build *build)
{
	struct sut_patch patch;

	if (build->verdict != SUT_VERDICT_HOTPATCH)
		return;
	if (sut_patch_read(sut_buf_view(&build->file), &patch))
		abort();
	sut_patch_deinit(&patch);
}

static void build(struct sut_view old, struct sut_view new)
{
	const struct sut_build_side sides[2] = {
		{ "old", old, "", "", "" },
		{ "new", new, "", "", "" },
	};
	const struct sut_build_options options = { .every_function = true };
	struct sut_build result;
	struct sut_err *err = sut_build(&sides[0], &sides[1], &options, &result);

	if (err) {
		sut_err_free(err);
		return;
	}
	check(&result);
	sut_build_deinit(&result);
}

/** Any file at all, and another that differs from it in a few bytes and in its
 *  build-id: build or refuse, and what was built can be read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sut_view old = { data, size };
	struct sut_image image;
	struct edit edits[N_EDITS];

	if (size < sizeof(edits))
		return 0;
	old.size -= sizeof(edits);
	memcpy(edits, data + old.size, sizeof(edits));
	struct sut_err *err = sut_image_init(old, &image);
	if (err) {
		sut_err_free(err);
		return 0;
	}
	_cleanup_free_ uint8_t *copy = malloc(old.size + 1);
	if (!copy)
		abort();
	memcpy(copy, data, old.size);
	if (image.build_id.size)
		copy[image.build_id.data - data] ^= 0xff;
	sut_image_deinit(&image);
	for (size_t i = 0; i < N_EDITS; i++)
		if (edits[i].off < old.size)
			copy[edits[i].off] ^= edits[i].value;
	build(old, (struct sut_view){ copy, old.size });
	return 0;
}
