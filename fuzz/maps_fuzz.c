// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "process/maps.h"

/** Any text at all: mappings in order and disjoint, or refused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sut_maps maps;
	struct sut_err *err = sut_maps_parse((struct sut_view){ data, size }, &maps);

	if (!err) {
		for (size_t i = 0; i < maps.n; i++) {
			const struct sut_mapping *m = &maps.items[i];
			if (m->span.end <= m->span.start ||
			    (i && m->span.start < m[-1].span.end) ||
			    sut_maps_at(&maps, m->span.start) != m ||
			    sut_maps_at(&maps, m->span.end - 1) != m)
				abort();
		}
		sut_maps_deinit(&maps);
	}
	sut_err_free(err);
	return 0;
}
