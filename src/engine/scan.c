// SPDX-License-Identifier: Apache-2.0
#include "engine/scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/hash.h"
#include "elf/image.h"
#include "engine/apply.h"
#include "engine/ready.h"
#include "patch/patch.h"
#include "process/find.h"
#include "process/snapshot.h"

/** A scan on its way. All JSON is owned. */
struct search {
	const struct sut_scan *scan;
	json_t *unpatched, *mapped, *named, *judged;
	json_t *paths;      /**< Object: paths that a build has or should have. */
	json_t *namespaces; /**< Object: mount namespaces that were looked into, by what
				 is mounted there. */
	json_t *seen;       /**< Object: the same, without that, in this search. */
	size_t n_hidden;
};

static bool is_build(const struct search *search, const struct sut_build_id *id)
{
	const struct sut_apply *apply = search->scan->apply;
	struct sut_build_id wanted;

	for (size_t i = 0; i < apply->n_patches; i++)
		if (sut_build_id_parse(sut_patch_string(&apply->patches[i], "old_build_id"),
				       &wanted) &&
		    sut_build_id_equal(&wanted, id))
			return true;
	return false;
}

// Links and ".." stay below.
int sut_scan_open(pid_t pid, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	char root[32];

	snprintf(root, sizeof(root), "/proc/%d/root", pid);
	_cleanup_close_ int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -1 : syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

static bool read_build_id(int fd, const char *path, struct sut_build_id *ret)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_image image;
	struct sut_err *err = sut_file_read_fd(fd, path, &file);

	if (!err)
		err = sut_image_init(file.view, &image);
	if (err) {
		sut_err_free(err);
		return false;
	}
	size_t size =
		image.build_id.size < SUT_MAX_BUILD_ID ? image.build_id.size : SUT_MAX_BUILD_ID;
	*ret = (struct sut_build_id){ .size = size };
	if (size)
		memcpy(ret->bytes, image.build_id.data, size);
	sut_image_deinit(&image);
	return true;
}

// Is the file of @p path below the root of @p pid a build? What was read once is
// not read again while it stays the same.
static bool judge_file(struct search *search, pid_t pid, const char *path)
{
	struct sut_build_id id;
	struct stat st;
	char key[128];

	// A FIFO must not be opened to be read: it would wait for its writer.
	_cleanup_close_ int fd = sut_scan_open(pid, path, O_PATH);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	snprintf(key, sizeof(key), "%lx:%lx:%lx:%lx.%lx", (long)st.st_dev, (long)st.st_ino,
		 (long)st.st_size, (long)st.st_mtim.tv_sec, (long)st.st_mtim.tv_nsec);
	const json_t *known = json_object_get(search->scan->judged, key);
	if (!known) {
		_cleanup_close_ int file = sut_scan_open(pid, path, O_RDONLY | O_NONBLOCK);
		bool is_match =
			file >= 0 && read_build_id(file, path, &id) && is_build(search, &id);
		json_object_set_new(search->judged, key, json_boolean(is_match));
		return is_match;
	}
	json_object_set(search->judged, key, (json_t *)known);
	return json_is_true(known);
}

// As many as a machine may have places for one build; what containers name at random
// is not remembered for ever.
enum { MAX_PATHS = 1024 };

static void note_path(struct search *search, const char *path)
{
	if (path[0] == '/' && !strstr(path, " (deleted)") &&
	    json_object_size(search->paths) < MAX_PATHS)
		json_object_set_new(search->paths, path, json_true());
}

// What the hotpatches themselves say of their files' paths.
static void note_named_paths(struct search *search)
{
	for (size_t i = 0; i < search->scan->apply->n_patches; i++) {
		const char *file = sut_patch_string(&search->scan->apply->patches[i], "file");
		char path[4096];
		if (!strchr(file, '/'))
			continue;
		snprintf(path, sizeof(path), "%s%s", file[0] == '/' ? "" : "/", file);
		note_path(search, path);
	}
}

static void note_module(struct search *search, const struct sut_snapshot *s,
			const struct sut_module *module)
{
	char link[96];

	for (size_t i = 0; i < s->maps.n; i++) {
		const struct sut_mapping *m = &s->maps.items[i];
		if (!sut_span_has(module->span, m->span.start) || m->inode != module->inode ||
		    m->dev != module->dev)
			continue;
		snprintf(link, sizeof(link), "/proc/%d/map_files/%lx-%lx", s->process.pid,
			 (unsigned long)m->span.start, (unsigned long)m->span.end);
		json_array_append_new(search->mapped, json_string(link));
		break;
	}
	note_path(search, module->path);
}

static struct sut_err *note_process(struct search *search, pid_t pid)
{
	struct sut_snapshot s;
	struct sut_err *err = sut_snapshot_open(pid, &s);

	if (err)
		return err;
	bool has_build = false;
	err = sut_snapshot_read(&s);
	for (size_t i = 0; i < s.modules.n && !err; i++) {
		if (!is_build(search, &s.modules.items[i].build_id))
			continue;
		note_module(search, &s, &s.modules.items[i]);
		has_build = true;
	}
	sut_snapshot_close(&s);
	if (err || !has_build)
		return err;
	enum sut_readiness readiness;
	err = sut_ready_check(pid, search->scan->apply, search->scan->takes_any, &readiness);
	// It may become another program between two looks.
	bool is_early =
		readiness == SUT_READY_NOT_YET && search->scan->pids && !search->scan->is_settled;
	if (!err && readiness != SUT_READY_DONE && !is_early)
		json_array_append_new(search->unpatched, json_integer(pid));
	return err;
}

static void note_processes(struct search *search, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct sut_err *one = note_process(search, pids[i]);
		// A process that has exited meanwhile, or runs 32-bit code.
		sut_err_free(one);
	}
}

static struct sut_err *find_processes(struct search *search)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;
	struct sut_err *err = sut_apply_find(search->scan->apply, &pids, &n, &search->n_hidden);

	if (!err)
		note_processes(search, pids, n);
	return err;
}

// What is mounted there: something that is mounted later may hold a copy.
static uint64_t hash_mounts(pid_t pid)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", pid);
	struct sut_err *err = sut_file_read(path, &file);
	uint64_t hash = err ? 0 : sut_hash(SUT_HASH_SEED, file.view.data, file.view.size);
	sut_err_free(err);
	return hash;
}

// The same paths in the mount namespace and root of process @p pid, unless somebody
// else's were the same.
static void look_below(struct search *search, pid_t pid)
{
	char link[40], key[128], name[64];
	const char *path;
	json_t *ignored;
	struct stat st;

	snprintf(link, sizeof(link), "/proc/%d/ns/mnt", pid);
	ssize_t size = readlink(link, name, sizeof(name) - 1);
	snprintf(link, sizeof(link), "/proc/%d/root/", pid);
	if (size <= 0 || stat(link, &st) < 0)
		return;
	name[size] = 0;
	snprintf(key, sizeof(key), "%s:%lx:%lx", name, (long)st.st_dev, (long)st.st_ino);
	if (json_object_get(search->seen, key))
		return;
	json_object_set_new(search->seen, key, json_true());
	size_t size_of_key = strlen(key);
	snprintf(key + size_of_key, sizeof(key) - size_of_key, ":%lx", (long)hash_mounts(pid));
	if (json_object_get(search->namespaces, key))
		return;
	json_object_set_new(search->namespaces, key, json_true());
	json_object_foreach(search->paths, path, ignored) if (judge_file(search, pid, path))
		json_array_append_new(search->named,
				      json_pack("{s:i, s:s}", "pid", (int)pid, "path", path));
}

static void find_files(struct search *search)
{
	const struct dirent *entry;
	DIR *proc = opendir("/proc");

	// The watcher goes first: unlike us it will still be there when files are guarded.
	look_below(search, getppid());
	while (proc && (entry = readdir(proc)))
		if (atoi(entry->d_name) > 0)
			look_below(search, atoi(entry->d_name));
	if (proc)
		closedir(proc);
}

json_t *sut_scan_work(void *context)
{
	struct sut_scan *scan = context;
	struct search search = {
		.scan = scan,
		.unpatched = json_array(),
		.mapped = json_array(),
		.named = json_array(),
		.judged = json_object(),
		.paths = json_copy((json_t *)scan->paths),
		.namespaces = json_object(),
		.seen = json_object(),
	};
	struct sut_err *err = NULL;

	sut_guard_close(&scan->guard);
	note_named_paths(&search);
	if (scan->pids) {
		json_object_update(search.namespaces, (json_t *)scan->namespaces);
		note_processes(&search, scan->pids, scan->n_pids);
		for (size_t i = 0; i < scan->n_pids; i++)
			look_below(&search, scan->pids[i]);
	} else {
		err = find_processes(&search);
		if (!err)
			find_files(&search);
	}
	json_t *answer =
		json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:s}", "unpatched", search.unpatched,
			  "mapped", search.mapped, "named", search.named, "judged", search.judged,
			  "paths", search.paths, "namespaces", search.namespaces, "hidden",
			  (json_int_t)search.n_hidden, "error", err ? err->msg : "");
	sut_err_free(err);
	json_decref(search.seen);
	return answer;
}
