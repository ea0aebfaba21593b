// SPDX-License-Identifier: Apache-2.0
#include "patch/strtab.h"

#include <search.h>
#include <stdlib.h>

#include "base/cleanup.h"

/** A string that the table holds. */
struct known {
	uint32_t off;
	char string[];
};

void sut_strtab_deinit(struct sut_strtab *tab)
{
	sut_buf_deinit(&tab->bytes);
	tdestroy(tab->known, free);
	*tab = (struct sut_strtab){ 0 };
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct known *)a)->string, ((const struct known *)b)->string);
}

struct sut_err *sut_strtab_add(struct sut_strtab *tab, const char *string, uint32_t *ret)
{
	struct sut_err *err = NULL;
	size_t size = strlen(string) + 1;

	if (tab->bytes.size == 0)
		err = sut_buf_zeros(&tab->bytes, 1);
	if (err)
		return err;
	if (size == 1) {
		*ret = 0;
		return NULL;
	}
	if (size > UINT32_MAX - tab->bytes.size)
		return sut_err(SUT_E_UNSUPPORTED, "over 4 GiB of names");

	_cleanup_free_ struct known *known = malloc(sizeof(*known) + size);
	if (!known)
		return sut_err_nomem();
	known->off = tab->bytes.size;
	memcpy(known->string, string, size);
	struct known **found = tsearch(known, &tab->known, compare);
	if (!found)
		return sut_err_nomem();
	*ret = (*found)->off;
	if (*found != known)
		return NULL;
	steal(known);
	return sut_buf_add(&tab->bytes, string, size);
}
