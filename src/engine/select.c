// SPDX-License-Identifier: Apache-2.0
#include "engine/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/row.h"
#include "live/trace.h"
#include "patch/patch.h"
#include "process/find.h"

bool sut_select_has(const struct sut_select *select, const struct sut_trace *trace)
{
	for (size_t i = 0; i < select->n_patches; i++)
		if (memcmp(select->patches[i].digest.bytes, trace->digest.bytes,
			   SUT_SHA256_SIZE) == 0)
			return true;
	for (size_t i = 0; i < select->n_names; i++)
		if (strcmp(select->names[i], trace->name) == 0)
			return true;
	return !select->n_patches && !select->n_names;
}

static bool carries(struct sut_process *process, const struct sut_maps *maps, void *context)
{
	const struct sut_select *select = context;
	struct sut_traces traces = { 0 };
	bool is_found = false;

	if (!sut_traces_exist(process, maps))
		return false;
	struct sut_err *err = sut_traces_read(process, maps, &traces);
	if (err) {
		// Damaged: the process is shown, with the reason.
		sut_err_free(err);
		return true;
	}
	for (size_t i = 0; i < traces.n && !is_found; i++)
		is_found = sut_select_has(select, &traces.items[i]);
	sut_traces_deinit(&traces);
	return is_found;
}

struct sut_err *sut_select_check(const struct sut_select *select, const struct sut_traces *traces)
{
	for (size_t i = 0; i < traces->n; i++)
		if (sut_select_has(select, &traces->items[i]))
			return NULL;
	return select->is_found ? sut_err(SUT_E_GONE, SUT_ROW_MOVED_ON) : NULL;
}

bool sut_select_concerns(const struct sut_select *select, pid_t pid)
{
	struct sut_select copy = *select;

	return sut_find_has(pid, carries, &copy);
}

struct sut_err *sut_select_find(const struct sut_select *select, pid_t **ret, size_t *n_ret,
				size_t *n_hidden_ret)
{
	struct sut_select copy = *select;
	struct sut_found found;
	struct sut_err *err = sut_find(carries, &copy, &found);

	if (err)
		return err;
	*ret = found.pids.items;
	*n_ret = found.pids.n;
	*n_hidden_ret = found.n_hidden;
	return NULL;
}

char *sut_select_join(const struct sut_select *select, const struct sut_traces *traces)
{
	char *text = strdup("");

	for (size_t i = 0; i < traces->n && text; i++) {
		_cleanup_free_ char *before = text;
		text = NULL;
		if (!sut_select_has(select, &traces->items[i]))
			text = steal(before);
		else if (asprintf(&text, "%s%s%s", before, *before ? ", " : "",
				  traces->items[i].name) < 0)
			return NULL;
	}
	return text;
}
