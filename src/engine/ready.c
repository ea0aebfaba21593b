// SPDX-License-Identifier: Apache-2.0
#include "engine/ready.h"

#include <string.h>
#include <sys/auxv.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "engine/apply.h"
#include "live/imports.h"
#include "live/life.h"
#include "live/trace.h"
#include "patch/patch.h"
#include "process/borrow.h"
#include "process/snapshot.h"

/** What is known of a process at one stop. */
struct look {
	struct sut_snapshot now;
	struct sut_traces traces;
	struct sut_gadgets gadgets;
	uint64_t interpreter; /**< Where the dynamic linker is; 0: none. */
	bool takes_any;       /**< Any hotpatch for the build will do. */
};

static void look_deinit(struct look *look)
{
	sut_traces_deinit(&look->traces);
	sut_snapshot_close(&look->now);
}

static uint64_t read_auxv(const struct sut_process *process, uint64_t key)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_process_read(process, "auxv", &file);
	uint64_t pair[2];

	sut_err_free(err);
	for (size_t at = 0; !err && sut_view_copy(file.view, at, pair, sizeof(pair));
	     at += sizeof(pair))
		if (pair[0] == key)
			return pair[1];
	return 0;
}

// The dynamic linker has made what it relocates read-only. A module without such a
// part is taken for relocated when the C library is: it comes first.
static bool is_relocated(const struct look *look, const struct sut_module *module)
{
	enum { PAGE = 4096 };

	if (!module)
		return false;
	uint64_t start = module->relro.start & -(uint64_t)PAGE;
	uint64_t end = module->relro.end & -(uint64_t)PAGE;
	const struct sut_mapping *m = sut_maps_at(&look->now.maps, start);
	// While a file is being mapped, another part of it may lie there, read-only too.
	uint64_t off = m ? m->off + (start - m->span.start) : 0;
	if (start < end)
		return m && !m->is_writable && off == (module->relro_off & -(uint64_t)PAGE);
	const struct sut_module *library =
		sut_modules_at(&look->now.modules, look->gadgets.sigreturn.at);
	return library != module && is_relocated(look, library);
}

static bool is_module_ready(const struct look *look, const struct sut_patch *patch,
			    const struct sut_module *module)
{
	size_t n_files = 0;

	for (size_t i = 0; i < look->now.modules.n; i++)
		n_files += look->now.modules.items[i].inode != 0;
	// The dynamic linker itself, and a static program: nobody comes before them.
	if (n_files == 1 || module->span.start == look->interpreter)
		return true;
	return look->gadgets.sigreturn.at &&
	       (!sut_imports_exist(patch) || is_relocated(look, module));
}

// A library that was closed and opened again is the original, whatever its trace says.
static bool is_alive(struct look *look, const struct sut_trace *trace)
{
	enum sut_life life;
	struct sut_err *err = sut_life_find(&look->now, trace, &life);

	sut_err_free(err);
	return !err && life == SUT_LIFE_SAME;
}

static bool is_standing(struct look *look, const struct sut_patch *patch,
			const struct sut_module *module)
{
	for (size_t i = 0; i < look->traces.n; i++) {
		const struct sut_trace *trace = &look->traces.items[i];
		bool is_same =
			memcmp(trace->digest.bytes, patch->digest.bytes, SUT_SHA256_SIZE) == 0;
		if (trace->base == module->base && trace->state == SUT_TRACE_APPLIED &&
		    sut_build_id_equal(&trace->build_id, &module->build_id) &&
		    (is_same || look->takes_any) && is_alive(look, trace))
			return true;
	}
	return false;
}

static bool is_for(const struct sut_patch *patch, const struct sut_module *module)
{
	struct sut_build_id id;

	return sut_build_id_parse(sut_patch_string(patch, "old_build_id"), &id) &&
	       sut_build_id_equal(&id, &module->build_id);
}

static enum sut_readiness judge(const struct sut_apply *apply, struct look *look)
{
	enum sut_readiness all = SUT_READY_NOTHING;

	for (size_t i = 0; i < apply->n_patches; i++) {
		for (size_t j = 0; j < look->now.modules.n; j++) {
			const struct sut_patch *patch = &apply->patches[i];
			const struct sut_module *module = &look->now.modules.items[j];
			if (!is_for(patch, module))
				continue;
			enum sut_readiness one = is_standing(look, patch, module) ? SUT_READY_DONE
						 : is_module_ready(look, patch, module)
							 ? SUT_READY_NOW
							 : SUT_READY_NOT_YET;
			// One that is not ready holds up the others: they go together.
			if (all == SUT_READY_NOT_YET || one == SUT_READY_NOT_YET)
				all = SUT_READY_NOT_YET;
			else if (one > all)
				all = one;
		}
	}
	return all;
}

static bool has_ours(const struct sut_apply *apply, const struct look *look)
{
	for (size_t i = 0; i < apply->n_patches; i++)
		for (size_t j = 0; j < look->now.modules.n; j++)
			if (is_for(&apply->patches[i], &look->now.modules.items[j]))
				return true;
	return false;
}

struct sut_err *sut_ready_check(pid_t pid, const struct sut_apply *apply, bool takes_any,
				enum sut_readiness *ret)
{
	_cleanup_(look_deinit) struct look look = { .takes_any = takes_any };
	struct sut_err *err = sut_snapshot_open(pid, &look.now);

	*ret = SUT_READY_NOTHING;
	if (err) {
		look.now = (struct sut_snapshot){ .process = {
							  .dir = -1, .thread = -1, .memory = -1 } };
		return err;
	}
	err = sut_snapshot_read(&look.now);
	if (err || !has_ours(apply, &look))
		return err;
	err = sut_traces_read(&look.now.process, &look.now.maps, &look.traces);
	if (!err)
		err = sut_gadgets_find(&look.now.process, &look.now.maps, &look.gadgets);
	if (err)
		return err;
	look.interpreter = read_auxv(&look.now.process, AT_BASE);
	*ret = judge(apply, &look);
	return NULL;
}
