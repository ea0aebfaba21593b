// SPDX-License-Identifier: Apache-2.0
#include "base/hash.h"
#include "elf/deb.h"

/** Any bytes at all: parse or refuse. What a package that was parsed holds is
 *  read from its first byte to its last. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sut_deb deb;
	struct sut_err *err = sut_deb_init((struct sut_view){ data, size }, &deb);

	if (!err) {
		for (size_t i = 0; i < deb.n_files; i++)
			sut_hash(strlen(deb.files[i].path),
				 deb.files[i].bytes.data,
				 deb.files[i].bytes.size);
		sut_deb_deinit(&deb);
	}
	sut_err_free(err);
	return 0;
}
