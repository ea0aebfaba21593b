// SPDX-License-Identifier: Apache-2.0
#include "agent/inventory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/index.h"
#include "process/find.h"
#include "process/maps.h"
#include "process/module.h"
#include "process/process.h"

enum { TEXT_SIZE = 4096 };

/** A file that was read before. */
struct known {
	uint64_t dev, inode, path_hash;
	bool matters;
	char build_id[2 * SUT_MAX_BUILD_ID + 1];
};

/** What a search has so far. */
struct search {
	const struct sut_interest *interest;
	json_t *processes;
	struct known *known;
	size_t n_known, capacity;
	struct sut_index index;
	size_t n_seen;
};

// The first @size - 1 bytes of a file in /proc; "" when it is gone.
static void read_text(int pid, const char *name, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);
	text[n < 0 ? 0 : n] = 0;
}

static void read_link(int pid, const char *name, char *text, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	ssize_t n = readlink(path, text, size - 1);
	text[n < 0 ? 0 : n] = 0;
}

// The name may hold spaces and brackets: behind the last one the fields begin, of which
// the start is the 20th (proc(5): the 22nd of all).
unsigned long long sut_inventory_start(int pid)
{
	char text[TEXT_SIZE];
	unsigned long long start = 0;

	read_text(pid, "stat", text, sizeof(text));
	const char *rest = strrchr(text, ')');
	for (int field = 2; rest && field < 22; field++)
		rest = strchr(rest + 1, ' ');
	if (rest)
		sscanf(rest, "%llu", &start);
	return start;
}

// Of version 2 there is one line, which begins with "0::"; of version 1 systemd's own
// hierarchy has a name.
static const char *find_group(const char *cgroup, size_t *size_ret)
{
	for (const char *line = cgroup; *line;) {
		size_t size = strcspn(line, "\n");
		const char *path = memchr(line, '/', size);
		if (path && (strncmp(line, "0::", 3) == 0 ||
			     memmem(line, path - line, "name=systemd", 12))) {
			*size_ret = size - (path - line);
			return path;
		}
		line += size + (line[size] == '\n');
	}
	return NULL;
}

static bool ends_with(const char *text, size_t size, const char *end)
{
	size_t n = strlen(end);

	return size > n && memcmp(text + size - n, end, n) == 0;
}

// The innermost service, also when it has groups of its own below.
char *sut_inventory_unit(const char *cgroup)
{
	size_t left;
	const char *path = find_group(cgroup, &left), *unit = NULL;
	size_t unit_size = 0;

	while (path && left) {
		size_t size = 0;
		path++, left--;
		while (size < left && path[size] != '/')
			size++;
		if (ends_with(path, size, ".service")) {
			unit = path;
			unit_size = size;
		}
		path += size, left -= size;
	}
	return unit ? strndup(unit, unit_size) : NULL;
}

// What runtimes call their groups: docker-ID.scope, libpod-ID.scope, cri-containerd-ID.scope,
// docker/ID, lxc.payload.NAME, machine-NAME.scope.
char *sut_inventory_container(const char *cgroup)
{
	static const char *const marks[] = { "docker-", "libpod-",      "cri-containerd-", "crio-",
					     "docker/", "lxc.payload.", "machine-" };
	size_t size;
	const char *path = find_group(cgroup, &size);
	_cleanup_free_ char *text = path ? strndup(path, size) : NULL;

	for (size_t i = 0; text && i < sizeof(marks) / sizeof(marks[0]); i++) {
		const char *at = strstr(text, marks[i]);
		if (!at || (at != text && at[-1] != '/'))
			continue;
		at += strlen(marks[i]);
		size_t n = strcspn(at, "/");
		if (n > 6 && strncmp(at + n - 6, ".scope", 6) == 0)
			n -= 6;
		return strndup(at, n);
	}
	return NULL;
}

static json_t *text_or_null(const char *text)
{
	json_t *value = text && *text ? json_string(text) : NULL;

	return value ? value : json_null(); // also what is no UTF-8
}

static json_t *describe(const struct sut_process *process, json_t *modules)
{
	char exe[TEXT_SIZE], cgroup[TEXT_SIZE];

	read_link(process->pid, "exe", exe, sizeof(exe));
	read_text(process->pid, "cgroup", cgroup, sizeof(cgroup));
	size_t n = strlen(exe);
	if (ends_with(exe, n, " (deleted)"))
		exe[n - 10] = 0;
	_cleanup_free_ char *unit = sut_inventory_unit(cgroup);
	_cleanup_free_ char *container = sut_inventory_container(cgroup);
	if (!container) {
		char ours[64], theirs[64];
		read_link(getpid(), "ns/pid", ours, sizeof(ours));
		read_link(process->pid, "ns/pid", theirs, sizeof(theirs));
		if (*theirs && strcmp(ours, theirs) != 0)
			container = strdup(theirs);
	}
	return json_pack("{s:i, s:I, s:o, s:o, s:o, s:o, s:o}", "pid", (int)process->pid, "start",
			 (json_int_t)sut_inventory_start(process->pid), "name",
			 text_or_null(process->comm), "path", text_or_null(exe), "unit",
			 text_or_null(unit), "container", text_or_null(container), "modules",
			 modules);
}

static bool is_program_file(const struct sut_maps *maps, size_t i)
{
	for (size_t j = i; j < maps->n && maps->items[j].inode == maps->items[i].inode; j++)
		if (maps->items[j].is_executable)
			return true;
	return false;
}

static const struct known *find_known(const struct search *search, const struct sut_mapping *m,
				      uint64_t path_hash)
{
	uint64_t key = m->inode ^ m->dev << 40 ^ path_hash;

	for (size_t i = sut_index_first(&search->index, key); i != SUT_INDEX_END;
	     i = sut_index_next(&search->index, i)) {
		const struct known *k = &search->known[search->index.entries[i].value];
		if (k->dev == m->dev && k->inode == m->inode && k->path_hash == path_hash)
			return k;
	}
	return NULL;
}

static struct sut_err *learn(struct search *search, const struct known *known)
{
	struct sut_err *err =
		sut_array_grow(&search->known, search->n_known, &search->capacity, sizeof(*known));

	if (!err)
		err = sut_index_add(&search->index,
				    known->inode ^ known->dev << 40 ^ known->path_hash,
				    search->n_known);
	if (!err)
		search->known[search->n_known++] = *known;
	return err;
}

// The build of the file that begins at mapping @i, when it matters. The path tells files
// apart whose numbers are equal, as on an overlay; what is not mapped from a file's start
// or has no code is no build. A file that was replaced keeps its own inode.
static bool look_at_mapping(struct search *search, struct sut_process *process,
			    const struct sut_maps *maps, size_t i, struct known *ret)
{
	const struct sut_mapping *m = &maps->items[i];
	struct sut_module module;

	if (!m->inode || m->off || !is_program_file(maps, i))
		return false;
	uint64_t path_hash = sut_hash(SUT_HASH_SEED, m->path, strlen(m->path));
	const struct known *known = find_known(search, m, path_hash);
	if (known) {
		*ret = *known;
		return known->matters;
	}
	if (!sut_module_read(process, maps, m, &module))
		return false;
	*ret = (struct known){ .dev = m->dev, .inode = m->inode, .path_hash = path_hash };
	sut_hex((struct sut_view){ module.build_id.bytes, module.build_id.size }, ret->build_id);
	ret->matters = json_object_get(search->interest->builds, ret->build_id) ||
		       json_object_get(search->interest->paths, m->path);
	sut_err_free(learn(search, ret));
	return ret->matters;
}

static bool look_at_process(struct sut_process *process, const struct sut_maps *maps, void *context)
{
	struct search *search = context;
	json_t *modules = json_array();
	struct known known;

	search->n_seen++;
	for (size_t i = 0; i < maps->n; i++) {
		if (!look_at_mapping(search, process, maps, i, &known))
			continue;
		bool is_there = false;
		for (size_t j = 0; j < json_array_size(modules); j++)
			is_there |= strcmp(known.build_id,
					   json_string_value(json_object_get(
						   json_array_get(modules, j), "build_id"))) == 0;
		if (!is_there)
			json_array_append_new(modules,
					      json_pack("{s:s, s:o}", "build_id", known.build_id,
							"path", text_or_null(maps->items[i].path)));
	}
	if (json_array_size(modules))
		json_array_append_new(search->processes, describe(process, modules));
	else
		json_decref(modules);
	return false;
}

struct sut_err *sut_inventory_take(const struct sut_interest *interest, struct sut_inventory *ret)
{
	struct search search = { .interest = interest, .processes = json_array() };
	struct sut_found found = { 0 };
	struct sut_err *err = search.processes ? NULL : sut_err_nomem();

	if (!err)
		err = sut_find(look_at_process, &search, &found);
	sut_index_deinit(&search.index);
	free(search.known);
	sut_pids_deinit(&found.pids);
	if (err) {
		json_decref(search.processes);
		return err;
	}
	*ret = (struct sut_inventory){ search.processes, search.n_seen, found.n_hidden };
	return NULL;
}

void sut_inventory_deinit(struct sut_inventory *inventory)
{
	json_decref(inventory->processes);
	*inventory = (struct sut_inventory){ 0 };
}
