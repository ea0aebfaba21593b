// SPDX-License-Identifier: Apache-2.0
#include "process/find.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "process/maps.h"
#include "process/module.h"
#include "process/process.h"

void sut_pids_deinit(struct sut_pids *pids)
{
	free(pids->items);
	*pids = (struct sut_pids){ 0 };
}

struct sut_err *sut_pids_add(struct sut_pids *pids, pid_t pid)
{
	struct sut_err *err =
		sut_array_grow(&pids->items, pids->n, &pids->capacity, sizeof(*pids->items));

	if (!err)
		pids->items[pids->n++] = pid;
	return err;
}

static struct sut_err *ask(pid_t pid, sut_find_fn check, void *context, bool *ret)
{
	_cleanup_(sut_maps_deinit) struct sut_maps maps = { 0 };
	struct sut_process process;
	struct sut_err *err = sut_process_open(pid, &process);

	if (err)
		return err;
	err = sut_process_maps(&process, &maps);
	if (!err)
		*ret = check(&process, &maps, context);
	sut_process_close(&process);
	return err;
}

bool sut_find_has(pid_t pid, sut_find_fn check, void *context)
{
	bool has = false;
	struct sut_err *err = ask(pid, check, context, &has);

	has |= err && err->code != SUT_E_GONE;
	sut_err_free(err);
	return has;
}

// Look at one process. A process that has exited, or that is none of ours to
// look at, is no error of the search.
static struct sut_err *look_at(pid_t pid, sut_find_fn check, void *context, struct sut_found *found)
{
	bool is_match = false;
	struct sut_err *err = ask(pid, check, context, &is_match);

	if (err) {
		found->n_hidden += err->code == SUT_E_DENIED;
		// Never "no process maps it" because we ran out of something.
		bool is_ours = err->code == SUT_E_NOMEM || err->os_errno == EMFILE ||
			       err->os_errno == ENFILE;
		if (is_ours)
			return err;
		sut_err_free(err);
	}
	return is_match ? sut_pids_add(&found->pids, pid) : NULL;
}

static int by_number(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

struct sut_err *sut_find(sut_find_fn check, void *context, struct sut_found *ret)
{
	struct sut_found found = { 0 };
	struct sut_err *err = sut_process_check_proc();
	const struct dirent *entry;

	if (err)
		return err;
	DIR *proc = opendir("/proc");
	if (!proc)
		return sut_err_os(errno, "/proc");
	while (!err && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);
		if (pid > 0)
			err = look_at(pid, check, context, &found);
	}
	closedir(proc);
	if (err) {
		sut_pids_deinit(&found.pids);
		return err;
	}
	if (found.pids.n)
		qsort(found.pids.items, found.pids.n, sizeof(*found.pids.items), by_number);
	*ret = found;
	return NULL;
}

/** A file that was read before, and whether it is one of the builds. */
struct known_file {
	uint64_t dev, inode, path_hash;
	bool is_match;
};

/** The search for builds. */
struct build_search {
	const struct sut_build_id *ids;
	size_t n_ids;
	struct known_file *files;
	size_t n_files, capacity;
};

static const struct known_file *find_known(const struct build_search *search,
					   const struct sut_mapping *m, uint64_t path_hash)
{
	for (size_t i = 0; i < search->n_files; i++) {
		const struct known_file *f = &search->files[i];
		if (f->dev == m->dev && f->inode == m->inode && f->path_hash == path_hash)
			return f;
	}
	return NULL;
}

static bool is_build(const struct build_search *search, const struct sut_build_id *id)
{
	for (size_t i = 0; i < search->n_ids; i++)
		if (sut_build_id_equal(&search->ids[i], id))
			return true;
	return false;
}

// A file's start is mapped without execute permission, its code behind it: only
// files of which some part is executable are looked at.
static bool is_program_file(const struct sut_maps *maps, size_t i)
{
	for (size_t j = i; j < maps->n && maps->items[j].inode == maps->items[i].inode; j++)
		if (maps->items[j].is_executable)
			return true;
	return false;
}

static bool maps_build(struct sut_process *process, const struct sut_maps *maps, void *context)
{
	struct build_search *search = context;

	for (size_t i = 0; i < maps->n; i++) {
		const struct sut_mapping *m = &maps->items[i];
		if (!m->inode || m->off || !is_program_file(maps, i))
			continue;
		// The path tells files apart whose numbers are equal, as on an overlay.
		uint64_t path_hash = sut_hash(SUT_HASH_SEED, m->path, strlen(m->path));
		const struct known_file *known = find_known(search, m, path_hash);
		if (known && !known->is_match)
			continue;
		struct sut_module module;
		if (!sut_module_read(process, maps, m, &module))
			continue;
		bool is_match = is_build(search, &module.build_id);
		if (!known && !sut_array_grow(&search->files, search->n_files, &search->capacity,
					      sizeof(*search->files)))
			search->files[search->n_files++] =
				(struct known_file){ m->dev, m->inode, path_hash, is_match };
		if (is_match)
			return true;
	}
	return false;
}

bool sut_find_has_build(pid_t pid, const struct sut_build_id *ids, size_t n)
{
	struct build_search search = { .ids = ids, .n_ids = n };
	bool has = sut_find_has(pid, maps_build, &search);

	free(search.files);
	return has;
}

struct sut_err *sut_find_builds(const struct sut_build_id *ids, size_t n, struct sut_found *ret)
{
	struct build_search search = { .ids = ids, .n_ids = n };
	struct sut_err *err = sut_find(maps_build, &search, ret);

	free(search.files);
	return err;
}
