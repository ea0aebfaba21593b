// SPDX-License-Identifier: Apache-2.0
#include "elf/image.h"
#include "walk.h"

/** Any bytes at all: parse or refuse, never read outside them, and keep what
 *  image.h promises about a file that was parsed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sut_image image;
	struct sut_err *err =
		sut_image_init((struct sut_view){ data, size }, &image);

	if (!err) {
		walk_image(&image);
		sut_image_deinit(&image);
	}
	sut_err_free(err);
	return 0;
}
