// SPDX-License-Identifier: Apache-2.0
#include "base/view.h"

bool sut_view_cut(struct sut_view from, uint64_t off, uint64_t size,
		  struct sut_view *ret)
{
	if (off > from.size || size > from.size - off)
		return false;
	*ret = (struct sut_view){ from.data ? from.data + off : NULL, size };
	return true;
}

bool sut_view_copy(struct sut_view from, uint64_t off, void *to, size_t size)
{
	struct sut_view part;

	if (!sut_view_cut(from, off, size, &part))
		return false;
	if (size)
		memcpy(to, part.data, size);
	return true;
}

const char *sut_view_string(struct sut_view from, uint64_t off)
{
	if (off >= from.size || !memchr(from.data + off, 0, from.size - off))
		return NULL;
	return (const char *)from.data + off;
}

bool sut_view_is_zero(struct sut_view view)
{
	for (size_t i = 0; i < view.size; i++)
		if (view.data[i])
			return false;
	return true;
}

bool sut_view_equal(struct sut_view a, struct sut_view b)
{
	return a.size == b.size &&
	       (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
