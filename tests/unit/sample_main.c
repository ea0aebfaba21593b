// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "sample.h"

/** Writes the hand-made hotpatch to a file, for the tests of the command line. */
int main(int argc, char **argv)
{
	struct sut_patch patch;
	struct sut_buf file = { 0 };

	if (argc != 2) {
		fputs("usage: sample-patch FILE\n", stderr);
		return 2;
	}
	struct sut_err *err = sut_sample_patch(&patch);
	if (!err) {
		err = sut_patch_write(&patch, &file);
		if (!err)
			err = sut_file_write(argv[1], sut_buf_view(&file));
		sut_buf_deinit(&file);
		sut_patch_deinit(&patch);
	}
	if (err)
		fprintf(stderr, "sample-patch: %s\n", err->msg);
	sut_err_free(err);
	return err != NULL;
}
