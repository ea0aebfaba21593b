// SPDX-License-Identifier: Apache-2.0
#include "process/cgroup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "process/process.h"

enum { MAX_PATH = 4096 };

/** The files of one version. */
static const struct version {
	const char *root;        /**< Where it is mounted. */
	const char *controllers; /**< In /proc/PID/cgroup. */
	const char *limit, *usage;
	const char *files[2]; /**< Lines of memory.stat: what the kernel can give back. */
} versions[] = {
	{ "/sys/fs/cgroup/memory",
	  "memory",
	  "memory.limit_in_bytes",
	  "memory.usage_in_bytes",
	  { "\ntotal_inactive_file ", "\ntotal_active_file " } },
	{ "/sys/fs/cgroup",
	  "",
	  "memory.max",
	  "memory.current",
	  { "\ninactive_file ", "\nactive_file " } },
};

static bool read_text(const char *dir, const char *name, char *text, size_t size)
{
	char path[MAX_PATH + 64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t done = fd < 0 ? -1 : read(fd, text, size - 1);
	text[done > 0 ? done : 0] = 0;
	return done > 0;
}

static uint64_t read_line(const char *text, const char *key)
{
	const char *line = strstr(text, key);

	return line ? strtoull(line + strlen(key), NULL, 10) : 0;
}

// What group @p dir leaves free; false when it has no limit.
static bool read_free(const struct version *version, const char *dir, uint64_t *ret)
{
	char limit[64], usage[64], stat[8192];

	if (!read_text(dir, version->limit, limit, sizeof(limit)) ||
	    strncmp(limit, "max", 3) == 0 ||
	    !read_text(dir, version->usage, usage, sizeof(usage)) ||
	    !read_text(dir, "memory.stat", stat, sizeof(stat)))
		return false;
	uint64_t used = strtoull(usage, NULL, 10), may = strtoull(limit, NULL, 10);
	uint64_t files = read_line(stat, version->files[0]) + read_line(stat, version->files[1]);
	used = used > files ? used - files : 0;
	*ret = may > used ? may - used : 0;
	return true;
}

// The group's path: the third field of the line "ID:CONTROLLERS:PATH".
static bool find_path(const char *text, const char *controllers, char *ret, size_t size)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *names = strchr(line, ':');
		const char *path = names ? strchr(names + 1, ':') : NULL;
		size_t length = path ? strcspn(path + 1, "\n") : 0;
		if (!path || path - names - 1 != (long)strlen(controllers) ||
		    strncmp(names + 1, controllers, strlen(controllers)) != 0)
			continue;
		// Outside of our own namespace's root there is nothing that we can read.
		snprintf(ret, size, "%.*s", (int)length, path + 1);
		return length < size && strncmp(ret, "/..", 3) != 0;
	}
	return false;
}

static struct sut_err *check_groups(const struct version *version, const char *path, uint64_t size)
{
	char dir[MAX_PATH];
	size_t root = strlen(version->root);

	snprintf(dir, sizeof(dir), "%s%s", version->root, path);
	for (;;) {
		uint64_t room;
		if (read_free(version, dir, &room) && room < size)
			return sut_err(SUT_E_UNSUPPORTED,
				       "its control group %s has no room for %lu bytes more; the "
				       "kernel would kill for them",
				       strlen(dir) > root ? dir + root : "/", (unsigned long)size);
		char *end = strrchr(dir, '/');
		if (!end || (size_t)(end - dir) < root)
			return NULL;
		*end = 0;
	}
}

struct sut_err *sut_cgroup_check_room(const struct sut_process *process, uint64_t size)
{
	_cleanup_(sut_file_deinit) struct sut_file file = { 0 };
	struct sut_err *err = sut_process_read(process, "cgroup", &file);

	if (err)
		return err;
	_cleanup_free_ char *text = strndup((const char *)file.view.data, file.view.size);
	if (!text)
		return sut_err_nomem();
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]) && !err; i++) {
		char path[MAX_PATH - 64];
		if (find_path(text, versions[i].controllers, path, sizeof(path)))
			err = check_groups(&versions[i], path, size);
	}
	return err;
}
