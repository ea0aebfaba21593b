// SPDX-License-Identifier: Apache-2.0
#include "live/imports.h"

#include <stdlib.h>

#include "patch/patch.h"
#include "process/borrow.h"
#include "process/module.h"
#include "process/symbols.h"

bool sut_imports_exist(const struct sut_patch *patch)
{
	for (size_t i = 0; i < patch->n_symbols; i++)
		if (patch->symbols[i].where == SUT_WHERE_IMPORT)
			return true;
	return false;
}

static struct sut_err *find_one(const struct sut_scope *scope, const struct sut_module *module,
				const struct sut_patch_symbol *symbol, struct sut_imports *imports,
				size_t i)
{
	struct sut_definition definition = { 0 };
	bool is_found;
	struct sut_err *err =
		sut_scope_find(scope, symbol->name, symbol->version, &is_found, &definition);

	if (err)
		return err;
	if (!is_found && !symbol->is_weak)
		return sut_err(SUT_E_UNSUPPORTED, "%s needs %s%s%s, which is not in the process",
			       module->path, symbol->name, symbol->version ? "@" : "",
			       symbol->version ? symbol->version : "");
	imports->at[i] = definition.at;
	imports->is_resolver[i] = definition.is_ifunc;
	imports->n_resolvers += definition.is_ifunc;
	return NULL;
}

struct sut_err *sut_imports_init(struct sut_snapshot *snapshot, const struct sut_module *module,
				 const struct sut_patch *patch, struct sut_imports *ret)
{
	struct sut_imports imports = {
		.at = calloc(patch->n_symbols + 1, sizeof(*imports.at)),
		.is_resolver = calloc(patch->n_symbols + 1, sizeof(*imports.is_resolver)),
		.n = patch->n_symbols,
	};
	struct sut_scope scope = { 0 };
	struct sut_err *err = imports.at && imports.is_resolver ? NULL : sut_err_nomem();

	if (!err && sut_imports_exist(patch))
		err = sut_scope_init(snapshot, module, &scope);
	for (size_t i = 0; i < patch->n_symbols && !err; i++)
		if (patch->symbols[i].where == SUT_WHERE_IMPORT)
			err = find_one(&scope, module, &patch->symbols[i], &imports, i);
	sut_scope_deinit(&scope);
	if (err) {
		sut_imports_deinit(&imports);
		return err;
	}
	*ret = imports;
	return NULL;
}

void sut_imports_deinit(struct sut_imports *imports)
{
	free(imports->at);
	free(imports->is_resolver);
	*imports = (struct sut_imports){ 0 };
}

struct sut_err *sut_imports_call(struct sut_imports *imports, const struct sut_patch *patch,
				 struct sut_borrow *borrow)
{
	for (size_t i = 0; i < imports->n; i++) {
		uint64_t at;
		if (!imports->is_resolver[i])
			continue;
		struct sut_err *err = sut_borrow_call(borrow, (struct sut_addr){ imports->at[i] },
						      (uint64_t[3]){ 0 }, &at);
		if (err)
			return sut_err_wrap(err, "resolve %s", patch->symbols[i].name);
		imports->at[i] = at;
		imports->is_resolver[i] = false;
		imports->n_resolvers--;
	}
	return NULL;
}
