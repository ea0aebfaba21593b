// SPDX-License-Identifier: Apache-2.0
#include "agent/config.h"

/** Any bytes at all: a configuration or an error, and nothing leaks. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sut_config config;
	struct sut_err *err = sut_config_parse((struct sut_view){ data, size }, "f", &config);

	if (!err)
		sut_config_deinit(&config);
	sut_err_free(err);
	return 0;
}
