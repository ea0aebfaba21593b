// SPDX-License-Identifier: Apache-2.0
#include "patch/patch.h"

#include <elf.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "patch/layout.h"
#include "patch/meta.h"
#include "patch/text.h"

static const uint64_t jump_size = 5;

static bool is_name(const char *name)
{
	size_t size = name ? strlen(name) : SIZE_MAX;

	return size <= SUT_MAX_NAME_SIZE && sut_text_is_plain(name, size);
}

static bool starts_with(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

// A part's name must not be one that the file uses for itself.
static bool is_part_name(const char *name)
{
	static const char *const reserved[] = { ".rela",   ".suture.", ".note.suture",
						".symtab", ".strtab",  ".shstrtab" };

	if (!is_name(name) || name[0] != '.' || !name[1])
		return false;
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (starts_with(name, reserved[i]))
			return false;
	return true;
}

static struct sut_err *check_part(const struct sut_part *part)
{
	uint64_t extra = part->flags & ~(uint64_t)SHF_ALLOC;

	if (!(part->flags & SHF_ALLOC) ||
	    (extra != 0 && extra != SHF_EXECINSTR && extra != SHF_WRITE))
		return sut_err(SUT_E_FORMAT, "flags are 0x%lx", (unsigned long)part->flags);
	if (part->size == 0 || part->size > SUT_MAX_PAYLOAD_SIZE)
		return sut_err(SUT_E_FORMAT, "size is %lu bytes", (unsigned long)part->size);
	if (part->align == 0 || part->align > SUT_MAX_PART_ALIGN ||
	    (part->align & (part->align - 1)))
		return sut_err(SUT_E_FORMAT, "alignment is %lu", (unsigned long)part->align);
	if (!part->bytes && (part->flags & SHF_EXECINSTR))
		return sut_err(SUT_E_FORMAT, "code has no bytes");
	return NULL;
}

static struct sut_err *check_parts(const struct sut_patch *patch)
{
	uint64_t total = 0;

	if (patch->n_parts > SUT_MAX_PARTS)
		return sut_err(SUT_E_FORMAT, "%zu parts, at most %d are allowed", patch->n_parts,
			       SUT_MAX_PARTS);
	for (size_t i = 0; i < patch->n_parts; i++) {
		const struct sut_part *part = &patch->parts[i];
		if (!is_part_name(part->name))
			return sut_err(SUT_E_FORMAT, "part %zu: bad name", i);
		for (size_t j = 0; j < i; j++)
			if (strcmp(patch->parts[j].name, part->name) == 0)
				return sut_err(SUT_E_FORMAT, "part %s: is there twice",
					       part->name);
		struct sut_err *err = check_part(part);
		if (err)
			return sut_err_wrap(err, "part %s", part->name);
		total += part->size;
	}
	if (total > SUT_MAX_PAYLOAD_SIZE)
		return sut_err(SUT_E_FORMAT, "payload has %lu bytes", (unsigned long)total);
	return NULL;
}

static struct sut_err *check_import(const struct sut_patch_symbol *symbol)
{
	// In the file both stand as one string, name@version.
	if (!*symbol->name || strchr(symbol->name, '@'))
		return sut_err(SUT_E_FORMAT, "bad name of an import");
	if (symbol->version && (!is_name(symbol->version) || !*symbol->version))
		return sut_err(SUT_E_FORMAT, "bad version of an import");
	if (symbol->value || symbol->size)
		return sut_err(SUT_E_FORMAT, "an import has a value or a size");
	return NULL;
}

static struct sut_err *check_symbol(const struct sut_patch *patch,
				    const struct sut_patch_symbol *symbol)
{
	if (!is_name(symbol->name))
		return sut_err(SUT_E_FORMAT, "bad name");
	if (symbol->type != STT_NOTYPE && symbol->type != STT_OBJECT && symbol->type != STT_FUNC)
		return sut_err(SUT_E_FORMAT, "type is %u", symbol->type);
	if (symbol->where == SUT_WHERE_IMPORT)
		return symbol->part ? sut_err(SUT_E_FORMAT, "an import is in a part") :
				      check_import(symbol);
	if (symbol->version || symbol->is_weak)
		return sut_err(SUT_E_FORMAT, "only an import has a version or is weak");

	switch (symbol->where) {
	case SUT_WHERE_PART:
		if (symbol->part >= patch->n_parts ||
		    symbol->value > patch->parts[symbol->part].size ||
		    symbol->size > patch->parts[symbol->part].size - symbol->value)
			return sut_err(SUT_E_FORMAT, "lies outside of its part");
		return NULL;
	case SUT_WHERE_OLD:
		if (symbol->part || symbol->size > UINT64_MAX - symbol->value)
			return sut_err(SUT_E_FORMAT, "is no place in the old module");
		return NULL;
	default:
		return sut_err(SUT_E_FORMAT, "is nowhere");
	}
}

static struct sut_err *check_symbols(const struct sut_patch *patch)
{
	if (patch->n_symbols >= UINT32_MAX)
		return sut_err(SUT_E_FORMAT, "%zu symbols", patch->n_symbols);
	for (size_t i = 0; i < patch->n_symbols; i++) {
		struct sut_err *err = check_symbol(patch, &patch->symbols[i]);
		if (err)
			return sut_err_wrap(err, "symbol %zu", i);
	}
	return NULL;
}

static struct sut_err *check_relocs(const struct sut_patch *patch)
{
	uint32_t part = 0;
	uint64_t free_from = 0; // in that part: places must not overlap

	for (size_t i = 0; i < patch->n_relocs; i++) {
		const struct sut_patch_reloc *r = &patch->relocs[i];
		size_t width = sut_patch_reloc_width(r->type);
		if (!width)
			return sut_err(SUT_E_FORMAT, "relocation %zu: type is %u", i, r->type);
		if (r->symbol >= patch->n_symbols)
			return sut_err(SUT_E_FORMAT, "relocation %zu: no symbol %u", i,
				       r->symbol);
		if (r->part >= patch->n_parts || !patch->parts[r->part].bytes ||
		    r->off > patch->parts[r->part].size ||
		    width > patch->parts[r->part].size - r->off)
			return sut_err(SUT_E_FORMAT, "relocation %zu: place is outside of parts",
				       i);
		if (r->part < part || (r->part == part && r->off < free_from))
			return sut_err(SUT_E_FORMAT, "relocation %zu: out of order", i);
		part = r->part;
		free_from = r->off + width;
	}
	return NULL;
}

static struct sut_err *check_function(const struct sut_patch *patch,
				      const struct sut_patch_function *f)
{
	if (f->entry_skip != 0 && f->entry_skip != 4)
		return sut_err(SUT_E_FORMAT, "entry skip is %u", f->entry_skip);
	if (f->symbol >= patch->n_symbols)
		return sut_err(SUT_E_FORMAT, "no symbol %u", f->symbol);
	const struct sut_patch_symbol *symbol = &patch->symbols[f->symbol];
	if (symbol->where != SUT_WHERE_PART ||
	    !(patch->parts[symbol->part].flags & SHF_EXECINSTR) ||
	    symbol->value >= patch->parts[symbol->part].size)
		return sut_err(SUT_E_FORMAT, "replacement is not in the payload's code");
	if (f->new_size == 0 || f->new_size > SUT_MAX_PAYLOAD_SIZE)
		return sut_err(SUT_E_FORMAT, "new size is %lu", (unsigned long)f->new_size);
	return NULL;
}

static struct sut_err *check_functions(const struct sut_patch *patch)
{
	if (patch->n_functions == 0 || patch->n_functions >= UINT32_MAX)
		return sut_err(SUT_E_FORMAT, "replaces %zu functions", patch->n_functions);
	for (size_t i = 0; i < patch->n_functions; i++) {
		const struct sut_patch_function *f = &patch->functions[i];
		if (!is_name(f->name) || !*f->name)
			return sut_err(SUT_E_FORMAT, "function %zu: bad name", i);
		if (i && f->vaddr <= patch->functions[i - 1].vaddr)
			return sut_err(SUT_E_FORMAT, "function %s: out of order", f->name);
		struct sut_err *err = check_function(patch, f);
		if (err)
			return sut_err_wrap(err, "function %s", f->name);
	}
	return NULL;
}

static struct sut_err *check_range_order(const struct sut_patch *patch)
{
	uint64_t free_from = 0;

	for (size_t i = 0; i < patch->n_ranges; i++) {
		const struct sut_patch_range *r = &patch->ranges[i];
		if (r->function >= patch->n_functions)
			return sut_err(SUT_E_FORMAT, "range %zu: no function %u", i, r->function);
		if (r->size == 0 || r->size > UINT64_MAX - r->vaddr)
			return sut_err(SUT_E_FORMAT, "range %zu: bad size", i);
		if (r->vaddr < free_from)
			return sut_err(SUT_E_FORMAT, "range %zu: out of order", i);
		free_from = r->vaddr + r->size;
	}
	return NULL;
}

// The jump that the engine writes must fit into the function's own first range,
// and the ranges must make up the function.
static struct sut_err *check_ranges(const struct sut_patch *patch)
{
	struct sut_err *err = check_range_order(patch);
	if (err)
		return err;

	_cleanup_free_ uint64_t *sizes = calloc(patch->n_functions, sizeof(*sizes));
	_cleanup_free_ bool *has_entry = calloc(patch->n_functions, sizeof(*has_entry));
	if (!sizes || !has_entry)
		return sut_err_nomem();
	for (size_t i = 0; i < patch->n_ranges; i++) {
		const struct sut_patch_range *r = &patch->ranges[i];
		const struct sut_patch_function *f = &patch->functions[r->function];
		sizes[r->function] += r->size; // disjoint ranges cannot overflow it
		if (r->vaddr == f->vaddr && r->size >= f->entry_skip + jump_size)
			has_entry[r->function] = true;
	}
	for (size_t i = 0; i < patch->n_functions; i++) {
		const struct sut_patch_function *f = &patch->functions[i];
		if (!has_entry[i])
			return sut_err(SUT_E_FORMAT, "function %s: no room for a jump", f->name);
		if (sizes[i] != f->old_size)
			return sut_err(SUT_E_FORMAT,
				       "function %s: its ranges have %lu bytes, not %lu", f->name,
				       (unsigned long)sizes[i], (unsigned long)f->old_size);
	}
	return NULL;
}

static struct sut_err *check_names(const struct sut_patch *patch)
{
	uint64_t size = 0;

	for (size_t i = 0; i < patch->n_parts; i++)
		size += strlen(patch->parts[i].name) + 1;
	for (size_t i = 0; i < patch->n_symbols; i++) {
		const struct sut_patch_symbol *symbol = &patch->symbols[i];
		size += strlen(symbol->name) + 1;
		size += symbol->version ? strlen(symbol->version) + 1 : 0;
	}
	for (size_t i = 0; i < patch->n_functions; i++)
		size += strlen(patch->functions[i].name) + 1;
	if (size > SUT_MAX_NAMES_SIZE)
		return sut_err(SUT_E_FORMAT, "names have %lu bytes", (unsigned long)size);
	return NULL;
}

struct sut_err *sut_patch_check(const struct sut_patch *patch)
{
	struct sut_err *err = check_parts(patch);

	if (!err)
		err = check_symbols(patch);
	if (!err)
		err = check_relocs(patch);
	if (!err)
		err = check_functions(patch);
	if (!err)
		err = check_ranges(patch);
	if (!err)
		err = check_names(patch);
	if (!err)
		err = sut_meta_check(patch->meta);
	return err;
}
