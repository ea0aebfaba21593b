// SPDX-License-Identifier: Apache-2.0
#include "patch/patch.h"

#include <elf.h>
#include <stdlib.h>

void sut_patch_deinit(struct sut_patch *patch)
{
	for (size_t i = 0; i < patch->n_parts; i++) {
		free(patch->parts[i].name);
		free(patch->parts[i].bytes);
	}
	for (size_t i = 0; i < patch->n_symbols; i++) {
		free(patch->symbols[i].name);
		free(patch->symbols[i].version);
	}
	for (size_t i = 0; i < patch->n_functions; i++)
		free(patch->functions[i].name);
	free(patch->parts);
	free(patch->symbols);
	free(patch->relocs);
	free(patch->functions);
	free(patch->ranges);
	json_decref(patch->meta);
	*patch = (struct sut_patch){ 0 };
}

const char *sut_patch_string(const struct sut_patch *patch, const char *key)
{
	const char *value = json_string_value(json_object_get(patch->meta, key));

	return value ? value : "";
}

size_t sut_patch_reloc_width(uint32_t type)
{
	switch (type) {
	case R_X86_64_64:
	case R_X86_64_PC64:
		return 8;
	case R_X86_64_PC32:
	case R_X86_64_32:
	case R_X86_64_32S:
		return 4;
	default:
		return 0;
	}
}
